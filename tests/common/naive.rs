//! A naive reference implementation in f64: scores of all rows, nearest rows, certificates.

use hullscope::control::Control;
use hullscope::hull::{Answer, Certificate, Verdict};
use hullscope::rows::Rows;
use hullscope::scan::{Batch, Floor, Frame, Hits, Scan, topk};

/// All values of a set.
pub fn values(rows: &dyn Rows) -> Vec<f64> {
    let mut values = vec![0.0; rows.len() * rows.dim()];
    rows.read_f64(0, &mut values).unwrap();
    values
}

/// Panics unless the bounds and statistics in the frame hold for the rows. The frame is free to choose its origin and
/// scales; everything else follows from the rows.
fn holds(frame: &Frame, all: &[f64]) {
    let d = frame.dim();
    let mut ends = vec![(f64::INFINITY, f64::NEG_INFINITY); d];
    for (row, x) in all.chunks_exact(d).enumerate() {
        let (mut scaled, mut plain) = (0.0, 0.0);
        for (j, &x) in x.iter().enumerate() {
            ends[j] = (ends[j].0.min(x), ends[j].1.max(x));
            scaled += ((x - frame.centre[j]) * frame.scale[j]).powi(2);
            plain += ((x - frame.centre[j]) * frame.euclid).powi(2);
        }
        if !frame.far.contains(row) {
            let most = 1.0 - 1e-12;
            assert!(scaled.sqrt() * most <= frame.radius, "radius of row {row}");
            assert!(
                plain.sqrt() * most <= frame.euclid_radius,
                "euclid radius of row {row}"
            );
        }
    }
    for (j, (lowest, highest)) in ends.into_iter().enumerate() {
        assert_eq!(
            (frame.lowest[j], frame.highest[j]),
            (lowest, highest),
            "column {j}"
        );
    }
}

/// A scan that scores every row in f64 and sorts them all.
pub struct Naive {
    frame: Frame,
    framed: Vec<f64>,
    bias: Vec<f64>,
}

impl Naive {
    pub fn new(rows: &dyn Rows) -> Self {
        let frame = Frame::survey(rows, &Control::default()).unwrap();
        let all = values(rows);
        holds(&frame, &all);
        let place = |(i, x): (usize, &f64)| {
            let j = i % rows.dim();
            (x - frame.centre[j]) * frame.scale[j]
        };
        let framed = all.iter().enumerate().map(place).collect();
        let bias = all
            .chunks_exact(rows.dim())
            .map(|x| {
                let square: f64 = x
                    .iter()
                    .zip(&frame.centre)
                    .map(|(x, m)| ((x - m) * frame.euclid).powi(2))
                    .sum();
                -0.5 * square
            })
            .collect();
        Naive {
            frame,
            framed,
            bias,
        }
    }

    /// The f64 score of each row.
    pub fn scores(&self, direction: &[f32], c: f32) -> Vec<f64> {
        let each = self.framed.chunks_exact(direction.len()).zip(&self.bias);
        each.map(|(x, bias)| {
            let product: f64 = x
                .iter()
                .zip(direction)
                .map(|(x, w)| x * f64::from(*w))
                .sum();
            product + f64::from(c) * bias
        })
        .collect()
    }
}

/// The k best of the scores, rounded to f32, in the total order.
pub fn best(scores: impl Iterator<Item = f64>, k: usize) -> Vec<(f32, usize)> {
    let mut all: Vec<(f32, usize)> = scores.map(|score| score as f32).zip(0..).collect();
    all.sort_by(|&a, &b| topk::order(a, b));
    all.truncate(k);
    all
}

impl Scan for Naive {
    fn len(&self) -> usize {
        self.bias.len()
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn scan_above(&self, batch: &Batch<'_>, _: &[Floor], _: &Control) -> hullscope::Result<Hits> {
        let k = batch.k.min(self.len());
        let (mut scores, mut rows) = (Vec::new(), Vec::new());
        for (direction, &c) in batch.directions.chunks_exact(self.dim()).zip(batch.bias) {
            for (score, row) in best(self.scores(direction, c).into_iter(), k) {
                scores.push(score);
                rows.push(row);
            }
        }
        Ok(Hits::new(self.len(), k, scores, rows))
    }

    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        let most = self.frame.radius * norm + f64::from(c) * 0.5 * self.frame.euclid_radius.powi(2);
        1.01 * most / f64::from(1 << 24) + 1e-44
    }
}

/// Every row's distance to q, sorted: (distance, row).
pub fn nearest(rows: &dyn Rows, query: &[f64], k: usize) -> Vec<(f64, usize)> {
    let mut all: Vec<(f64, usize)> = values(rows)
        .chunks_exact(query.len())
        .map(|x| {
            x.iter()
                .zip(query)
                .map(|(x, q)| (x - q).powi(2))
                .sum::<f64>()
                .sqrt()
        })
        .zip(0..)
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.truncate(k);
    all
}

/// Largest distance of a row from the mean.
pub fn radius(rows: &dyn Rows) -> f64 {
    let (all, d) = (values(rows), rows.dim());
    let mean: Vec<f64> = (0..d)
        .map(|j| {
            let first = all[j];
            first
                + all
                    .iter()
                    .skip(j)
                    .step_by(d)
                    .map(|v| v - first)
                    .sum::<f64>()
                    / rows.len() as f64
        })
        .collect();
    let length = |x: &[f64]| {
        x.iter()
            .zip(&mean)
            .map(|(x, m)| (x - m).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    all.chunks_exact(d).map(length).fold(0.0, f64::max)
}

/// Panics unless the answer's certificate proves its verdict.
pub fn certificate_holds(rows: &dyn Rows, query: &[f64], answer: &Answer, tolerance: f64) {
    let all = values(rows);
    let d = rows.dim();
    match (&answer.certificate, answer.verdict) {
        (
            Certificate::Inside {
                rows: support,
                weights,
                ..
            },
            Verdict::Inside,
        ) => {
            assert!(
                !support.is_empty() && support.len() <= d + 1 && support.len() == weights.len()
            );
            let mut distinct = support.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), support.len(), "rows repeat");
            assert!(weights.iter().all(|&w| w > 0.0));
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let residual: f64 = (0..d)
                .map(|j| {
                    support
                        .iter()
                        .zip(weights)
                        .map(|(r, w)| w * (all[r * d + j] - query[j]))
                        .sum::<f64>()
                })
                .map(|v| v * v)
                .sum::<f64>()
                .sqrt();
            let most = tolerance * radius(rows) * (1.0 + 1e-6);
            assert!(residual <= most, "residual {residual} above {most}");
            assert_eq!(answer.margin, 0.0);
        }
        (Certificate::Outside { direction, margin }, Verdict::Outside) => {
            let length = direction.iter().map(|w| w * w).sum::<f64>().sqrt();
            let gap = all
                .chunks_exact(d)
                .map(|x| {
                    x.iter()
                        .zip(query)
                        .zip(direction)
                        .map(|((x, q), w)| w * (q - x))
                        .sum::<f64>()
                })
                .fold(f64::INFINITY, f64::min);
            assert!(gap > 0.0, "the direction does not separate: {gap}");
            assert!(
                *margin > 0.0 && *margin <= gap / length * (1.0 + 1e-9),
                "margin {margin}, gap {}",
                gap / length
            );
            assert_eq!(answer.margin, *margin);
        }
        (Certificate::None, Verdict::Undecided) => assert!(answer.reason.is_some()),
        other => panic!("verdict and certificate do not fit: {other:?}"),
    }
}
