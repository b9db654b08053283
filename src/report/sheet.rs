//! Contact sheets: pictures of the queries that a comparison picked, beside the reference images of their certificates.
//!
//! Pictures are copied pixel by pixel: enlarged by a whole factor, so that their own pixels stay visible, or reduced.

use super::numerals::{number, percent};
use super::plot::drawing::{
    Anchor, Drawing, LINE, Place, SCALE, SMALL, TINY, TITLE, fitted, wrapped,
};
use super::plot::to_png;
use crate::error::{Error, Result};
use crate::rows::images::Shape;
use crate::rows::{Element, Rows};
use crate::study::compare::{Pick, Picks, Picture};
use image::imageops::{FilterType, replace, resize};
use image::{Rgb, RgbImage};

/// The largest side of a picture in pixels; the longer side of every picture is more than half of it.
const SIDE: u32 = 112;

/// Lengths in points: the side of a picture, the gap between pictures, the margin of the sheet, a line below a picture.
const CELL: f64 = SIDE as f64 / SCALE;
const GAP: f64 = 8.0;
const MARGIN: f64 = 14.0;
const BELOW: f64 = 12.0;

/// The most rows of a certificate that are shown, and their least weight; the heaviest row is always shown.
const ROWS: usize = 8;
const WEIGHT: f64 = 0.01;

/// Widths in points: of a query without a certificate, and of the sheet, in which one with a certificate takes a row.
const QUERY: f64 = 3.0 * (CELL + GAP) + 3.0 * GAP;
const WIDTH: f64 = (ROWS + 5) as f64 * (CELL + GAP) + 4.0 * GAP + 2.0 * MARGIN;

/// The height of a query with its texts.
const HEIGHT: f64 = 2.0 * LINE + CELL + 3.0 * BELOW + 1.5 * GAP;

const NOTES: [&str; 2] = [
    "percentages: weights of the certificate's rows (their weighted mean in this space is the query); at most eight, of 1 % or more",
    "mean: of all rows of the certificate, transformed by the space; difference: query minus mean, grey where it is 0",
];

/// The two sets of images that picks refer to by row.
pub struct Pictures<'a> {
    pub reference: ImageSet<'a>,
    pub queries: ImageSet<'a>,
}

/// A set of images.
pub struct ImageSet<'a> {
    /// What its images are called.
    pub word: &'static str,
    pub rows: &'a dyn Rows,
    pub shape: Shape,
    /// The class of each image, and the names of classes; empty where classes are not known.
    pub classes: &'a [u32],
    pub names: &'a [String],
}

/// The sheet of a space as PNG: its most interpolated queries with nearest reference image and certificate, and its most
/// extrapolated ones. `None` where there is nothing to show.
///
/// Bytes are shown from 0 to 255, other values from the least to the largest that is on the sheet.
///
/// Errors: picks of rows that do not exist ([`Error::Usage`]), sets that cannot be read.
pub fn sheet(space: &str, picks: &Picks, pictures: &Pictures) -> Result<Option<Vec<u8>>> {
    let (first, last) = (&picks.interpolated, &picks.extrapolated);
    if first.is_empty() && last.is_empty() {
        return Ok(None);
    }
    let mut sheet = Sheet::new(space, picks, pictures)?;
    match first.iter().all(|pick| pick.support.is_empty()) {
        true => sheet.section("No query is inside; least far from the hull", first)?,
        false => sheet.section("Most interpolated", first)?,
    }
    match last.is_empty() {
        true => sheet.section("No query is outside", last)?,
        false => sheet.section("Most extrapolated", last)?,
    }
    let what = format!("the contact sheet of {space} cannot be drawn");
    let png = sheet.png().map(Some);
    png.map_err(|why| Error::Usage(format!("{what}: {why}")))
}

