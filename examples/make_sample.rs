//! Makes the built-in sample in `assets/` from the four Fashion-MNIST files.
//!
//! `cargo run --release --example make_sample -- FOLDER assets`, where FOLDER holds `train-images-idx3-ubyte.gz` and the
//! other three. Takes the first 600 training and the first 100 test images of each of the ten classes, keeps
//! them in file order, and writes them as grey contact sheets of 100 images a row, with the labels as raw bytes.
//! The same input gives the same bytes.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Read};
use std::path::{Path, PathBuf};

const SIDE: usize = 28;
const PER_ROW: usize = 100;

/// The body of a gzip'd IDX file, after `header` bytes.
fn body(path: PathBuf, header: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(File::open(&path)?).read_to_end(&mut bytes)?;
    if bytes.len() < header {
        return Err(format!("{} is too short", path.display()).into());
    }
    Ok(bytes.split_off(header))
}

/// The first `each` images of every class, in file order.
fn balanced(labels: &[u8], each: usize) -> Vec<usize> {
    let mut left = [each; 10];
    (0..labels.len())
        .filter(|&i| {
            let left = &mut left[labels[i] as usize];
            let take = *left > 0;
            *left -= usize::from(take);
            take
        })
        .collect()
}

/// Images side by side, `PER_ROW` a row.
fn sheet(images: &[u8], chosen: &[usize]) -> Vec<u8> {
    let width = PER_ROW * SIDE;
    let mut sheet = vec![0; chosen.len() / PER_ROW * SIDE * width];
    for (place, &image) in chosen.iter().enumerate() {
        let (row, column) = (place / PER_ROW * SIDE, place % PER_ROW * SIDE);
        for y in 0..SIDE {
            let from = image * SIDE * SIDE + y * SIDE;
            sheet[(row + y) * width + column..][..SIDE].copy_from_slice(&images[from..from + SIDE]);
        }
    }
    sheet
}

fn make(
    folder: &Path,
    assets: &Path,
    part: &str,
    name: &str,
    each: usize,
) -> Result<(), Box<dyn Error>> {
    let images = body(folder.join(format!("{part}-images-idx3-ubyte.gz")), 16)?;
    let labels = body(folder.join(format!("{part}-labels-idx1-ubyte.gz")), 8)?;
    let chosen = balanced(&labels, each);
    let sheet = sheet(&images, &chosen);
    let (width, height) = (PER_ROW * SIDE, sheet.len() / (PER_ROW * SIDE));
    let file = BufWriter::new(File::create(assets.join(format!("fashion-{name}.png")))?);
    PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::Adaptive).write_image(
        &sheet,
        width as u32,
        height as u32,
        ExtendedColorType::L8,
    )?;
    let labels: Vec<u8> = chosen.iter().map(|&i| labels[i]).collect();
    fs::write(assets.join(format!("fashion-{name}.labels")), labels)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder, assets] = arguments.as_slice() else {
        return Err("usage: make_sample FOLDER_OF_FASHION_MNIST ASSETS".into());
    };
    make(folder, assets, "train", "reference", 600)?;
    make(folder, assets, "t10k", "queries", 100)
}
