//! A folder of image files as rows, in the order of their paths; its subfolders are classes.

use super::files::{Files, Listing};
use super::labels::{Classes, Given, Labels};
use super::picture::{Content, Encoded};
use super::series::{self, Supply};
use super::{ImageOptions, Images, shape_of};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::Rows;
use crate::warnings::Warnings;

/// The longest side that images are resized to.
pub const LONGEST: usize = 1 << 12;

pub(super) fn check_size(width: usize, height: usize) -> Result<()> {
    if (1..=LONGEST).contains(&width) && (1..=LONGEST).contains(&height) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "images cannot be resized to {width} x {height}: each side must be 1 to {LONGEST}"
    )))
}

/// The images of a listing.
pub(super) fn open(
    spec: &str,
    listing: &Listing,
    given: Option<Given>,
    options: &ImageOptions,
    control: &Control,
) -> Result<Images> {
    let total = listing.paths.len();
    let given = given.map(|given| given.of_rows(spec, total as u64, None));
    let given = given.transpose()?;
    let mut walk = Walk { listing, next: 0 };
    let mut set = series::gather(
        spec,
        &listing.root,
        Some(total),
        &mut walk,
        options,
        control,
    )?;
    let mut warnings = set.warnings(&listing.root);
    let others = listing.others();
    if !others.is_empty() {
        warnings.add(format!(
            "{} holds other files, which were not read: {others}",
            listing.root.display()
        ));
    }
    let mut files = Files::default();
    for &file in &set.places {
        files.push(&listing.paths[file]);
    }
    set.rows.about.each = Some(files);
    Ok(Images {
        shape: shape_of(&set.rows.axes()),
        labels: labels(listing, &set.kept, given, spec, &mut warnings),
        skipped: set.skipped(),
        framed: set.framed,
        rows: Box::new(set.rows),
        warnings,
    })
}

/// Classes of the files that were kept: those given, or their folders.
fn labels(
    listing: &Listing,
    kept: &[usize],
    given: Option<Classes>,
    spec: &str,
    warnings: &mut Warnings,
) -> Option<Labels> {
    let (classes, names) = match given {
        Some(given) => return Some(given.kept(kept.iter().copied())),
        None => match listing.folders() {
            Ok(known) => known,
            Err(bare) => {
                if listing
                    .paths
                    .iter()
                    .any(|path| path.components().count() > 1)
                {
                    warnings.add(format!(
                        "{spec} has images in subfolders and outside of them ({}), so these are not taken for classes",
                        bare.display()
                    ));
                }
                return None;
            }
        },
    };
    Some(Labels {
        classes: kept.iter().map(|&file| classes[file]).collect(),
        names,
    })
}

/// The files of a listing, one after the other.
struct Walk<'l> {
    listing: &'l Listing,
    next: usize,
}

impl Supply for Walk<'_> {
    fn next(&mut self, most: usize) -> Result<Vec<Encoded>> {
        let end = self.listing.paths.len().min(self.next + most);
        let files = self.next..end;
        self.next = end;
        let encoded = |file| Encoded {
            path: self.listing.path(file),
            place: Place::Whole,
            content: Content::File,
        };
        Ok(files.map(encoded).collect())
    }
}