impl ImageSet<'_> {
    /// `test 123`: the number in the file.
    fn name(&self, row: u64) -> String {
        format!("{} {}", self.word, self.rows.number(row as usize))
    }

    /// The class of an image; empty where it is not known.
    fn class(&self, row: u64) -> String {
        let class = self.classes.get(row as usize);
        class.map_or(String::new(), |class| {
            let name = self.names.get(*class as usize).cloned();
            name.unwrap_or_else(|| class.to_string())
        })
    }

    fn picture(&self, row: u64) -> Result<Picture> {
        let (rows, shape) = (self.rows, self.shape);
        let numbers = shape.height * shape.width * shape.channels;
        if row >= rows.len() as u64 || numbers != rows.dim() {
            return Err(Error::Usage(format!(
                "cannot show row {row} as an image of {} x {} pixels with {} channels: {} has {} rows of {} numbers",
                shape.width,
                shape.height,
                shape.channels,
                rows.name(),
                rows.len(),
                rows.dim()
            )));
        }
        let mut values = vec![0.0; numbers];
        rows.gather(&[row as usize], &mut values)?;
        let values = values.iter().map(|value| *value as f32).collect();
        Ok(pixelwise(&Picture { shape, values }))
    }
}

/// The picture with the channels of a pixel beside each other.
fn pixelwise(picture: &Picture) -> Picture {
    let (mut shape, values) = (picture.shape, &picture.values);
    let (pixels, channels) = (shape.height * shape.width, shape.channels);
    let from = |at: usize| match picture.shape.planar {
        true => at % channels * pixels + at / channels,
        false => at,
    };
    shape.planar = false;
    let values = (0..values.len()).map(|at| values[from(at)]).collect();
    Picture { shape, values }
}

/// The values of black and white.
type Range = (f64, f64);

/// The values of black and white for the images of picks.
fn range(picks: &Picks, pictures: &Pictures) -> Result<Range> {
    let bytes = |set: &ImageSet| set.rows.element() == Element::U8;
    if bytes(&pictures.reference) && bytes(&pictures.queries) {
        return Ok((0.0, 255.0));
    }
    let (mut black, mut white) = (f64::INFINITY, f64::NEG_INFINITY);
    for pick in picks.interpolated.iter().chain(&picks.extrapolated) {
        let support = heaviest(pick).iter().map(|(row, _)| *row);
        let rows = support.chain(nearest(pick));
        let images = rows.map(|row| pictures.reference.picture(row));
        for image in images.chain([pictures.queries.picture(pick.query)]) {
            for value in image?.values.into_iter().map(f64::from) {
                (black, white) = (black.min(value), white.max(value));
            }
        }
    }
    Ok((black, white))
}

/// The row of the nearest reference image, if neighbours were computed.
fn nearest(pick: &Pick) -> Option<u64> {
    (pick.nearest_ratio < f64::MAX).then_some(pick.nearest)
}

/// The picture that a certificate's mean is compared with, and the mean; `None` without a certificate.
fn compared(pick: &Pick, pictures: &Pictures) -> Result<Option<[Picture; 2]>> {
    if let (Some(seen), Some(mean)) = (&pick.seen, &pick.mean) {
        return Ok(Some([pixelwise(seen), pixelwise(mean)]));
    }
    let mean = mean(&pictures.reference, &pick.support)?;
    let asked = pictures.queries.picture(pick.query)?;
    Ok(mean.map(|mean| [asked, mean]))
}

/// The weighted mean of the images of a certificate; `None` without one.
fn mean(reference: &ImageSet, support: &[(u64, f64)]) -> Result<Option<Picture>> {
    let Some((first, _)) = support.first() else {
        return Ok(None);
    };
    let mut mean = reference.picture(*first)?;
    let mut sums = vec![0.0; mean.values.len()];
    for (row, weight) in support {
        let picture = reference.picture(*row)?;
        let both = sums.iter_mut().zip(&picture.values);
        both.for_each(|(sum, value)| *sum += weight * f64::from(*value));
    }
    mean.values = sums.iter().map(|sum| *sum as f32).collect();
    Ok(Some(mean))
}

