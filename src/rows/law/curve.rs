//! The natural cubic spline through some points: a smooth curve of one parameter.
//!
//! Between knots i and i+1, at the fraction s of the way, `x(s) = (1-s) y_i + s y_{i+1} + ((1-s)^3 - (1-s)) m_i / 6 +
//! (s^3 - s) m_{i+1} / 6`, where the second derivatives m solve `m_{i-1} + 4 m_i + m_{i+1} = 6 (y_{i-1} - 2 y_i +
//! y_{i+1})` with m = 0 at both ends (de Boor, A Practical Guide to Splines, ch. IV).

/// A curve in d dimensions.
#[derive(Debug, Clone)]
pub struct Spline {
    d: usize,
    /// Knots and second derivatives, d numbers each.
    knots: Vec<f64>,
    bends: Vec<f64>,
}

impl Spline {
    /// The spline through at least two points of d numbers each, at even steps of the parameter.
    pub fn through(d: usize, knots: &[f64]) -> Self {
        let last = knots.len() / d - 1;
        let mut bends = vec![0.0; knots.len()];
        // Forward elimination of the tridiagonal system, the same for every coordinate, then back substitution.
        let mut share = vec![0.0; last + 1];
        for i in 1..last {
            let pivot = 4.0 - share[i - 1];
            share[i] = 1.0 / pivot;
            for j in 0..d {
                let at = |knot: usize| knots[knot * d + j];
                let bend = 6.0 * (at(i - 1) - 2.0 * at(i) + at(i + 1));
                bends[i * d + j] = (bend - bends[(i - 1) * d + j]) / pivot;
            }
        }
        for i in (1..last).rev() {
            for j in 0..d {
                bends[i * d + j] -= share[i] * bends[(i + 1) * d + j];
            }
        }
        Spline {
            d,
            knots: knots.to_vec(),
            bends,
        }
    }

    /// The point at parameter `share`, from 0 to 1 along the whole curve.
    pub fn at(&self, share: f64, out: &mut [f64]) {
        let d = self.d;
        let pieces = self.knots.len() / d - 1;
        let along = share * pieces as f64;
        let piece = (along as usize).min(pieces - 1);
        let s = along - piece as f64;
        let t = 1.0 - s;
        let (left, right) = ((t * t * t - t) / 6.0, (s * s * s - s) / 6.0);
        for (j, value) in out.iter_mut().enumerate() {
            let at = |of: &[f64], knot: usize| of[knot * d + j];
            *value = t * at(&self.knots, piece)
                + s * at(&self.knots, piece + 1)
                + left * at(&self.bends, piece)
                + right * at(&self.bends, piece + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knots_are_met_and_the_bends_are_smooth() {
        let knots = [0.0, 1.0, -1.0, 4.0, 2.0, -3.0, 0.5, 0.0, 1.0, 1.0];
        let (spline, pieces) = (Spline::through(2, &knots), 4.0);
        let at = |along: f64| {
            let mut point = [0.0; 2];
            spline.at(along / pieces, &mut point);
            point
        };
        for (knot, expected) in knots.chunks_exact(2).enumerate() {
            let point = at(knot as f64);
            assert!((0..2).all(|j| (point[j] - expected[j]).abs() < 1e-12));
        }
        // First and second derivative on both sides of an inner knot, by differences.
        let h = 1e-4;
        for knot in [1.0, 2.0, 3.0] {
            for j in 0..2 {
                let [far, near, here] = [2.0, 1.0, 0.0].map(|step| at(knot - step * h)[j]);
                let [close, away] = [1.0, 2.0].map(|step| at(knot + step * h)[j]);
                assert!(((here - near) - (close - here)).abs() / h < 0.02);
                let bends = [far - 2.0 * near + here, here - 2.0 * close + away];
                assert!((bends[0] - bends[1]).abs() / (h * h) < 0.05, "{bends:?}");
            }
        }
        // The second derivative is 0 at natural ends.
        let bend = at(0.0)[0] - 2.0 * at(h)[0] + at(2.0 * h)[0];
        assert!(bend.abs() / (h * h) < 0.05, "{bend}");
    }
}
