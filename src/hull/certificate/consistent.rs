//! Whether linear equations with f64 coefficients have a common solution over the real numbers: no rounding anywhere.
//!
//! Given rows x_1 .. x_m and a point q in d dimensions, the equations are `sum_i l_i x_ij = q_j` for each coordinate j
//! and `sum_i l_i = 1`. m of them, which form a nonsingular matrix A, fix the weights l; the question is whether the
//! others hold too. Every equation is multiplied by a power of two that makes it one of integers.
//!
//! Method: Dixon (1982), "Exact solution of linear equations using p-adic expansions". With a prime p that does not
//! divide det A, the digits of `l = y_0 + y_1 p + y_2 p^2 + ...` are `y_k = A^-1 r_k mod p`, with `r_0 = b` and
//! `r_{k+1} = (r_k - A y_k) / p`. The residuals of the other equations are carried along:
//! - one that is not divisible by p proves that its equation fails (det A is a unit modulo p);
//! - the defect of an equation times det A is an integer minor of the whole matrix, below Hadamard's bound B, and
//!   after K digits it is divisible by `p^K`. So `p^K > B` proves that it is zero.
//!
//! The primes are the Mersenne primes `2^61 - 1` and `2^31 - 1`: reduction is a shift and a sum, and so is
//! multiplication by a power of two.

use super::integers::{Accumulator, split};

/// The most multiplications of words in one check: 2^28 take about half a second on one core. The work is about
/// `m^3 / 3 + K (m^2 + n m)` for m rows, n equations and K digits. K is the length of Hadamard's bound in bits over 61, and
/// that length is about m times the bits of a coefficient. 300 rows of bytes in 784 dimensions take 2^25.
const MOST_WORK: f64 = (1u64 << 28) as f64;

/// An equation in integers: `sum_i entries[i] 2^shifts[i] l_i = rest`, until the first digit is subtracted.
struct Equation {
    entries: Vec<i64>,
    /// Empty where every entry fits one word with its shift.
    shifts: Vec<u32>,
    /// The right side, less the digits found so far: two's complement, lowest limb first.
    rest: Vec<u64>,
    /// Every coefficient is below `2^bits` in magnitude.
    bits: u32,
}

impl Equation {
    /// The equation of coordinate `j`, or of the sum of the weights for `j = d`.
    fn new(points: &[f64], query: &[f64], j: usize) -> Self {
        let d = query.len();
        let m = points.len() / d;
        let number = |i: usize| match (j == d, i == m) {
            (true, _) => 1.0,
            (false, true) => query[j],
            (false, false) => points[i * d + j],
        };
        let parts: Vec<(i64, i32)> = (0..=m).map(|i| split(number(i))).collect();
        let nonzero = || parts.iter().filter(|part| part.0 != 0);
        let unit = nonzero().map(|part| part.1).min().unwrap_or(0);
        let width =
            |part: &(i64, i32)| 64 - part.0.unsigned_abs().leading_zeros() + (part.1 - unit) as u32;
        let bits = nonzero().map(width).max().unwrap_or(0);
        // |r_k - A y_k| < (m + 1) 2^bits p; one limb more, so that the quotient leaves the top limb to the sign.
        let room = bits + (m + 1).ilog2() + 4;
        let mut entries: Vec<i64> = parts.iter().map(|part| part.0).collect();
        let mut shifts: Vec<u32> = parts
            .iter()
            .map(|part| {
                if part.0 == 0 {
                    0
                } else {
                    (part.1 - unit) as u32
                }
            })
            .collect();
        let limbs = room.div_ceil(64) as usize + 1;
        let mut sum = Accumulator::new(limbs);
        sum.add(i128::from(entries[m]), shifts[m]);
        let mut rest = vec![0; limbs];
        sum.limbs(&mut rest);
        entries.truncate(m);
        shifts.truncate(m);
        if limbs == 2 {
            entries.iter_mut().zip(&shifts).for_each(|(a, s)| *a <<= s);
            shifts.clear();
        }
        Equation {
            entries,
            shifts,
            rest,
            bits,
        }
    }

