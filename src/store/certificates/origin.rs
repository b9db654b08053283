//! The run that a certificate file is from: its rows, how they were read, and how many certificates there must be.
//!
//! The check trusts none of this: it compares it with the inputs and the options of its caller, and a difference is a
//! [`Problem`].

use super::Problem;
use crate::control::Control;
use crate::error::Result;
use crate::hull::Evidence;
use crate::hull::certificate::{Body, Claim};
use crate::rows::{RowSettings, Rows, content_hash};
use crate::store::ROW_SETTINGS;
use parquet::file::metadata::FileMetaData;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// The metadata key of everything here but the row settings.
pub(super) const KEY: &str = "hullscope.certificates";

/// Version of the file; raised when certificates of earlier versions can no longer be checked.
const VERSION: u64 = 2;

/// What a certificate file says of the run that made it; as JSON the metadata value of `KEY`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    version: u64,
    /// Certificates about the hull.
    pub certificates: Counts,
    /// Certificates about the cone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cone: u64,
    pub reference: Identity,
    pub queries: Identity,
    /// How the rows were read; stored under a key of its own.
    #[serde(skip)]
    pub rows: RowSettings,
}

/// Certificates by kind of proof; there is one for each query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub exact: u64,
    pub tolerance: u64,
    pub separated: u64,
    pub undecided: u64,
}

/// Identifies a set of rows by its content, independent of its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The name as it was typed.
    pub name: String,
    pub rows: u64,
    pub dim: u64,
    /// The [`content_hash`] of the rows as they were used.
    pub content: String,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Counts {
    pub fn add(&mut self, proof: Option<Evidence>) {
        let count = match proof {
            Some(Evidence::Exact) => &mut self.exact,
            Some(Evidence::Tolerance) => &mut self.tolerance,
            Some(Evidence::Separated) => &mut self.separated,
            None => &mut self.undecided,
        };
        *count += 1;
    }

    /// The sum of all; saturates, because a file can state any numbers.
    pub fn total(&self) -> u64 {
        let parts = [self.exact, self.tolerance, self.separated, self.undecided];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} certificates ({} exact, {} within tolerance, {} separated, {} undecided)",
            self.total(),
            self.exact,
            self.tolerance,
            self.separated,
            self.undecided
        )
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Identity { name, rows, .. } = self;
        let (dim, hash) = (self.dim, &self.content);
        write!(
            f,
            "{name} with {rows} rows of {dim} numbers (hash {hash:.12})"
        )
    }
}

impl Identity {
    /// Reads all rows. Errors: rows that can no longer be read, and interruption.
    pub fn of(rows: &dyn Rows, control: &Control) -> Result<Self> {
        Ok(Identity {
            name: rows.name().into(),
            rows: rows.len() as u64,
            dim: rows.dim() as u64,
            content: content_hash(rows, control)?,
        })
    }

    /// Whether both are the same rows; names are ignored.
    pub fn same_rows(&self, other: &Identity) -> bool {
        let parts = |of: &Identity| (of.rows, of.dim, of.content.clone());
        parts(self) == parts(other)
    }
}

impl Origin {
    /// The origin of certificates about these sets, with all counts 0. Reads all rows of both.
    pub fn of(
        reference: &dyn Rows,
        queries: &dyn Rows,
        rows: RowSettings,
        control: &Control,
    ) -> Result<Self> {
        Ok(Origin {
            version: VERSION,
            certificates: Counts::default(),
            cone: 0,
            reference: Identity::of(reference, control)?,
            queries: Identity::of(queries, control)?,
            rows,
        })
    }

    /// Adds a claim to the counts.
    pub fn count(&mut self, claim: &Claim) {
        match claim.of {
            Body::Hull => self.certificates.add(claim.evidence()),
            Body::Cone => self.cone += 1,
        }
    }

    /// The metadata value of [`KEY`].
    pub(super) fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// The origin that the metadata of a file state.
    pub(super) fn read(metadata: &FileMetaData) -> Result<Self, Problem> {
        fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, String> {
            serde_json::from_str(text).map_err(|error| error.to_string())
        }
        let bad = |key: &str, what: String| Problem::Metadata(format!("{key}: {what}"));
        let own = value(metadata, KEY).and_then(|text| {
            let version = &parsed::<Value>(&text)?["version"];
            match version.as_u64() {
                Some(VERSION) => parsed::<Origin>(&text),
                _ => Err(format!(
                    "the version is {version}; this program checks version {VERSION}"
                )),
            }
        });
        let rows = value(metadata, ROW_SETTINGS).and_then(|text| parsed(&text));
        Ok(Origin {
            rows: rows.map_err(|what| bad(ROW_SETTINGS, what))?,
            ..own.map_err(|what| bad(KEY, what))?
        })
    }
}

/// The one value of a key of the metadata, or what is wrong with it.
fn value(metadata: &FileMetaData, key: &str) -> Result<String, String> {
    let all = metadata.key_value_metadata().into_iter().flatten();
    let mut values = all.filter(|pair| pair.key == key);
    match (values.next().map(|pair| &pair.value), values.next()) {
        (Some(Some(value)), None) => Ok(value.clone()),
        (Some(_), Some(_)) => Err("there are several".into()),
        _ => Err("it is missing".into()),
    }
}
