//! Contact sheets: pictures of the queries that a comparison picked, beside the reference images of their certificates.
//!
//! A sheet is a list of texts and pictures in points, drawn on the canvas of [`super::plot`] with the font that the program
//! carries. Pictures are copied pixel by pixel: enlarged by a whole factor, so that their own pixels stay visible, or
//! reduced.

use super::plot::canvas::{self, Canvas, SCALE, Size};
use super::plot::{on_pixels, register_font, to_png};
use crate::error::{Error, Result};
use crate::rows::images::Shape;
use crate::rows::{Element, Rows};
use crate::study::compare::{Classes, Pick, Picks};
use image::imageops::{FilterType, replace};
use image::{Rgb, RgbImage};
use plotters::prelude::IntoDrawingArea;

/// The largest side of a picture in pixels; the longer side of every picture is more than half of it.
const SIDE: u32 = 112;

/// Lengths in points: the side of a picture, the gap between pictures, the margin of the sheet, a line of text.
const CELL: f64 = SIDE as f64 / SCALE;
const GAP: f64 = 8.0;
const MARGIN: f64 = 14.0;
const LINE: f64 = 15.0;

/// Widths in points: of a cell with two pictures and their captions, and of the narrowest sheet.
const PAIR: f64 = 212.0;
const LEAST: f64 = 3.0 * PAIR + 2.0 * MARGIN;

/// The two sets of images that picks refer to by row.
pub struct Pictures<'a> {
    pub reference: &'a dyn Rows,
    pub reference_shape: Shape,
    pub queries: &'a dyn Rows,
    pub query_shape: Shape,
    pub classes: Option<&'a Classes>,
}

impl Pictures<'_> {
    fn set(&self, of: ImageSet) -> (&dyn Rows, Shape) {
        match of {
            ImageSet::Reference => (self.reference, self.reference_shape),
            ImageSet::Queries => (self.queries, self.query_shape),
        }
    }

    /// `test 123, Sneaker`: the number in the file, and the class.
    fn name(&self, of: ImageSet, row: u64) -> String {
        let word = match of {
            ImageSet::Reference => "train",
            ImageSet::Queries => "test",
        };
        let number = self.set(of).0.number(row as usize);
        match self.class(of, row).as_str() {
            "" => format!("{word} {number}"),
            class => format!("{word} {number}, {class}"),
        }
    }

    /// The class of an image; empty where it is not known.
    fn class(&self, of: ImageSet, row: u64) -> String {
        let class = self.classes.and_then(|classes| {
            let classes_of = match of {
                ImageSet::Reference => &classes.reference,
                ImageSet::Queries => &classes.queries,
            };
            let class = *classes_of.get(row as usize)?;
            let name = classes.names.get(class as usize).cloned();
            Some(name.unwrap_or_else(|| class.to_string()))
        });
        class.unwrap_or_default()
    }
}

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
    let shown = Shown::of(picks, pictures)?;
    let layout = SheetLayout::of(space, picks, &shown);
    let bytes = layout.draw();
    let what = format!("the contact sheet of {space} cannot be drawn");
    bytes
        .map(Some)
        .map_err(|why| Error::Usage(format!("{what}: {why}")))
}

/// The set that an image belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ImageSet {
    Reference,
    Queries,
}

/// The most rows of a certificate that are shown, and their least weight; the heaviest row is always shown.
const ROWS: usize = 8;
const WEIGHT: f64 = 0.01;

/// The number of rows that are read together.
const ROWS_PER_READ: usize = 16;

/// The rows of a certificate that are shown, with their weights.
fn heaviest(pick: &Pick) -> &[(u64, f64)] {
    let enough = pick
        .support
        .iter()
        .take_while(|(_, weight)| *weight >= WEIGHT);
    &pick.support[..enough.count().clamp(1, ROWS).min(pick.support.len())]
}

/// Every image on a sheet, and the values of black and white.
struct Shown<'a> {
    pictures: &'a Pictures<'a>,
    images: Vec<(ImageSet, u64, Vec<f64>)>,
    /// The weighted mean of each certificate's images, by the query's row.
    means: Vec<(u64, Vec<f64>)>,
    black: f64,
    white: f64,
    /// Whether distances to the hull are margins.
    margins: bool,
}

