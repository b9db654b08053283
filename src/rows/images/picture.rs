//! Decodes one encoded image: a file, or the bytes in a row of a table.
//!
//! The `image` crate decodes; the content decides the format. The size that a header claims is checked against the size
//! of the file before it is allocated, and images that are decoded concurrently share a bound on their memory.

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

/// The largest file of an image, and the most bytes of its pixels.
const LARGEST: u64 = 512 << 20;

/// The bytes of pixels that any file may claim, and how many more for each of its bytes: GIF's LZW, the densest format
/// for long runs of one colour, expands a byte to 11,000.
const PLAIN: u64 = 64 << 20;
const RATIO: u64 = 1 << 14;

/// Bounds on the file bytes and the pixel bytes that all threads hold at the same time (one larger image alone is
/// allowed).
const AT_ONCE: u64 = 128 << 20;

static FILES: Gate = Gate::new(AT_ONCE);
static PIXELS: Gate = Gate::new(AT_ONCE);

/// An image that is still encoded.
pub(super) struct Encoded {
    /// The image file, or the file of the table that holds it.
    pub path: PathBuf,
    /// The row in the table.
    pub place: Place,
    pub content: Content,
}

/// Where the bytes of an image are.
pub(super) enum Content {
    /// The bytes are the whole file.
    File,
    Bytes(Vec<u8>),
    /// There are no bytes, for this reason.
    Missing(String),
}

impl Encoded {
    /// The name of the image in messages.
    pub fn name(&self) -> String {
        format!("{}{}", self.path.display(), self.place)
    }

    /// The error for an image that cannot be prepared.
    pub fn unfit(&self, Misfit { what, advice }: Misfit) -> Error {
        Error::input(
            self.path.display().to_string(),
            self.place.clone(),
            what,
            advice,
        )
    }

    /// Turns an error about the file into one about this image.
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

/// The processing that each image of a set gets.
#[derive(Debug, Clone)]
pub(super) struct Treatment {
    /// Resize to this width and height.
    resize: Option<(usize, usize)>,
    /// Prepare for networks, if there is no resizing.
    prepare: Option<Arc<dyn Prepare>>,
    gray: bool,
    /// Whether to apply the EXIF orientation.
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

    /// The width and height of each image that is made of one of this width and height.
    pub fn sizes(&self, (width, height): Size) -> std::result::Result<Vec<Size>, Misfit> {
        match (&self.prepare, self.resize) {
            (Some(prepare), _) => prepare.sizes(width, height),
            (None, resize) => Ok(vec![resize.unwrap_or((width, height))]),
        }
    }

    /// Whether images are prepared for networks.
    pub fn prepares(&self) -> bool {
        self.prepare.is_some()
    }
}

/// The colour and depth of an image.
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

    /// The narrowest kind that represents both.
    pub fn with(self, other: PixelKind) -> PixelKind {
        PixelKind {
            colour: self.colour || other.colour,
            deep: self.deep || other.deep,
        }
    }
}

/// Converts pixel values to a wider kind: grey to three equal channels, 8 bits to 16 (255 becomes 65,535).
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

/// A decoded and processed image.
pub(super) struct Picture {
    /// The size of each image that was made of it.
    pub sizes: Vec<Size>,
    pub kind: PixelKind,
    /// The pixel values of these images, one image after the other, each (H, W, C) in native byte order.
    pub bytes: Vec<u8>,
    /// Whether the EXIF orientation rotated or mirrored it.
    pub turned: bool,
    /// Whether the file holds further frames or pages.
    pub several: bool,
    /// Whether its 16 bits were rounded to 8.
    pub rounded: bool,
}

/// The result of reading an image.
pub(super) enum Outcome {
    Decoded(Picture),
    /// The image has this width and height, which would give sizes other than those expected; it was not decoded.
    OtherSize(Size, Vec<Size>),
    /// The image cannot be prepared, and was not decoded.
    Unfit(Misfit),
}

/// Decodes an image if it has the expected sizes, or is resized or prepared to them.
///
/// An [`Error::Input`] is about this image; other errors are not.
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
            // An orientation that cannot be read is ignored.
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
        // Memory for the pixels, a converted copy, and what resampling allocates: columns of 4 floats, or rows and a
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

/// The width and height of an image after its orientation is applied.
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

/// Converts decoded pixels to a kind and a size, in native byte order.
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

/// The pixel values of an image, resized if it has another size. The triangle filter has positive weights, so no value
/// leaves the range of its neighbours.
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

/// The bytes of an encoded image. The pass reserves the memory of those read from a file.
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

/// The bytes of a file, and a pass that reserves their memory.
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

/// The error for an image that cannot be decoded.
fn broken(path: &Path, what: impl std::fmt::Display) -> Error {
    input_error(
        path,
        Place::Whole,
        format!("the image cannot be decoded: {what}"),
        "mend or remove it, or leave out such files with --skip-broken",
    )
}

/// A semaphore that bounds the bytes in use at the same time.
struct Gate {
    most: u64,
    used: Mutex<u64>,
    left: Condvar,
}

/// A reservation of bytes at a [`Gate`], released on drop.
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

    /// Waits until the bytes fit the bound, and reserves them. A request above the bound waits until nothing else is
    /// reserved.
    ///
    /// There is no deadlock: a thread reserves file bytes before pixel bytes, and waits for nothing while it holds
    /// pixel bytes.
    fn enter(&'static self, bytes: u64) -> Pass {
        let bytes = bytes.min(self.most);
        // The value is valid even if the lock is poisoned.
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
                        // Some requests exceed the bound, and are then admitted alone.
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
