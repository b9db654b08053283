//! A chart: curves over two axes, or rows of dots, below a legend.

use super::axis::{Scale, written};
use super::drawing::{
    Area, BLACK, Colour, Drawing, END, MIDDLE, NORMAL, Place, START, fitted, solid, widest, width,
};
use super::style::{Mark, Style};
use super::{Chart, Look, Point, Series, names};

/// Grey for grid lines, and a lighter grey behind every other row.
const FAINT: Colour = [215; 3];
const SHADE: Colour = [244; 3];

/// Sizes of plots in points: of curves, of the only curves of a figure; the width of rows, and of rows below their labels.
const CURVES: (f64, f64) = (350.0, 290.0);
const WIDE: (f64, f64) = (812.0, 320.0);
const ROWS: f64 = 560.0;
const NARROW: f64 = 300.0;

/// The width of the longest label of a row.
const LABEL: f64 = 420.0;

/// Heights: of a row with one series, of each further series, and of a label above its row.
const ROW: f64 = 20.0;
const STEP: f64 = 7.0;
const LIFT: f64 = 16.0;

/// Heights: of a title, of a line of the legend, of the labels above the plot, and of those below it.
const HEAD: f64 = 22.0;
const LEGEND: f64 = 16.0;
const ABOVE: f64 = 23.0;
const FOOT: f64 = 46.0;

/// Widths: beside labels, of a sample in the legend, and of the space after it.
const BESIDE: f64 = 8.0;
const SAMPLE: f64 = 34.0;
const SPACE: f64 = 6.0;

/// A chart with the positions of its parts.
pub struct Frame<'c> {
    chart: &'c Chart,
    corner: Place,
    /// Width and height in points.
    pub size: (f64, f64),
    plot: Area,
    x: Scale,
    y: Scale,
    /// The height of a row, and of the label above it.
    row: f64,
    lift: f64,
}

impl<'c> Frame<'c> {
    /// Lays out a chart with a corner at 0 and `head` above its plot; `wide` if it has a page for itself.
    pub fn new(chart: &'c Chart, head: f64, wide: bool) -> Self {
        let points = || chart.series.iter().flat_map(|series| &series.points);
        let x = Scale::of(&chart.x, points().map(|point| point.x));
        let ends = points().flat_map(|point| point.ends.into_iter().flatten());
        let y = Scale::of(&chart.y, points().map(|point| point.y).chain(ends));
        let rows = !chart.rows.is_empty();
        let (labels, notes): (Vec<_>, Vec<_>) = chart.rows.iter().cloned().unzip();
        let labels = widest(&labels).min(LABEL) + BESIDE;
        let notes = widest(notes.iter().chain([&chart.notes]));
        let lift = if rows && !wide { LIFT } else { 0.0 };
        let row = lift + ROW + STEP * dots(&chart.series).saturating_sub(1) as f64;
        let ticks: Vec<String> = y.ticks.iter().map(|tick| written(*tick)).collect();
        let high = row * chart.rows.len() as f64;
        let (left, size) = match (rows, wide) {
            (true, true) => (labels, (ROWS, high)),
            (true, false) => (BESIDE, (NARROW, high)),
            (false, true) => (widest(&ticks), WIDE),
            (false, false) => (widest(&ticks), CURVES),
        };
        let left = left + BESIDE;
        let plot = Area::sized((left, head), size);
        let right = if rows { notes + 20.0 } else { 12.0 };
        Frame {
            chart,
            corner: (0.0, 0.0),
            size: (plot.right + right, plot.bottom + FOOT),
            plot,
            x,
            y,
            row,
            lift,
        }
    }

    /// Moves the panel from 0 to a corner, and draws it there.
    pub fn draw(&mut self, drawing: &mut Drawing, (x, y): Place) {
        self.plot = self.plot.moved((x, y));
        self.corner = (x, y);
        let middle = self.plot.at(0.5, 0.0).0;
        let title = fitted(&self.chart.title, NORMAL, 2.0 * (middle - x));
        drawing.text(&title, NORMAL, (middle, y + 9.0), MIDDLE);
        self.legend(drawing);
        self.rows(drawing);
        if self.chart.rows.is_empty() {
            self.across(drawing, &self.x, &self.chart.x.label);
            self.upright(drawing);
        } else {
            self.across(drawing, &self.y, &self.chart.y.label);
        }
        let all = self.marks();
        for (series, marks) in &all {
            Style::of(series.style).band(drawing, series.look, marks);
        }
        for (series, marks) in &all {
            Style::of(series.style).draw(drawing, series.look, marks);
        }
        let marks: Vec<Mark> = all.into_iter().flat_map(|(_, marks)| marks).collect();
        names::draw(drawing, self.plot, &marks);
    }

    /// The names of the series in lines above the plot, each beside a sample of its look.
    fn legend(&self, drawing: &mut Drawing) {
        let x = self.corner.0 + BESIDE;
        let most = self.plot.right - x - SAMPLE - SPACE;
        let mut y = self.plot.top - ABOVE - LEGEND * (named(self.chart).count() as f64 - 0.5);
        for series in named(self.chart) {
            sample(drawing, (x, y), series);
            let label = fitted(&series.label, NORMAL, most);
            drawing.text(&label, NORMAL, (x + SAMPLE + SPACE, y), START);
            y += LEGEND;
        }
    }

