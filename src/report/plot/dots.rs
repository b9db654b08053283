//! A dot plot: a row per label, a marker per series, whiskers behind, and a vertical mark for the value to compare with.

use super::axis::Scale;
use super::canvas::{self, Area, Canvas, Drawn, SHADE, Size};
use super::legend::{Legend, Sample, TICK};
use super::style::Style;
use super::{Dots, Row, lines};
use plotters::prelude::DrawingBackend;
use plotters::style::{BLACK, Color};

/// The width of the plot in points: with labels beside the rows, and with labels above them; the width of the longest label.
const PLOT: f64 = 560.0;
const NARROW: f64 = 300.0;
const LABEL: f64 = 420.0;

/// Heights in points: from one series of a row to the next, and of a row with one series.
const STEP: f64 = 7.0;
const ROW: f64 = 20.0;

/// The height of a label above its row, in points.
const LINE: f64 = 16.0;

/// Heights in points: of the title if there is one, of the space between legend and plot, and below the plot.
const HEAD: f64 = 24.0;
const SPACE: f64 = 10.0;
const FOOT: f64 = 44.0;

/// Widths in points: between the edge and the labels, and between the labels and the plot.
const EDGE: f64 = 6.0;
const BESIDE: f64 = 10.0;

/// The sizes of the parts of a panel, in points.
struct DotsLayout {
    head: f64,
    /// The width of labels beside their rows.
    labels: f64,
    /// The height of labels above them.
    lift: f64,
    /// The width of the plot itself.
    plot: f64,
    notes: f64,
    row: f64,
    legend: Legend,
}

impl DotsLayout {
    fn of(dots: &Dots) -> Self {
        let labels = canvas::widest(dots.rows.iter().map(|row| &row.label)).min(LABEL);
        let (labels, lift, plot) = match dots.above {
            true => (0.0, LINE, NARROW),
            false => (labels, 0.0, PLOT),
        };
        let notes = dots.rows.iter().map(|row| &row.note);
        let notes = canvas::widest(notes.chain([&dots.notes]));
        let sample = |style| match dots.quantiles {
            true => Sample::Spread(Style::of(style)),
            false => Sample::Dot(Style::of(style)),
        };
        let series = dots.series.iter();
        let series = series.map(|series| (series.label.as_str(), sample(series.style)));
        let mark = dots.reference.as_deref().map(|name| (name, Sample::Tick));
        let legend = Legend::new(series.chain(mark), EDGE + labels + BESIDE + plot);
        DotsLayout {
            head: if dots.title.is_empty() { 0.0 } else { HEAD },
            labels,
            lift,
            plot,
            notes,
            row: lift + ROW + STEP * dots.series.len().saturating_sub(1) as f64,
            legend,
        }
    }

    /// The height above the plot, in points.
    fn top(&self) -> f64 {
        self.head + self.legend.height() + SPACE
    }

    fn right(&self) -> f64 {
        // The last number of the axis is centred at the end of the axis.
        12.0 + self.notes + EDGE
    }

    /// Width and height of the whole panel, in points.
    fn size(&self, rows: usize) -> (f64, f64) {
        // The figure keeps 8 and 12 points free at the sides.
        let width = 20.0 + EDGE + self.labels + BESIDE + self.plot + self.right();
        let height = self.top() + self.row * rows.max(1) as f64 + FOOT;
        (width, height)
    }
}

/// Width and height of the panel, in points.
pub fn size(dots: &Dots) -> (f64, f64) {
    DotsLayout::of(dots).size(dots.rows.len())
}

/// Draws the panel into its area.
pub fn draw<B: DrawingBackend>(canvas: &Canvas<'_, B>, area: Area, dots: &Dots) -> Drawn {
    let layout = DotsLayout::of(dots);
    let left = area.left + EDGE + layout.labels + BESIDE;
    let top = area.top + layout.top();
    let height = layout.row * dots.rows.len().max(1) as f64;
    let plot = Area::sized((left, top), (layout.plot, height));
    let title = canvas::fitted(&dots.title, Size::Normal, area.width());
    canvas.label(&title, area.left + EDGE, area.top + 8.0)?;
    layout
        .legend
        .draw(canvas, area.left + EDGE, area.top + layout.head + 6.0)?;
    let end = plot.right + layout.right();
    let dot_values = dots.rows.iter().flat_map(|row| row.dots.iter().flatten());
    let values = dot_values.flat_map(|dot| {
        let (low, high) = dot.spread.unwrap_or((dot.value, dot.value));
        [dot.value, low, high]
    });
    let marks = dots.rows.iter().filter_map(|row| row.reference);
    let scale = Scale::of(&dots.x, values.chain(marks));
    for place in (0..dots.rows.len()).step_by(2) {
        let y = plot.top + layout.row * place as f64;
        let below = y + layout.row;
        let corners = [(area.left, y), (end, y), (end, below), (area.left, below)];
        canvas.fill(&corners, SHADE.mix(1.0))?;
    }
    lines::horizontal_axis(canvas, end, plot, &scale, &dots.x.label)?;
    let [.., right, left] = plot.corners();
    canvas.line(&[left, right], BLACK, 1.0)?;
    let x = plot.right + 12.0 + layout.notes;
    canvas.right_aligned(&dots.notes, x, plot.top - 9.0)?;
    for (place, row) in dots.rows.iter().enumerate() {
        let top = plot.top + layout.row * place as f64;
        let middle = top + 0.5 * (layout.row + layout.lift);
        // Lower-case letters have their middle below that of the line.
        let y = middle + 1.5;
        if dots.above {
            let label = canvas::fitted(&row.label, Size::Normal, end - area.left - 2.0 * EDGE);
            canvas.label(&label, area.left + EDGE, top + 0.5 * LINE + 2.0)?;
        } else {
            let label = canvas::fitted(&row.label, Size::Normal, layout.labels + 1.0);
            canvas.right_aligned(&label, plot.left - BESIDE, y)?;
        }
        canvas.right_aligned(&row.note, end - EDGE, y)?;
        let across = |value: f64| plot.left + scale.place(value) * plot.width();
        one(canvas, dots, row, middle, layout.row - layout.lift, &across)?;
    }
    Ok(())
}

/// Draws one row.
fn one<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    dots: &Dots,
    row: &Row,
    middle: f64,
    height: f64,
    across: &impl Fn(f64) -> f64,
) -> Drawn {
    let shows = |value: f64| Scale::shows(&dots.x, value);
    if let Some(mark) = row.reference.filter(|mark| shows(*mark)) {
        let (x, half) = (across(mark), (0.5 * height - 2.0).max(TICK));
        canvas.line(&[(x, middle - half), (x, middle + half)], BLACK, 1.5)?;
    }
    let first = middle - 0.5 * STEP * dots.series.len().saturating_sub(1) as f64;
    for (place, (series, dot)) in dots.series.iter().zip(&row.dots).enumerate() {
        let Some(dot) = dot.filter(|dot| shows(dot.value)) else {
            continue;
        };
        let y = first + STEP * place as f64;
        let style = Style::of(series.style);
        for (ends, width) in [(dot.spread, 1.0), (dot.core, 4.0)] {
            if let Some((low, high)) = ends.filter(|(low, high)| shows(*low) && shows(*high)) {
                canvas.line(&[(across(low), y), (across(high), y)], style.colour, width)?;
            }
        }
        match dots.quantiles {
            true => canvas.median_marker((across(dot.value), y))?,
            false => canvas.marker((across(dot.value), y), style)?,
        }
    }
    Ok(())
}