impl<'a> Shown<'a> {
    fn of(picks: &Picks, pictures: &'a Pictures<'a>) -> Result<Self> {
        let (mut images, mut means) = (Vec::new(), Vec::new());
        for pick in picks.interpolated.iter().chain(&picks.extrapolated) {
            let support = heaviest(pick);
            let support = support.iter().map(|(row, _)| (ImageSet::Reference, *row));
            let near = nearest(pick).map(|row| (ImageSet::Reference, row));
            for (of, row) in support.chain(near).chain([(ImageSet::Queries, pick.query)]) {
                if !images.iter().any(|(o, r, _)| (*o, *r) == (of, row)) {
                    images.push((of, row, read_image(pictures, of, row)?));
                }
            }
        }
        let inside = |pick: &&Pick| !pick.support.is_empty();
        for pick in picks.interpolated.iter().filter(inside) {
            means.push((pick.query, mean(pictures, &pick.support)?));
        }
        let bytes = |rows: &dyn Rows| rows.element() == Element::U8;
        let (black, white) = if bytes(pictures.reference) && bytes(pictures.queries) {
            (0.0, 255.0)
        } else {
            let all = images.iter().flat_map(|(.., values)| values);
            all.fold((f64::INFINITY, f64::NEG_INFINITY), |ends, &value| {
                (ends.0.min(value), ends.1.max(value))
            })
        };
        Ok(Shown {
            pictures,
            images,
            means,
            black,
            white,
            margins: picks.margins,
        })
    }

    /// An image at the size at which it is drawn.
    fn picture(&self, of: ImageSet, row: u64) -> RgbImage {
        let (_, shape) = self.pictures.set(of);
        self.drawn(self.values(of, row), shape)
    }

    /// The values of an image, as they are drawn.
    fn drawn(&self, values: &[f64], shape: Shape) -> RgbImage {
        fitted(&picture(values, shape, self.black, self.white))
    }

    fn values(&self, of: ImageSet, row: u64) -> &[f64] {
        let found = self.images.iter().find(|(o, r, _)| (*o, *r) == (of, row));
        found.map_or(&[], |(.., values)| values)
    }

    /// The picture of the query after the space's transformation, if that is an image other than the query's own.
    fn seen(&self, pick: &Pick) -> Option<RgbImage> {
        let seen = pick.seen.as_ref()?;
        Some(self.drawn(&doubles(&seen.values), seen.shape))
    }

    /// The mean of the certificate of a query, and the query minus that mean: grey where there is no difference.
    fn mean(&self, pick: &Pick) -> Option<[RgbImage; 2]> {
        if let (Some(seen), Some(mean)) = (&pick.seen, &pick.mean) {
            let (own, mean) = (doubles(&seen.values), doubles(&mean.values));
            let difference = own.iter().zip(&mean).map(|(own, mean)| own - mean);
            let difference: Vec<f64> = difference.collect();
            return Some(self.mean_and_difference(&mean, &difference, seen.shape));
        }
        let (_, mean) = self.means.iter().find(|(query, _)| *query == pick.query)?;
        let own = self.values(ImageSet::Queries, pick.query);
        // The channels of the two sets may be in different order.
        let shape = self.pictures.reference_shape;
        let place = |at| index_in_other_order(at, shape, self.pictures.query_shape);
        let minus = |(at, mean): (usize, &f64)| own.get(place(at)).map_or(0.0, |own| own - mean);
        let difference: Vec<f64> = mean.iter().enumerate().map(minus).collect();
        Some(self.mean_and_difference(mean, &difference, shape))
    }

    /// Pictures of a mean and of a difference, where 0 is grey.
    fn mean_and_difference(&self, mean: &[f64], difference: &[f64], shape: Shape) -> [RgbImage; 2] {
        let span = self.white - self.black;
        [
            self.drawn(mean, shape),
            fitted(&picture(difference, shape, -span, span)),
        ]
    }
}

