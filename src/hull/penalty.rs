//! The least-norm problem of [`super::min_norm`] with its constraints softened: many vectors enter and leave at a time.
//!
//! With `m_i = [a_i / t; 1]`, t a typical length, and `b = [0; 1]`, the residual of the least-norm problem is the vector w
//! nearest to b that no `m_i` has a positive product with. Here a positive product costs a penalty instead:
//!
//! ```text
//! min |w - b|^2 / 2 + c / 2 sum_i max(0, <m_i, w>)^2,        b - w = sum_i u_i m_i,  u_i = c max(0, <m_i, w>)
//! ```
//!
//! The larger c is, the nearer u is to the weights of the least-norm problem. This is a convex function, quadratic between
//! planes, and Newton's method with an exact line search lowers it in each step, up to rounding; limits on the steps end both
//! loops in any case.
//! A step changes the
//! d+1 x d+1 matrix `1/c + sum m_i m_i^T` over the vectors with a positive product by all that enter and leave, and
//! factorises it ([`normal`]). While c is small, a dozen steps replace some hundred exchanges of single vectors. All is
//! in f32, because no proof depends on the result: it only tells from which vectors the exact search starts.

mod normal;

use super::min_norm::{LONG, shrinking};
use crate::linear::products;
use normal::{Normal, multiply, padded};
use pulp::{Simd, WithSimd};

/// The most Newton steps, should rounding keep vectors changing sides.
const STEPS: usize = 40;

/// Steps end once at most one in so many dimensions of vectors changes sides.
const SETTLED: usize = 32;

/// The most steps of a line search.
const SEARCH: usize = 24;

/// A line search ends once the slope is below this share of the first.
const FLAT: f32 = 1e-2;

/// Vectors as rows `m_i`, one after the other.
pub(super) struct Columns {
    /// d + 1, and the same with the padding of a row.
    size: usize,
    stride: usize,
    values: Vec<f32>,
    /// The power of two by which each row is scaled down.
    shrink: Vec<f64>,
}

impl Columns {
    /// The rows of vectors `points(i) - target`. One that is not finite becomes zero, and so has no effect.
    pub fn of<'p>(
        count: usize,
        points: impl Fn(usize) -> &'p [f64],
        target: &[f64],
        lift: f64,
    ) -> Self {
        let size = target.len() + 1;
        let stride = padded(size);
        let mut columns = Columns {
            size,
            stride,
            values: vec![0.0; count * stride],
            shrink: vec![1.0; count],
        };
        pulp::Arch::new().dispatch(Fill {
            columns: &mut columns,
            points,
            target,
            lift,
        });
        columns
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.shrink.len()
    }

    /// `m_i`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.stride..][..self.size]
    }

    /// What `u_i` is as a weight of the vector before its row was scaled.
    pub fn share(&self, i: usize, u: f64) -> f64 {
        u * self.shrink[i]
    }

    /// b, where w starts, with the padding of a row.
    pub fn start(&self) -> Vec<f32> {
        let mut w = vec![0.0; self.stride];
        w[self.size - 1] = 1.0;
        w
    }
}

/// Fills [`Columns`], compiled for the instruction set found at run time.
struct Fill<'a, F> {
    columns: &'a mut Columns,
    points: F,
    target: &'a [f64],
    lift: f64,
}

impl<'p, F: Fn(usize) -> &'p [f64]> WithSimd for Fill<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (columns, d) = (self.columns, self.target.len());
        let mut vector = vec![0.0; d];
        for i in 0..columns.shrink.len() {
            difference((self.points)(i), self.target, &mut vector);
            let square = products::one(simd, &vector, &vector);
            let mut shrink = 1.0;
            // False also for what is not a number.
            let short = square <= (LONG * self.lift).powi(2);
            if !short {
                let finite = vector.iter().all(|v| v.is_finite());
                shrink = shrinking(&vector, self.lift);
                if !finite || shrink == 0.0 {
                    vector.fill(0.0);
                    shrink = 0.0;
                }
            }
            let share = shrink / self.lift;
            let row = &mut columns.values[i * columns.stride..][..columns.size];
            rounded(&vector, share, &mut row[..d]);
            row[d] = shrink as f32;
            columns.shrink[i] = shrink;
        }
    }
}

/// `out = a - b`, all of the same length.
#[inline(always)]
fn difference(a: &[f64], b: &[f64], out: &mut [f64]) {
    let (a, b) = (&a[..out.len()], &b[..out.len()]);
    for j in 0..out.len() {
        out[j] = a[j] - b[j];
    }
}

/// `share values` in f32.
#[inline(always)]
fn rounded(values: &[f64], share: f64, out: &mut [f32]) {
    let values = &values[..out.len()];
    for j in 0..out.len() {
        out[j] = (values[j] * share) as f32;
    }
}

