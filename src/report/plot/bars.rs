//! A panel of bars: labels below, values above, a whisker for the range of the measurements.

use super::axis::{Scale, written};
use super::canvas::{self, Area, Canvas, Drawn, Size};
use super::style::Style;
use super::{Axis, Bar, Bars, lines};
use plotters::prelude::DrawingBackend;
use plotters::style::BLACK;

/// The height of a line of text, in points.
const LINE: f64 = 16.0;

/// Draws the panel into its area.
pub fn draw<B: DrawingBackend>(canvas: &Canvas<'_, B>, area: Area, bars: &Bars) -> Drawn {
    let axis = Axis::linear(&bars.axis);
    let values = bars.bars.iter().flat_map(|bar| {
        let (low, high) = bar.spread.unwrap_or((bar.value, bar.value));
        [bar.value, low, high]
    });
    let scale = Scale::of(&axis, values, true);
    let texts: Vec<String> = scale.ticks.iter().map(|tick| written(*tick)).collect();
    let left = area.left + 22.0 + canvas::widest(&texts) + 8.0;
    let slot = (area.right - left) / bars.bars.len().max(1) as f64;
    let wrapped = |bar: &Bar| canvas::wrapped(&bar.label, Size::Normal, slot - 4.0);
    let labels: Vec<Vec<String>> = bars.bars.iter().map(wrapped).collect();
    let lines = labels.iter().map(Vec::len).max().unwrap_or(1);
    let plot = Area {
        left,
        top: area.top + 30.0,
        right: area.right,
        bottom: area.bottom - 10.0 - LINE * lines as f64,
    };
    canvas.centred(&bars.title, Size::Normal, plot.middle(), area.top + 12.0)?;
    canvas.rotated(&bars.axis, area.left + 10.0, plot.middle_down())?;
    let height = |value: f64| plot.bottom - scale.place(value) * (plot.bottom - plot.top);
    lines::vertical_axis(canvas, plot, &scale)?;
    lines::axis_lines(canvas, plot)?;
    for (place, (bar, label)) in bars.bars.iter().zip(&labels).enumerate() {
        let middle = plot.left + (place as f64 + 0.5) * slot;
        one(canvas, bar, middle, slot, &axis, &height)?;
        for (line, text) in label.iter().enumerate() {
            let y = plot.bottom + 12.0 + LINE * line as f64;
            canvas.centred(text, Size::Normal, middle, y)?;
        }
    }
    Ok(())
}

/// One bar, if its value can be shown.
fn one<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    bar: &Bar,
    middle: f64,
    slot: f64,
    axis: &Axis,
    height: &impl Fn(f64) -> f64,
) -> Drawn {
    if !Scale::shows(axis, bar.value) {
        return Ok(());
    }
    let half = (0.3 * slot).min(36.0);
    let (zero, end) = (height(0.0), height(bar.value));
    let body = Area {
        left: middle - half,
        top: zero.min(end),
        right: middle + half,
        bottom: zero.max(end),
    };
    canvas.bar(body, Style::of(bar.style))?;
    let mut top = body.top;
    let finite = |(low, high): &(f64, f64)| low.is_finite() && high.is_finite();
    if let Some((low, high)) = bar.spread.filter(finite) {
        let (low, high) = (height(low), height(high));
        canvas.line(&[(middle, low), (middle, high)], BLACK, 1.0)?;
        for y in [low, high] {
            canvas.line(&[(middle - 5.0, y), (middle + 5.0, y)], BLACK, 1.0)?;
        }
        top = top.min(high);
    }
    canvas.centred(&short(bar.value), Size::Normal, middle, top - 9.0)
}

/// Three significant digits, for the value above a bar.
fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let decimals = 2 - value.abs().log10().floor() as i32;
    let unit = 10f64.powi(-decimals);
    written((value / unit).round() * unit)
}
