//! Contact sheets: pictures of the queries that a comparison picked, beside the reference images of their certificates.
//!
//! Pictures are copied pixel by pixel: enlarged by a whole factor, so that their own pixels stay visible, or reduced.

use super::numerals::{number, percent};
use super::plot::drawing::{
    Drawing, LINE, Place, SCALE, SMALL, START, TINY, TITLE, fitted, wrapped,
};
use super::plot::to_png;
use crate::error::{Error, Result};
use crate::rows::images::Shape;
use crate::rows::{Element, Rows};
use crate::space::pixel_index::index;
use crate::study::compare::{Pick, Picks, Picture};
use image::imageops::{FilterType, replace, resize};
use image::{DynamicImage, ImageBuffer, Rgb, RgbImage};

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
pub const WIDTH: f64 = (ROWS + 5) as f64 * (CELL + GAP) + 4.0 * GAP + 2.0 * MARGIN;

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

/// A picture: red, green and blue of each pixel.
type Colours = ImageBuffer<Rgb<f64>, Vec<f64>>;

/// The sheet of a space as PNG: its most interpolated queries with nearest reference image and certificate, and its most
/// extrapolated ones. `None` where there is nothing to show.
///
/// Bytes are shown from 0 to 255, other values from the least to the largest that is on the sheet.
///
/// Errors: picks of rows that do not exist ([`Error::Usage`]), sets that cannot be read.
pub fn sheet(space: &str, picks: &Picks, pictures: &Pictures) -> Result<Option<Vec<u8>>> {
    if picks.interpolated.is_empty() && picks.extrapolated.is_empty() {
        return Ok(None);
    }
    let bytes = |set: &ImageSet| set.rows.element() == Element::U8;
    let mut sheet = Sheet::filled(space, picks, pictures, (0.0, 255.0))?;
    if !bytes(&pictures.reference) || !bytes(&pictures.queries) {
        sheet = Sheet::filled(space, picks, pictures, sheet.values)?;
    }
    let png = sheet.png().map(Some);
    png.map_err(|why| {
        Error::Usage(format!(
            "the contact sheet of {space} cannot be drawn: {why}"
        ))
    })
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

    fn picture(&self, row: u64) -> Result<Colours> {
        let (shape, rows, dim) = (self.shape, self.rows.len(), self.rows.dim());
        if row >= rows as u64 || shape.height * shape.width * shape.channels != dim {
            let name = self.rows.name();
            return Err(Error::Usage(format!(
                "cannot show row {row} as {shape}: {name} has {rows} rows of {dim} numbers"
            )));
        }
        let mut values = vec![0.0; dim];
        self.rows.gather(&[row as usize], &mut values)?;
        Ok(colours(shape, |at| values.get(at).copied()))
    }
}

/// The numbers of an image as colours; of two channels the first is used, of four the first three.
fn colours(shape: Shape, value: impl Fn(usize) -> Option<f64>) -> Colours {
    let last = if shape.channels < 3 { 0 } else { 2 };
    Colours::from_fn(shape.width as u32, shape.height as u32, |x, y| {
        let at = |channel: usize| index(shape, y as usize, x as usize, channel.min(last));
        Rgb([0, 1, 2].map(|channel| value(at(channel)).unwrap_or(0.0)))
    })
}

/// An image that a space made.
fn made(picture: &Picture) -> Colours {
    let value = |at: usize| picture.values.get(at).map(|value| f64::from(*value));
    colours(picture.shape, value)
}

/// The weighted mean of the rows of a certificate; `None` without one.
fn mean(pick: &Pick, reference: &ImageSet) -> Result<Option<Colours>> {
    if let Some(mean) = &pick.mean {
        return Ok(Some(made(mean)));
    }
    let mut sums = None;
    for (row, weight) in &pick.support {
        let picture = reference.picture(*row)?;
        let sums = sums.get_or_insert_with(|| Colours::new(picture.width(), picture.height()));
        let both = sums.iter_mut().zip(picture.iter());
        both.for_each(|(sum, value)| *sum += weight * value);
    }
    Ok(sums)
}

/// The row of the nearest reference image, if neighbours were computed.
fn nearest(pick: &Pick) -> Option<u64> {
    (pick.nearest_ratio < f64::MAX).then_some(pick.nearest)
}

/// The rows of a certificate that are shown, with their weights.
fn heaviest(pick: &Pick) -> &[(u64, f64)] {
    let support = &pick.support;
    let enough = support.iter().take_while(|(_, weight)| *weight >= WEIGHT);
    &support[..enough.count().clamp(1, ROWS).min(support.len())]
}

/// A picture between the values of black and white: enlarged by a whole factor, or reduced, so that its longer side is at most
/// [`SIDE`] and more than half of it.
fn shown(picture: &Colours, (black, white): (f64, f64)) -> RgbImage {
    let level = |value: f64| {
        let share = (value - black) / (white - black);
        // A set whose values are all equal is grey.
        (255.0 * if share.is_finite() { share } else { 0.5 }).round() as u8
    };
    let (width, height) = picture.dimensions();
    let image = RgbImage::from_fn(width, height, |x, y| {
        Rgb(picture.get_pixel(x, y).0.map(level))
    });
    match SIDE / width.max(height).max(1) {
        0 => DynamicImage::from(image)
            .resize(SIDE, SIDE, FilterType::Triangle)
            .into_rgb8(),
        factor => resize(&image, width * factor, height * factor, FilterType::Nearest),
    }
}