/// The rows of a certificate that are shown, with their weights.
fn heaviest(pick: &Pick) -> &[(u64, f64)] {
    let support = &pick.support;
    let enough = support.iter().take_while(|(_, weight)| *weight >= WEIGHT);
    &support[..enough.count().clamp(1, ROWS).min(support.len())]
}

/// Numbers as colours; of two channels the first is used, of four the first three.
fn colours(picture: &Picture, (black, white): Range) -> RgbImage {
    let Shape {
        width,
        height,
        channels,
        ..
    } = picture.shape;
    let level = |at: usize| {
        let value = picture.values.get(at).copied().map_or(black, f64::from);
        let share = (value - black) / (white - black);
        // A set whose values are all equal is grey.
        let share = if share.is_finite() { share } else { 0.5 };
        (255.0 * share).round() as u8
    };
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let first = (y as usize * width + x as usize) * channels;
        let last = if channels < 3 { 0 } else { 2 };
        Rgb([0, 1, 2].map(|channel: usize| level(first + channel.min(last))))
    })
}

/// The image enlarged by a whole factor, or reduced, so that its longer side is at most [`SIDE`] and more than half of it.
fn scaled(image: &RgbImage) -> RgbImage {
    let (width, height) = image.dimensions();
    let longer = width.max(height).max(1);
    if longer <= SIDE {
        let factor = SIDE / longer;
        return resize(image, width * factor, height * factor, FilterType::Nearest);
    }
    let reduced = |side: u32| (side * SIDE).div_ceil(longer).max(1);
    resize(image, reduced(width), reduced(height), FilterType::Triangle)
}

/// A sheet while it is filled from top to bottom.
struct Sheet<'a> {
    pictures: &'a Pictures<'a>,
    range: Range,
    /// Whether distances to the hull are margins.
    margins: bool,
    drawing: Drawing,
    /// Pictures with their positions.
    images: Vec<(RgbImage, Place)>,
    /// The upper left corner of the next picture.
    at: Place,
}

impl<'a> Sheet<'a> {
    /// A sheet with a heading.
    fn new(space: &str, picks: &Picks, pictures: &'a Pictures<'a>) -> Result<Self> {
        let mut drawing = Drawing::default();
        (drawing.width, drawing.height) = (WIDTH, MARGIN);
        let mut sheet = Sheet {
            pictures,
            range: range(picks, pictures)?,
            margins: picks.margins,
            drawing,
            images: Vec::new(),
            at: (MARGIN, MARGIN),
        };
        sheet.lines(space, TITLE);
        sheet.lines(distances(picks), SMALL);
        NOTES.iter().for_each(|note| sheet.lines(note, SMALL));
        Ok(sheet)
    }

    /// Text across the sheet.
    fn lines(&mut self, text: &str, size: f64) {
        for line in wrapped(text, size, WIDTH - 2.0 * MARGIN) {
            let height = LINE.max(1.7 * size);
            let at = (MARGIN, self.drawing.height + 0.5 * height);
            self.drawing.text(&line, size, at, Anchor::Start);
            self.drawing.height += height;
        }
    }

    /// A heading, and queries below it: those without a certificate beside each other.
    fn section(&mut self, title: &str, picks: &[Pick]) -> Result<()> {
        self.drawing.height += GAP;
        self.lines(title, TITLE);
        let mut left = WIDTH;
        for pick in picks {
            if left + QUERY > WIDTH || !pick.support.is_empty() {
                left = MARGIN;
                self.drawing.height += HEIGHT;
            }
            self.at = (left, self.drawing.height - HEIGHT);
            self.query(pick)?;
            left += QUERY;
        }
        Ok(())
    }

