//! The legend of a panel: the name of each series beside a sample of it, in rows that fit.

use super::canvas::{Canvas, Drawn, Place, Size};
use super::style::Style;
use plotters::prelude::DrawingBackend;
use plotters::style::BLACK;

/// Points: the height of a row, and the length of a sample line.
pub const ROW: f64 = 18.0;
const LINE: f64 = 34.0;

/// Half the height of a vertical reference mark, in points.
pub const TICK: f64 = 7.0;

/// How a series is drawn.
#[derive(Debug, Clone, Copy)]
pub enum Sample {
    /// A curve, with markers or without.
    Curve(Style, bool),
    /// A marker on its whisker.
    Dot(Style),
    /// A marker on a thick and a thin line.
    Spread(Style),
    /// A vertical reference mark.
    Tick,
}

impl Sample {
    fn width(self) -> f64 {
        match self {
            Sample::Curve(..) | Sample::Spread(_) => LINE,
            Sample::Dot(_) => 22.0,
            Sample::Tick => 6.0,
        }
    }

    fn draw<B: DrawingBackend>(self, canvas: &Canvas<'_, B>, (x, y): Place) -> Drawn {
        let whole = [(x, y), (x + self.width(), y)];
        let middle = (x + 0.5 * self.width(), y);
        match self {
            Sample::Curve(style, markers) => {
                canvas.dashed(&whole, style.colour, 1.5, style.dash)?;
                if markers {
                    canvas.marker(middle, style)?;
                }
                Ok(())
            }
            Sample::Dot(style) => {
                canvas.line(&whole, style.colour, 1.0)?;
                canvas.marker(middle, style)
            }
            Sample::Spread(style) => {
                canvas.line(&whole, style.colour, 1.0)?;
                let core = [(x + 0.25 * LINE, y), (x + 0.75 * LINE, y)];
                canvas.line(&core, style.colour, 4.0)?;
                canvas.median_marker(middle)
            }
            Sample::Tick => canvas.line(&[(middle.0, y - TICK), (middle.0, y + TICK)], BLACK, 1.5),
        }
    }
}

/// An entry: its position in the row, its text, its sample.
type Entry = (f64, String, Sample);

/// A legend broken into rows.
pub struct Legend {
    rows: Vec<Vec<Entry>>,
}

impl Legend {
    /// Breaks entries into rows of at most a width.
    pub fn new<'e>(entries: impl Iterator<Item = (&'e str, Sample)>, width: f64) -> Self {
        let mut rows: Vec<Vec<Entry>> = Vec::new();
        let mut used = f64::INFINITY;
        for (label, sample) in entries {
            let text = super::canvas::fitted(label, Size::Normal, width - sample.width() - 6.0);
            let own = sample.width() + 6.0 + super::canvas::width(&text, Size::Normal) + 14.0;
            if used + own > width + 14.0 {
                rows.push(Vec::new());
                used = 0.0;
            }
            if let Some(row) = rows.last_mut() {
                row.push((used, text, sample));
            }
            used += own;
        }
        Legend { rows }
    }

    /// The height in points.
    pub fn height(&self) -> f64 {
        ROW * self.rows.len() as f64
    }

    /// Draws the legend, with the middle of its first row at `top`.
    pub fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>, left: f64, top: f64) -> Drawn {
        for (number, row) in self.rows.iter().enumerate() {
            let y = top + ROW * number as f64;
            for (start, text, sample) in row {
                sample.draw(canvas, (left + start, y))?;
                canvas.label(text, left + start + sample.width() + 6.0, y + 1.0)?;
            }
        }
        Ok(())
    }
}
