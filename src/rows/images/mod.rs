//! Sets of images: rows with a height and a width, and with a class each where it is known.
//!
//! [`open_images`] reads what [`open()`](crate::rows::open()) reads, and also CIFAR's binary files, folders of image
//! files, and image files in a column of a table. Pixel values keep their range: 0 to 255 for 8 bits, 0 to 65,535 for
//! 16. A set that does not hold images is read too, and has no shape.

mod checks;
mod cifar;
mod embedded;
mod files;
mod frames;
mod labels;
mod names;
mod picture;
mod prepare;
mod series;
mod shards;
mod tree;

pub(super) use files::Files;
pub use labels::{Labels, UNLABELLED};
pub use names::Names;
pub use prepare::{Misfit, Pixels, Prepare};
pub use tree::LONGEST;

use super::open::{files as files_of, is_one_set, open_shaped};
use super::{Memory, OpenOptions, RowList, Rows, sample};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::warnings::Warnings;
use files::Listing;
use indicatif::HumanCount;
use labels::Given;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Height, width and channels of an image, and the order in which its numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    pub height: usize,
    pub width: usize,
    /// 1 (grey) to 4.
    pub channels: usize,
    /// Whether the order is (C, H, W), one channel after the other; else it is (H, W, C), the channels of a pixel
    /// together.
    pub planar: bool,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (width, height, channels) = (self.width, self.height, self.channels);
        write!(f, "{width} x {height} pixels, {channels} channels")
    }
}

/// A set of images of one shape, with a class each where they are known.
pub struct Images {
    pub rows: Box<dyn Rows>,
    /// None for a set of plain vectors.
    pub shape: Option<Shape>,
    pub labels: Option<Labels>,
    /// The number of broken images that were left out; rows are numbered without them.
    pub skipped: u64,
    /// If images were prepared for networks as they were decoded: the shapes of the prepared images, which follow one
    /// another in each row.
    pub framed: Vec<Shape>,
    /// What was noticed as they were read.
    pub warnings: Warnings,
}

/// Bits per pixel value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    Eight = 8,
    Sixteen = 16,
}

/// How a set of images is to be read.
#[derive(Debug, Clone, Default)]
pub struct ImageOptions {
    /// Which rows, and how.
    pub open: OpenOptions,
    /// A file of one whole number per row, in any supported format, that replaces the labels that come with the images.
    pub labels: Option<String>,
    /// Leave out image files that cannot be decoded instead of refusing them.
    pub skip_broken: bool,
    /// Bring image files to this width and height while they are decoded, whatever their aspect ratio.
    pub resize: Option<(usize, usize)>,
    /// Prepare each decoded image at its own size, unless all are resized. Sets that are not image files are not
    /// prepared.
    pub prepare: Option<Arc<dyn Prepare>>,
    /// Decode image files to grey: the luma of Rec. 709, (2126 R + 7152 G + 722 B) / 10000, rounded.
    pub gray: bool,
    /// Do not apply the EXIF orientation.
    pub ignore_orientation: bool,
    /// Round images of 16 bits to 8 (65,535 becomes 255), or widen those of 8 bits to 16. If not given, a set has 16
    /// bits if any of its images has.
    pub bits: Option<Bits>,
    /// Names of the classes, instead of those that come with the images.
    pub names: Option<Names>,
}

/// Where images come from.
enum ImageSource {
    /// Image files, one image each.
    Tree(Listing),
    /// Binary files of CIFAR.
    Cifar(Vec<PathBuf>),
    /// Images in a column of tables.
    Column(Box<embedded::Set>),
    /// Any other set of rows.
    Array,
}

/// Open a set of images: a folder of image files with a subfolder for each class, CIFAR's binary files (or the folder of
/// its training batches), Parquet and Arrow files with a column of encoded images (shards, folders of `save_to_disk`,
/// `FOLDER:SPLIT`, `PATH:COLUMN`), IDX, `.npy` of (N, H, W), (N, H, W, C) or (N, C, H, W), or anything else that
/// [`open()`](crate::rows::open()) reads.
///
/// Encoded images (PNG, JPEG, WebP, BMP, GIF, TIFF, PNM) keep their 8 or 16 bits; if a set has both, 8-bit values are
/// multiplied by 257. Alpha is dropped, only the first picture of an animation or of several pages is read, and the
/// EXIF orientation is applied. Images that the decoder returns with one channel are grey; all others (all of BMP, GIF,
/// WebP, and palettes) are RGB, whatever colours they hold. If a set has both, all become RGB.
///
/// Errors: those of [`open()`](crate::rows::open()); an image that cannot be decoded, unless these are skipped; images
/// of different sizes, unless they are resized or prepared; a number of labels that differs from that of the images; a
/// class without a name.
pub fn open_images(spec: &str, options: &ImageOptions, control: &Control) -> Result<Images> {
    if let Some((width, height)) = options.resize {
        tree::check_size(width, height)?;
    }
    let source = source(spec, options, control)?;
    let given = options
        .labels
        .as_ref()
        .map(|labels| Given::read(labels, control))
        .transpose()?;
    let mut images = match source {
        ImageSource::Tree(listing) => tree::open(spec, &listing, given, options, control)?,
        ImageSource::Column(set) => set.open(spec, given, options, control)?,
        ImageSource::Cifar(files) => {
            let images = cifar::open(spec, &files, options, control)?;
            relabelled(conform(spec, images, options)?, spec, given, options)?
        }
        ImageSource::Array => {
            let images = array(spec, given.is_none(), options, control)?;
            relabelled(conform(spec, images, options)?, spec, given, options)?
        }
    };
    if let (Some(names), Some(labels)) = (&options.names, &mut images.labels) {
        names.rename(spec, labels)?;
    }
    Ok(images)
}

