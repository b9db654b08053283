//! The options that say how sets of images are read; `compare` and `paper` share them.

use super::inputs::RowArgs;
use super::memory;
use crate::control::{Control, Stage};
use crate::error::{Error, Result};
use crate::rows::images::{self, ImageOptions, Images};
use crate::space::{Set, spec};
use crate::study::compare::Classes;
use clap::Args;
use std::sync::Arc;

/// What is left of the budget for the queries, and for spaces, is no less.
const LEAST: u64 = 64 << 20;

/// How images are decoded, and their classes.
#[derive(Debug, Clone, Args)]
pub struct ImageArgs {
    /// Classes of the reference: a file of one integer a row (found by themselves beside MNIST, CIFAR and in folders)
    #[arg(long, value_name = "FILE", requires = "query_labels")]
    pub labels: Option<String>,
    /// Classes of the queries
    #[arg(long, value_name = "FILE", requires = "labels")]
    pub query_labels: Option<String>,
    /// Leave out image files that cannot be decoded instead of refusing them
    #[arg(long)]
    pub skip_broken: bool,
    /// Bring image files to W x H pixels while they are decoded
    #[arg(long, value_name = "WxH", value_parser = sides)]
    pub resize: Option<(usize, usize)>,
    /// Decode image files to grey
    #[arg(long)]
    pub gray: bool,
}

/// `WxH`.
fn sides(text: &str) -> std::result::Result<(usize, usize), String> {
    spec::extent(text).ok_or_else(|| format!("{text:?} is not a width and a height, as in 32x32"))
}

/// Two sets of images, or of plain vectors, open.
pub struct Opened {
    pub reference: Set,
    pub queries: Set,
    /// The classes of both, if both have them and the names agree.
    pub classes: Option<Classes>,
    /// Image files that were left out.
    pub skipped: u64,
    /// Bytes of the budget that the sets leave.
    pub left: u64,
}

impl ImageArgs {
    /// What changes the rows that are read, for the key of finished work.
    ///
    /// Classes, if results depend on them, may come from files that were found and not typed: they count by themselves.
    pub fn key(&self, classes: Option<&Classes>) -> String {
        let mut hash = blake3::Hasher::new();
        if let Some(Classes {
            reference,
            queries,
            names,
        }) = classes
        {
            for class in reference.iter().chain(queries) {
                hash.update(&class.to_le_bytes());
            }
            hash.update(names.join("\n").as_bytes());
        }
        let classes = hash.finalize().to_hex();
        format!(
            "{:?} {} {} {classes}",
            self.resize, self.gray, self.skip_broken
        )
    }

    /// The two sets, or the built-in sample.
    ///
    /// Errors: sets that cannot be read, labels that do not match.
    pub fn open(
        &self,
        rows: &RowArgs,
        sets: Option<(&str, &str)>,
        control: &Control,
    ) -> Result<Opened> {
        control.begin(Stage::Read, 0);
        let budget = rows.memory.unwrap_or_else(memory::default_budget);
        let options = |memory, limit, labels: &Option<String>, what| -> Result<ImageOptions> {
            Ok(ImageOptions {
                open: rows.options(limit, memory, what)?,
                labels: labels.clone(),
                skip_broken: self.skip_broken,
                resize: self.resize,
                gray: self.gray,
            })
        };
        let first = options(budget, rows.limit_reference, &self.labels, "reference")?;
        let mut second = options(budget, rows.limit_queries, &self.query_labels, "queries")?;
        let (reference, queries) = match sets {
            Some((reference, queries)) => {
                let reference = images::open_images(reference, &first, control)?;
                let left = budget.saturating_sub(reference.rows.resident_bytes());
                second.open.memory = left.max(LEAST.min(budget));
                (reference, images::open_images(queries, &second, control)?)
            }
            None => (
                images::sample_reference(&first.open)?,
                images::sample_queries(&second.open)?,
            ),
        };
        let resident = reference.rows.resident_bytes() + queries.rows.resident_bytes();
        Ok(Opened {
            classes: match classes(&reference, &queries) {
                // Classes that were found by themselves need not match as long as nobody asks for them.
                Err(error) if self.labels.is_none() => {
                    control.warn(format!("classes are left out: {error}"));
                    None
                }
                known => known?,
            },
            skipped: reference.skipped + queries.skipped,
            left: budget.saturating_sub(resident).max(LEAST.min(budget)),
            reference: set(reference),
            queries: set(queries),
        })
    }
}

fn set(images: Images) -> Set {
    Set {
        shape: images.shape,
        rows: Arc::from(images.rows),
    }
}

/// The classes of both sets in one numbering.
fn classes(reference: &Images, queries: &Images) -> Result<Option<Classes>> {
    let (Some(first), Some(second)) = (&reference.labels, &queries.labels) else {
        return Ok(None);
    };
    let rows = second.matched(first).into_iter().enumerate();
    let matched = rows.map(|(row, class)| {
        class.ok_or_else(|| {
            let class = second.classes.get(row).and_then(|&class| second.names.get(class as usize));
            Error::Usage(format!(
                "the classes do not match: row {row} of {} is of the class {:?}, and {} has none of that class",
                queries.rows.name(),
                class.map_or("?", String::as_str),
                reference.rows.name()
            ))
        })
    });
    let matched = matched.collect::<Result<Vec<u32>>>()?;
    Ok(Some(Classes {
        reference: first.classes.clone(),
        queries: matched,
        names: first.names.clone(),
    }))
}
