//! How series look: colours of different lightness, dashes, markers, hatching; and the font.
//!
//! The colours are those of Okabe and Ito, distinguishable with colour blindness; dark and light ones alternate.

use plotters::style::{FontStyle, RGBColor, register_font as register};
use std::sync::OnceLock;

/// DejaVu Sans, the letters that plots need; see `assets/README.md`.
static FONT: &[u8] = include_bytes!("../../../assets/DejaVuSans-subset.ttf");

/// The font family's name, here and in an SVG; a viewer may use its own sans-serif font.
pub const FAMILY: &str = "sans-serif";

/// The look of a series.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub colour: RGBColor,
    /// Lengths of dashes and gaps in turn, in points; empty for a solid line.
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

/// The hatching of a bar.
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

/// The style of theory, which no measured series has.
pub const THEORY: usize = usize::MAX;

/// A dotted line in a red that is dark in a grey print.
const OF_THEORY: Style = Style {
    colour: RGBColor(150, 0, 60),
    dash: &[1.5, 2.0],
    marker: Marker::Diamond,
    hatch: Hatch::None,
};

impl Style {
    /// The style of a number; styles repeat after six. [`THEORY`] has its own.
    pub fn of(number: usize) -> Self {
        if number == THEORY {
            return OF_THEORY;
        }
        STYLES[number % STYLES.len()]
    }
}

/// Registers the font with `plotters`, once.
pub fn register_font() -> Result<(), String> {
    static DONE: OnceLock<bool> = OnceLock::new();
    if *DONE.get_or_init(|| register(FAMILY, FontStyle::Normal, FONT).is_ok()) {
        Ok(())
    } else {
        Err("the font that the program carries is damaged".into())
    }
}
