//! A folder of image files as rows: decoded in parallel, batch by batch, in the order of their paths.
//!
//! All images of a set have one size and are all grey or all RGB. What that is, is taken from the first image; if one
//! with colour follows grey ones, the set is begun again as RGB.

use super::files::{Files, Listing};
use super::labels::{Given, Labels};
use super::picture::{self, Form, Picture};
use super::{ImageOptions, Images, shape_of};
use crate::control::{Control, Stage};
use crate::error::{Error, Place, Result};
use crate::rows::assemble::Assembly;
use crate::rows::input::input_error;
use crate::rows::table::{Chunk, Stream};
use crate::rows::{Element, Rows};
use rayon::prelude::*;
use std::time::{Duration, Instant};

/// Bytes of decoded images that a batch may hold.
const BATCH: usize = 32 << 20;

/// A batch should take about this long: short enough to be stopped, long enough not to wait for its last image.
const PERIOD: Duration = Duration::from_millis(100);

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
    given: Option<&Given>,
    options: &ImageOptions,
    control: &Control,
) -> Result<Images> {
    if let Some(given) = given {
        given.check(spec, listing.paths.len() as u64, None)?;
    }
    let mut colour = false;
    loop {
        let form = form(listing, colour, options, control)?;
        let files = listing
            .paths
            .len()
            .min(options.open.limit.unwrap_or(usize::MAX));
        control.begin(Stage::Read, files as u64 * form.bytes() as u64);
        let mut tree = Tree::new(listing, form, options);
        let mut set = Assembly::new(spec, &options.open, control);
        match set.add_stream(&listing.root, "images", &mut tree) {
            Err(_) if tree.colour_found => colour = true,
            Err(error) => return Err(error),
            Ok(()) => {
                let rows = set.finish()?;
                tree.keep(&rows);
                tree.warn(control);
                return Ok(Images {
                    shape: shape_of(&rows.axes()),
                    labels: labels(listing, &tree.kept, given, spec, control),
                    files: Some(tree.files()),
                    skipped: tree.skipped,
                    rows: Box::new(rows),
                });
            }
        }
    }
}

/// Images to take next, when a batch of so many took so long and `most` fit the memory of one.
fn batch_after(batch: usize, most: usize, took: Duration) -> usize {
    let least = 2 * rayon::current_num_threads();
    if took < PERIOD / 2 {
        // Bounded: doubled without end it would come to nothing, and the rest of the folder be lost.
        (2 * batch).min(most.max(least))
    } else if took > 2 * PERIOD {
        (batch / 2).max(least)
    } else {
        batch
    }
}

/// Size and kind, from the first image that can be decoded.
fn form(
    listing: &Listing,
    colour: bool,
    options: &ImageOptions,
    control: &Control,
) -> Result<Form> {
    let mut first = None;
    for file in 0..listing.paths.len() {
        control.check()?;
        let path = listing.path(file);
        let read = picture::header(&path).and_then(|header| {
            let (width, height) = options.resize.unwrap_or((header.width, header.height));
            let form = Form {
                width,
                height,
                colour: !options.gray && (colour || header.colour),
                resize: options.resize.is_some(),
                gray: options.gray,
            };
            picture::read(&path, &form)?;
            Ok(form)
        });
        match read {
            Err(error) if options.skip_broken && is_broken(&error) => first = first.or(Some(error)),
            other => return other,
        }
    }
    let first = first.map_or_else(String::new, |error| format!("; the first: {error}"));
    Err(input_error(
        &listing.root,
        Place::Whole,
        format!(
            "none of the {} images can be decoded{first}",
            listing.paths.len()
        ),
        "at least one is needed",
    ))
}

/// Whether an error is about one file, so that the others can still be read.
fn is_broken(error: &Error) -> bool {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    match error {
        Error::Input { .. } => true,
        Error::Io { source, .. } => matches!(source.kind(), NotFound | PermissionDenied),
        _ => false,
    }
}

