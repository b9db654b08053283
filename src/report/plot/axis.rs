//! The range of an axis, its ticks, and how their values are written.

use super::Axis;
use crate::report::numerals::grouped;

/// The most ticks.
const MOST: usize = 8;

/// Digits of a decade that have ticks, and the number of decades from one tick to the next, from the most ticks to the fewest.
const DECADES: [(&[f64], i32); 7] = [
    (&[1.0, 2.0, 5.0], 1),
    (&[1.0, 3.0], 1),
    (&[1.0], 1),
    (&[1.0], 2),
    (&[1.0], 5),
    (&[1.0], 20),
    (&[1.0], 100),
];

/// The scale of an axis, which maps values to 0..1.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    pub ticks: Vec<f64>,
}

impl Scale {
    /// A scale that holds all values that the axis can show.
    pub fn of(axis: &Axis, values: impl Iterator<Item = f64>) -> Self {
        let shown = values.filter(|value| shows(axis.logarithmic, *value));
        let ends = axis.range.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
        let (low, high) = shown.fold(ends, |all, value| (all.0.min(value), all.1.max(value)));
        let (mut low, mut high) = if low > high { (1.0, 10.0) } else { (low, high) };
        if axis.range.is_none() && axis.logarithmic {
            (low, high) = (low / 1.25, high * 1.25);
        } else if axis.range.is_none() {
            let room = 0.04 * (high - low).max(1e-9 * high.abs().max(1e-300));
            (low, high) = (low - room, high + room);
        }
        if high <= low {
            high = low + 1.0;
        }
        let mut ticks = Vec::new();
        if axis.logarithmic {
            let all = DECADES
                .iter()
                .map(|(digits, every)| decades(low, high, digits, *every));
            ticks = all
                .into_iter()
                .find(|ticks| ticks.len() <= MOST)
                .unwrap_or_default();
        }
        if ticks.len() < 3 {
            ticks = even(low, high);
        }
        Scale {
            low,
            high,
            logarithmic: axis.logarithmic,
            ticks,
        }
    }

    /// The position of a value between the ends, from 0 to 1; `None` for a value that cannot be shown.
    pub fn place(&self, value: f64) -> Option<f64> {
        let [low, high, at] = [self.low, self.high, value].map(|value| match self.logarithmic {
            true => value.ln(),
            false => value,
        });
        shows(self.logarithmic, value).then_some((at - low) / (high - low))
    }
}

/// Whether a value can be shown on an axis.
fn shows(logarithmic: bool, value: f64) -> bool {
    // The margin below f64's largest value lets the range be widened.
    value.is_finite() && value.abs() < 1e300 && (!logarithmic || value > 1e-300)
}

/// Ticks at multiples of 1, 2 or 5 times a power of ten.
fn even(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    let step = steps.into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let first = (low / step).ceil();
    // Each multiple of the step is rounded once, so that errors do not add up.
    (0..2 * MOST)
        .map(|tick| (first + tick as f64) * step)
        .take_while(|tick| *tick <= high * (1.0 + 1e-12))
        .collect()
}

fn decades(low: f64, high: f64, digits: &[f64], every: i32) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let decades = (first..=last).filter(|decade| decade.rem_euclid(every) == 0);
    let ticks = decades.flat_map(|decade| digits.iter().map(move |digit| power(*digit, decade)));
    ticks.filter(|tick| (low..=high).contains(tick)).collect()
}

/// `digit * 10^decade`, the f64 nearest to it.
fn power(digit: f64, decade: i32) -> f64 {
    match decade < 0 {
        true => digit / 10f64.powi(-decade),
        false => digit * 10f64.powi(decade),
    }
}

/// A tick's value: plain where that is short, otherwise as `2×10⁵`.
pub fn written(value: f64) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    // Seven digits hide the rounding of the step.
    let text = format!("{value:.6e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    if value == 0.0 || (1e-3..1e6).contains(&value.abs()) {
        let rounded = text.parse().unwrap_or(value);
        return match rounded >= 1e3 && rounded.fract() == 0.0 {
            true => grouped(rounded as u64),
            false => rounded.to_string(),
        };
    }
    let raised = |letter: char| {
        let digit = letter.to_digit(10);
        digit.map_or('⁻', |digit| RAISED[digit as usize])
    };
    let power: String = exponent.chars().map(raised).collect();
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    let factor = if digits == "1" {
        String::new()
    } else {
        format!("{digits}×")
    };
    format!("{factor}10{power}")
}
