//! Drawing primitives: lines, areas and text, in points, on any `plotters` canvas.

use super::style::{FAMILY, Marker, Style};
use crate::report::numerals::filled;
use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Polygon, Text};
use plotters::prelude::{DrawingArea, DrawingBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    BLACK, Color, FontTransform, IntoTextStyle, RGBAColor, RGBColor, ShapeStyle, TextStyle, WHITE,
};
use std::fmt::Display;

/// Pixels per point: fine enough for print.
pub const SCALE: f64 = 2.0;

/// Grey for grid lines.
pub const FAINT: RGBColor = RGBColor(215, 215, 215);

/// A lighter grey, behind every other row.
pub const SHADE: RGBColor = RGBColor(244, 244, 244);

/// A position, in points from the upper left corner.
pub type Place = (f64, f64);

/// The result of a drawing step; the error is that of the canvas, as text.
pub type Drawn = Result<(), String>;

/// A rectangle of the figure.
#[derive(Debug, Clone, Copy)]
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

    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn middle(&self) -> f64 {
        0.5 * (self.left + self.right)
    }

    /// The vertical middle.
    pub fn middle_down(&self) -> f64 {
        0.5 * (self.top + self.bottom)
    }

    /// The corners, clockwise from the upper left one.
    pub fn corners(&self) -> [Place; 4] {
        let [upper, lower] = [self.top, self.bottom].map(|y| [(self.left, y), (self.right, y)]);
        [upper[0], upper[1], lower[1], lower[0]]
    }
}

/// Font sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    Tiny,
    Small,
    Normal,
    Title,
}

impl Size {
    /// The size in points.
    pub fn points(self) -> f64 {
        match self {
            Size::Tiny => 9.5,
            Size::Small => 11.0,
            Size::Normal => 12.5,
            Size::Title => 15.0,
        }
    }
}

/// Width and height in pixels of a figure, from those in points.
pub fn pixels(width: f64, height: f64) -> (u32, u32) {
    (
        (width * SCALE).ceil() as u32,
        (height * SCALE).ceil() as u32,
    )
}

/// The error of a canvas as text.
fn failed(error: impl Display) -> String {
    error.to_string()
}

fn pixel((x, y): Place) -> (i32, i32) {
    // The cast saturates for values far outside.
    ((x * SCALE).round() as i32, (y * SCALE).round() as i32)
}

/// The style of black text, anchored as given.
fn text_style(size: Size, across: HPos, down: VPos) -> TextStyle<'static> {
    (FAMILY, size.points() * SCALE)
        .into_text_style(&(1, 1))
        .color(&BLACK)
        .pos(Pos::new(across, down))
}

/// The width of a text in points, once the font is registered.
pub fn width(text: &str, size: Size) -> f64 {
    let style = text_style(size, HPos::Left, VPos::Center);
    let guess = 0.6 * size.points() * text.chars().count() as f64;
    style
        .font
        .box_size(text)
        .map_or(guess, |(width, _)| f64::from(width) / SCALE)
}

/// The width of the widest of some texts in points; 0 without texts.
pub fn widest<'t>(texts: impl IntoIterator<Item = &'t String>) -> f64 {
    let widths = texts.into_iter().map(|text| width(text, Size::Normal));
    widths.fold(0.0, f64::max)
}

/// The text, cut and ended with an ellipsis if it is too long.
pub fn fitted(text: &str, size: Size, most: f64) -> String {
    if width(text, size) <= most {
        return text.into();
    }
    let mut letters: Vec<char> = text.chars().collect();
    while letters.pop().is_some() {
        let cut = format!("{}…", letters.iter().collect::<String>().trim_end());
        if width(&cut, size) <= most {
            return cut;
        }
    }
    String::new()
}

/// Text in lines of at most `most` points, broken at spaces; a longer word is cut.
pub fn wrapped(text: &str, size: Size, most: f64) -> Vec<String> {
    let lines = filled(text.split_whitespace(), |line| width(line, size) <= most);
    let lines = lines.iter().map(|line| fitted(line, size, most));
    lines.collect()
}

/// A drawing on a white background.
pub struct Canvas<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
}

impl<'a, B: DrawingBackend> Canvas<'a, B> {
    pub fn new(area: &'a DrawingArea<B, Shift>) -> Result<Self, String> {
        area.fill(&WHITE).map_err(failed)?;
        Ok(Canvas { area })
    }

    /// A title, centred at a position.
    pub fn title(&self, text: &str, x: f64, y: f64) -> Drawn {
        self.centred(text, Size::Title, x, y)
    }

    /// Text that starts at a position.
    pub fn left(&self, text: &str, size: Size, x: f64, y: f64) -> Drawn {
        self.text(text, (x, y), text_style(size, HPos::Left, VPos::Center))
    }

    /// The same in the default size.
    pub fn label(&self, text: &str, x: f64, y: f64) -> Drawn {
        self.left(text, Size::Normal, x, y)
    }