/// A sheet while it is filled from top to bottom.
struct Sheet<'a> {
    pictures: &'a Pictures<'a>,
    /// Whether distances to the hull are margins.
    margins: bool,
    drawing: Drawing,
    /// Pictures with their positions.
    images: Vec<(RgbImage, Place)>,
    /// The upper left corner of the next picture.
    at: Place,
    /// The values of black and white, and the least and the largest value of the pictures.
    range: (f64, f64),
    values: (f64, f64),
}

impl<'a> Sheet<'a> {
    fn filled(
        space: &str,
        picks: &Picks,
        pictures: &'a Pictures<'a>,
        range: (f64, f64),
    ) -> Result<Self> {
        let mut drawing = Drawing::default();
        (drawing.width, drawing.height) = (WIDTH, MARGIN);
        let mut sheet = Sheet {
            pictures,
            margins: picks.margins,
            drawing,
            images: Vec::new(),
            at: (MARGIN, MARGIN),
            range,
            values: (f64::INFINITY, f64::NEG_INFINITY),
        };
        sheet.lines(space, TITLE);
        sheet.lines(distances(picks), SMALL);
        NOTES.iter().for_each(|note| sheet.lines(note, SMALL));
        let interpolated = "Most interpolated: inside, or least far outside";
        sheet.section(interpolated, &picks.interpolated)?;
        sheet.section("Most extrapolated", &picks.extrapolated)?;
        if picks.extrapolated.is_empty() {
            sheet.lines("No query is outside", TITLE);
        }
        Ok(sheet)
    }

    /// Text across the sheet.
    fn lines(&mut self, text: &str, size: f64) {
        for line in wrapped(text, size, WIDTH - 2.0 * MARGIN) {
            let height = LINE.max(1.7 * size);
            let at = (MARGIN, self.drawing.height + 0.5 * height);
            self.drawing.text(&line, size, at, START);
            self.drawing.height += height;
        }
    }

    /// A heading, and queries below it: those without a certificate beside each other.
    fn section(&mut self, title: &str, picks: &[Pick]) -> Result<()> {
        if !picks.is_empty() {
            self.drawing.height += GAP;
            self.lines(title, TITLE);
        }
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
        let pictures = self.pictures;
        let most = if pick.support.is_empty() {
            QUERY - GAP
        } else {
            WIDTH
        };
        for text in captions(pick, self.margins, pictures) {
            let text = fitted(&text, SMALL, most);
            let at = (self.at.0, self.at.1 + 0.5 * LINE);
            self.drawing.text(&text, SMALL, at, START);
            self.at.1 += LINE;
        }
        self.at.1 += 3.0;
        let mut query = pictures.queries.picture(pick.query)?;
        self.shot(&query, &["query"]);
        if let Some(seen) = &pick.seen {
            query = made(seen);
            self.shot(&query, &["transformed", "by the space"]);
        }
        if let Some(row) = nearest(pick) {
            self.reference("nearest", row)?;
        }
        if let Some(mean) = mean(pick, &pictures.reference)? {
            let both = query.iter_mut().zip(mean.iter());
            both.for_each(|(own, mean)| *own -= mean);
            self.at.0 += 2.0 * GAP;
            self.shot(&mean, &["mean"]);
            let (black, white) = self.range;
            self.picture(&query, (black - white, white - black), &["difference"]);
            self.at.0 += 2.0 * GAP;
        }
        let mut rows = heaviest(pick).iter();
        rows.try_for_each(|(row, weight)| self.reference(&format!("{} %", percent(*weight)), *row))
    }

    /// A reference image with what it is, its name and its class.
    fn reference(&mut self, what: &str, row: u64) -> Result<()> {
        let set = &self.pictures.reference;
        self.shot(&set.picture(row)?, &[what, &set.name(row), &set.class(row)]);
        Ok(())
    }

    /// A picture of values between black and white, with lines below it.
    fn shot(&mut self, picture: &Colours, texts: &[&str]) {
        self.values = picture.iter().fold(self.values, |(least, most), value| {
            (least.min(*value), most.max(*value))
        });
        self.picture(picture, self.range, texts);
    }

    fn picture(&mut self, picture: &Colours, range: (f64, f64), texts: &[&str]) {
        let (x, y) = self.at;
        self.images.push((shown(picture, range), self.at));
        for (line, text) in texts.iter().enumerate() {
            let text = fitted(text, TINY, CELL + GAP - 2.0);
            let at = (x, y + CELL + 8.0 + BELOW * line as f64);
            self.drawing.text(&text, TINY, at, START);
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
    let mut name = vec![queries.name(pick.query), queries.class(pick.query)];
    name.retain(|part| !part.is_empty());
    let ratio = nearest(pick).map(|_| format!("; nearest {}", number(pick.nearest_ratio)));
    let found = judged(pick, margins) + &ratio.unwrap_or_default();
    [name.join(", "), found]
}

/// The verdict, with the distance to the hull or, if that was not computed, the margin.
fn judged(pick: &Pick, margins: bool) -> String {
    match pick.verdict.as_str() {
        "inside" => match (pick.support.len(), heaviest(pick).len()) {
            (all, shown) if all == shown => "inside".into(),
            (all, shown) => format!("inside; {shown} of the certificate's {all} rows shown"),
        },
        "outside" if margins => format!("outside, margin {}", number(pick.distance_ratio)),
        "outside" => format!("outside by {}", number(pick.distance_ratio)),
        other => other.into(),
    }
}
