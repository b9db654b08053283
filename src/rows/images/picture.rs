//! One encoded image: a file, or the bytes in a row of one; and its pixels.
//!
//! The `image` crate decodes; the content says which format it is. A header's claim is held against the size of the file
//! before anything is allocated for it, and images that are decoded at the same time share a bound on their memory.

use super::{Bits, ImageOptions, Misfit, Pixels, Prepare, Shape, checks, frames};
use crate::error::{Error, Place, Result};
use crate::rows::Element;
use crate::rows::guarded::guarded;
use crate::rows::input::input_error;
use image::imageops::{FilterType, resize};
use image::metadata::Orientation;
use image::{
    ColorType, DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, Limits, Pixel,
};
use std::borrow::Cow;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

/// The largest file, and the most bytes of pixels, that are taken for one image.
const LARGEST: u64 = 512 << 20;

/// Pixels that any file may claim, in bytes, and how many more for each byte that it has: GIF's LZW, the densest format
/// for long runs of one colour, unpacks a byte to 11,000.
const PLAIN: u64 = 64 << 20;
const RATIO: u64 = 1 << 14;

/// Bytes of files, and bytes of pixels, in work at the same time on all threads (or one image that is larger).
const AT_ONCE: u64 = 128 << 20;

static FILES: Gate = Gate::new(AT_ONCE);
static PIXELS: Gate = Gate::new(AT_ONCE);

/// An image that is still encoded.
pub(super) struct Encoded {
    /// Its file, or the file of its row.
    pub path: PathBuf,
    /// The row, in a file of many.
    pub place: Place,
    pub content: Content,
}

/// Where the bytes of an image are.
pub(super) enum Content {
    /// They are the whole file.
    File,
    Bytes(Vec<u8>),
    /// Nowhere, for this reason.
    Missing(String),
}

impl Encoded {
    /// What messages call it.
    pub fn name(&self) -> String {
        format!("{}{}", self.path.display(), self.place)
    }

    /// It cannot be brought to the sizes that are wanted.
    pub fn unfit(&self, Misfit { what, advice }: Misfit) -> Error {
        Error::input(
            self.path.display().to_string(),
            self.place.clone(),
            what,
            advice,
        )
    }

    /// An error about the file, as one about this image.
    fn placed(&self, error: Error) -> Error {
        match error {
            Error::Input {
                input,
                place: Place::Whole,
                what,
                advice,
            } => Error::input(input, self.place.clone(), what, advice),
            other => other,
        }
    }
}

/// What is done to each image, whatever set it is in.
#[derive(Debug, Clone)]
pub(super) struct Treatment {
    /// Width and height that it is brought to.
    resize: Option<(usize, usize)>,
    /// What brings it to other sizes, if it is not resized.
    prepare: Option<Arc<dyn Prepare>>,
    gray: bool,
    /// Turned as the orientation in the file says.
    upright: bool,
    /// Whether 16 bits are rounded to 8.
    round: bool,
}

impl Treatment {
    pub fn of(options: &ImageOptions) -> Self {
        Treatment {
            resize: options.resize,
            prepare: options.prepare.clone().filter(|_| options.resize.is_none()),
            gray: options.gray,
            upright: !options.ignore_orientation,
            round: options.bits == Some(Bits::Eight),
        }
    }

    /// Width and height of all that is made of an image of this width and height.
    pub fn sizes(&self, (width, height): Size) -> std::result::Result<Vec<Size>, Misfit> {
        match (&self.prepare, self.resize) {
            (Some(prepare), _) => prepare.sizes(width, height),
            (None, resize) => Ok(vec![resize.unwrap_or((width, height))]),
        }
    }

    /// Whether images are brought to the sizes of networks.
    pub fn prepares(&self) -> bool {
        self.prepare.is_some()
    }
}

/// What the numbers of an image are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PixelKind {
    /// RGB; else grey.
    pub colour: bool,
    /// 16 bits a number; else 8.
    pub deep: bool,
}