/// The index of a number of an image in another order of channels.
fn index_in_other_order(at: usize, from: Shape, to: Shape) -> usize {
    let pixels = from.height * from.width;
    let (pixel, channel) = match from.planar {
        true => (at % pixels, at / pixels),
        false => (at / from.channels, at % from.channels),
    };
    index(to, pixel, channel)
}

/// The index of a channel of a pixel among the numbers of an image.
fn index(shape: Shape, pixel: usize, channel: usize) -> usize {
    match shape.planar {
        true => channel * shape.height * shape.width + pixel,
        false => pixel * shape.channels + channel,
    }
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// The weighted mean of the reference images of a certificate.
fn mean(pictures: &Pictures, support: &[(u64, f64)]) -> Result<Vec<f64>> {
    let rows = pictures.reference;
    let mut mean = vec![0.0; rows.dim()];
    for part in support.chunks(ROWS_PER_READ) {
        if let Some((row, _)) = part.iter().find(|(row, _)| *row >= rows.len() as u64) {
            return Err(missing(rows, pictures.reference_shape, *row));
        }
        let places: Vec<usize> = part.iter().map(|(row, _)| *row as usize).collect();
        let mut values = vec![0.0; places.len() * rows.dim()];
        rows.gather(&places, &mut values)?;
        for (row, (_, weight)) in values.chunks_exact(rows.dim()).zip(part) {
            mean.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += weight * value);
        }
    }
    Ok(mean)
}

/// The row of the nearest reference image, if neighbours were computed.
fn nearest(pick: &Pick) -> Option<u64> {
    (pick.nearest_ratio < f64::MAX).then_some(pick.nearest)
}

fn read_image(pictures: &Pictures, of: ImageSet, row: u64) -> Result<Vec<f64>> {
    let (rows, shape) = pictures.set(of);
    let numbers = shape.height * shape.width * shape.channels;
    if row >= rows.len() as u64 || numbers != rows.dim() {
        return Err(missing(rows, shape, row));
    }
    let mut values = vec![0.0; rows.dim()];
    rows.gather(&[row as usize], &mut values)?;
    Ok(values)
}

fn missing(rows: &dyn Rows, shape: Shape, row: u64) -> Error {
    Error::Usage(format!(
        "cannot show row {row} as an image of {} x {} pixels with {} channels: {} has {} rows of {} numbers",
        shape.width,
        shape.height,
        shape.channels,
        rows.name(),
        rows.len(),
        rows.dim()
    ))
}

/// Numbers as colours; of two channels the first is used, of four the first three.
fn picture(values: &[f64], shape: Shape, black: f64, white: f64) -> RgbImage {
    let level = |channel: usize, pixel: usize| {
        let value = values.get(index(shape, pixel, channel));
        let value = value.copied().unwrap_or(black);
        let share = (value - black) / (white - black);
        // A set whose values are all equal is grey.
        let share = if share.is_finite() { share } else { 0.5 };
        (255.0 * share).round() as u8
    };
    RgbImage::from_fn(shape.width as u32, shape.height as u32, |x, y| {
        let pixel = y as usize * shape.width + x as usize;
        let last = if shape.channels < 3 { 0 } else { 2 };
        Rgb([0, 1, 2].map(|channel: usize| level(channel.min(last), pixel)))
    })
}

/// The image enlarged by a whole factor, or reduced, so that its longer side is at most [`SIDE`] and more than half of it.
fn fitted(image: &RgbImage) -> RgbImage {
    let (width, height) = image.dimensions();
    let longer = width.max(height).max(1);
    let (across, down, filter) = if longer <= SIDE {
        let factor = SIDE / longer;
        (width * factor, height * factor, FilterType::Nearest)
    } else {
        let reduced = |side: u32| (side * SIDE).div_ceil(longer).max(1);
        (reduced(width), reduced(height), FilterType::Triangle)
    };
    image::imageops::resize(image, across, down, filter)
}

/// A text, with its left end and its vertical middle.
struct Text {
    text: String,
    size: Size,
    x: f64,
    y: f64,
}

/// Everything on a sheet, in points.
struct SheetLayout {
    width: f64,
    /// The upper end of the next part.
    y: f64,
    texts: Vec<Text>,
    pictures: Vec<(RgbImage, f64, f64)>,
}

