//! How series look: colours of different lightness, dashes and markers.
//!
//! The colours are those of Okabe and Ito, distinguishable with colour blindness; dark and light ones alternate.

use super::Look;
use super::drawing::{BLACK, Colour, Drawing, Place, Stroke, solid};

/// Half the size of a marker, and half the length of the line of a single value of a theory.
const SIZE: f64 = 3.5;
const DASH: f64 = 9.0;

/// The look of a series.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub colour: Colour,
    /// Lengths of dashes and gaps in turn; empty for a solid line.
    dash: &'static [f32],
    /// Corners of the marker; empty for a disc.
    marker: &'static [Place],
}

const DISC: &[Place] = &[];
const SQUARE: &[Place] = &[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
const TRIANGLE: &[Place] = &[(-1.2, 1.0), (0.0, -1.2), (1.2, 1.0)];
const DIAMOND: &[Place] = &[(-1.35, 0.0), (0.0, -1.35), (1.35, 0.0), (0.0, 1.35)];

const fn style(colour: Colour, dash: &'static [f32], marker: &'static [Place]) -> Style {
    Style {
        colour,
        dash,
        marker,
    }
}

/// The styles of measured series, and that of theory: a dotted line in a red that is dark in a grey print.
const STYLES: [Style; MEASURED + 1] = [
    style([60, 60, 60], &[], DISC),
    style([0, 114, 178], &[9.0, 4.0], SQUARE),
    style([213, 94, 0], &[2.0, 3.0], TRIANGLE),
    style([0, 158, 115], &[10.0, 3.0, 2.0, 3.0], DIAMOND),
    style([204, 121, 167], &[5.0, 2.0], DISC),
    style([230, 159, 0], &[14.0, 3.0, 2.0, 3.0, 2.0, 3.0], SQUARE),
    style([150, 0, 60], &[1.5, 2.0], DIAMOND),
];
const MEASURED: usize = 6;

/// The style of theory, which no measured series has.
pub const THEORY: usize = usize::MAX;

/// A point of a series on a drawing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark<'c> {
    pub at: Place,
    /// Ends of the thin line, and of the thick one.
    pub ends: Option<[Place; 2]>,
    pub core: Option<[Place; 2]>,
    /// Half the height of a line across a row.
    pub half: f64,
    pub name: &'c str,
}

impl Style {
    /// The style of a number; styles repeat after six. [`THEORY`] has its own.
    pub fn of(number: usize) -> Self {
        match number {
            THEORY => STYLES[MEASURED],
            _ => STYLES[number % MEASURED],
        }
    }

    /// Draws the band of a curve with intervals.
    pub fn band(self, drawing: &mut Drawing, look: Look, marks: &[Mark]) {
        let ends = || marks.iter().filter_map(|mark| mark.ends);
        if look == Look::Curve && ends().count() > 1 {
            let upper = ends().map(|[_, high]| high);
            let lower = ends().rev().map(|[low, _]| low);
            drawing.fill(&upper.chain(lower).collect::<Vec<_>>(), self.colour, 0.18);
        }
    }

    /// Draws the line of a series and its points. The only point of a curve has a whisker in place of a band.
    pub fn draw(self, drawing: &mut Drawing, look: Look, marks: &[Mark]) {
        let through: Vec<Place> = marks.iter().map(|mark| mark.at).collect();
        self.line(drawing, look, &through);
        let whiskers = look != Look::Curve || marks.len() == 1;
        for mark in marks {
            let ends = mark.ends.filter(|_| whiskers);
            self.mark(drawing, look, Mark { ends, ..*mark });
        }
    }

    /// Draws the line of a series through its points.
    pub fn line(self, drawing: &mut Drawing, look: Look, through: &[Place]) {
        let thin = solid(self.colour, 0.75);
        match (look, through) {
            (Look::Thin, &[(x, y)]) => drawing.line(&[(x - DASH, y), (x + DASH, y)], thin),
            (Look::Thin, _) => drawing.line(through, thin),
            (Look::Curve | Look::Line, _) => {
                let (dash, normal) = (self.dash, solid(self.colour, 1.5));
                drawing.line(through, Stroke { dash, ..normal });
            }
            _ => {}
        }
    }

    /// Draws a point with its whiskers.
    pub fn mark(self, drawing: &mut Drawing, look: Look, mark: Mark) {
        for (ends, width) in [(mark.ends, 1.0), (mark.core, 4.0)] {
            if let Some(ends) = ends {
                drawing.line(&ends, solid(self.colour, width));
            }
        }
        let (x, y) = mark.at;
        match look {
            Look::Curve | Look::Dots if self.marker.is_empty() => {
                drawing.disc((x, y), SIZE, self.colour);
            }
            Look::Curve | Look::Dots => {
                let corners = self.marker.iter();
                let corners = corners.map(|(across, down)| (x + SIZE * across, y + SIZE * down));
                drawing.fill(&corners.collect::<Vec<_>>(), self.colour, 1.0);
            }
            Look::Quantiles => {
                drawing.disc((x, y), 3.4, BLACK);
                drawing.disc((x, y), 2.2, [255; 3]);
            }
            Look::Ticks => {
                let ends = [(x, y - mark.half), (x, y + mark.half)];
                drawing.line(&ends, solid(BLACK, 1.5));
            }
            Look::Line | Look::Thin => {}
        }
    }
}
