//! How series look: colours of different lightness, dashes and markers; and the font.
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
}

const fn style((red, green, blue): (u8, u8, u8), dash: &'static [f64], marker: Marker) -> Style {
    Style {
        colour: RGBColor(red, green, blue),
        dash,
        marker,
    }
}

const STYLES: [Style; 6] = [
    style((60, 60, 60), &[], Marker::Circle),
    style((0, 114, 178), &[9.0, 4.0], Marker::Square),
    style((213, 94, 0), &[2.0, 3.0], Marker::Triangle),
    style((0, 158, 115), &[10.0, 3.0, 2.0, 3.0], Marker::Diamond),
    style((204, 121, 167), &[5.0, 2.0], Marker::Circle),
    style(
        (230, 159, 0),
        &[14.0, 3.0, 2.0, 3.0, 2.0, 3.0],
        Marker::Square,
    ),
];

/// The style of theory, which no measured series has.
pub const THEORY: usize = usize::MAX;

/// A dotted line in a red that is dark in a grey print.
const OF_THEORY: Style = style((150, 0, 60), &[1.5, 2.0], Marker::Diamond);

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
