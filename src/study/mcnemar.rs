//! Do two paired yes-or-no answers differ? McNemar's exact test (McNemar 1947; the exact form is the sign test).
//!
//! ```text
//! b, c = queries that only the one, only the other calls inside;    p = min(1, 2 P(Bin(b + c, 1/2) <= min(b, c)))
//! ```

/// The two-sided p-value of `b` against `c` discordant pairs; 1 when there are none.
pub fn mcnemar(b: u64, c: u64) -> f64 {
    let (least, n) = (b.min(c), b + c);
    if n == 0 {
        return 1.0;
    }
    // Terms C(n, i) / 2^n relative to the largest one, C(n, least), in descending order of i: they decrease.
    let (mut term, mut sum) = (1.0, 1.0);
    for i in (1..=least).rev() {
        term *= i as f64 / (n - i + 1) as f64;
        sum += term;
        if term < 1e-18 {
            break;
        }
    }
    let log_largest = (1..=least)
        .map(|i| (((n - i + 1) as f64) / i as f64).ln())
        .sum::<f64>()
        - n as f64 * std::f64::consts::LN_2;
    (2.0 * (log_largest + sum.ln()).exp()).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::mcnemar;

    /// The same sum in whole numbers.
    fn exact(b: u64, c: u64) -> f64 {
        let (least, n) = (b.min(c), b + c);
        let (mut binomial, mut sum) = (1u128, 0u128);
        for i in 0..=least {
            sum += binomial;
            binomial = binomial * u128::from(n - i) / u128::from(i + 1);
        }
        (2.0 * sum as f64 / (n as f64).exp2()).min(1.0)
    }

    #[test]
    fn against_whole_numbers() {
        for (b, c) in [(0, 0), (0, 1), (1, 1), (5, 0), (3, 12), (20, 41), (50, 50)] {
            let (found, expected) = (mcnemar(b, c), exact(b, c));
            assert!(
                (found / expected - 1.0).abs() < 1e-12,
                "{b} {c}: {found} {expected}"
            );
            assert_eq!(mcnemar(c, b), found);
        }
    }

    #[test]
    fn extremes_stay_numbers() {
        // 2 * 2^-1000 is a positive f64; 2 * 2^-10000 underflows to 0.
        assert!((mcnemar(0, 1000).log2() + 999.0).abs() < 1e-9);
        assert_eq!(mcnemar(0, 10_000), 0.0);
        assert_eq!(mcnemar(5000, 5000), 1.0);
    }
}
