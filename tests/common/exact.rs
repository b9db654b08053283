//! Exact answers in integer arithmetic: membership, squared distances and certificates without any rounding.
//!
//! Every finite f64 is an integer times a power of two, so a set of them becomes a set of integers when a common power
//! is factored out. This code uses nothing of the library.

use num_bigint::{BigInt, Sign};
use std::cmp::Ordering;

/// The value as `mantissa * 2^exponent`.
fn parts(value: f64) -> (i64, i32) {
    assert!(value.is_finite());
    let bits = value.to_bits();
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let raised = (bits >> 52 & 0x7FF) as i32;
    let (mantissa, exponent) = if raised == 0 {
        (fraction, -1074)
    } else {
        (fraction | 1 << 52, raised - 1075)
    };
    if mantissa == 0 {
        return (0, 0);
    }
    let zeros = mantissa.trailing_zeros();
    let signed = if value < 0.0 { -mantissa } else { mantissa };
    (signed >> zeros, exponent + zeros as i32)
}

/// The values as integer multiples of `2^exponent`, and that exponent.
fn whole(values: impl Iterator<Item = f64> + Clone) -> (Vec<BigInt>, i32) {
    let exponents = values.clone().map(parts).filter(|&(m, _)| m != 0);
    let least = exponents.map(|(_, e)| e).min().unwrap_or(0);
    let shifted = values
        .map(parts)
        .map(|(m, e)| {
            if m == 0 {
                BigInt::ZERO
            } else {
                BigInt::from(m) << (e - least)
            }
        })
        .collect();
    (shifted, least)
}

