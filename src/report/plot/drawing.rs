//! A drawing: lines, areas and texts in points, as SVG or as pixels. The pixels have the letters of the font that the program
//! carries, so that a picture looks the same on every machine.

use crate::report::numerals::filled;
use ab_glyph::{Font, FontRef, OutlineCurve};
use image::{Rgb, RgbImage};
use itertools::Itertools;
use maud::{Markup, html};
use std::iter::once;
use std::sync::LazyLock;
use tiny_skia::{
    Color, FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, Point, StrokeDash, Transform,
};

/// Pixels per point: fine enough for print.
pub const SCALE: f64 = 2.0;

/// Font sizes, and the height of a line of text.
pub const TINY: f64 = 8.2;
pub const SMALL: f64 = 9.5;
pub const NORMAL: f64 = 10.8;
pub const TITLE: f64 = 13.0;
pub const LINE: f64 = 15.0;

/// Half the height of a capital letter, by the font's size, and the width of the white edge of letters that lie on lines.
const HALF: f64 = 0.36;
const EDGE: Stroke = solid([255; 3], 3.0);

/// Fonts of an SVG. The second has the same widths as the first.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// DejaVu Sans, the letters that plots need, and the size of its em; see `assets/README.md`.
static FONT: LazyLock<Option<(FontRef, f32)>> = LazyLock::new(|| {
    let bytes = include_bytes!("../../../assets/DejaVuSans-subset.ttf");
    let font = FontRef::try_from_slice(bytes).ok()?;
    let em = font.units_per_em()?;
    Some((font, em))
});

/// A position, in points from the upper left corner.
pub type Place = (f64, f64);

/// Red, green and blue.
pub type Colour = [u8; 3];

pub const BLACK: Colour = [0; 3];

/// A rectangle.
#[derive(Debug, Clone, Copy, Default)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Area {
    /// The rectangle of a size at a corner.
    pub fn sized((left, top): Place, (width, height): (f64, f64)) -> Self {
        Area {
            left,
            top,
            right: left + width,
            bottom: top + height,
        }
    }

    pub fn moved(&self, (x, y): Place) -> Self {
        let size = (self.right - self.left, self.bottom - self.top);
        Area::sized((self.left + x, self.top + y), size)
    }

    /// The position at these shares of the width and of the height.
    pub fn at(&self, across: f64, down: f64) -> Place {
        let x = self.left + across * (self.right - self.left);
        (x, self.top + down * (self.bottom - self.top))
    }

    /// The corners, clockwise from the upper left one.
    pub fn corners(&self) -> [Place; 4] {
        [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|(x, y)| self.at(x, y))
    }

    pub fn touches(&self, other: &Area) -> bool {
        let across = self.left < other.right && other.left < self.right;
        across && self.top < other.bottom && other.top < self.bottom
    }
}

/// The look of a line.
#[derive(Debug, Clone, Copy)]
pub struct Stroke {
    pub colour: Colour,
    pub width: f64,
    /// Lengths of dashes and gaps in turn; empty for a solid line.
    pub dash: &'static [f32],
}

/// A solid line.
pub const fn solid(colour: Colour, width: f64) -> Stroke {
    Stroke {
        colour,
        width,
        dash: &[],
    }
}