impl SheetLayout {
    fn of(space: &str, picks: &Picks, shown: &Shown) -> Self {
        let inside = |pick: &&Pick| !pick.support.is_empty();
        let rows = picks.interpolated.iter().filter(inside);
        let rows: Vec<Vec<Vec<CaptionedPicture>>> = rows.map(|pick| groups(pick, shown)).collect();
        let end = |row: &Vec<_>| lefts(row).last().map_or(0.0, |left| left + CELL);
        let ends = rows.iter().map(end);
        let widest = ends.fold(0.0, f64::max) + MARGIN;
        let mut layout = SheetLayout {
            width: widest.max(LEAST),
            y: MARGIN,
            texts: Vec::new(),
            pictures: Vec::new(),
        };
        layout.line(space, Size::Title);
        layout.line(distances(picks), Size::Small);
        layout.line(
            "percentages: weights of the certificate's rows (their weighted mean in this space is the query); at most eight, of 1 % or more",
            Size::Small,
        );
        layout.line(
            "mean: of all rows of the certificate, transformed by the space; difference: query minus mean, grey where it is 0",
            Size::Small,
        );
        layout.y += 8.0;
        layout.line("Most interpolated", Size::Title);
        layout.y += 4.0;
        for (pick, row) in picks.interpolated.iter().filter(inside).zip(rows) {
            layout.wide(&caption(pick, picks.margins, shown.pictures), row);
        }
        let others = picks.interpolated.iter().filter(|pick| !inside(pick));
        let others: Vec<&Pick> = others.collect();
        if !others.is_empty() {
            let none = others.len() == picks.interpolated.len();
            let start = if none { "no query is inside; " } else { "" };
            layout.line(&format!("{start}least far from the hull:"), Size::Normal);
            layout.pairs(&others, shown);
        }
        layout.y += 8.0;
        layout.line("Most extrapolated", Size::Title);
        layout.y += 4.0;
        if picks.extrapolated.is_empty() {
            layout.line("no query is outside", Size::Normal);
        }
        let all: Vec<&Pick> = picks.extrapolated.iter().collect();
        layout.pairs(&all, shown);
        layout.y += MARGIN - 8.0;
        layout
    }

    /// A line of text from the left margin.
    fn line(&mut self, text: &str, size: Size) {
        let text = canvas::fitted(text, size, self.width - 2.0 * MARGIN);
        let height = LINE.max(1.4 * size.points());
        self.put(text, size, MARGIN, self.y + 0.5 * height);
        self.y += height;
    }

    fn put(&mut self, text: String, size: Size, x: f64, y: f64) {
        self.texts.push(Text { text, size, x, y });
    }

    /// A query across the whole width: a caption above its pictures.
    fn wide(&mut self, caption: &str, row: Vec<Vec<CaptionedPicture>>) {
        self.line(caption, Size::Normal);
        let lefts = lefts(&row);
        for ((picture, below), x) in row.into_iter().flatten().zip(lefts) {
            self.pictures.push((picture, x, self.y));
            for (line, text) in below.iter().enumerate() {
                let text = canvas::fitted(text, Size::Tiny, CELL + GAP - 2.0);
                let y = self.y + CELL + 9.0 + 12.0 * line as f64;
                self.put(text, Size::Tiny, x, y);
            }
        }
        self.y += CELL + 2.0 * LINE + 10.0;
    }

    /// Queries side by side, as many as fit.
    fn pairs(&mut self, picks: &[&Pick], shown: &Shown) {
        let across = ((self.width - 2.0 * MARGIN) / PAIR) as usize;
        for picks in picks.chunks(across.max(1)) {
            for (place, pick) in picks.iter().enumerate() {
                self.pair(pick, MARGIN + PAIR * place as f64, shown);
            }
            self.y += CELL + 3.0 * LINE + 14.0;
        }
    }