    /// A query: two lines, and below them its own pictures, the mean of its certificate, and the certificate's rows.
    fn query(&mut self, pick: &Pick) -> Result<()> {
        for text in captions(pick, self.margins, self.pictures) {
            let most = if pick.support.is_empty() {
                QUERY - GAP
            } else {
                WIDTH
            };
            let at = (self.at.0, self.at.1 + 0.5 * LINE);
            self.drawing
                .text(&fitted(&text, SMALL, most), SMALL, at, Anchor::Start);
            self.at.1 += LINE;
        }
        self.at.1 += 3.0;
        let (range, (black, white)) = (self.range, self.range);
        self.shot(
            &self.pictures.queries.picture(pick.query)?,
            range,
            &["query"],
        );
        if let Some(seen) = &pick.seen {
            self.shot(&pixelwise(seen), range, &["transformed", "by the space"]);
        }
        if let Some(row) = nearest(pick) {
            self.reference("nearest", row)?;
        }
        if let Some([own, mean]) = compared(pick, self.pictures)? {
            let both = own.values.iter().zip(&mean.values);
            let difference = Picture {
                values: both.map(|(own, mean)| own - mean).collect(),
                ..mean
            };
            self.at.0 += 2.0 * GAP;
            self.shot(&mean, range, &["mean"]);
            self.shot(&difference, (black - white, white - black), &["difference"]);
            self.at.0 += 2.0 * GAP;
        }
        let mut rows = heaviest(pick).iter();
        rows.try_for_each(|(row, weight)| self.reference(&format!("{} %", percent(*weight)), *row))
    }

    /// A reference image with what it is, its name and its class.
    fn reference(&mut self, what: &str, row: u64) -> Result<()> {
        let set = &self.pictures.reference;
        let (name, class) = (set.name(row), set.class(row));
        self.shot(&set.picture(row)?, self.range, &[what, &name, &class]);
        Ok(())
    }

    /// A picture with lines below it.
    fn shot(&mut self, picture: &Picture, range: Range, texts: &[&str]) {
        let (x, y) = self.at;
        self.images
            .push((scaled(&colours(picture, range)), self.at));
        for (line, text) in texts.iter().enumerate() {
            let text = fitted(text, TINY, CELL + GAP - 2.0);
            let at = (x, y + CELL + 8.0 + BELOW * line as f64);
            self.drawing.text(&text, TINY, at, Anchor::Start);
        }
        self.at.0 += CELL + GAP;
    }

    fn png(mut self) -> Result<Vec<u8>, String> {
        self.drawing.height += MARGIN;
        let mut sheet = self.drawing.pixels()?;
        for (picture, (x, y)) in &self.images {
            let (left, top) = ((x * SCALE) as i64, (y * SCALE) as i64);
            let (width, height) = picture.dimensions();
            let edge = RgbImage::from_pixel(width + 2, height + 2, Rgb([170; 3]));
            replace(&mut sheet, &edge, left - 1, top - 1);
            replace(&mut sheet, picture, left, top);
        }
        to_png(sheet)
    }
}

/// The unit of the distances on a sheet.
fn distances(picks: &Picks) -> &'static str {
    if picks.margins {
        "margins are certified lower bounds of the distance to the hull, often far below it"
    } else if picks.without_unit {
        "distances to the hull are certified lower bounds; all are in the units of the space"
    } else {
        "distances to the hull are certified lower bounds; all are in median nearest distances of the reference"
    }
}

/// The lines above a query: its name and class; its verdict and distances, or margins.
pub fn captions(pick: &Pick, margins: bool, pictures: &Pictures) -> [String; 2] {
    let queries = &pictures.queries;
    let (name, class) = (queries.name(pick.query), queries.class(pick.query));
    let judged = judged(pick, margins);
    [
        if class.is_empty() {
            name
        } else {
            format!("{name}, {class}")
        },
        match nearest(pick) {
            Some(_) => format!("{judged}; nearest {}", number(pick.nearest_ratio)),
            None => judged,
        },
    ]
}

/// The verdict, with the distance to the hull or, if that was not computed, the margin.
fn judged(pick: &Pick, margins: bool) -> String {
    match pick.verdict.as_str() {
        "inside" => {
            let (all, shown) = (pick.support.len(), heaviest(pick).len());
            format!("inside; {shown} of the certificate's {all} rows shown")
        }
        "outside" if margins => format!("outside, margin {}", number(pick.distance_ratio)),
        "outside" => format!("outside by {}", number(pick.distance_ratio)),
        other => other.into(),
    }
}
