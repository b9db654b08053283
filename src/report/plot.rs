//! Plots: curves with confidence bands and rows of dots, as SVG or PNG.
//!
//! A [`Figure`] is plain data: panels in a grid, each with axes that say what they show and in which unit. Series differ in
//! line style and marker as well as in colour, so that a grey print is readable. Nothing is drawn outside its
//! panel: axes cover all values, and every label has room.

mod axis;
mod chart;
pub(super) mod drawing;
mod names;
mod style;

use crate::error::{Error, Result};
use crate::store::file::{self, Output};
use chart::Frame;
use drawing::{Drawing, LINE, MIDDLE, SMALL, START, TITLE, fitted, wrapped};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, RgbImage};
use itertools::Itertools;
use std::path::Path;
pub use style::THEORY;

/// Heights in points: of the title, of the space in place of a title, and of the space around a note.
const HEAD: f64 = 34.0;
const BARE: f64 = 4.0;
const NOTE: f64 = 15.0;

/// The space between a panel and its sides.
const SIDE: f64 = 8.0;

/// Panels in a grid: up to three side by side, four in two rows, more in rows of three.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub title: String,
    /// The text below the panels, such as machine, date and seed; it may take several lines.
    pub note: String,
    pub panels: Vec<Chart>,
}

impl Figure {
    pub fn new(
        title: impl Into<String>,
        note: impl Into<String>,
        panels: impl IntoIterator<Item = Chart>,
    ) -> Self {
        Figure {
            title: title.into(),
            note: note.into(),
            panels: panels.into_iter().collect(),
        }
    }

    /// The figure, if it has a panel.
    pub fn drawn(self) -> Option<Self> {
        (!self.panels.is_empty()).then_some(self)
    }
}

/// Series over axes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chart {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    /// From the rearmost to the foremost.
    pub series: Vec<Series>,
    /// Labels of rows from top to bottom, each with a short text to the right of the row; if there are any, they take the
    /// place of the x axis, and the y axis runs from left to right.
    pub rows: Vec<(String, String)>,
    /// The heading of the rows' notes.
    pub notes: String,
}

impl Chart {
    /// Series over two axes; those without points are left out.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis, mut series: Vec<Series>) -> Self {
        series.retain(|series| !series.points.is_empty());
        Chart {
            title: title.into(),
            x,
            y,
            series,
            ..Chart::default()
        }
    }

    /// The same with rows in place of an x axis: labels and notes, and the heading of the notes.
    pub fn of_rows(
        title: impl Into<String>,
        y: Axis,
        series: Vec<Series>,
        notes: &str,
        rows: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Chart {
            rows: rows.into_iter().collect(),
            notes: notes.into(),
            ..Chart::new(title, Axis::default(), y, series)
        }
    }
}

/// How the points of a series are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Markers joined by a line; intervals form a band.
    Curve,
    /// A line.
    Line,
    /// A thin solid line, for theory or a threshold; a single point is a short horizontal line.
    Thin,
    /// Markers, with whiskers for intervals.
    Dots,
    /// Medians as white dots, outer quantiles as thin lines, inner ones as thick lines.
    Quantiles,
    /// Black lines across a row, for values to compare with.
    Ticks,
}

/// Points of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The name in the legend; empty for none.
    pub label: String,
    pub style: usize,
    pub look: Look,
    /// x ascends.
    pub points: Vec<Point>,
}

impl Series {
    pub fn new(
        look: Look,
        label: impl Into<String>,
        style: usize,
        points: impl IntoIterator<Item = Point>,
    ) -> Self {
        Series {
            label: label.into(),
            style,
            look,
            points: points.into_iter().collect(),
        }
    }
}

/// A measured curve, whatever the order of its points; behind it thin lines where the theory is known of points beside each
/// other.
pub fn with_theory(
    label: &str,
    style: usize,
    points: impl Iterator<Item = (Point, Option<f64>)>,
) -> Vec<Series> {
    let points = points.sorted_by(|(a, _), (b, _)| a.x.total_cmp(&b.x));
    let points: Vec<_> = points.collect();
    let runs = points.chunk_by(|a, b| a.1.is_some() == b.1.is_some());
    let known = |(point, theory): &(Point, Option<f64>)| Some(Point::at(point.x, (*theory)?));
    let theory = runs.map(|run| Series::new(Look::Thin, "", style, run.iter().filter_map(known)));
    let measured = points.iter().map(|(point, _)| point.clone());
    let measured = Series::new(Look::Curve, label, style, measured);
    theory.chain([measured]).collect()
}

/// A value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Point {
    /// The position along the x axis, or the number of the row.
    pub x: f64,
    pub y: f64,
    /// Ends of an interval: a confidence interval, the outer quantiles.
    pub ends: Option<[f64; 2]>,
    /// Ends of the inner quantiles.
    pub core: Option<[f64; 2]>,
    /// A name beside the point; empty for none.
    pub name: String,
}

