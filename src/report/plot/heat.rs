//! A heat map with labels of rows and columns: numbers on cells that are darker where the value is stronger.
//!
//! Positive values are blue and negative ones orange, from white at 0. Lightness alone shows the strength in a grey print,
//! and the number is in each cell.

use super::canvas::{self, Area, Canvas, Drawn, FAINT, Size};
use super::{Heat, HeatCell};
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

/// Sizes of a cell in points: its height, its least width, and the margin of its text.
const HIGH: f64 = 26.0;
const WIDE: f64 = 58.0;
const FREE: f64 = 12.0;

/// Sizes in points: of the longest row label, of the space above and of the space below.
const LABEL: f64 = 260.0;
const HEAD: f64 = 30.0;
const FOOT: f64 = 14.0;

/// The colours of the strongest cells: light enough for black letters.
const STRONG: RGBColor = RGBColor(86, 160, 211);
const WRONG: RGBColor = RGBColor(240, 150, 70);

struct HeatLayout {
    labels: f64,
    cell: f64,
}

impl HeatLayout {
    fn of(heat: &Heat) -> Self {
        let cells = heat.cells.iter().flatten().flatten();
        let texts = heat.columns.iter().chain(cells.map(|cell| &cell.text));
        HeatLayout {
            labels: canvas::widest(&heat.rows).min(LABEL),
            cell: (canvas::widest(texts) + FREE).max(WIDE),
        }
    }
}

/// Width and height of the panel, in points.
pub fn size(heat: &Heat) -> (f64, f64) {
    let layout = HeatLayout::of(heat);
    let width = layout.labels + FREE + layout.cell * heat.columns.len() as f64;
    // The figure keeps 8 and 12 points free at the sides.
    (width + 24.0, HEAD + HIGH * heat.rows.len() as f64 + FOOT)
}

/// Draws the panel into its area.
pub fn draw<B: DrawingBackend>(canvas: &Canvas<'_, B>, area: Area, heat: &Heat) -> Drawn {
    let layout = HeatLayout::of(heat);
    let left = area.left + layout.labels + FREE;
    for (column, name) in heat.columns.iter().enumerate() {
        let x = left + layout.cell * (column as f64 + 0.5);
        canvas.centred(name, Size::Normal, x, area.top + 0.6 * HEAD)?;
    }
    for (row, (name, cells)) in heat.rows.iter().zip(&heat.cells).enumerate() {
        let top = area.top + HEAD + HIGH * row as f64;
        let name = canvas::fitted(name, Size::Normal, layout.labels + 1.0);
        canvas.right_aligned(&name, left - 0.7 * FREE, top + 0.5 * HIGH + 1.0)?;
        for (column, cell) in cells.iter().enumerate() {
            let corner = (left + layout.cell * column as f64, top);
            one(
                canvas,
                Area::sized(corner, (layout.cell, HIGH)),
                cell.as_ref(),
            )?;
        }
    }
    Ok(())
}

fn one<B: DrawingBackend>(canvas: &Canvas<'_, B>, place: Area, cell: Option<&HeatCell>) -> Drawn {
    let corners = place.corners();
    if let Some(cell) = cell {
        let ground = if cell.strength < 0.0 { WRONG } else { STRONG };
        let share = cell.strength.abs().min(1.0);
        canvas.fill(&corners, ground.mix(share))?;
        let (x, y) = (place.middle(), place.middle_down() + 1.0);
        canvas.centred(&cell.text, Size::Normal, x, y)?;
    }
    canvas.line(&[&corners[..], &corners[..1]].concat(), FAINT, 0.5)
}
