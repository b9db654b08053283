//! The built-in data set: 7,000 Fashion-MNIST images (MIT licence, see `assets/README.md`), embedded in the program
//! as grey contact sheets.

use super::Memory;
use crate::error::{Error, Place, Result};
use std::io::Cursor;

/// The side of an image in pixels.
const SIDE: usize = 28;

const REFERENCE: &[u8] = include_bytes!("../../assets/fashion-reference.png");
const QUERIES: &[u8] = include_bytes!("../../assets/fashion-queries.png");

/// Classes of the reference images, 0 to 9.
pub const REFERENCE_LABELS: &[u8] = include_bytes!("../../assets/fashion-reference.labels");

/// Classes of the query images, 0 to 9.
pub const QUERY_LABELS: &[u8] = include_bytes!("../../assets/fashion-queries.labels");

/// The class that the sample's trained network predicts for each query: its largest logit.
pub const QUERY_PREDICTIONS: &[u8] = include_bytes!("../../assets/fashion-queries.predictions");

/// The names of the classes.
pub const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// The names of the two sets.
pub const NAMES: [&str; 2] = [
    "built-in Fashion-MNIST training images",
    "built-in Fashion-MNIST test images",
];

/// 6,000 training images: 6,000 x 784 bytes.
pub fn reference() -> Result<Memory> {
    sheet(NAMES[0], REFERENCE, REFERENCE_LABELS.len())
}

/// 1,000 test images: 1,000 x 784 bytes.
pub fn queries() -> Result<Memory> {
    sheet(NAMES[1], QUERIES, QUERY_LABELS.len())
}

/// Cuts a contact sheet into its images, row by row.
fn sheet(name: &str, png: &[u8], count: usize) -> Result<Memory> {
    let damaged = |what: String| {
        Error::input(
            name,
            Place::Whole,
            what,
            "the program's file is damaged; install it again",
        )
    };
    let sheet = image::ImageReader::with_format(Cursor::new(png), image::ImageFormat::Png)
        .decode()
        .map_err(|error| damaged(error.to_string()))?
        .into_luma8();
    let (width, height) = (sheet.width() as usize, sheet.height() as usize);
    if width / SIDE * (height / SIDE) != count || width % SIDE != 0 {
        return Err(damaged(format!(
            "the sheet is {width} x {height} pixels, not {count} images"
        )));
    }
    let (pixels, across) = (sheet.as_raw(), width / SIDE);
    let images = (0..count).flat_map(|image| {
        let corner = image / across * SIDE * width + image % across * SIDE;
        (0..SIDE).flat_map(move |y| &pixels[corner + y * width..][..SIDE])
    });
    let pixels = images.copied().collect();
    Ok(Memory::from_u8(name, SIDE * SIDE, pixels).with_axes(&[SIDE, SIDE]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Rows;

    #[test]
    fn shapes_and_balance() {
        let (reference, queries) = (reference().unwrap(), queries().unwrap());
        assert_eq!((reference.len(), reference.dim()), (6000, 784));
        assert_eq!((queries.len(), queries.dim()), (1000, 784));
        for class in 0..10 {
            assert_eq!(
                REFERENCE_LABELS.iter().filter(|&&l| l == class).count(),
                600
            );
            assert_eq!(QUERY_LABELS.iter().filter(|&&l| l == class).count(), 100);
        }
    }

    /// FNV-1a of the pixels, computed from the original files: a decoder that changes a pixel changes it.
    #[test]
    fn pixels_are_those_of_the_original() {
        let hash = |rows: Memory| {
            let mut values = vec![0.0; rows.len() * rows.dim()];
            rows.read_f64(0, &mut values).unwrap();
            let step = |hash: u64, v: &f64| (hash ^ *v as u64).wrapping_mul(0x0100_0000_01b3);
            values.iter().fold(0xcbf2_9ce4_8422_2325, step)
        };
        assert_eq!(hash(reference().unwrap()), REFERENCE_HASH);
        assert_eq!(hash(queries().unwrap()), QUERIES_HASH);
    }
    const REFERENCE_HASH: u64 = 0x64c0_77bb_4f81_352f;
    const QUERIES_HASH: u64 = 0x2fb9_806b_88fa_a7a8;
}
