//! How things are told apart: colours of different lightness, dashes, markers, hatching; and the font.
//!
//! The colours are Okabe and Ito's, which the colour-blind tell apart; the order puts dark next to light.

use plotters::style::{FontStyle, RGBColor, register_font as register};
use std::sync::OnceLock;

/// DejaVu Sans, the letters that plots need; see `assets/README.md`.
static FONT: &[u8] = include_bytes!("../../../assets/DejaVuSans-subset.ttf");

/// The name that the font is known by, here and in an SVG, where the viewer's own may stand in for it.
pub const FAMILY: &str = "sans-serif";

/// What a series looks like.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub colour: RGBColor,
    /// Lengths drawn and left out in turn, in points; empty is a solid line.
    pub dash: &'static [f64],
    pub marker: Marker,
    pub hatch: Hatch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
}

/// Lines across a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hatch {
    None,
    Rising,
    Falling,
    Crossed,
    Level,
}

const STYLES: [Style; 6] = [
    Style {
        colour: RGBColor(60, 60, 60),
        dash: &[],
        marker: Marker::Circle,
        hatch: Hatch::None,
    },
    Style {
        colour: RGBColor(0, 114, 178),
        dash: &[9.0, 4.0],
        marker: Marker::Square,
        hatch: Hatch::Rising,
    },
    Style {
        colour: RGBColor(213, 94, 0),
        dash: &[2.0, 3.0],
        marker: Marker::Triangle,
        hatch: Hatch::Falling,
    },
    Style {
        colour: RGBColor(0, 158, 115),
        dash: &[10.0, 3.0, 2.0, 3.0],
        marker: Marker::Diamond,
        hatch: Hatch::Crossed,
    },
    Style {
        colour: RGBColor(204, 121, 167),
        dash: &[5.0, 2.0],
        marker: Marker::Circle,
        hatch: Hatch::Level,
    },
    Style {
        colour: RGBColor(230, 159, 0),
        dash: &[14.0, 3.0, 2.0, 3.0, 2.0, 3.0],
        marker: Marker::Square,
        hatch: Hatch::Rising,
    },
];

/// The style of a law beside what was measured, which no series has.
pub const THEORY: usize = usize::MAX;

/// Dots in a red that is dark in a grey print.
const OF_THEORY: Style = Style {
    colour: RGBColor(150, 0, 60),
    dash: &[1.5, 2.0],
    marker: Marker::Diamond,
    hatch: Hatch::None,
};

impl Style {
    /// The style of a number; they repeat after six. [`THEORY`] has its own.
    pub fn of(number: usize) -> Self {
        if number == THEORY {
            return OF_THEORY;
        }
        STYLES[number % STYLES.len()]
    }
}

/// Make the font known to the canvas, once.
pub fn register_font() -> Result<(), String> {
    static DONE: OnceLock<bool> = OnceLock::new();
    if *DONE.get_or_init(|| register(FAMILY, FontStyle::Normal, FONT).is_ok()) {
        Ok(())
    } else {
        Err("the font that the program carries is damaged".into())
    }
}