impl PixelKind {
    pub fn channels(self) -> usize {
        if self.colour { 3 } else { 1 }
    }

    pub fn element(self) -> Element {
        if self.deep { Element::U16 } else { Element::U8 }
    }

    /// The narrowest that holds both.
    pub fn with(self, other: PixelKind) -> PixelKind {
        PixelKind {
            colour: self.colour || other.colour,
            deep: self.deep || other.deep,
        }
    }
}

/// Numbers of one kind as another that holds it: grey as three equal channels, 8 bits as 16 (255 is 65,535).
pub(super) fn widen(bytes: &[u8], from: PixelKind, to: PixelKind, out: &mut Vec<u8>) {
    let copies = to.channels() / from.channels();
    let mut put = |number: &[u8]| (0..copies).for_each(|_| out.extend_from_slice(number));
    match (from.deep, to.deep) {
        _ if from == to => out.extend_from_slice(bytes),
        (true, _) => bytes.chunks_exact(2).for_each(put),
        (false, false) => bytes.chunks_exact(1).for_each(put),
        (false, true) => {
            let deep = |&byte: &u8| (257 * u16::from(byte)).to_ne_bytes();
            bytes.iter().for_each(|byte| put(&deep(byte)));
        }
    }
}

/// A width and a height.
pub(super) type Size = (usize, usize);

/// An image that was decoded.
pub(super) struct Picture {
    /// Of all that was made of it.
    pub sizes: Vec<Size>,
    pub kind: PixelKind,
    /// (H, W, C), native order, one after the other.
    pub bytes: Vec<u8>,
    /// It was turned or mirrored.
    pub turned: bool,
    /// The file holds further frames or pages.
    pub several: bool,
    /// It had 16 bits and was rounded to 8.
    pub rounded: bool,
}

/// What became of an image.
pub(super) enum Outcome {
    Decoded(Picture),
    /// It has the first width and height, and would become the others, which are not those expected: it was not decoded.
    OtherSize(Size, Vec<Size>),
    /// It cannot be brought to the sizes that are wanted, and was not decoded.
    Unfit(Misfit),
}

/// Decode an image, if it has the expected width and height or is brought to them.
///
/// [`Error::Input`] is about the image; other errors are not.
pub(super) fn read(
    encoded: &Encoded,
    treatment: &Treatment,
    expected: Option<&[Size]>,
) -> Result<Outcome> {
    let (bytes, _pass) = whole(encoded)?;
    let path = &encoded.path;
    guarded(path, || {
        let file = &bytes;
        let mut decoder = decoder(path, file)?;
        let orientation = match treatment.upright {
            // A note that cannot be read is none.
            true => decoder.orientation().unwrap_or(Orientation::NoTransforms),
            false => Orientation::NoTransforms,
        };
        let found = size(&decoder, orientation);
        let sizes = match treatment.sizes(found) {
            Ok(sizes) => sizes,
            Err(misfit) => return Ok(Outcome::Unfit(misfit)),
        };
        if expected.is_some_and(|expected| expected != sizes) {
            return Ok(Outcome::OtherSize(found, sizes));
        }
        let stored = decoder.color_type();
        if matches!(stored, ColorType::Rgb32F | ColorType::Rgba32F) {
            return Err(broken(
                path,
                "the pixels are floating-point numbers, whose range is not known",
            ));
        }
        let deep = stored.bytes_per_pixel() > stored.channel_count();
        let kind = PixelKind {
            colour: stored.has_color() && !treatment.gray,
            deep: deep && !treatment.round,
        };
        // The pixels, a copy of another kind, and what resampling makes on its way: columns of 4 floats, or rows and a
        // whole image in f64.
        let between = sizes
            .iter()
            .map(|&(width, height)| match &treatment.prepare {
                Some(_) => 8 * (width * found.1 + 4 * width * height) as u64,
                None if found == (width, height) => 0,
                None => 16 * (found.0 * height) as u64,
            });
        let between: u64 = between.sum();
        let _pass = PIXELS.enter(2 * decoder.total_bytes() + between);
        let mut image = DynamicImage::from_decoder(decoder).map_err(|error| broken(path, error))?;
        image.apply_orientation(orientation);
        let bytes = match &treatment.prepare {
            None => formed(image, kind, treatment.resize.unwrap_or(found)),
            Some(prepare) => prepare.apply(&Pixels {
                shape: Shape {
                    width: found.0,
                    height: found.1,
                    channels: kind.channels(),
                    planar: false,
                },
                bytes: &formed(image, kind, found),
                deep: kind.deep,
            }),
        };
        Ok(Outcome::Decoded(Picture {
            sizes,
            kind,
            bytes,
            turned: orientation != Orientation::NoTransforms,
            several: frames::several(file),
            rounded: deep && treatment.round,
        }))
    })
    .map_err(|error| encoded.placed(error))
}