/// The share of a text that is to the left of its position, and SVG's word for it.
pub type Anchor = (f64, &'static str);
pub const START: Anchor = (0.0, "start");
pub const MIDDLE: Anchor = (0.5, "middle");
pub const END: Anchor = (1.0, "end");

/// An outline that is stroked, then filled, with the SVG that looks like it.
#[derive(Debug, Clone)]
struct Shape {
    path: Path,
    stroke: Option<Stroke>,
    /// A colour with its opacity.
    fill: Option<(Colour, f64)>,
    svg: Markup,
}

/// Shapes from the rearmost to the foremost, on white.
#[derive(Debug, Clone, Default)]
pub struct Drawing {
    pub width: f64,
    pub height: f64,
    shapes: Vec<Shape>,
}

impl Drawing {
    fn add(
        &mut self,
        path: Option<Path>,
        stroke: Option<Stroke>,
        fill: Option<(Colour, f64)>,
        svg: Markup,
    ) {
        self.shapes.extend(path.map(|path| Shape {
            path,
            stroke,
            fill,
            svg,
        }));
    }

    /// A line through some positions.
    pub fn line(&mut self, through: &[Place], stroke: Stroke) {
        let dash = stroke.dash.iter().join(" ");
        let svg = html! {
            polyline points=(corners(through)) fill="none" stroke=(hex(stroke.colour)) stroke-width=(stroke.width)
                stroke-dasharray=[Some(dash).filter(|dash| !dash.is_empty())] {}
        };
        self.add(outline(through), Some(stroke), None, svg);
    }

    /// A filled polygon.
    pub fn fill(&mut self, around: &[Place], colour: Colour, opacity: f64) {
        let svg = html! { polygon points=(corners(around)) fill=(hex(colour)) fill-opacity=(short(opacity)) {} };
        self.add(outline(around), None, Some((colour, opacity)), svg);
    }

    pub fn disc(&mut self, (x, y): Place, radius: f64, colour: Colour) {
        let svg = html! { circle cx=(short(x)) cy=(short(y)) r=(radius) fill=(hex(colour)) {} };
        let path = PathBuilder::from_circle(x as f32, y as f32, radius as f32);
        self.add(path, None, Some((colour, 1.0)), svg);
    }

    /// A line of text, in the middle of its height at a position.
    pub fn text(&mut self, text: &str, size: f64, (x, y): Place, (share, anchor): Anchor) {
        let base = y + HALF * size;
        let svg = html! {
            text x=(short(x)) y=(short(base)) font-size=(size) text-anchor=(anchor) { (text) }
        };
        let path = letters(text, size, (x - share * width(text, size), base));
        self.add(path, None, Some((BLACK, 1.0)), svg);
    }

    /// Text that may lie on lines: its letters have a white edge.
    pub fn name(&mut self, text: &str, at: Place) {
        self.text(text, NORMAL, at, START);
        if let Some(shape) = self.shapes.last_mut() {
            shape.stroke = Some(EDGE);
            shape.svg = html! { g stroke="white" stroke-width=(EDGE.width) { (shape.svg) } };
        }
    }

    /// The drawing as SVG, with a text for those who do not see it.
    pub fn svg(&self, alt: &str) -> Markup {
        let (width, height) = (self.width.ceil(), self.height.ceil());
        html! {
            svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label=(alt) width=(width) height=(height)
                viewBox=(format!("0 0 {width} {height}")) font-family=(FAMILY) paint-order="stroke" stroke-linejoin="round" {
                rect width="100%" height="100%" fill="white" {}
                @for shape in &self.shapes { (shape.svg) }
            }
        }
    }

    /// The drawing as pixels.
    ///
    /// Errors: it is too large.
    pub fn pixels(&self) -> Result<RgbImage, String> {
        let [across, down] = [self.width, self.height].map(|side| (side.ceil() * SCALE) as u32);
        let map = Pixmap::new(across, down);
        let mut map = map.ok_or_else(|| format!("{across} x {down} pixels are too many"))?;
        map.fill(Color::WHITE);
        self.shapes.iter().for_each(|shape| shape.paint(&mut map));
        let pixels = map.pixels();
        Ok(RgbImage::from_fn(across, down, |x, y| {
            let pixel = pixels[(y * across + x) as usize];
            Rgb([pixel.red(), pixel.green(), pixel.blue()])
        }))
    }
}

impl Shape {
    fn paint(&self, map: &mut Pixmap) {
        let scale = Transform::from_scale(SCALE as f32, SCALE as f32);
        let paint = |[red, green, blue]: Colour, opacity: f64| {
            let mut paint = Paint::default();
            paint.set_color_rgba8(red, green, blue, (255.0 * opacity).round() as u8);
            paint
        };
        if let Some(stroke) = self.stroke {
            let look = tiny_skia::Stroke {
                width: stroke.width as f32,
                line_join: LineJoin::Round,
                dash: StrokeDash::new(stroke.dash.to_vec(), 0.0),
                ..tiny_skia::Stroke::default()
            };
            map.stroke_path(&self.path, &paint(stroke.colour, 1.0), &look, scale, None);
        }
        if let Some((colour, opacity)) = self.fill {
            let paint = paint(colour, opacity);
            map.fill_path(&self.path, &paint, FillRule::Winding, scale, None);
        }
    }
}

/// A length with as many digits as can be seen.
fn short(length: f64) -> f64 {
    (100.0 * length).round() / 100.0
}

/// Positions as SVG writes them.
fn corners(places: &[Place]) -> String {
    let written = |(x, y): &Place| format!("{},{}", short(*x), short(*y));
    places.iter().map(written).join(" ")
}

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn outline(places: &[Place]) -> Option<Path> {
    let mut path = PathBuilder::new();
    if let Some((x, y)) = places.first() {
        path.move_to(*x as f32, *y as f32);
    }
    places
        .iter()
        .for_each(|(x, y)| path.line_to(*x as f32, *y as f32));
    path.finish()
}

/// The outlines of the letters of a text, from the left end of its base line.
fn letters(text: &str, size: f64, (x, y): Place) -> Option<Path> {
    let (font, em) = FONT.as_ref()?;
    let scale = size as f32 / em;
    let (mut left, base) = (x as f32, y as f32);
    let mut path = PathBuilder::new();
    for letter in text.chars() {
        let glyph = font.glyph_id(letter);
        let at = |p: ab_glyph::Point| Point::from_xy(left + scale * p.x, base - scale * p.y);
        for curve in font.outline(glyph).into_iter().flat_map(|all| all.curves) {
            // The letters of a TrueType font have no cubic curves.
            let [from, by, to] = match curve {
                OutlineCurve::Line(from, to) => [from, to, to],
                OutlineCurve::Quad(from, by, to) | OutlineCurve::Cubic(from, by, _, to) => {
                    [from, by, to]
                }
            }
            .map(at);
            if path.last_point() != Some(from) {
                path.move_to(from.x, from.y);
            }
            path.quad_to(by.x, by.y, to.x, to.y);
        }
        left += scale * font.h_advance_unscaled(glyph);
    }
    path.finish()
}

/// The width of a text.
pub fn width(text: &str, size: f64) -> f64 {
    let Some((font, em)) = FONT.as_ref() else {
        return 0.0;
    };
    let letters = text.chars().map(|letter| font.glyph_id(letter));
    let widths = letters.map(|glyph| f64::from(font.h_advance_unscaled(glyph) / em));
    size * widths.sum::<f64>()
}

/// The width of the widest of some texts; 0 without texts.
pub fn widest<'t>(texts: impl IntoIterator<Item = &'t String>) -> f64 {
    let widths = texts.into_iter().map(|text| width(text, NORMAL));
    widths.fold(0.0, f64::max)
}

/// The text, cut and ended with an ellipsis if it is too long.
pub fn fitted(text: &str, size: f64, most: f64) -> String {
    let ends = text.char_indices().rev().map(|(end, _)| end);
    let cuts = ends.map(|end| format!("{}…", text[..end].trim_end()));
    let mut all = once(text.to_string()).chain(cuts);
    all.find(|cut| width(cut, size) <= most).unwrap_or_default()
}

/// Text in lines of at most `most` points, broken at spaces; a longer word is cut.
pub fn wrapped(text: &str, size: f64, most: f64) -> Vec<String> {
    let lines = filled(text.split_whitespace(), |line| width(line, size) <= most);
    let lines = lines.iter().map(|line| fitted(line, size, most));
    lines.collect()
}
