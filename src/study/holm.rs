//! Holm's correction of p-values for the number of tests.

/// Corrected p-values, in the order of `p` (each in 0..=1). If tests with a corrected p-value at or below a level are called
/// significant, the probability of even one false positive is at most that level, for any dependence of the tests.
///
/// ```text
/// p_(1) <= ... <= p_(m) sorted;    corrected p_(i) = max over j <= i of min(1, (m - j + 1) p_(j))
/// ```
///
/// Holm, Scandinavian Journal of Statistics 6 (1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut corrected = vec![1.0; p.len()];
    let mut largest = 0.0f64;
    for (place, &test) in order.iter().enumerate() {
        largest = largest.max(((p.len() - place) as f64 * p[test]).min(1.0));
        corrected[test] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::holm;

    /// `statsmodels.stats.multitest.multipletests(p, method="holm")[1]`, statsmodels 0.15.0.
    #[test]
    fn what_statsmodels_gives() {
        let p = [
            3.8e-211, 0.5, 0.02, 0.0021, 0.0021, 1.0, 0.049, 1e-5, 0.7, 0.0007,
        ];
        let expected = [
            3.8e-210, 1.0, 0.1, 0.0147, 0.0147, 1.0, 0.196, 9e-5, 1.0, 0.0056,
        ];
        for (found, expected) in holm(&p).iter().zip(expected) {
            assert!(
                (found - expected).abs() <= 1e-14 * expected,
                "{found} {expected}"
            );
        }
        assert!(holm(&[]).is_empty());
    }
}
