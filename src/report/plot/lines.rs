//! A panel of curves: a legend above, bands behind, and both axes labelled.

use super::axis::{Scale, written};
use super::canvas::{self, Area, Canvas, Drawn, FAINT, Place, Size};
use super::legend::{Legend, Sample};
use super::spots;
use super::style::Style;
use super::{Lines, Series};
use plotters::prelude::DrawingBackend;
use plotters::style::{BLACK, Color};

/// A panel: its curves, its rectangle, its scales, and what it is drawn on.
struct Frame<'f, 'a, B: DrawingBackend> {
    canvas: &'f Canvas<'a, B>,
    lines: &'f Lines,
    plot: Area,
    x: Scale,
    y: Scale,
}

/// Draws the panel into its area.
pub fn draw<B: DrawingBackend>(canvas: &Canvas<'_, B>, area: Area, lines: &Lines) -> Drawn {
    let spots = || lines.spots.iter().flat_map(|spots| &spots.all);
    let curves = || lines.series.iter().flat_map(|series| &series.points);
    let points = || curves().copied().chain(spots().map(|spot| spot.at));
    let bands = || {
        let bands = lines.series.iter().flat_map(|series| &series.band);
        bands
            .copied()
            .chain(spots().filter_map(|spot| spot.interval))
    };
    let x = Scale::of(&lines.x, points().map(|point| point.0));
    let ends = bands().flat_map(|band| [band.0, band.1]);
    let y = Scale::of(&lines.y, points().map(|point| point.1).chain(ends));
    let ticks: Vec<String> = y.ticks.iter().map(|tick| written(*tick)).collect();
    let left = area.left + 22.0 + canvas::widest(&ticks) + 8.0;
    let named = lines.series.iter();
    let named = named.filter(|series| !(series.thin && series.label.is_empty()));
    let named = named.map(|series| {
        let sample = Sample::Curve(Style::of(series.style), series.markers);
        (series.label.as_str(), sample)
    });
    let spotted = lines.spots.iter().map(|spots| {
        let sample = Sample::Dot(Style::of(spots.style));
        (spots.label.as_str(), sample)
    });
    let legend = Legend::new(spotted.chain(named), area.right - left);
    let head = if lines.title.is_empty() { 0.0 } else { 20.0 };
    let frame = Frame {
        canvas,
        lines,
        plot: Area {
            left,
            top: area.top + head + 10.0 + legend.height(),
            right: area.right - 8.0,
            bottom: area.bottom - 44.0,
        },
        x,
        y,
    };
    let middle = frame.plot.middle();
    let room = 2.0 * (middle - area.left).min(area.right - middle);
    let title = canvas::fitted(&lines.title, Size::Normal, room);
    canvas.centred(&title, Size::Normal, middle, area.top + 12.0)?;
    legend.draw(canvas, left, area.top + head + 12.0)?;
    frame.axes(area)?;
    let mut series = lines.series.iter();
    series.clone().try_for_each(|series| frame.band(series))?;
    series.try_for_each(|series| frame.curve(series))?;
    spots::draw(canvas, frame.plot, lines, |at| frame.place(at))
}

impl<B: DrawingBackend> Frame<'_, '_, B> {
    fn place(&self, (x, y): (f64, f64)) -> Place {
        (
            self.plot.left + self.x.place(x) * self.plot.width(),
            self.plot.bottom - self.y.place(y) * (self.plot.bottom - self.plot.top),
        )
    }

    /// Whether a point can be shown.
    fn shows(&self, (x, y): (f64, f64)) -> bool {
        Scale::shows(&self.lines.x, x) && Scale::shows(&self.lines.y, y)
    }

    /// Grid, numbers, lines and labels of both axes.
    fn axes(&self, area: Area) -> Drawn {
        let (canvas, plot) = (self.canvas, self.plot);
        for tick in &self.y.ticks {
            let y = plot.bottom - self.y.place(*tick) * (plot.bottom - plot.top);
            canvas.line(&[(plot.left, y), (plot.right, y)], FAINT, 0.5)?;
            canvas.right_aligned(&written(*tick), plot.left - 6.0, y)?;
        }
        horizontal_axis(
            canvas,
            area.right + 10.0,
            plot,
            &self.x,
            &self.lines.x.label,
        )?;
        let [upper_left, _, lower_right, lower_left] = plot.corners();
        canvas.line(&[upper_left, lower_left, lower_right], BLACK, 1.0)?;
        canvas.rotated(&self.lines.y.label, area.left + 10.0, plot.middle_down())
    }

    /// The band of a series, if it has one.
    fn band(&self, series: &Series) -> Drawn {
        let both = series.points.iter().zip(&series.band);
        let ends = both.map(|(point, band)| [(point.0, band.0), (point.0, band.1)]);
        let shown: Vec<[Place; 2]> = ends
            .filter(|ends| ends.iter().all(|end| self.shows(*end)))
            .map(|ends| ends.map(|end| self.place(end)))
            .collect();
        if shown.len() < 2 {
            return Ok(());
        }
        let upper = shown.iter().map(|[_, high]| *high);
        let lower = shown.iter().rev().map(|[low, _]| *low);
        let corners: Vec<Place> = upper.chain(lower).collect();
        let colour = Style::of(series.style).colour;
        self.canvas.fill(&corners, colour.mix(0.18))
    }

    fn curve(&self, series: &Series) -> Drawn {
        let (canvas, style) = (self.canvas, Style::of(series.style));
        let shown = series.points.iter().copied().filter(|at| self.shows(*at));
        let places: Vec<Place> = shown.map(|at| self.place(at)).collect();
        if series.thin && series.label.is_empty() {
            return canvas.line(&places, style.colour, 0.75);
        }
        if series.thin || places.len() > 1 {
            canvas.dashed(&places, style.colour, 1.5, style.dash)?;
        }
        match series.thin || !series.markers && places.len() > 1 {
            true => Ok(()),
            false => places
                .iter()
                .try_for_each(|place| canvas.marker(*place, style)),
        }
    }
}

/// The horizontal axis: grid, ticks, numbers up to `right`, and the label below.
pub(super) fn horizontal_axis<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    right: f64,
    plot: Area,
    scale: &Scale,
    label: &str,
) -> Drawn {
    // A label that would touch the one before it is left out; its tick stays.
    let mut free = f64::NEG_INFINITY;
    for tick in &scale.ticks {
        let x = plot.left + scale.place(*tick) * plot.width();
        canvas.line(&[(x, plot.top), (x, plot.bottom + 4.0)], FAINT, 0.5)?;
        let text = written(*tick);
        let half = 0.5 * canvas::width(&text, Size::Normal);
        if x - half > free && x + half <= right {
            canvas.centred(&text, Size::Normal, x, plot.bottom + 13.0)?;
            free = x + half + 6.0;
        }
    }
    canvas.centred(label, Size::Normal, plot.middle(), plot.bottom + 33.0)
}
