//! The inner step of Lawson and Hanson's non-negative least squares (Solving Least Squares Problems, 1974, chapter 23).

/// Move the weights `u > 0` towards the least-squares solution `next` of their columns, as far as none turns negative.
///
/// `None` if the step reaches `next`. Otherwise a threshold: columns with `next <= 0` and a weight of at most the
/// threshold must leave. At least the column that stopped the step is among them, even if rounding leaves its weight
/// slightly above zero.
#[inline(always)]
pub(super) fn step(u: &mut [f64], next: &[f64]) -> Option<f64> {
    let ratio = |u: f64, next: f64| if next <= 0.0 { u / (u - next) } else { 1.0 };
    let step = least(u, next, ratio, 1.0);
    if step >= 1.0 {
        u.copy_from_slice(next);
        return None;
    }
    for (u, next) in u.iter_mut().zip(next) {
        *u += step * (next - *u);
    }
    let weight = |u: f64, next: f64| if next <= 0.0 { u } else { f64::INFINITY };
    Some(least(u, next, weight, f64::INFINITY))
}

/// The first number, if it is less than the second.
#[inline(always)]
fn lesser(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The least value for pairs of numbers, and at most `most`; of several at a time, so that the compiler makes vector instructions
/// of it. Values that are not numbers do not count.
#[inline(always)]
fn least(a: &[f64], b: &[f64], value: impl Fn(f64, f64) -> f64, most: f64) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [most; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] = lesser(value(a[lane], b[lane]), lanes[lane]);
        }
    }
    for ((a, b), lane) in a_rest.iter().zip(b_rest).zip(&mut lanes) {
        *lane = lesser(value(*a, *b), *lane);
    }
    lanes
        .into_iter()
        .fold(most, |least, lane| lesser(lane, least))
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

    /// The column that stops the step is found among many, wherever it is.
    #[test]
    fn every_column_can_stop_the_step() {
        for count in [1, 7, 8, 9, 16, 30] {
            for stops in 0..count {
                let mut u = vec![1.0; count];
                let mut next = vec![2.0; count];
                next[stops] = -3.0;
                let least = step(&mut u, &next).unwrap();
                assert!(u[stops] <= least && least.abs() < 1e-15, "{stops}: {least}");
                let others = (0..count).filter(|&j| j != stops);
                assert!(others.map(|j| u[j]).all(|u| (u - 1.25).abs() < 1e-15));
            }
        }
    }
}