/// Minimises the function for the penalty c, from w on: w becomes its minimum, nearly, and u is returned. `None` if
/// the numbers overflow.
pub(super) fn minimise(columns: &Columns, penalty: f32, w: &mut [f32]) -> Option<Vec<f32>> {
    pulp::Arch::new().dispatch(Minimise {
        columns,
        penalty,
        w,
    })
}

/// [`minimise`], compiled for the instruction set found at run time.
struct Minimise<'a> {
    columns: &'a Columns,
    penalty: f32,
    w: &'a mut [f32],
}

impl WithSimd for Minimise<'_> {
    type Output = Option<Vec<f32>>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Option<Vec<f32>> {
        let (columns, penalty, w) = (self.columns, self.penalty, self.w);
        let n = columns.len();
        let mut active = Active::new(columns);
        let (mut now, mut change) = (vec![0.0; n], vec![0.0; n]);
        let mut way = vec![0.0; w.len()];
        multiply(simd, &columns.values, w, &mut now);
        for _ in 0..STEPS {
            active.follow(simd, &now);
            let next = active.normal.solve(simd, 1.0 / penalty, 1.0 / penalty)?;
            // The products with the way itself: differences of two products would be all rounding near the minimum.
            for (way, (next, w)) in way.iter_mut().zip(next.iter().zip(&*w)) {
                *way = next - w;
            }
            multiply(simd, &columns.values, &way, &mut change);
            let settled = active.changed(&now, &change) <= columns.size / SETTLED;
            let step = match settled {
                true => 1.0,
                false => line_search((penalty, columns.size - 1), (w, &way), (&now, &change)),
            };
            for (w, way) in w.iter_mut().zip(&way) {
                *w += step * way;
            }
            for (now, change) in now.iter_mut().zip(&change) {
                *now += step * change;
            }
            if settled {
                break;
            }
        }
        for product in &mut now {
            *product = penalty * product.max(0.0);
        }
        let finite = now.iter().chain(&*w).all(|v| v.is_finite());
        finite.then_some(now)
    }
}

/// How far to go from w, as a share of the way, so that the function is least: where its slope is zero. The products of all
/// vectors with w and with the way are given.
#[inline(always)]
fn line_search(
    (penalty, last): (f32, usize),
    (w, way): (&[f32], &[f32]),
    (now, change): (&[f32], &[f32]),
) -> f32 {
    // The slope of the first term: `<w + share way - b, way>`, and b is zero but for its last entry, 1.
    let (mut first, mut rate) = ((w[last] - 1.0) * way[last], 0.0);
    for (w, way) in w[..last].iter().zip(way) {
        first += w * way;
    }
    for way in way {
        rate += way * way;
    }
    let slope = |share: f32| {
        let (mut s, mut q) = (0.0, 0.0);
        for (now, change) in now.iter().zip(change) {
            let product = now + share * change;
            let counted = if product > 0.0 { *change } else { 0.0 };
            s += product * counted;
            q += counted * counted;
        }
        (first + share * rate + penalty * s, rate + penalty * q)
    };
    let (mut low, mut high) = (0.0, 1.0);
    let flat = FLAT * slope(0.0).0.abs();
    let mut share = 1.0;
    for _ in 0..SEARCH {
        let (height, bend) = slope(share);
        if height.abs() <= flat || (share == 1.0 && height < 0.0) {
            break;
        }
        if height < 0.0 {
            low = share;
        } else {
            high = share;
        }
        share -= height / bend;
        if !(low < share && share < high) {
            share = 0.5 * (low + high);
        }
    }
    share
}

/// The vectors with a positive product, and `sum m_i m_i^T` over them.
struct Active<'c> {
    columns: &'c Columns,
    active: Vec<bool>,
    normal: Normal,
    enter: Vec<usize>,
    leave: Vec<usize>,
}

impl<'c> Active<'c> {
    fn new(columns: &'c Columns) -> Self {
        Active {
            columns,
            active: vec![false; columns.len()],
            normal: Normal::new(columns.size),
            enter: Vec::new(),
            leave: Vec::new(),
        }
    }

    /// How many vectors have a product of another sign at the end of the way than the active ones say.
    fn changed(&self, now: &[f32], change: &[f32]) -> usize {
        let products = now.iter().zip(change).map(|(now, change)| now + change);
        let pairs = products.zip(&self.active);
        pairs
            .filter(|(product, active)| (*product > 0.0) != **active)
            .count()
    }