    fn shift(&self, i: usize) -> u32 {
        self.shifts.get(i).copied().unwrap_or(0)
    }

    /// The number of bits of coefficient i.
    fn width(&self, i: usize) -> u32 {
        64 - self.entries[i].unsigned_abs().leading_zeros() + self.shift(i)
    }

    /// Subtracts one digit of the solution: `rest = (rest - entries . digits) / p`. False if p does not divide it.
    fn reduce<const BITS: u32>(&mut self, digits: &[u64], sum: &mut Accumulator) -> bool {
        if self.shifts.is_empty() {
            let whole = (u128::from(self.rest[1]) << 64 | u128::from(self.rest[0])) as i128;
            let left = self
                .entries
                .iter()
                .zip(digits)
                .fold(whole, |left, (&a, &y)| left - i128::from(a) * i128::from(y));
            self.rest[0] = left as u64;
            self.rest[1] = (left >> 64) as u64;
        } else {
            sum.set(&self.rest);
            for ((&a, &shift), &y) in self.entries.iter().zip(&self.shifts).zip(digits) {
                sum.add(-(i128::from(a) * i128::from(y)), shift);
            }
            sum.limbs(&mut self.rest);
        }
        divide::<BITS>(&mut self.rest)
    }
}

/// Divides a two's complement number by `p = 2^BITS - 1`; false, with a meaningless quotient, where p does not divide it.
///
/// Jebelean (1993), exact division: the quotient modulo 2^(64 limbs) follows from the lowest limb up. The number is
/// below `p 2^(64 (limbs - 1))`, so a true quotient leaves only the sign in its top limb; and a quotient that does so
/// times p is too small to differ from the number by a multiple of `2^(64 limbs)`.
fn divide<const BITS: u32>(limbs: &mut [u64]) -> bool {
    let p = prime::<BITS>();
    // Newton: p is odd, so p p = 1 mod 8, and every step doubles the correct bits: 3, 6, 12, 24, 48, 96.
    let inverse = (0..5).fold(p, |x, _| {
        x.wrapping_mul(2u64.wrapping_sub(p.wrapping_mul(x)))
    });
    let mut borrow = 0;
    for limb in limbs.iter_mut() {
        let (left, under) = limb.overflowing_sub(borrow);
        *limb = left.wrapping_mul(inverse);
        borrow = ((u128::from(*limb) * u128::from(p)) >> 64) as u64 + u64::from(under);
    }
    matches!(limbs.last(), Some(&0) | Some(&u64::MAX))
}

const fn prime<const BITS: u32>() -> u64 {
    (1 << BITS) - 1
}

/// `x mod 2^BITS - 1`.
#[inline]
fn fold<const BITS: u32>(mut x: u128) -> u64 {
    let p = u128::from(prime::<BITS>());
    while x > p {
        x = (x & p) + (x >> BITS);
    }
    if x == p { 0 } else { x as u64 }
}

/// `start - sum a_k b_k mod 2^BITS - 1`, with one reduction for 32 products.
fn minus_dot<const BITS: u32>(start: u64, a: &[u64], b: &[u64]) -> u64 {
    let mut sum = 0u128;
    for (a, b) in a.chunks(32).zip(b.chunks(32)) {
        let part: u128 = a
            .iter()
            .zip(b)
            .map(|(&a, &b)| u128::from(a) * u128::from(b))
            .sum();
        sum += u128::from(fold::<BITS>(part));
    }
    fold::<BITS>(u128::from(start) + u128::from(prime::<BITS>() - fold::<BITS>(sum)))
}

fn product<const BITS: u32>(a: u64, b: u64) -> u64 {
    fold::<BITS>(u128::from(a) * u128::from(b))
}