impl Point {
    /// A value without an interval.
    pub fn at(x: f64, y: f64) -> Self {
        Point {
            x,
            y,
            ..Point::default()
        }
    }

    /// A value with an interval.
    pub fn within(x: f64, y: f64, ends: [f64; 2]) -> Self {
        Point {
            ends: Some(ends),
            ..Point::at(x, y)
        }
    }
}

/// An axis.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Axis {
    /// The label, with the unit.
    pub label: String,
    /// Whether the axis is logarithmic; values that are not positive are then left out.
    pub logarithmic: bool,
    /// The range that is shown at least; `None` for the range of the values.
    pub range: Option<(f64, f64)>,
}

impl Axis {
    /// A linear axis over the range of the values.
    pub fn linear(label: impl Into<String>) -> Self {
        Axis {
            label: label.into(),
            ..Axis::default()
        }
    }

    /// A logarithmic axis over the range of the values.
    pub fn logarithmic(label: impl Into<String>) -> Self {
        Axis {
            logarithmic: true,
            ..Axis::linear(label)
        }
    }

    /// The same axis, which shows at least this range.
    pub fn within(self, low: f64, high: f64) -> Self {
        Axis {
            range: Some((low, high)),
            ..self
        }
    }
}

/// Checks that a plot can be written to a file; nothing is left behind.
///
/// Errors: a file that cannot be written, or whose name ends neither in .png nor in .svg ([`crate::Error::Usage`]).
pub fn check(path: &Path) -> Result<()> {
    match file::ending(path).as_str() {
        "png" | "svg" => Output::create(path).map(drop),
        _ => Err(file::wrong_ending(path, "plots", ".png or .svg")),
    }
}

/// Draws a figure into a file.
///
/// Errors: as those of [`check`].
pub fn write(path: &Path, figure: &Figure) -> Result<()> {
    let failed = |why| Error::io("draw", path, std::io::Error::other(why));
    let bytes = match file::ending(path).as_str() {
        "png" => png(figure).map_err(failed)?,
        "svg" => svg(figure).into_bytes(),
        _ => return check(path),
    };
    file::write_bytes(path, bytes)
}

/// Draws a figure into two files of a folder, as PNG and as SVG.
pub fn write_both(folder: &Path, name: &str, figure: &Figure) -> Result<()> {
    let paths = ["png", "svg"].map(|ending| folder.join(format!("{name}.{ending}")));
    paths.iter().try_for_each(|path| write(path, figure))
}

/// The figure as SVG.
pub fn svg(figure: &Figure) -> String {
    drawing(figure, false).svg(&figure.title).into_string()
}

/// The figure as PNG.
///
/// Errors: it is too large.
pub fn png(figure: &Figure) -> Result<Vec<u8>, String> {
    to_png(drawing(figure, false).pixels()?)
}

/// An image as PNG; as a greyscale one if all pixels are grey.
pub(super) fn to_png(image: RgbImage) -> Result<Vec<u8>, String> {
    let grey = image.pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2]);
    let image = DynamicImage::from(image);
    let image = if grey { image.to_luma8().into() } else { image };
    let mut bytes = Vec::new();
    // Drawings have large uniform areas, which compress better without a filter.
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::NoFilter);
    let done = image.write_with_encoder(encoder);
    done.map(|()| bytes).map_err(|error| error.to_string())
}

/// Draws a figure. A narrow one has one panel below the other, and labels above their rows.
pub(super) fn drawing(figure: &Figure, narrow: bool) -> Drawing {
    let wide = !narrow && figure.panels.len() == 1;
    let charts = || figure.panels.iter();
    // All plots begin at the same height.
    let head = charts().map(chart::head).fold(0.0, f64::max);
    let mut panels: Vec<Frame> = charts().map(|c| Frame::new(c, head, wide)).collect();
    let columns = match (narrow, panels.len()) {
        (true, _) | (_, 0) => 1,
        (_, 4) => 2,
        (_, count) => count.min(3),
    };
    let widths = panels.iter().map(|panel| panel.size.0);
    let width = widths.fold(0.0, f64::max) + 2.0 * SIDE;
    let mut drawing = Drawing::default();
    let mut top = if figure.title.is_empty() { BARE } else { HEAD };
    for row in panels.chunks_mut(columns) {
        for (column, panel) in row.iter_mut().enumerate() {
            panel.draw(&mut drawing, (SIDE + width * column as f64, top));
        }
        top += row.iter().map(|panel| panel.size.1).fold(0.0, f64::max);
    }
    drawing.width = width * columns as f64;
    let title = fitted(&figure.title, TITLE, drawing.width - 2.0 * SIDE);
    let middle = (0.5 * drawing.width, 0.5 * HEAD + 3.0);
    drawing.text(&title, TITLE, middle, MIDDLE);
    top += 0.5 * NOTE;
    for line in wrapped(&figure.note, SMALL, drawing.width - 4.0 * SIDE) {
        drawing.text(&line, SMALL, (1.5 * SIDE, top), START);
        top += LINE;
    }
    drawing.height = top;
    drawing
}
