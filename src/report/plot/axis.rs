//! The range of an axis, its ticks, and how their values are written.

use super::Axis;
use indicatif::HumanFloatCount;

/// The most ticks.
const MOST: usize = 8;

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
        let logarithmic = axis.logarithmic;
        let shown = values.filter(|value| shows(logarithmic, *value));
        let ends = axis.range.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
        let (low, high) = shown.fold(ends, |all, value| (all.0.min(value), all.1.max(value)));
        let (mut low, mut high) = if low > high { (1.0, 10.0) } else { (low, high) };
        if axis.range.is_none() && logarithmic {
            (low, high) = (low / 1.25, high * 1.25);
        } else if axis.range.is_none() {
            let room = 0.04 * (high - low).max(1e-9 * high.abs().max(1e-300));
            (low, high) = (low - room, high + room);
        }
        if high <= low {
            high = low + 1.0;
        }
        let ticks = logarithmic.then(|| decades(low, high));
        let ticks = ticks.filter(|ticks| ticks.len() >= 3);
        Scale {
            low,
            high,
            logarithmic,
            ticks: ticks.unwrap_or_else(|| even(low, high)),
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
    let digit = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|digit| digit * power >= rough);
    let step = digit.unwrap_or(10.0) * power;
    let first = (low / step).ceil();
    // Each multiple of the step is rounded once, so that errors do not add up.
    let ticks = (0..2 * MOST).map(|tick| (first + tick as f64) * step);
    ticks
        .take_while(|tick| *tick <= high + 1e-9 * step)
        .collect()
}

/// Ticks at 1, 2 and 5 times powers of ten, or at fewer.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let ticks = |digits: &[i32], every: i32| -> Vec<f64> {
        let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let powers = powers.filter(|power| power.rem_euclid(every) == 0);
        let ticks =
            powers.flat_map(|power| digits.iter().map(move |digit| format!("{digit}e{power}")));
        let ticks = ticks.filter_map(|tick| tick.parse().ok());
        ticks.filter(|tick| (low..=high).contains(tick)).collect()
    };
    let fewer = (1..).map(|every| ticks(&[1], every));
    let more = [&[1, 2, 5][..], &[1, 3]].map(|digits| ticks(digits, 1));
    let mut all = more.into_iter().chain(fewer);
    all.find(|ticks| ticks.len() <= MOST).unwrap_or_default()
}

/// A tick's value: plain where that is short, otherwise as `2×10⁵`.
pub fn written(value: f64) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    if value == 0.0 || (1e-3..1e6).contains(&value.abs()) {
        return format!("{:.9}", HumanFloatCount(value));
    }
    // Seven digits hide the rounding of the step.
    let text = format!("{value:.6e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let raised = |sign: char| {
        sign.to_digit(10)
            .map_or('⁻', |digit| RAISED[digit as usize])
    };
    let power = format!("10{}", exponent.chars().map(raised).collect::<String>());
    match digits.trim_end_matches('0').trim_end_matches('.') {
        "1" => power,
        digits => format!("{digits}×{power}"),
    }
}