/// `1 / a = a^(p - 2)` (Fermat).
fn inverse<const BITS: u32>(a: u64) -> u64 {
    let (mut power, mut result, mut exponent) = (a, 1, prime::<BITS>() - 2);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = product::<BITS>(result, power);
        }
        power = product::<BITS>(power, power);
        exponent >>= 1;
    }
    result
}

/// `number 2^shift mod p`; the number may be negative.
fn residue<const BITS: u32>(number: i64, shift: u32) -> u64 {
    let size = fold::<BITS>(u128::from(number.unsigned_abs()));
    let size = fold::<BITS>(u128::from(size) << (shift % BITS));
    if number < 0 && size > 0 {
        prime::<BITS>() - size
    } else {
        size
    }
}

/// A two's complement number modulo p.
fn residue_of<const BITS: u32>(limbs: &[u64]) -> u64 {
    let top = limbs.len() - 1;
    let low = limbs[..top].iter().enumerate().fold(0, |sum, (k, &limb)| {
        let limb = fold::<BITS>(u128::from(limb));
        sum + u128::from(limb) * (1 << (64 * k as u32 % BITS))
    });
    let high = residue::<BITS>(limbs[top] as i64, 64 * top as u32);
    fold::<BITS>(u128::from(fold::<BITS>(low)) + u128::from(high))
}

/// The factors of A modulo p: A = L U with a unit diagonal in U; rows in pivot order.
struct Factors<const BITS: u32> {
    m: usize,
    lower: Vec<u64>,
    upper: Vec<u64>,
    /// 1 / L_kk
    pivots: Vec<u64>,
}

impl<const BITS: u32> Factors<BITS> {
    /// Crout's algorithm: all inner loops are dot products. Reorders the equations; `None` if p divides det A.
    fn new(equations: &mut [Equation]) -> Option<Self> {
        let m = equations.len();
        let mut lower = vec![0; m * m];
        // Row j is column j of U.
        let mut columns = vec![0; m * m];
        let mut pivots = vec![0; m];
        for k in 0..m {
            for i in k..m {
                let entry = residue::<BITS>(equations[i].entries[k], equations[i].shift(k));
                let (row, column) = (&lower[i * m..][..k], &columns[k * m..][..k]);
                lower[i * m + k] = minus_dot::<BITS>(entry, row, column);
            }
            let pivot = (k..m).find(|&i| lower[i * m + k] != 0)?;
            if pivot != k {
                equations.swap(k, pivot);
                (0..=k).for_each(|c| lower.swap(k * m + c, pivot * m + c));
            }
            pivots[k] = inverse::<BITS>(lower[k * m + k]);
            for j in k + 1..m {
                let entry = residue::<BITS>(equations[k].entries[j], equations[k].shift(j));
                let (row, column) = (&lower[k * m..][..k], &columns[j * m..][..k]);
                let value = minus_dot::<BITS>(entry, row, column);
                columns[j * m + k] = product::<BITS>(value, pivots[k]);
            }
        }
        let upper = (0..m * m).map(|at| columns[at % m * m + at / m]).collect();
        Some(Factors {
            m,
            lower,
            upper,
            pivots,
        })
    }

    /// Solves `A y = y`, in place.
    fn solve(&self, y: &mut [u64]) {
        let m = self.m;
        for i in 0..m {
            let value = minus_dot::<BITS>(y[i], &self.lower[i * m..][..i], &y[..i]);
            y[i] = product::<BITS>(value, self.pivots[i]);
        }
        for i in (0..m).rev() {
            y[i] = minus_dot::<BITS>(y[i], &self.upper[i * m..][i + 1..m], &y[i + 1..]);
        }
    }
}