/// The labels in a file for the rows of any set: the first `limit` ones, without the excluded rows. The classes come
/// from all labels of the file.
///
/// Errors: a file that does not hold one whole number per row.
pub fn read_labels(
    spec: &str,
    limit: Option<usize>,
    exclude: Option<&RowList>,
    control: &Control,
) -> Result<Labels> {
    let Labels { mut classes, names } = Given::read(spec, control)?.of_any()?.all();
    classes.truncate(limit.unwrap_or(usize::MAX));
    if let Some(list) = exclude {
        let mut rows = 0..;
        classes.retain(|_| !rows.next().is_some_and(|row| list.contains(row)));
    }
    Ok(Labels { classes, names })
}

/// The 6,000 training images of the built-in sample.
pub fn sample_reference(options: &ImageOptions, control: &Control) -> Result<Images> {
    let labels = sample::REFERENCE_LABELS;
    sampled(sample::reference()?, labels, options, control)
}

/// The 1,000 test images of the built-in sample.
pub fn sample_queries(options: &ImageOptions, control: &Control) -> Result<Images> {
    let labels = sample::QUERY_LABELS;
    sampled(sample::queries()?, labels, options, control)
}

fn sampled(
    rows: Memory,
    labels: &[u8],
    options: &ImageOptions,
    control: &Control,
) -> Result<Images> {
    let rows = rows.prepared(&options.open, control)?;
    let labels: Vec<u32> = labels.iter().copied().map(u32::from).collect();
    let names = match options.names {
        Some(_) => (0..sample::CLASSES.len())
            .map(|class| class.to_string())
            .collect(),
        None => sample::CLASSES.map(String::from).to_vec(),
    };
    let mut labels = Labels::of_rows(&rows, &labels, names);
    if let Some(names) = &options.names {
        names.rename("the built-in sample", &mut labels)?;
    }
    Ok(Images {
        shape: shape_of(&rows.axes()),
        labels: Some(labels),
        rows: Box::new(rows),
        skipped: 0,
        framed: Vec::new(),
        warnings: Warnings::default(),
    })
}

/// The shape of an image with these axes; None if they are not those of an image.
pub fn shape_of(axes: &[usize]) -> Option<Shape> {
    let (height, width, channels, planar) = match *axes {
        [height, width] => (height, width, 1, false),
        [height, width, channels @ 1..=4] => (height, width, channels, false),
        [channels @ (1 | 3), height, width] => (height, width, channels, true),
        _ => return None,
    };
    Some(Shape {
        height,
        width,
        channels,
        planar,
    })
}

/// Finds out what kind of images a spec names.
fn source(spec: &str, options: &ImageOptions, control: &Control) -> Result<ImageSource> {
    let path = Path::new(spec);
    if is_one_set(path) {
        return Ok(ImageSource::Array);
    }
    if path.is_dir() {
        let listing = Listing::of_folder(path, control)?;
        if !listing.paths.is_empty() {
            return Ok(ImageSource::Tree(listing));
        }
        if let Some(set) = embedded::find(spec, options)? {
            return Ok(ImageSource::Column(Box::new(set)));
        }
        return folder_without_images(spec, &listing, options, control);
    }
    if let Some(set) = embedded::find(spec, options)? {
        return Ok(ImageSource::Column(Box::new(set)));
    }
    let (files, member) = files_of(spec, options.open.order)?;
    if member.is_some() {
        return Ok(ImageSource::Array);
    }
    cifar::refuse_pickles(spec, &files)?;
    if path.is_file() && files::is_image(path) {
        return Ok(ImageSource::Tree(Listing::of_file(path)));
    }
    if files.iter().any(|file| files::is_image(file)) {
        return Ok(ImageSource::Tree(Listing::of_matches(spec, files)));
    }
    if cifar::is_cifar(&files[0], control)? {
        return Ok(ImageSource::Cifar(files));
    }
    Ok(ImageSource::Array)
}