/// Width and height of an image once it is turned.
fn size(decoder: &impl ImageDecoder, orientation: Orientation) -> Size {
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    match orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        _ => (width, height),
    }
}

/// Pixels of a kind and a size, native order.
fn formed(image: DynamicImage, kind: PixelKind, (width, height): Size) -> Vec<u8> {
    let size = (width as u32, height as u32);
    let bytes = |numbers: Vec<u16>| bytemuck::cast_slice(&numbers).to_vec();
    match (kind.colour, kind.deep) {
        (true, false) => sized(image.into_rgb8(), size),
        (false, false) => sized(image.into_luma8(), size),
        (true, true) => bytes(sized(image.into_rgb16(), size)),
        (false, true) => bytes(sized(image.into_luma16(), size)),
    }
}

/// The numbers of an image, resized if it has another size. A triangle's weights are positive: no value leaves the range
/// of those around it.
fn sized<P: Pixel + 'static>(
    image: ImageBuffer<P, Vec<P::Subpixel>>,
    (width, height): (u32, u32),
) -> Vec<P::Subpixel>
where
    P::Subpixel: 'static,
{
    if image.dimensions() == (width, height) {
        return image.into_raw();
    }
    resize(&image, width, height, FilterType::Triangle).into_raw()
}

/// The bytes of an image, and leave to hold those of a file.
fn whole(encoded: &Encoded) -> Result<(Cow<'_, [u8]>, Option<Pass>)> {
    match &encoded.content {
        Content::File => {
            let (bytes, pass) = file(&encoded.path)?;
            Ok((Cow::Owned(bytes), Some(pass)))
        }
        Content::Bytes(bytes) if bytes.is_empty() => {
            Err(encoded.placed(broken(&encoded.path, "it has no bytes")))
        }
        Content::Bytes(bytes) => Ok((Cow::Borrowed(bytes), None)),
        Content::Missing(why) => Err(encoded.placed(broken(&encoded.path, why))),
    }
}

/// The bytes of a file, and leave to hold them.
fn file(path: &Path) -> Result<(Vec<u8>, Pass)> {
    let failed = |action| move |error| Error::io(action, path, error);
    let file = File::open(path).map_err(failed("open"))?;
    let size = file.metadata().map_err(failed("read"))?.len();
    if size > LARGEST {
        return Err(broken(
            path,
            format!("the file has {size} bytes, and {LARGEST} is the most"),
        ));
    }
    if size == 0 {
        return Err(broken(path, "the file is empty"));
    }
    let pass = FILES.enter(size);
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(size)
        .read_to_end(&mut bytes)
        .map_err(failed("read"))?;
    Ok((bytes, pass))
}