    /// A query, the image that the space makes of it if there is one, and its nearest image, with captions below.
    fn pair(&mut self, pick: &Pick, x: f64, shown: &Shown) {
        let pictures = shown.pictures;
        let mut shots = vec![shown.picture(ImageSet::Queries, pick.query)];
        shots.extend(shown.seen(pick));
        let mut lines = vec![
            pictures.name(ImageSet::Queries, pick.query),
            judged(pick, shown.margins),
        ];
        if let Some(row) = nearest(pick) {
            shots.push(shown.picture(ImageSet::Reference, row));
            let name = pictures.name(ImageSet::Reference, row);
            lines.push(format!("nearest {}: {name}", ratio(pick.nearest_ratio)));
        }
        for (number, picture) in shots.into_iter().enumerate() {
            let left = x + (CELL + GAP) * number as f64;
            self.pictures.push((picture, left, self.y));
        }
        for (line, text) in lines.iter().enumerate() {
            let text = canvas::fitted(text, Size::Small, PAIR - GAP);
            let y = self.y + CELL + 11.0 + LINE * line as f64;
            self.put(text, Size::Small, x, y);
        }
    }

    /// Draws the sheet as PNG.
    fn draw(&self) -> Result<Vec<u8>, String> {
        register_font()?;
        let mut sheet = on_pixels(self.width, self.y, |backend| {
            let root = backend.into_drawing_area();
            let canvas = Canvas::new(&root)?;
            for Text { text, size, x, y } in &self.texts {
                canvas.left(text, *size, *x, *y)?;
            }
            root.present().map_err(|error| error.to_string())
        })?;
        for (picture, x, y) in &self.pictures {
            let (left, top) = ((x * SCALE) as i64, (y * SCALE) as i64);
            let (width, height) = picture.dimensions();
            let edge = RgbImage::from_pixel(width + 2, height + 2, Rgb([170; 3]));
            replace(&mut sheet, &edge, left - 1, top - 1);
            replace(&mut sheet, picture, left, top);
        }
        to_png(&sheet)
    }
}

/// A picture, and two lines below it.
type CaptionedPicture = (RgbImage, [String; 2]);

/// The pictures of a query inside, in separated groups: itself and its nearest image, the mean of its certificate, the
/// certificate's rows.
fn groups(pick: &Pick, shown: &Shown) -> Vec<Vec<CaptionedPicture>> {
    let plain = |text: &str| [text.to_string(), String::new()];
    let of_row = |above: String, row: u64| {
        let class = shown.pictures.class(ImageSet::Reference, row);
        (shown.picture(ImageSet::Reference, row), [above, class])
    };
    let query = shown.picture(ImageSet::Queries, pick.query);
    let mut own = vec![(query, plain("query"))];
    let below = ["transformed", "by the space"].map(String::from);
    own.extend(shown.seen(pick).map(|seen| (seen, below)));
    own.extend(nearest(pick).map(|row| of_row("nearest".into(), row)));
    let means = shown.mean(pick).into_iter().flatten();
    let means = means.zip(["mean", "difference"].map(plain));
    let rows = heaviest(pick).iter();
    let rows = rows.map(|&(row, weight)| of_row(share(weight), row));
    vec![own, means.collect(), rows.collect()]
}