fn dot(a: &[BigInt], b: &[BigInt]) -> BigInt {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn minus(a: &[BigInt], b: &[BigInt]) -> Vec<BigInt> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn positive(value: &BigInt) -> bool {
    value.sign() == Sign::Plus
}

/// A fraction with a positive denominator, not in lowest terms.
#[derive(Debug, Clone)]
pub struct Fraction {
    above: BigInt,
    below: BigInt,
}

impl Fraction {
    /// The square of a finite number.
    pub fn square_of(value: f64) -> Self {
        let (mantissa, exponent) = parts(value);
        Fraction::scaled(
            BigInt::from(mantissa) * mantissa,
            BigInt::from(1),
            2 * exponent,
        )
    }

    /// `above / below * 2^exponent`.
    fn scaled(above: BigInt, below: BigInt, exponent: i32) -> Self {
        if exponent >= 0 {
            Fraction {
                above: above << exponent,
                below,
            }
        } else {
            Fraction {
                above,
                below: below << -exponent,
            }
        }
    }

    pub fn is_zero(&self) -> bool {
        self.above.sign() == Sign::NoSign
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        (&self.above * &other.below).cmp(&(&other.above * &self.below))
    }

    /// The square root, rounded to f64: only for messages and thresholds.
    pub fn root(&self) -> f64 {
        // 200 bits more than the denominator, so that the quotient has enough digits.
        let shift =
            (self.below.bits() as i64 - self.above.bits() as i64 + 200).max(0) as u32 / 2 * 2;
        let quotient: BigInt = (self.above.clone() << shift) / &self.below;
        let bits = quotient.bits() as i64;
        let drop = (bits - 60).max(0) / 2 * 2;
        let head: BigInt = quotient >> drop as u32;
        let head = i64::try_from(head).unwrap() as f64;
        head.sqrt() * 2f64.powi((drop as i32 - shift as i32) / 2)
    }
}

/// Whether the query is in the convex hull of the rows (N x d), as real numbers.
///
/// Phase one of the simplex method for `sum w_i (x_i - q) = 0`, `sum w_i = 1`, `w >= 0`, with Bland's rule. The tableau
/// holds integers over one common denominator, the last pivot, by which every update divides without a remainder
/// (Edmonds 1967, Bareiss 1968).
pub fn inside(d: usize, rows: &[f64], query: &[f64]) -> bool {
    assert!(query.len() == d && rows.len().is_multiple_of(d));
    let n = rows.len() / d;
    let mut tableau: Vec<Vec<BigInt>> = (0..d)
        .map(|j| {
            let column = rows.iter().skip(j).step_by(d).chain(&query[j..=j]);
            let (mut column, _) = whole(column.copied());
            let at_query = column.pop().unwrap();
            column.iter_mut().for_each(|x| *x -= &at_query);
            column.push(BigInt::ZERO);
            column
        })
        .collect();
    tableau.push(vec![BigInt::from(1); n + 1]);
    // The cost is the sum of the artificial variables, one for each equation, which form the first basis.
    let cost = (0..=n)
        .map(|i| tableau.iter().map(|row| &row[i]).sum())
        .collect();
    tableau.push(cost);
    let mut basis: Vec<usize> = (n..n + d + 1).collect();
    let mut common = BigInt::from(1);
    loop {
        let cost = &tableau[d + 1];
        if cost[n].sign() == Sign::NoSign {
            return true;
        }
        let Some(enters) = (0..n).find(|&i| positive(&cost[i])) else {
            return false;
        };
        let leaves = (0..=d)
            .filter(|&r| positive(&tableau[r][enters]))
            .min_by(|&a, &b| {
                let (a_row, b_row) = (&tableau[a], &tableau[b]);
                (&a_row[n] * &b_row[enters])
                    .cmp(&(&b_row[n] * &a_row[enters]))
                    .then(basis[a].cmp(&basis[b]))
            })
            .expect("the cost is bounded below by 0");
        basis[leaves] = enters;
        let pivot_row = tableau[leaves].clone();
        let pivot = pivot_row[enters].clone();
        for (r, row) in tableau.iter_mut().enumerate() {
            if r != leaves {
                let factor = row[enters].clone();
                for (value, at_pivot) in row.iter_mut().zip(&pivot_row) {
                    *value = (&*value * &pivot - &factor * at_pivot) / &common;
                }
            }
        }
        common = pivot;
    }
}

/// The squared Euclidean distance of the query to the convex hull of the rows (N x d), for d = 2 and 3.
///
/// The nearest point is the query itself, or it lies in the relative interior of a vertex, edge or triangle of rows and
/// is the foot of the perpendicular from the query. Every such foot is in the hull, so the smallest distance is the
/// right one.
pub fn square_distance(d: usize, rows: &[f64], query: &[f64]) -> Fraction {
    assert!(d == 2 || d == 3);
    let (all, exponent) = whole(rows.iter().chain(query).copied());
    let (rows_whole, query_whole) = all.split_at(rows.len());
    let scaled = |above, below| Fraction::scaled(above, below, 2 * exponent);
    if inside(d, rows, query) {
        return scaled(BigInt::ZERO, BigInt::from(1));
    }
    let points: Vec<&[BigInt]> = rows_whole.chunks_exact(d).collect();
    let mut best: Option<Fraction> = None;
    let mut offer = |above: BigInt, below: BigInt| {
        let found = scaled(above, below);
        if best
            .as_ref()
            .is_none_or(|best| found.compare(best) == Ordering::Less)
        {
            best = Some(found);
        }
    };
    for (i, a) in points.iter().enumerate() {
        let to_query = minus(query_whole, a);
        let pp = dot(&to_query, &to_query);
        offer(pp.clone(), BigInt::from(1));
        let edges: Vec<(Vec<BigInt>, BigInt, BigInt)> = points[i + 1..]
            .iter()
            .map(|b| {
                let edge = minus(b, a);
                let (ee, pe) = (dot(&edge, &edge), dot(&to_query, &edge));
                (edge, ee, pe)
            })
            .collect();
        for (k, (e, ee, pe)) in edges.iter().enumerate() {
            if positive(pe) && pe < ee {
                offer(&pp * ee - pe * pe, ee.clone());
            }
            for (f, ff, pf) in edges[k + 1..]
                .iter()
                .take(if d == 3 { usize::MAX } else { 0 })
            {
                let ef = dot(e, f);
                let determinant = ee * ff - &ef * &ef;
                let (u, v) = (pe * ff - pf * &ef, pf * ee - pe * &ef);
                if positive(&determinant) && positive(&u) && positive(&v) && &u + &v < determinant {
                    offer(&pp * &determinant - u * pe - v * pf, determinant);
                }
            }
        }
    }
    best.expect("a reference has a row")
}

/// Whether `<w, q> - max_i <w, x_i> >= margin |w| > 0` as real numbers.
pub fn separates(d: usize, rows: &[f64], query: &[f64], direction: &[f64], margin: f64) -> bool {
    let (w, w_exponent) = whole(direction.iter().copied());
    let (points, exponent) = whole(rows.iter().chain(query).copied());
    let (points, at) = points.split_at(rows.len());
    let at_query = dot(&w, at);
    let highest = points.chunks_exact(d).map(|x| dot(&w, x)).max();
    let gap = at_query - highest.expect("a reference has a row");
    let length = Fraction::scaled(dot(&w, &w), BigInt::from(1), 2 * w_exponent);
    let claimed = Fraction::square_of(margin);
    let product = Fraction {
        above: length.above * claimed.above,
        below: length.below * claimed.below,
    };
    let square = Fraction::scaled(&gap * &gap, BigInt::from(1), 2 * (exponent + w_exponent));
    positive(&gap) && margin > 0.0 && product.compare(&square) != Ordering::Greater
}

/// The exact arithmetic gives known answers, positive and negative ones.
#[test]
fn knows_what_is_known() {
    let triangle = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0];
    let ulp = f64::EPSILON / 2.0;
    assert!(inside(2, &triangle, &[0.5, 0.5]) && inside(2, &triangle, &[0.0, 0.0]));
    assert!(inside(2, &triangle, &[0.5, 0.5 - ulp / 2.0]));
    assert!(!inside(2, &triangle, &[0.5, 0.5 + ulp]));
    assert!(!inside(2, &triangle, &[0.3, -1e-300]));
    // In f64, 0.1 + 0.2 is not 0.3, so the point is not on the line.
    assert!(!inside(2, &[0.0, 0.0, 1.0, 1.0], &[0.3, 0.1 + 0.2]));
    assert!(inside(2, &[0.0, 0.0, 1e300, 1e300], &[1e-300, 1e-300]));
    assert!(inside(1, &[-1.0, 2.0], &[2.0]) && !inside(1, &[-1.0, 2.0], &[2.0 + 2.0 * ulp * 2.0]));
    let is = |f: Fraction, value: f64| f.compare(&Fraction::square_of(value)) == Ordering::Equal;
    assert!(is(square_distance(2, &triangle, &[-3.0, -4.0]), 5.0));
    assert!(is(square_distance(2, &triangle, &[0.25, -0.5]), 0.5));
    assert!(square_distance(2, &triangle, &[0.25, 0.5]).is_zero());
    let cube: Vec<f64> = (0..8)
        .flat_map(|i| (0..3).map(move |j| f64::from(i >> j & 1)))
        .collect();
    assert!(is(square_distance(3, &cube, &[0.3, 0.6, 1.75]), 0.75));
    assert!(is(square_distance(3, &cube, &[0.3, 4.0, 5.0]), 5.0));
    assert!((square_distance(3, &cube, &[2.0, 2.0, 2.0]).root() - 3f64.sqrt()).abs() < 1e-15);
    assert!((square_distance(2, &triangle, &[0.3, -2e-9]).root() / 2e-9 - 1.0).abs() < 1e-12);
    assert!(separates(2, &triangle, &[3.0, 4.0], &[0.6, 0.8], 3.2));
    assert!(!separates(2, &triangle, &[3.0, 4.0], &[3.0, 4.0], 5.0));
    assert!(!separates(2, &triangle, &[0.25, 0.25], &[1.0, 1.0], 1e-9));
}