/// Bits of Hadamard's bound of every minor of order m + 1 that contains the `chosen` equations: the product of the
/// lengths of its rows, or of its columns, whichever is less.
fn hadamard_bits(chosen: &[Equation], others: &[Equation]) -> f64 {
    let m = chosen.len();
    let root = 0.5 * ((m + 1) as f64).log2();
    let most = |bits: &mut dyn Iterator<Item = u32>| f64::from(bits.max().unwrap_or(0)) + root;
    let all = || chosen.iter().chain(others);
    let rows: f64 = chosen
        .iter()
        .map(|row| f64::from(row.bits) + root)
        .sum::<f64>()
        + most(&mut others.iter().map(|row| row.bits));
    let columns: f64 = (0..m)
        .map(|i| most(&mut all().map(|row| row.width(i))))
        .sum::<f64>()
        + most(&mut all().map(|row| row.bits));
    rows.min(columns) + 1.0
}

/// Dixon lifting, digit by digit; `None` if p divides det A.
fn lift<const BITS: u32>(
    chosen: &mut [Equation],
    others: &mut [Equation],
    bits: f64,
) -> Option<bool> {
    let factors = Factors::<BITS>::new(chosen)?;
    let limbs = chosen.iter().chain(others.iter()).map(|row| row.rest.len());
    let mut sum = Accumulator::new(limbs.max().unwrap_or(0));
    // p^K > 2^bits
    let digits = (bits / (f64::from(BITS) - 1e-3)) as usize + 1;
    let mut y = vec![0; chosen.len()];
    for _ in 0..digits {
        for (y, row) in y.iter_mut().zip(chosen.iter()) {
            *y = residue_of::<BITS>(&row.rest);
        }
        factors.solve(&mut y);
        for row in others.iter_mut() {
            if !row.reduce::<BITS>(&y, &mut sum) {
                return Some(false);
            }
        }
        for row in chosen.iter_mut() {
            // A y = r mod p by construction.
            let divides = row.reduce::<BITS>(&y, &mut sum);
            debug_assert!(divides);
        }
    }
    Some(true)
}