/// The left ends of the pictures of all groups.
fn lefts(groups: &[Vec<CaptionedPicture>]) -> Vec<f64> {
    let mut lefts = Vec::new();
    for (apart, group) in groups.iter().enumerate() {
        for _ in group {
            lefts.push(MARGIN + lefts.len() as f64 * (CELL + GAP) + 2.0 * GAP * apart as f64);
        }
    }
    lefts
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

/// The caption of a query: its name, verdict and distances.
fn caption(pick: &Pick, margins: bool, pictures: &Pictures) -> String {
    let name = pictures.name(ImageSet::Queries, pick.query);
    let mut text = format!("{name}; {}", judged(pick, margins));
    if nearest(pick).is_some() {
        text += &format!("; nearest {}", ratio(pick.nearest_ratio));
    }
    text
}

/// The verdict, with the distance to the hull or, if that was not computed, the margin.
fn judged(pick: &Pick, margins: bool) -> String {
    match pick.verdict.as_str() {
        "inside" => {
            let (all, shown) = (pick.support.len(), heaviest(pick).len());
            let rows = if all == 1 { "row" } else { "rows" };
            match all - shown {
                0 => format!("inside: {all} {rows}"),
                rest => format!("inside: {all} {rows}, {rest} of small weight not shown"),
            }
        }
        "outside" if margins => format!("outside, margin {}", ratio(pick.distance_ratio)),
        "outside" => format!("outside by {}", ratio(pick.distance_ratio)),
        other => other.into(),
    }
}

fn ratio(value: f64) -> String {
    match value {
        0.0 | 0.1..1e6 => format!("{value:.2}"),
        0.001..0.1 => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    }
}

fn share(weight: f64) -> String {
    if weight >= 0.001 {
        format!("{:.1} %", 100.0 * weight)
    } else {
        "< 0.1 %".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    const SHAPE: Shape = shape(2, 3, 1, false);

    fn pick(query: u64, support: &[(u64, f64)]) -> Pick {
        let inside = !support.is_empty();
        Pick {
            query,
            verdict: if inside { "inside" } else { "outside" }.into(),
            distance_ratio: if inside { 0.0 } else { 1.25 },
            nearest: 1,
            nearest_ratio: 0.42,
            support: support.to_vec(),
            seen: None,
            mean: None,
        }
    }

    fn interpolated(interpolated: Vec<Pick>) -> Picks {
        Picks {
            interpolated,
            ..Picks::default()
        }
    }

    fn pictures<'a>(
        (reference, reference_shape): (&'a Memory, Shape),
        (queries, query_shape): (&'a Memory, Shape),
    ) -> Pictures<'a> {
        Pictures {
            reference,
            reference_shape,
            queries,
            query_shape,
            classes: None,
        }
    }

    const fn shape(height: usize, width: usize, channels: usize, planar: bool) -> Shape {
        Shape {
            height,
            width,
            channels,
            planar,
        }
    }

    fn bytes(values: &[u8]) -> Memory {
        Memory::from_u8("images", 6, values.to_vec())
    }

    /// The corner of the first picture of a sheet: below the heading, the notes, the section's title and a caption.
    fn first_corner() -> (u32, u32) {
        let line = |size: Size| LINE.max(1.4 * size.points());
        let heads = 2.0 * line(Size::Title) + 3.0 * line(Size::Small) + line(Size::Normal);
        let y = MARGIN + heads + 8.0 + 4.0;
        ((MARGIN * SCALE) as u32, (y * SCALE) as u32)
    }

    fn decoded(picks: &Picks, pictures: &Pictures) -> image::DynamicImage {
        let png = sheet("pixels", picks, pictures).unwrap().unwrap();
        image::load_from_memory(&png).unwrap()
    }

    #[test]
    fn pixels_of_the_query_and_its_rows_are_on_the_sheet() {
        let reference = bytes(&[9, 9, 9, 9, 9, 9, 70, 80, 90, 100, 110, 120]);
        let queries = bytes(&[10, 20, 30, 40, 50, 60]);
        let pictures = pictures((&reference, SHAPE), (&queries, SHAPE));
        let picks = interpolated(vec![pick(0, &[(1, 0.75), (0, 0.25)])]);
        let image = decoded(&picks, &pictures);
        assert!(matches!(image, image::DynamicImage::ImageLuma8(_)));
        let image = image.into_luma8();
        let (left, top) = first_corner();
        // 3 x 2 pixels enlarged 37 times are 111 x 74.
        let at = |place: usize, x: u32, y: u32| {
            // Each group has two pictures.
            let x_of = place as f64 * (CELL + GAP) + 2.0 * GAP * (place / 2) as f64;
            let left = left + (x_of * SCALE) as u32;
            image.get_pixel(left + 37 * x + 18, top + 37 * y + 18).0[0]
        };
        for y in 0..2 {
            for x in 0..3 {
                let more = 10 * (3 * y + x) as u8;
                assert_eq!(at(0, x, y), 10 + more, "query {x} {y}");
                assert_eq!(at(1, x, y), 70 + more, "nearest {x} {y}");
                let mean = 0.75 * f64::from(70 + more) + 0.25 * 9.0;
                assert_eq!(at(2, x, y), mean.round() as u8, "the mean {x} {y}");
                let difference = f64::from(10 + more) - mean;
                let grey = (0.5 * (difference + 255.0)).round() as u8;
                assert_eq!(at(3, x, y), grey, "the difference {x} {y}");
                assert_eq!(at(4, x, y), 70 + more, "the heaviest {x} {y}");
                assert_eq!(at(5, x, y), 9, "the lightest {x} {y}");
            }
        }
        // Corners of the picture, and pixels of the edge around it.
        assert_eq!(image.get_pixel(left, top).0[0], 10);
        assert_eq!(image.get_pixel(left + 110, top + 73).0[0], 60);
        assert_eq!(image.get_pixel(left - 1, top).0[0], 170);
        assert_eq!(image.get_pixel(left + 111, top + 73).0[0], 170);
    }

    /// If distances have no unit, only the heading of the sheet differs.
    #[test]
    fn the_heading_says_when_distances_have_no_unit() {
        let rows = bytes(&[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
        let pictures = pictures((&rows, SHAPE), (&rows, SHAPE));
        let heading = |without_unit: bool| {
            let picks = Picks {
                without_unit,
                extrapolated: vec![pick(0, &[])],
                ..Picks::default()
            };
            let shown = Shown::of(&picks, &pictures).unwrap();
            let layout = SheetLayout::of("pixels", &picks, &shown);
            let texts: Vec<String> = layout.texts.iter().map(|text| text.text.clone()).collect();
            assert!(texts.contains(&"outside by 1.25".to_string()), "{texts:?}");
            let whole = texts.iter().all(|text| !text.ends_with('…'));
            assert!(whole, "every line fits: {texts:?}");
            texts[1].clone()
        };
        assert!(heading(false).ends_with("in median nearest distances of the reference"));
        let without = heading(true);
        assert!(without.ends_with("in the units of the space"), "{without}");
    }

    #[test]
    fn colours_of_floats_in_either_order() {
        let shape = |planar| shape(1, 2, 3, planar);
        // -1 is black and 3 is white: the pixels are (255, 0, 128) and (64, 191, 0).
        let interleaved = [3.0, -1.0, 1.0, 0.0, 2.0, -1.0];
        let planar = [3.0, 0.0, -1.0, 2.0, 1.0, -1.0];
        for (values, planar) in [(interleaved, false), (planar, true)] {
            let found = picture(&values, shape(planar), -1.0, 3.0);
            assert_eq!(found.get_pixel(0, 0).0, [255, 0, 128]);
            assert_eq!(found.get_pixel(1, 0).0, [64, 191, 0]);
        }
        let grey = picture(&[7.0; 6], shape(true), 7.0, 7.0);
        assert_eq!(grey.get_pixel(1, 0).0, [128; 3]);
        // The range of values is that of the images shown: the query and its nearest image.
        let reference = Memory::from_f64(
            "a",
            6,
            [[99.0; 6], [-1.0, 3.0, 0.0, 0.0, 0.0, 0.0]].concat(),
        );
        let queries = Memory::from_f64("b", 6, vec![1.0; 6]);
        let pictures = pictures((&reference, shape(true)), (&queries, shape(true)));
        let picks = Picks {
            extrapolated: vec![pick(0, &[])],
            ..interpolated(vec![pick(0, &[])])
        };
        let image = decoded(&picks, &pictures).into_rgb8();
        let (left, top) = first_corner();
        assert_eq!(image.get_pixel(left + 9, top + 9).0, [128; 3]);
    }

    #[test]
    fn large_images_are_reduced_and_small_ones_enlarged() {
        let size = |width, height| fitted(&RgbImage::new(width, height)).dimensions();
        assert_eq!(size(28, 28), (112, 112));
        assert_eq!(size(32, 32), (96, 96));
        assert_eq!(size(57, 20), (57, 20));
        assert_eq!(size(224, 112), (112, 56));
        assert_eq!(size(500, 1), (112, 1));
    }

    /// The mean is right for any order of channels, and the query after the space's transformation is drawn beside it.
    #[test]
    fn the_mean_and_the_transformed_query_are_drawn() {
        let shape = |planar| shape(1, 2, 3, planar);
        let order = |from, to| {
            [0, 1, 2, 3, 4, 5].map(|at| index_in_other_order(at, shape(from), shape(to)))
        };
        assert_eq!(order(true, false), [0, 3, 1, 4, 2, 5]);
        assert_eq!(order(false, true), [0, 2, 4, 1, 3, 5]);
        let reference = bytes(&[100, 0, 10, 0, 50, 0]);
        let queries = bytes(&[100, 10, 50, 0, 0, 0]);
        let pictures = pictures((&reference, shape(true)), (&queries, shape(false)));
        let mut inside = pick(0, &[(0, 1.0)]);
        inside.nearest = 0;
        inside.seen = Some(crate::study::compare::Picture {
            shape: super::tests::shape(1, 1, 1, false),
            values: vec![7.0],
        });
        let picks = interpolated(vec![inside.clone()]);
        let shown = Shown::of(&picks, &pictures).unwrap();
        let [mean, difference] = shown.mean(&inside).unwrap();
        assert_eq!(mean.get_pixel(0, 0).0, [100, 10, 50]);
        assert!(difference.pixels().all(|pixel| pixel.0 == [128; 3]));
        let groups = groups(&inside, &shown);
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(groups[0][1].0.get_pixel(5, 5).0, [7; 3]);
        // The mean of the transformed images takes the place of the mean of the images.
        inside.mean = Some(crate::study::compare::Picture {
            values: vec![9.0],
            ..inside.seen.clone().unwrap()
        });
        let [mean, difference] = shown.mean(&inside).unwrap();
        assert_eq!(mean.get_pixel(0, 0).0, [9; 3]);
        assert!(difference.get_pixel(0, 0).0[0] < 128);
    }

    #[test]
    fn rows_that_are_not_there_are_an_error() {
        let rows = bytes(&[1, 2, 3, 4, 5, 6]);
        let pictures = pictures((&rows, SHAPE), (&rows, SHAPE));
        let picks = interpolated(vec![pick(0, &[(1, 1.0)])]);
        let error = sheet("pixels", &picks, &pictures).unwrap_err().to_string();
        assert!(
            error.contains("1 rows") && error.contains("row 1"),
            "{error}"
        );
        assert_eq!(sheet("pixels", &Picks::default(), &pictures).unwrap(), None);
    }

    #[test]
    fn captions_say_what_was_found() {
        let rows = bytes(&[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
        let classes = Classes {
            reference: vec![0, 1],
            queries: vec![1, 0],
            names: vec!["Bag".into(), "Sneaker".into()],
            predicted: Vec::new(),
        };
        let pictures = Pictures {
            classes: Some(&classes),
            ..pictures((&rows, SHAPE), (&rows, SHAPE))
        };
        let mut inside = pick(0, &[(0, 0.5), (1, 0.5)]);
        assert_eq!(
            caption(&inside, false, &pictures),
            "test 0, Sneaker; inside: 2 rows; nearest 0.42"
        );
        inside.support.extend([(0, 0.009); 3]);
        assert_eq!(
            judged(&inside, false),
            "inside: 5 rows, 3 of small weight not shown"
        );
        assert_eq!(judged(&pick(0, &[(0, 1.0)]), false), "inside: 1 row");
        inside.support = vec![(0, 0.05); 20];
        assert_eq!(heaviest(&inside).len(), ROWS);
        inside.support = vec![(0, 0.001); 1000];
        assert_eq!(heaviest(&inside).len(), 1);
        let mut outside = pick(1, &[]);
        outside.nearest_ratio = f64::MAX;
        assert_eq!(
            caption(&outside, false, &pictures),
            "test 1, Bag; outside by 1.25"
        );
        assert_eq!(
            caption(&outside, true, &pictures),
            "test 1, Bag; outside, margin 1.25"
        );
        let ratios = [0.0, 2e-5, 0.0479, 0.1, 12.345, 3e9].map(ratio);
        assert_eq!(
            ratios,
            ["0.00", "2.0e-5", "0.048", "0.10", "12.35", "3.0e9"]
        );
    }
}
