//! Fisher's exact test of a two-by-two table, two-sided: is the error rate the same inside and outside?
//!
//! Given the sums of rows and columns, the count k of the first cell is hypergeometric; p is the probability of all k that
//! are no more probable than the observed one (Fisher 1935; two-sided as in R and scipy).

/// The tolerance for rounding when probabilities are compared.
const EQUAL: f64 = 1.0 + 1e-7;

/// The p-value of `[[a, b], [c, d]]`.
///
/// Probabilities are computed relative to the most probable table, by the ratio of neighbours: counts of any size neither
/// overflow nor lose digits to logarithms, and probabilities too small for f64 count as 0.
pub fn fisher([[a, b], [c, d]]: [[u64; 2]; 2]) -> f64 {
    let (row, column, total) = (a + b, a + c, a + b + c + d);
    if total == 0 {
        return 1.0;
    }
    let (least, most) = ((row + column).saturating_sub(total), row.min(column));
    let mode = (u128::from(row + 1) * u128::from(column + 1) / u128::from(total + 2)) as u64;
    let mode = mode.clamp(least, most);
    // P(k + 1) / P(k).
    let up = |k: u64| {
        let above = (row - k) as f64 * (column - k) as f64;
        above / ((k + 1) as f64 * (total + k + 1 - row - column) as f64)
    };
    let walk = |to: u64| -> f64 {
        let relative: f64 = match to >= mode {
            true => (mode..to).map(up).product(),
            false => (to..mode).map(|k| 1.0 / up(k)).product(),
        };
        relative
    };
    let bound = walk(a) * EQUAL;
    let (mut all, mut counted) = (0.0, 0.0);
    let mut add = |relative: f64| {
        all += relative;
        if relative <= bound {
            counted += relative;
        }
        relative > 0.0
    };
    let mut relative = 1.0;
    for k in mode..=most {
        if !add(relative) {
            break;
        }
        if k < most {
            relative *= up(k);
        }
    }
    relative = 1.0;
    for k in (least..mode).rev() {
        relative /= up(k);
        if !add(relative) {
            break;
        }
    }
    (counted / all).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::fisher;

    fn binomial(n: u64, k: u64) -> f64 {
        (0..k).fold(1.0, |all, i| all * (n - i) as f64 / (i + 1) as f64)
    }

    /// The test by its definition, with binomial coefficients.
    fn slow([[a, b], [c, d]]: [[u64; 2]; 2]) -> f64 {
        let (row, column, total) = (a + b, a + c, a + b + c + d);
        let p =
            |k: u64| binomial(row, k) * binomial(total - row, column - k) / binomial(total, column);
        let ks = (row + column).saturating_sub(total)..=row.min(column);
        let found = p(a) * (1.0 + 1e-9);
        ks.map(p).filter(|p| *p <= found).sum::<f64>().min(1.0)
    }

    #[test]
    fn small_tables_as_by_the_definition() {
        for a in 0..7 {
            for b in 0..5 {
                for c in 0..6 {
                    for d in 0..4 {
                        let table = [[a, b], [c, d]];
                        assert!((fisher(table) - slow(table)).abs() < 1e-12, "{table:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn large_counts_stay_numbers() {
        assert_eq!(fisher([[0, 1_000_000], [1_000_000, 0]]), 0.0);
        assert!((fisher([[500_000, 500_000], [500_000, 500_000]]) - 1.0).abs() < 1e-9);
        assert_eq!(fisher([[0, 0], [5, 7]]), 1.0);
    }
}