/// A folder of CIFAR's batches, or of files of rows in another format.
fn folder_without_images(
    spec: &str,
    listing: &Listing,
    options: &ImageOptions,
    control: &Control,
) -> Result<ImageSource> {
    if !listing.rows {
        return Err(files::none(listing));
    }
    let (files, _) = files_of(spec, options.open.order)?;
    cifar::refuse_pickles(spec, &files)?;
    let batches = cifar::batches(&files);
    if !batches.is_empty() {
        return Ok(ImageSource::Cifar(batches));
    }
    let sets: Vec<&PathBuf> = files.iter().filter(|file| cifar::named(file)).collect();
    if let [first, second, ..] = sets[..]
        && cifar::is_cifar(first, control)?
    {
        return Err(Error::input(
            spec,
            Place::Whole,
            format!(
                "the folder holds several sets, {} and {}",
                first.display(),
                second.display()
            ),
            "name one of the files",
        ));
    }
    Ok(ImageSource::Array)
}

/// Reads rows of any other format.
fn array(
    spec: &str,
    look_for_labels: bool,
    options: &ImageOptions,
    control: &Control,
) -> Result<Images> {
    let rows = open_shaped(spec, &options.open, control)?;
    let mut warnings = Warnings::default();
    let beside = labels::beside(Path::new(spec)).filter(|_| look_for_labels);
    let labels = match beside {
        None => {
            let labels = Labels::of_column(&rows);
            let none = labels.as_ref().map_or(0, Labels::unlabelled);
            if none > 0 {
                warnings.add(format!(
                    "{spec}: {} of {} rows have no label",
                    HumanCount(none as u64),
                    HumanCount(rows.len() as u64)
                ));
            }
            labels
        }
        Some(path) => {
            let given = Given::read(&path.display().to_string(), control)?;
            Some(of_given(&rows, spec, given, options)?)
        }
    };
    Ok(Images {
        shape: shape_of(&rows.axes()),
        labels,
        rows: Box::new(rows),
        skipped: 0,
        framed: Vec::new(),
        warnings,
    })
}

/// The labels in a file for a set's rows.
fn of_given(rows: &dyn Rows, spec: &str, given: Given, options: &ImageOptions) -> Result<Labels> {
    let read = rows.len() as u64 + rows.dropped();
    let classes = given.of_rows(spec, read, options.open.limit)?;
    Ok(classes.kept((0..rows.len()).map(|row| rows.number(row) as usize)))
}

fn relabelled(
    mut images: Images,
    spec: &str,
    given: Option<Given>,
    options: &ImageOptions,
) -> Result<Images> {
    if let Some(given) = given {
        images.labels = Some(of_given(&*images.rows, spec, given, options)?);
    }
    Ok(images)
}

/// Checks that rows read without decoding already have the size and kind that image files would be converted to.
fn conform(spec: &str, images: Images, options: &ImageOptions) -> Result<Images> {
    let refuse = |what: String, advice: &str| Err(Error::input(spec, Place::Whole, what, advice));
    let size = images.shape.map(|shape| (shape.width, shape.height));
    if let Some(wanted @ (width, height)) = options.resize
        && size != Some(wanted)
    {
        let found = match size {
            Some((width, height)) => format!("the images are {width} x {height}"),
            None => "the rows are not images".into(),
        };
        return refuse(
            format!(
                "{found}, and only image files are brought to {width} x {height} as they are read"
            ),
            "resize the set afterwards, as a space",
        );
    }
    if options.gray && images.shape.is_none_or(|shape| shape.channels != 1) {
        return refuse(
            "the rows are not grey images, and only image files are made grey as they are read"
                .into(),
            "make the set grey afterwards, as a space",
        );
    }
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_axes() {
        let shape = |height, width, channels, planar| {
            Some(Shape {
                height,
                width,
                channels,
                planar,
            })
        };
        assert_eq!(shape_of(&[28, 20]), shape(28, 20, 1, false));
        assert_eq!(shape_of(&[28, 20, 1]), shape(28, 20, 1, false));
        assert_eq!(shape_of(&[28, 20, 4]), shape(28, 20, 4, false));
        assert_eq!(shape_of(&[3, 28, 20]), shape(28, 20, 3, true));
        assert_eq!(shape_of(&[1, 28, 20]), shape(28, 20, 1, true));
        // Both orders are possible: the last axis decides.
        assert_eq!(shape_of(&[3, 28, 3]), shape(3, 28, 3, false));
        for axes in [&[784][..], &[2, 28, 20], &[28, 20, 5], &[1, 2, 3, 4], &[]] {
            assert_eq!(shape_of(axes), None, "{axes:?}");
        }
    }

    #[test]
    fn the_sample_is_a_set_of_labelled_images() {
        let mut options = ImageOptions::default();
        options.open.limit = Some(50);
        let images = sample_queries(&options, &Control::default()).unwrap();
        let labels = images.labels.unwrap();
        assert_eq!((images.rows.len(), labels.classes.len()), (50, 50));
        let first = sample::QUERY_LABELS[..50].iter().copied().map(u32::from);
        assert!(first.eq(labels.classes));
        assert_eq!(labels.names[9], "Ankle boot");
        assert_eq!(
            images.shape.map(|s| (s.height, s.width, s.channels)),
            Some((28, 28, 1))
        );
    }
}