/// Whether the one solution of the `chosen` equations solves the `others` too. Equation j is coordinate j; equation d
/// is the sum of the weights. `points` is m x d, row after row, all finite, and `chosen` are m equations.
///
/// `None` where that would take more than [`MOST_WORK`], or where det A is 0 modulo both primes.
pub(super) fn consistent(
    points: &[f64],
    query: &[f64],
    chosen: &[usize],
    others: &[usize],
) -> Option<bool> {
    let equations = |of: &[usize]| -> Vec<Equation> {
        of.iter()
            .map(|&j| Equation::new(points, query, j))
            .collect()
    };
    let (mut first, mut rest) = (equations(chosen), equations(others));
    let bits = hadamard_bits(&first, &rest);
    let m = chosen.len() as f64;
    let words: usize = first.iter().chain(&rest).map(|row| row.rest.len()).sum();
    let work = m.powi(3) / 3.0 + bits / 61.0 * (m * m + m * words as f64 / 2.0);
    if work > MOST_WORK {
        return None;
    }
    if let Some(answer) = lift::<61>(&mut first, &mut rest, bits) {
        return Some(answer);
    }
    (first, rest) = (equations(chosen), equations(others));
    lift::<31>(&mut first, &mut rest, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: f64 = (1u64 << 61) as f64;

    /// The sum of the weights and coordinate 0 fix the weights at 1/2; coordinate 1 misses its equation by 2^61 - 1, or
    /// by 0.
    #[test]
    fn a_defect_that_the_prime_divides_is_seen_by_the_next_digit() {
        let points = [0.0, 2.0 * P, 2.0, 0.0];
        assert_eq!(consistent(&points, &[1.0, 1.0], &[0, 2], &[1]), Some(false));
        assert_eq!(consistent(&points, &[1.0, P], &[0, 2], &[1]), Some(true));
        // Weights 1/2, 1/4, 1/4, and coordinate 2 is off by 2^122 - 2^62 + 1 = p^2.
        let points = [0.0, 0.0, 2.0 * P * P, 1.0, 0.0, -8.0 * P, 0.0, 1.0, 0.0];
        let query = [0.25, 0.25, -1.0];
        assert_eq!(consistent(&points, &query, &[0, 1, 3], &[2]), Some(false));
    }

    /// `det A = 2^31 2^30 - 1`: the other prime answers.
    #[test]
    fn a_matrix_that_is_singular_modulo_the_prime_is_decided_by_the_other() {
        let (a, b) = (2f64.powi(31), 2f64.powi(30));
        let points = [a, 1.0, 1.0, b];
        let mean = [(a + 1.0) / 2.0, (b + 1.0) / 2.0];
        assert_eq!(consistent(&points, &mean, &[0, 1], &[2]), Some(true));
        let off = [mean[0], mean[1].next_up()];
        assert_eq!(consistent(&points, &off, &[0, 1], &[2]), Some(false));
        let mut equations: Vec<Equation> = [0, 1]
            .map(|j| Equation::new(&points, &mean, j))
            .into_iter()
            .collect();
        assert!(Factors::<61>::new(&mut equations).is_none());
        assert!(Factors::<31>::new(&mut equations).is_some());
    }

    /// Coefficients of very different magnitude take many words: rows that cancel at 2^1000 leave a query near 1.
    #[test]
    fn wide_columns_are_decided() {
        for size in [30, 62, 63, 64, 100, 191, 192, 1000] {
            let large = 0.3 * 2f64.powi(size);
            // Weights 1/4, 1/4, 1/2.
            let points = [1.0, large, 0.0, 0.0, -large, 1.0, 0.5, 0.7, 0.25];
            let query = [0.5, 0.35, 0.375];
            let (chosen, others) = ([0, 2, 3], [1]);
            assert_eq!(
                consistent(&points, &query, &chosen, &others),
                Some(true),
                "{size}"
            );
            for near in [0.35f64.next_up(), 0.35f64.next_down()] {
                let query = [0.5, near, 0.375];
                assert_eq!(
                    consistent(&points, &query, &chosen, &others),
                    Some(false),
                    "{size}"
                );
            }
        }
    }

    #[test]
    fn division_tells_multiples_apart() {
        let p = i128::from(prime::<61>());
        for quotient in [
            0,
            1,
            -1,
            12345,
            -98765,
            i128::from(i64::MAX),
            i128::from(i64::MIN),
        ] {
            let number = quotient * p;
            let mut limbs = [number as u64, (number >> 64) as u64, (number >> 127) as u64];
            assert!(divide::<61>(&mut limbs), "{quotient}");
            let found = (u128::from(limbs[1]) << 64 | u128::from(limbs[0])) as i128;
            assert_eq!(found, quotient);
            let next = number + 1;
            let mut limbs = [next as u64, (next >> 64) as u64, (next >> 127) as u64];
            assert!(!divide::<61>(&mut limbs), "{quotient}");
        }
    }

    /// Quotients of three words, among them those whose words borrow from the next.
    #[test]
    fn long_division_carries() {
        for words in [
            [u64::MAX, 0, 1],
            [1, u64::MAX, 5],
            [u64::MAX, 8, 5],
            [0, 0, 9],
        ] {
            for sign in [1, -1] {
                let (mut product, mut quotient) = (Accumulator::new(5), Accumulator::new(5));
                for (k, word) in (0u32..).zip(words) {
                    let (word, shift) = (sign * i128::from(word), 64 * k);
                    quotient.add(word, shift);
                    // word p = word 2^61 - word
                    product.add(word, shift + 61);
                    product.add(-word, shift);
                }
                let (mut expected, mut found) = ([0; 5], [0; 5]);
                quotient.limbs(&mut expected);
                product.limbs(&mut found);
                assert!(divide::<61>(&mut found));
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn what_takes_too_long_is_not_begun() {
        let (m, d) = (700, 701);
        let points: Vec<f64> = (0..m * d).map(|at| (at as f64 * 0.7).sin()).collect();
        let chosen: Vec<usize> = (0..m).collect();
        assert_eq!(consistent(&points, &points[..d], &chosen, &[m, d]), None);
    }
}
