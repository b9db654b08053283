//! The run that a certificate file is from: its rows, how they were read, and how many certificates there must be.
//!
//! The check trusts none of this: it compares it with the inputs and the options of its caller, and a difference is a
//! [`Problem`].

use super::super::ROW_SETTINGS;
use super::Problem;
use crate::control::Control;
use crate::error::Result;
use crate::hull::Evidence;
use crate::rows::{RowSettings, Rows, content_hash};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

    /// The metadata value of [`KEY`].
    pub(super) fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// Parses the metadata of a file: `value` gives the one value of a key, or says what is wrong with it.
    pub(super) fn read(value: impl Fn(&str) -> Result<String, String>) -> Result<Self, Problem> {
        let bad = |key: &str, what: String| Problem::Metadata(format!("{key}: {what}"));
        let text = |key: &str| value(key).map_err(|what| bad(key, what));
        let stored: Value =
            serde_json::from_str(&text(KEY)?).map_err(|error| bad(KEY, error.to_string()))?;
        let version = &stored["version"];
        if version.as_u64() != Some(VERSION) {
            let what = format!("the version is {version}; this program checks version {VERSION}");
            return Err(bad(KEY, what));
        }
        let origin: Origin =
            serde_json::from_value(stored).map_err(|error| bad(KEY, error.to_string()))?;
        let rows = serde_json::from_str(&text(ROW_SETTINGS)?)
            .map_err(|error| bad(ROW_SETTINGS, error.to_string()))?;
        Ok(Origin { rows, ..origin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let set = |name: &str| Identity {
            name: name.into(),
            rows: 3,
            dim: 2,
            content: "ab".into(),
        };
        let rows = RowSettings {
            scale: Some(0.1),
            ..RowSettings::default()
        };
        let origin = Origin {
            version: VERSION,
            certificates: Counts {
                exact: 2,
                undecided: 1,
                ..Counts::default()
            },
            cone: 2,
            reference: set("a"),
            queries: set("b"),
            rows: rows.clone(),
        };
        let settings = serde_json::json!(rows).to_string();
        let read = |stored: &str, settings: &str| {
            let (stored, settings) = (stored.to_string(), settings.to_string());
            Origin::read(|key| {
                Ok(if key == KEY {
                    stored.clone()
                } else {
                    settings.clone()
                })
            })
        };
        let good = origin.to_json();
        assert_eq!(read(&good, &settings), Ok(origin));
        let refused = |stored: &str, settings: &str, word: &str| {
            let found = read(stored, settings).unwrap_err().to_string();
            assert!(found.contains(word), "{word}: {found}");
        };
        let without = |text: &str, key: &str| {
            let mut value: Value = serde_json::from_str(text).unwrap();
            assert!(value.as_object_mut().unwrap().remove(key).is_some());
            value.to_string()
        };
        for key in ["version", "certificates", "reference", "queries"] {
            refused(&without(&good, key), &settings, key);
        }
        for key in serde_json::json!(rows).as_object().unwrap().keys() {
            refused(&good, &without(&settings, key), key);
        }
        let version = good.replace("\"version\":2", "\"version\":3");
        refused(&version, &settings, "version is 3");
        let more = |text: &str| text.replacen('{', "{\"sorted\":true,", 1);
        refused(&good, &more(&settings), "sorted");
        refused(&more(&good), &settings, "sorted");
        for broken in ["", "{", "null", "[1]"] {
            assert!(read(&good, broken).is_err() && read(broken, &settings).is_err());
        }
    }
}
