//! One image file: its header, and its pixels as bytes.
//!
//! The `image` crate decodes; the content says which format it is. A header's claim is held against the size of the file
//! before anything is allocated for it, and files that are decoded at the same time share a bound on their memory.

use super::checks;
use crate::error::{Error, Place, Result};
use crate::rows::input::input_error;
use crate::rows::parquet::guarded;
use image::imageops::{FilterType, resize};
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::{Condvar, Mutex};

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

/// What all images of a set have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Form {
    pub width: usize,
    pub height: usize,
    /// RGB; else grey.
    pub colour: bool,
    /// Whether images of other sizes are resized, and those with colour made grey.
    pub resize: bool,
    pub gray: bool,
}

impl Form {
    pub fn channels(&self) -> usize {
        if self.colour { 3 } else { 1 }
    }

    /// Bytes of an image.
    pub fn bytes(&self) -> usize {
        self.width * self.height * self.channels()
    }
}

/// What a header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub width: usize,
    pub height: usize,
    pub colour: bool,
}

/// An image that was read.
pub(super) enum Picture {
    /// Its bytes, (H, W, C); `deep` if they were rounded from 16 bits.
    Pixels { bytes: Vec<u8>, deep: bool },
    /// It has another size than the set's: width and height.
    OtherSize(usize, usize),
    /// It has colour, and the set is taken to be grey so far.
    Colour,
}

/// Read a file's header.
pub(super) fn header(path: &Path) -> Result<Header> {
    let (bytes, _pass) = whole(path)?;
    guarded(path, || {
        let decoder = decoder(path, bytes)?;
        let (width, height) = decoder.dimensions();
        Ok(Header {
            width: width as usize,
            height: height as usize,
            colour: decoder.color_type().has_color(),
        })
    })
}

/// Read a file in the form of its set.
///
/// [`Error::Input`] is about the file; other errors are not.
pub(super) fn read(path: &Path, form: &Form) -> Result<Picture> {
    let (bytes, _pass) = whole(path)?;
    guarded(path, || {
        let decoder = decoder(path, bytes)?;
        let (width, height) = decoder.dimensions();
        let kind = decoder.color_type();
        let same = (width as usize, height as usize) == (form.width, form.height);
        if !same && !form.resize {
            return Ok(Picture::OtherSize(width as usize, height as usize));
        }
        if kind.has_color() && !form.colour && !form.gray {
            return Ok(Picture::Colour);
        }
        if matches!(kind, ColorType::Rgb32F | ColorType::Rgba32F) {
            return Err(broken(
                path,
                "the pixels are floating-point numbers, whose range is not known",
            ));
        }
        // The pixels, a copy of another kind, and what a resize makes on its way: columns, of 4 floats.
        let between = if same {
            0
        } else {
            16 * u64::from(width) * form.height as u64
        };
        let _pass = PIXELS.enter(2 * decoder.total_bytes() + between);
        let image = DynamicImage::from_decoder(decoder).map_err(|error| broken(path, error))?;
        Ok(Picture::Pixels {
            bytes: formed(image, form),
            deep: kind.bytes_per_pixel() > kind.channel_count(),
        })
    })
}

/// Pixels as the set has them.
fn formed(image: DynamicImage, form: &Form) -> Vec<u8> {
    let (width, height) = (form.width as u32, form.height as u32);
    let same = (image.width(), image.height()) == (width, height);
    // A triangle's weights are positive: no value leaves the range of those around it.
    match (form.colour, same) {
        (true, true) => image.into_rgb8().into_raw(),
        (true, false) => resize(&image.into_rgb8(), width, height, FilterType::Triangle).into_raw(),
        (false, true) => image.into_luma8().into_raw(),
        (false, false) => {
            resize(&image.into_luma8(), width, height, FilterType::Triangle).into_raw()
        }
    }
}

/// The bytes of a file, and leave to hold them.
fn whole(path: &Path) -> Result<(Vec<u8>, Pass)> {
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
fn decoder(path: &Path, bytes: Vec<u8>) -> Result<impl ImageDecoder> {
    let size = bytes.len() as u64;
    let most = LARGEST.min(PLAIN + RATIO * size);
    if let Some(fault) = checks::fault(&bytes) {
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