    /// Make the vectors with positive products the active ones.
    #[inline(always)]
    fn follow<S: Simd>(&mut self, simd: S, products: &[f32]) {
        self.enter.clear();
        self.leave.clear();
        let mut count = 0;
        for (i, (&product, active)) in products.iter().zip(&mut self.active).enumerate() {
            let was = std::mem::replace(active, product > 0.0);
            count += usize::from(*active);
            match (was, *active) {
                (false, true) => self.enter.push(i),
                (true, false) => self.leave.push(i),
                _ => (),
            }
        }
        if self.enter.len() + self.leave.len() > count {
            self.normal.clear();
            self.leave.clear();
            self.enter.clear();
            self.enter
                .extend((0..products.len()).filter(|&i| self.active[i]));
        }
        let stride = self.columns.stride;
        let row = |&i: &usize| &self.columns.values[i * stride..][..stride];
        self.normal.add(simd, self.enter.iter().map(row), 1.0);
        self.normal.add(simd, self.leave.iter().map(row), -1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hull::min_norm::MinNorm;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn solve(d: usize, points: &[Vec<f64>], penalties: &[f32]) -> (Columns, Vec<f32>, Vec<f32>) {
        let target = vec![0.0; d];
        let columns = Columns::of(points.len(), |i| &points[i], &target, 1.0);
        let (mut w, mut u) = (columns.start(), Vec::new());
        for &penalty in penalties {
            u = minimise(&columns, penalty, &mut w).unwrap();
        }
        (columns, w, u)
    }

    /// `b - w - sum u_i m_i`, which is zero at the minimum.
    fn slope(columns: &Columns, w: &[f32], u: &[f32]) -> f64 {
        let mut rest: Vec<f64> = w[..columns.size].iter().map(|w| -f64::from(*w)).collect();
        rest[columns.size - 1] += 1.0;
        for (i, u) in u.iter().enumerate() {
            for (rest, m) in rest.iter_mut().zip(columns.row(i)) {
                *rest -= f64::from(*u) * f64::from(*m);
            }
        }
        rest.iter().map(|v| v * v).sum::<f64>().sqrt()
    }

    proptest! {
        /// The minimum of the function: its slope vanishes. In few dimensions the last step changes no vector's side.
        #[test]
        fn the_slope_vanishes(
            d in 1usize..9,
            values in prop::collection::vec(-1.0f64..1.0, 9..240),
            shift in -0.5f64..1.5,
        ) {
            let points: Vec<Vec<f64>> = values
                .chunks_exact(d)
                .map(|x| x.iter().enumerate().map(|(i, v)| if i == 0 { v + shift } else { *v }).collect())
                .collect();
            for penalty in [1.0, 25.0, 250.0] {
                let (columns, w, u) = solve(d, &points, &[penalty]);
                prop_assert!(u.iter().all(|u| *u >= 0.0));
                let slope = slope(&columns, &w, &u);
                // The slope changes by this much for each unit of w, which has the rounding of f32.
                let squares: f32 = (0..columns.len())
                    .map(|i| columns.row(i).iter().map(|m| m * m).sum::<f32>())
                    .sum();
                let bend = 1.0 + f64::from(penalty * squares);
                prop_assert!(slope < 2e-6 * bend, "{penalty}: {slope} {bend}");
            }
        }
    }

    /// As the penalty grows, the point comes near the point of least norm.
    #[test]
    fn a_large_penalty_finds_the_point_of_least_norm() {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        for case in 0..40 {
            let d = 2 + case % 9;
            let points: Vec<Vec<f64>> = (0..8 * d)
                .map(|_| {
                    let mut point: Vec<f64> =
                        (0..d).map(|_| random.random_range(-1.0..1.0)).collect();
                    point[0] += 1.5;
                    point
                })
                .collect();
            let (_, w, _) = solve(d, &points, &[25.0, 250.0, 2500.0]);
            let mut set = MinNorm::new(d, 1.0);
            for _ in 0..20 {
                let named = points.iter().map(Vec::as_slice).enumerate();
                let open = named.filter(|(i, _)| !set.ids().contains(i));
                let open: Vec<_> = open.collect();
                set.improve(&open);
            }
            let left = 1.0 - w[d];
            for (w, p) in w[..d].iter().zip(set.point()) {
                let found = f64::from(-w / left);
                assert!((found - p).abs() < 1e-2, "{case}: {found} {p} {left}");
            }
        }
    }

    #[test]
    fn vectors_of_any_length_are_taken() {
        let points = [
            vec![1e200, 0.0],
            vec![-1e-200, 1.0],
            vec![f64::NAN, 1.0],
            vec![f64::MAX, f64::MAX],
        ];
        let (columns, w, u) = solve(2, &points, &[25.0, 2500.0]);
        assert!(w.iter().chain(&u).all(|v| v.is_finite()));
        assert!(u[2] == 0.0 && columns.share(2, 1.0) == 0.0 && columns.share(1, 1.0) == 1.0);
    }
}