/// Classes of the files that were kept: those given, or their folders.
fn labels(
    listing: &Listing,
    kept: &[usize],
    given: Option<&Given>,
    spec: &str,
    control: &Control,
) -> Option<Labels> {
    let (classes, names) = match given {
        Some(given) => given.classes(),
        None => match listing.folders() {
            Ok(known) => known,
            Err(bare) => {
                if listing
                    .paths
                    .iter()
                    .any(|path| path.components().count() > 1)
                {
                    control.warn(format!(
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

/// Image files being decoded.
struct Tree<'a> {
    listing: &'a Listing,
    form: Form,
    skip_broken: bool,
    /// The most rows that are wanted.
    limit: usize,
    /// The next file, and how many to take at a time.
    next: usize,
    batch: usize,
    /// Of each row, its file.
    kept: Vec<usize>,
    skipped: u64,
    /// What is wrong with the first file that was skipped.
    first_broken: Option<String>,
    /// Images that had 16 bits a channel.
    deep: u64,
    /// The set is not grey, as was thought.
    colour_found: bool,
}

impl<'a> Tree<'a> {
    fn new(listing: &'a Listing, form: Form, options: &ImageOptions) -> Self {
        Tree {
            listing,
            form,
            skip_broken: options.skip_broken,
            limit: options.open.limit.unwrap_or(usize::MAX),
            next: 0,
            batch: 2 * rayon::current_num_threads(),
            kept: Vec::new(),
            skipped: 0,
            first_broken: None,
            deep: 0,
            colour_found: false,
        }
    }

    /// Add one image's row, or see why there is none.
    fn take(&mut self, file: usize, picture: Result<Picture>, out: &mut Vec<u8>) -> Result<()> {
        match picture {
            Ok(Picture::Pixels { bytes, deep }) => {
                out.extend_from_slice(&bytes);
                self.kept.push(file);
                self.deep += u64::from(deep);
                Ok(())
            }
            Ok(Picture::OtherSize(width, height)) => Err(self.other_size(file, width, height)),
            Ok(Picture::Colour) => {
                self.colour_found = true;
                Err(Error::Usage(
                    "an image with colour follows grey ones".into(),
                ))
            }
            Err(error) if self.skip_broken && is_broken(&error) => {
                self.skipped += 1;
                self.first_broken.get_or_insert_with(|| error.to_string());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn other_size(&self, file: usize, width: usize, height: usize) -> Error {
        // Images before this one were skipped or have the size of the first that was not.
        let first = self.kept.first().copied().unwrap_or_default();
        input_error(
            &self.listing.path(file),
            Place::Whole,
            format!(
                "the image is {width} x {height} pixels, but {} is {} x {}",
                self.listing.path(first).display(),
                self.form.width,
                self.form.height
            ),
            "bring all to one size with --resize WIDTHxHEIGHT",
        )
    }

    /// Say what is not as it was in the files.
    fn warn(&self, control: &Control) {
        let root = self.listing.root.display();
        if let Some(first) = &self.first_broken {
            control.warn(format!(
                "{} images in {root} were skipped; the first: {first}",
                self.skipped
            ));
        }
        if self.deep > 0 {
            control.warn(format!(
                "{} images in {root} have 16 bits a channel and were rounded to 8",
                self.deep
            ));
        }
        let others = self.listing.others();
        if !others.is_empty() {
            control.warn(format!(
                "{root} holds other files, which were not read: {others}"
            ));
        }
    }

    /// Forget the files whose rows the set does not have.
    fn keep(&mut self, rows: &dyn Rows) {
        let numbers = (0..rows.len()).map(|row| rows.number(row) as usize);
        self.kept = numbers.map(|number| self.kept[number]).collect();
    }

    fn files(&self) -> Files {
        let mut files = Files::default();
        for &file in &self.kept {
            files.push(&self.listing.paths[file]);
        }
        files
    }
}

impl Stream for Tree<'_> {
    fn axes(&self) -> Vec<usize> {
        let mut axes = vec![self.form.height, self.form.width];
        if self.form.colour {
            axes.push(self.form.channels());
        }
        axes
    }

    fn element(&self) -> Element {
        Element::U8
    }

    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let out = &mut chunk.values;
        let most = (BATCH / self.form.bytes()).max(1);
        let wanted = self.batch.min(most).min(self.limit - self.kept.len());
        let end = self.listing.paths.len().min(self.next + wanted);
        if self.next == end {
            return Ok(false);
        }
        let began = Instant::now();
        let pictures: Vec<Result<Picture>> = (self.next..end)
            .into_par_iter()
            .map(|file| picture::read(&self.listing.path(file), &self.form))
            .collect();
        for (file, picture) in (self.next..end).zip(pictures) {
            self.take(file, picture, out)?;
        }
        self.next = end;
        self.batch = batch_after(self.batch, most, began.elapsed());
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_never_come_to_nothing() {
        let mut batch = 4;
        for _ in 0..200 {
            batch = batch_after(batch, 1000, Duration::ZERO);
            assert!((1..=1000).contains(&batch), "{batch}");
        }
        assert_eq!(batch, 1000);
        for _ in 0..200 {
            batch = batch_after(batch, 1000, 3 * PERIOD);
        }
        assert_eq!(batch, 2 * rayon::current_num_threads());
        assert_eq!(batch_after(batch, 1000, PERIOD), batch);
        assert!(batch_after(batch, 1, Duration::ZERO) >= 1);
    }
}