/// A decoder whose header was read and is plausible.
fn decoder<'b>(path: &Path, bytes: &'b [u8]) -> Result<impl ImageDecoder + use<'b>> {
    let size = bytes.len() as u64;
    let most = LARGEST.min(PLAIN + RATIO * size);
    if let Some(fault) = checks::fault(bytes) {
        return Err(broken(path, fault));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes));
    if let Ok(format) = ImageFormat::from_path(path) {
        reader.set_format(format);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(most);
    reader.limits(limits);
    let decoder = reader
        .with_guessed_format()
        .map_err(|error| Error::io("read", path, error))?
        .into_decoder()
        .map_err(|error| broken(path, error))?;
    let claimed = decoder.total_bytes();
    if claimed == 0 {
        return Err(broken(path, "its width or height is 0"));
    }
    if claimed > most {
        let (width, height) = decoder.dimensions();
        return Err(broken(
            path,
            format!(
                "{width} x {height} pixels are claimed, {claimed} bytes, more than is taken from a file of {size} bytes"
            ),
        ));
    }
    Ok(decoder)
}

/// The file is at fault.
fn broken(path: &Path, what: impl std::fmt::Display) -> Error {
    input_error(
        path,
        Place::Whole,
        format!("the image cannot be decoded: {what}"),
        "mend or remove it, or leave out such files with --skip-broken",
    )
}

/// A bound on what is in work at the same time.
struct Gate {
    most: u64,
    used: Mutex<u64>,
    left: Condvar,
}

/// Leave to hold some bytes, until dropped.
struct Pass {
    gate: &'static Gate,
    bytes: u64,
}

impl Gate {
    const fn new(most: u64) -> Self {
        Gate {
            most,
            used: Mutex::new(0),
            left: Condvar::new(),
        }
    }

    /// Wait until there is room. What alone is more than the bound has it to itself.
    ///
    /// Whoever waits here holds no lock that those inside need: files come before pixels, and pixels leave by
    /// themselves.
    fn enter(&'static self, bytes: u64) -> Pass {
        let bytes = bytes.min(self.most);
        // A poisoned lock still holds a whole number.
        let used = self.used.lock().unwrap_or_else(|held| held.into_inner());
        let mut used = self
            .left
            .wait_while(used, |used| *used + bytes > self.most)
            .unwrap_or_else(|held| held.into_inner());
        *used += bytes;
        Pass { gate: self, bytes }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        *self
            .gate
            .used
            .lock()
            .unwrap_or_else(|held| held.into_inner()) -= self.bytes;
        self.gate.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_wider_kind_holds_the_same_picture() {
        let kind = |colour, deep| PixelKind { colour, deep };
        let widened = |bytes: &[u8], from, to| {
            let mut out = vec![9];
            widen(bytes, from, to, &mut out);
            out.split_off(1)
        };
        let words = |numbers: &[u16]| bytemuck::cast_slice(numbers).to_vec();
        let (grey, deep, rgb, both) = (
            kind(false, false),
            kind(false, true),
            kind(true, false),
            kind(true, true),
        );
        assert_eq!(widened(&[1, 2], grey, grey), [1, 2]);
        assert_eq!(widened(&[1, 2], grey, rgb), [1, 1, 1, 2, 2, 2]);
        assert_eq!(widened(&[0, 255], grey, deep), words(&[0, 65_535]));
        assert_eq!(widened(&[3], grey, both), words(&[771, 771, 771]));
        assert_eq!(
            widened(&words(&[7, 258]), deep, both),
            words(&[7, 7, 7, 258, 258, 258])
        );
        assert_eq!(widened(&[1, 2, 3], rgb, both), words(&[257, 514, 771]));
        assert_eq!(rgb.with(deep), both);
    }

    #[test]
    fn the_gate_lets_in_no_more_than_its_bound() {
        static GATE: Gate = Gate::new(10);
        static INSIDE: AtomicU64 = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8u64 {
                scope.spawn(move || {
                    for round in 0..200 {
                        // Some are larger than the bound, and enter alone.
                        let bytes = (thread * 7 + round) % 14;
                        let pass = GATE.enter(bytes);
                        let now = INSIDE.fetch_add(pass.bytes, Ordering::SeqCst) + pass.bytes;
                        assert!(now <= 10, "{now}");
                        INSIDE.fetch_sub(pass.bytes, Ordering::SeqCst);
                        drop(pass);
                    }
                });
            }
        });
        assert_eq!(*GATE.used.lock().unwrap(), 0);
    }
}
