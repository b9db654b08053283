//! The range of an axis, its ticks, and how their values are written.

use super::Axis;

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
        let shown = values.filter(|value| Scale::shows(axis, *value));
        let (mut low, mut high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |all, value| {
            (all.0.min(value), all.1.max(value))
        });
        if let Some((least, most)) = axis.range {
            // Values beyond the given range widen it.
            let (low, high) = (low.min(least), high.max(most));
            return match axis.logarithmic {
                true => Scale::logarithmic(low, high),
                false => Scale::linear(low, high),
            };
        }
        if low > high {
            (low, high) = (1.0, 10.0);
        }
        if axis.logarithmic {
            Scale::logarithmic(low / 1.25, high * 1.25)
        } else {
            let room = 0.04 * (high - low).max(1e-9 * high.abs().max(1e-300));
            Scale::linear(low - room, high + room)
        }
    }

    /// Whether a value can be shown on the axis.
    pub fn shows(axis: &Axis, value: f64) -> bool {
        // The margin below f64's largest value lets the range be widened.
        value.is_finite() && value.abs() < 1e300 && (!axis.logarithmic || value > 1e-300)
    }

    fn linear(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Scale {
            low,
            high,
            logarithmic: false,
            ticks: even_ticks(low, high),
        }
    }

    fn logarithmic(low: f64, high: f64) -> Self {
        let mut ticks = Vec::new();
        // As many ticks per decade as there is room for; if one per decade is too many, fewer decades.
        for (digits, every) in [
            (&[1.0, 2.0, 5.0][..], 1),
            (&[1.0, 3.0], 1),
            (&[1.0], 1),
            (&[1.0], 2),
            (&[1.0], 5),
            (&[1.0], 20),
            (&[1.0], 100),
        ] {
            ticks = decade_ticks(low, high, digits, every);
            if ticks.len() <= MOST {
                break;
            }
        }
        if ticks.len() < 3 {
            ticks = even_ticks(low, high);
        }
        Scale {
            low,
            high,
            logarithmic: true,
            ticks,
        }
    }

    /// The position of a value between the ends, from 0 to 1.
    pub fn place(&self, value: f64) -> f64 {
        if self.logarithmic {
            (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }
}

/// Ticks at multiples of 1, 2 or 5 times a power of ten.
fn even_ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let first = (low / step).ceil();
    // Each multiple of the step is rounded once, so that errors do not add up.
    (0..2 * MOST)
        .map(|tick| (first + tick as f64) * step)
        .take_while(|tick| *tick <= high * (1.0 + 1e-12))
        .collect()
}

fn decade_ticks(low: f64, high: f64, digits: &[f64], every: i32) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let decades = (first..=last).filter(|decade| decade.rem_euclid(every) == 0);
    decades
        .flat_map(|decade| digits.iter().map(move |digit| power(*digit, decade)))
        .filter(|tick| (low..=high).contains(tick))
        .collect()
}

/// `digit * 10^decade`, the f64 nearest to it.
fn power(digit: f64, decade: i32) -> f64 {
    if decade < 0 {
        digit / 10f64.powi(-decade)
    } else {
        digit * 10f64.powi(decade)
    }
}

/// A tick's value: plain where that is short, otherwise as `2×10⁵`.
pub fn written(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".into();
    }
    if (1e-3..1e6).contains(&size) {
        // Ten significant digits hide the rounding of the step.
        let decimals = (9 - size.log10().floor() as i32).max(0) as usize;
        let plain = format!("{value:.decimals$}");
        let plain = if plain.contains('.') {
            plain.trim_end_matches('0').trim_end_matches('.')
        } else {
            &plain
        };
        return grouped(plain);
    }
    let exponent = (size * (1.0 + 1e-12)).log10().floor() as i32;
    let digit = ((value / 10f64.powi(exponent)) * 1e6).round() / 1e6;
    let power = format!("10{}", raised(exponent));
    if digit == 1.0 {
        power
    } else {
        format!("{digit}×{power}")
    }
}

/// Inserts a comma after each group of three digits before the point, in numbers of five digits or more.
fn grouped(plain: &str) -> String {
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let digits = whole.trim_start_matches('-');
    if digits.len() < 5 {
        return plain.into();
    }
    let (head, tail) = whole.split_at(whole.len() - 3);
    format!("{head},{tail}{rest}")
}

fn raised(exponent: i32) -> String {
    let letter = |letter| match letter {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        // The superscripts 0 and 4 to 9 are consecutive in Unicode.
        other => char::from_u32(0x2070 + other.to_digit(10).unwrap_or(0)).unwrap_or('?'),
    };
    exponent.to_string().chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(logarithmic: bool, values: &[f64]) -> Scale {
        let axis = Axis {
            logarithmic,
            ..Axis::linear("")
        };
        Scale::of(&axis, values.iter().copied())
    }

    #[test]
    fn values_lie_inside_and_ticks_too() {
        for logarithmic in [false, true] {
            for values in [
                &[1.0, 2.0, 3.0][..],
                &[7.0],
                &[1e-9, 1e9],
                &[0.0173, 0.0181],
                &[1e-250, 1e250],
            ] {
                let scale = scale(logarithmic, values);
                for value in values {
                    let place = scale.place(*value);
                    assert!((0.0..=1.0).contains(&place), "{values:?} {place}");
                }
                let ticks = &scale.ticks;
                assert!(
                    (2..=2 * MOST).contains(&ticks.len()),
                    "{values:?} {scale:?}"
                );
                assert!(ticks.is_sorted());
                for tick in ticks {
                    assert!(
                        (-1e-9..1.0 + 1e-9).contains(&scale.place(*tick)),
                        "{scale:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_range_is_kept_unless_a_value_is_beyond() {
        let axis = Axis::linear("").within(0.0, 100.0);
        let scale = Scale::of(&axis, [12.0, 40.0].into_iter());
        assert_eq!((scale.place(0.0), scale.place(100.0)), (0.0, 1.0));
        assert_eq!(scale.ticks, [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(Scale::of(&axis, [120.0].into_iter()).place(120.0), 1.0);
        assert_eq!(Scale::of(&axis, [].into_iter()).place(50.0), 0.5);
    }

    #[test]
    fn ticks_are_written_short() {
        let pairs = [
            (0.0, "0"),
            (0.001, "0.001"),
            (0.30000000000000004, "0.3"),
            (5_000.0, "5000"),
            (20_000.0, "20,000"),
            (100_000.0, "100,000"),
            (1_000_000.0, "10⁶"),
            (2_500_000.0, "2.5×10⁶"),
            (5e-5, "5×10⁻⁵"),
            (-12.5, "-12.5"),
        ];
        for (value, text) in pairs {
            assert_eq!(written(value), text);
        }
    }
}