    /// Text that ends at a position.
    pub fn right_aligned(&self, text: &str, x: f64, y: f64) -> Drawn {
        self.text(
            text,
            (x, y),
            text_style(Size::Normal, HPos::Right, VPos::Center),
        )
    }

    /// Text centred at a position.
    pub fn centred(&self, text: &str, size: Size, x: f64, y: f64) -> Drawn {
        self.text(text, (x, y), text_style(size, HPos::Center, VPos::Center))
    }

    /// Text rotated by 90 degrees, read from below, centred at a position.
    pub fn rotated(&self, text: &str, x: f64, y: f64) -> Drawn {
        let style = text_style(Size::Normal, HPos::Center, VPos::Center)
            .transform(FontTransform::Rotate270);
        self.text(text, (x, y), style)
    }

    fn text(&self, text: &str, at: Place, style: TextStyle<'_>) -> Drawn {
        self.area
            .draw(&Text::new(text.to_string(), pixel(at), style))
            .map_err(failed)
    }

    /// A line through some positions.
    pub fn line(&self, through: &[Place], colour: RGBColor, width: f64) -> Drawn {
        let places: Vec<_> = through.iter().copied().map(pixel).collect();
        let style = colour.stroke_width((width * SCALE).round().max(1.0) as u32);
        self.area
            .draw(&PathElement::new(places, style))
            .map_err(failed)
    }

    /// A dashed line, whose dashes continue around corners.
    pub fn dashed(&self, through: &[Place], colour: RGBColor, width: f64, dash: &[f64]) -> Drawn {
        if dash.is_empty() {
            return self.line(through, colour, width);
        }
        dashes(through, dash)
            .iter()
            .try_for_each(|part| self.line(part, colour, width))
    }

    /// A filled area.
    pub fn fill(&self, corners: &[Place], colour: RGBAColor) -> Drawn {
        let places: Vec<_> = corners.iter().copied().map(pixel).collect();
        self.area
            .draw(&Polygon::new(places, ShapeStyle::from(colour).filled()))
            .map_err(failed)
    }

    /// A white dot with a dark edge, which is visible on a thick line.
    pub fn median_marker(&self, at: Place) -> Drawn {
        self.disc(at, 3.4, BLACK)?;
        self.disc(at, 2.2, WHITE)
    }

    fn disc(&self, at: Place, radius: f64, colour: RGBColor) -> Drawn {
        let shape = ShapeStyle::from(colour).filled();
        let disc = Circle::new(pixel(at), (radius * SCALE) as i32, shape);
        self.area.draw(&disc).map_err(failed)
    }

    /// A marker at a place.
    pub fn marker(&self, (x, y): Place, style: Style) -> Drawn {
        let size = 3.5;
        let corners: &[Place] = match style.marker {
            Marker::Circle => return self.disc((x, y), size, style.colour),
            Marker::Square => &[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)],
            Marker::Triangle => &[(-1.2, 1.0), (0.0, -1.2), (1.2, 1.0)],
            Marker::Diamond => &[(-1.35, 0.0), (0.0, -1.35), (1.35, 0.0), (0.0, 1.35)],
        };
        let places: Vec<Place> = corners
            .iter()
            .map(|(across, down)| (x + size * across, y + size * down))
            .collect();
        self.fill(&places, style.colour.mix(1.0))
    }
}

/// The dashes of a line.
fn dashes(through: &[Place], dash: &[f64]) -> Vec<Vec<Place>> {
    let mut parts: Vec<Vec<Place>> = Vec::new();
    let (mut number, mut left) = (0, dash[0]);
    let mut part: Vec<Place> = through.first().copied().into_iter().collect();
    for pair in through.windows(2) {
        let ((x, y), (to_x, to_y)) = (pair[0], pair[1]);
        let length = (to_x - x).hypot(to_y - y);
        let mut at = 0.0;
        while at + left < length {
            at += left;
            let place = (x + (to_x - x) * at / length, y + (to_y - y) * at / length);
            if number % 2 == 0 {
                part.push(place);
                parts.push(std::mem::take(&mut part));
            } else {
                part = vec![place];
            }
            number += 1;
            left = dash[number % dash.len()];
        }
        left -= length - at;
        if number % 2 == 0 {
            part.push((to_x, to_y));
        }
    }
    if part.len() > 1 {
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_go_round_corners_and_stay_on_the_line() {
        let corner = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)];
        let parts = dashes(&corner, &[4.0, 4.0]);
        assert_eq!(parts[0], [(0.0, 0.0), (4.0, 0.0)]);
        assert_eq!(parts[1], [(8.0, 0.0), (10.0, 0.0), (10.0, 2.0)]);
        assert_eq!(parts.len(), 3);
        assert!(dashes(&corner[..1], &[4.0, 4.0]).is_empty());
    }
}