    /// Grounds, labels and notes of the rows.
    fn rows(&self, drawing: &mut Drawing) {
        let left = self.corner.0;
        let (start, end) = (left + BESIDE, left + self.size.0 - BESIDE);
        let heading = (end, self.plot.top - 0.5 * ABOVE);
        drawing.text(&self.chart.notes, NORMAL, heading, END);
        for (number, (label, note)) in self.chart.rows.iter().enumerate() {
            let top = self.plot.top + self.row * number as f64;
            if number % 2 == 0 {
                let ground = Area::sized((left, top), (self.size.0, self.row));
                drawing.fill(&ground.corners(), SHADE, 1.0);
            }
            let middle = top + 0.5 * (self.lift + self.row);
            drawing.text(note, NORMAL, (end, middle), END);
            let (at, anchor) = match self.lift > 0.0 {
                true => ((start, top + 0.5 * self.lift + 2.0), START),
                false => ((self.plot.left - BESIDE, middle), END),
            };
            let label = fitted(label, NORMAL, LABEL.min(end - start));
            drawing.text(&label, NORMAL, at, anchor);
        }
    }

    /// The axis below the plot: grid, ticks, numbers, line and label.
    fn across(&self, drawing: &mut Drawing, scale: &Scale, label: &str) {
        // A number that would touch the one before it is left out; its tick stays.
        let mut free = f64::NEG_INFINITY;
        for tick in &scale.ticks {
            let (x, bottom) = self.plot.at(scale.place(*tick).unwrap_or(0.0), 1.0);
            drawing.line(&[(x, self.plot.top), (x, bottom + 4.0)], solid(FAINT, 0.5));
            let text = written(*tick);
            let half = 0.5 * width(&text, NORMAL);
            if x - half > free && x + half <= self.corner.0 + self.size.0 + BESIDE {
                drawing.text(&text, NORMAL, (x, bottom + 13.0), MIDDLE);
                free = x + half + SPACE;
            }
        }
        let [_, _, right, left] = self.plot.corners();
        drawing.line(&[left, right], solid(BLACK, 1.0));
        let (x, bottom) = self.plot.at(0.5, 1.0);
        drawing.text(label, NORMAL, (x, bottom + 32.0), MIDDLE);
    }

    /// The axis to the left of the plot, with its label above.
    fn upright(&self, drawing: &mut Drawing) {
        for tick in &self.y.ticks {
            let down = 1.0 - self.y.place(*tick).unwrap_or(0.0);
            let (x, y) = self.plot.at(0.0, down);
            drawing.line(&[(x, y), self.plot.at(1.0, down)], solid(FAINT, 0.5));
            drawing.text(&written(*tick), NORMAL, (x - SPACE, y), END);
        }
        let [top, .., bottom] = self.plot.corners();
        drawing.line(&[top, bottom], solid(BLACK, 1.0));
        let label = (self.corner.0 + BESIDE, self.plot.top - 0.5 * ABOVE - 2.0);
        drawing.text(&self.chart.y.label, NORMAL, label, START);
    }

    /// The position of a value of a series; `None` for one that cannot be shown.
    fn at(&self, series: usize, x: f64, y: f64) -> Option<Place> {
        let (all, share) = (&self.chart.series, self.y.place(y)?);
        if self.chart.rows.is_empty() {
            return Some(self.plot.at(self.x.place(x)?, 1.0 - share));
        }
        let step = match all[series].look {
            Look::Ticks => 0.0,
            _ => dots(&all[..series]) as f64 - 0.5 * (dots(all) as f64 - 1.0),
        };
        let down = self.row * x + 0.5 * (self.row + self.lift) + STEP * step;
        Some((self.plot.at(share, 0.0).0, self.plot.top + down))
    }

    /// Each series with its points on the drawing.
    fn marks(&self) -> Vec<(&'c Series, Vec<Mark<'c>>)> {
        let mark = |number: usize, point: &'c Point| {
            let ends = |ends: Option<[f64; 2]>| {
                let [low, high] = ends?.map(|end| self.at(number, point.x, end));
                Some([low?, high?])
            };
            Some(Mark {
                at: self.at(number, point.x, point.y)?,
                ends: ends(point.ends),
                core: ends(point.core),
                half: 0.5 * (self.row - self.lift) - 2.0,
                name: &point.name,
            })
        };
        let numbered = self.chart.series.iter().enumerate();
        let all = numbered.map(|(number, series)| {
            let marks = series.points.iter().filter_map(|point| mark(number, point));
            (series, marks.collect())
        });
        all.collect()
    }
}

/// The number of series that are beside each other in a row.
fn dots(series: &[Series]) -> usize {
    let beside = series.iter().filter(|series| series.look != Look::Ticks);
    beside.count()
}

/// The height above the plot that a chart needs.
pub fn head(chart: &Chart) -> f64 {
    let title = if chart.title.is_empty() { 0.0 } else { HEAD };
    title + LEGEND * named(chart).count() as f64 + ABOVE
}

/// The series in the legend.
fn named(chart: &Chart) -> impl Iterator<Item = &Series> {
    let all = chart.series.iter();
    all.filter(|series| !series.label.is_empty())
}

/// How a series looks, in the legend.
fn sample(drawing: &mut Drawing, (x, y): Place, series: &Series) {
    let style = Style::of(series.style);
    let at = |share: f64| (x + share * SAMPLE, y);
    style.line(drawing, series.look, &[at(0.0), at(1.0)]);
    let whisker = matches!(series.look, Look::Dots | Look::Quantiles);
    let mark = Mark {
        at: at(0.5),
        ends: whisker.then_some([at(0.0), at(1.0)]),
        core: (series.look == Look::Quantiles).then_some([at(0.25), at(0.75)]),
        half: SPACE,
        name: "",
    };
    style.mark(drawing, series.look, mark);
}
