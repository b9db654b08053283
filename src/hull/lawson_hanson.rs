//! The inner step of Lawson and Hanson's non-negative least squares (Solving Least Squares Problems, 1974, chapter 23).

/// Move the weights `u > 0` towards the least-squares solution `next` of their columns, as far as none turns negative.
///
/// `None` if the step reaches `next`. Otherwise a threshold: columns with `next <= 0` and a weight of at most the
/// threshold must leave. At least the column that stopped the step is among them, even if rounding leaves its weight
/// slightly above zero.
#[inline(always)]
pub(super) fn step(u: &mut [f64], next: &[f64]) -> Option<f64> {
    let mut step = 1.0;
    for (u, next) in u.iter().zip(next) {
        if *next <= 0.0 {
            step = f64::min(step, u / (u - next));
        }
    }
    if step >= 1.0 {
        u.copy_from_slice(next);
        return None;
    }
    let mut least = f64::INFINITY;
    for (u, next) in u.iter_mut().zip(next) {
        *u += step * (next - *u);
        if *next <= 0.0 {
            least = least.min(*u);
        }
    }
    Some(least)
}

#[cfg(test)]
mod tests {
    use super::step;

    #[test]
    fn a_step_goes_all_the_way_or_to_the_first_weight_that_vanishes() {
        let mut u = [1.0, 2.0];
        assert_eq!(step(&mut u, &[0.5, 3.0]), None);
        assert_eq!(u, [0.5, 3.0]);
        // The first vanishes after a third of the way, the second after a half.
        let mut u = [1.0, 1.0, 1.0];
        let least = step(&mut u, &[-2.0, -1.0, 4.0]).unwrap();
        assert!(least.abs() < 1e-15 && u[0] <= least, "{least}, {u:?}");
        assert!(
            (u[1] - 1.0 / 3.0).abs() < 1e-15 && (u[2] - 2.0).abs() < 1e-15,
            "{u:?}"
        );
    }
}
