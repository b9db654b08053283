//! The solver's metric and the affine hull as arrays, for files that store what was computed for a reference set.

use super::{AffineHull, Flat, Metric};
use crate::error::Result;
use crate::rows::Pack;
use faer::Mat;
use std::sync::Arc;

impl Metric {
    /// Store the metric: of the triangular factor, column by column, the entries on and below the diagonal.
    pub fn pack(&self, pack: &mut Pack) {
        pack.put_reals("metric.deviation", self.deviation.iter().copied());
        if let Some((factor, order)) = self.factor.as_deref() {
            let d = order.len();
            let lower = (0..d).flat_map(|j| (j..d).map(move |i| factor[(i, j)]));
            pack.put_reals("metric.factor", lower);
            pack.put_counts("metric.order", order.iter().copied());
        }
    }

    /// Restore the metric of `d` columns. Errors: arrays that do not fit, and a singular factor.
    pub fn unpack(pack: &mut Pack, d: usize) -> Result<Self> {
        let deviation = pack.reals("metric.deviation", Some(d))?;
        if !deviation.iter().all(|v| *v > 0.0 && v.is_finite()) {
            return Err(pack.fault("metric.deviation", "a number is not positive"));
        }
        if !pack.has("metric.factor") {
            return Ok(Metric {
                deviation,
                factor: None,
            });
        }
        let lower = pack.reals("metric.factor", Some(d * (d + 1) / 2))?;
        let order = pack.indices("metric.order", Some(d), d)?;
        let mut met = vec![false; d];
        order.iter().for_each(|&column| met[column] = true);
        if met.contains(&false) {
            return Err(pack.fault("metric.order", "a column is named twice"));
        }
        let mut factor = Mat::zeros(d, d);
        let mut rest = lower.as_slice();
        for j in 0..d {
            let (column, left) = rest.split_at(d - j);
            rest = left;
            for (i, &value) in (j..d).zip(column) {
                factor[(i, j)] = value;
            }
            if column[0] == 0.0 {
                return Err(pack.fault("metric.factor", "a pivot is zero"));
            }
        }
        Ok(Metric {
            deviation,
            factor: Some(Arc::new((factor, order))),
        })
    }
}

impl AffineHull {
    /// Store the affine hull.
    pub fn pack(&self, pack: &mut Pack) {
        pack.put_reals("affine.normals", self.normals.iter().copied());
        pack.put_reals("affine.slack", [self.slack]);
        pack.put_counts("affine.rank", self.rank);
        pack.put_counts("affine.flat_rank", self.flat.map(|flat| flat.rank));
        pack.put_reals("affine.flat_share", self.flat.map(|flat| flat.share));
    }

    /// Restore the affine hull in `d` dimensions. Errors: arrays that do not fit.
    pub fn unpack(pack: &mut Pack, d: usize) -> Result<Self> {
        let rank = pack.indices("affine.rank", None, d + 1)?.first().copied();
        let normals = rank.map_or(0, |rank| d - rank) * d;
        let flat = pack.indices("affine.flat_rank", None, d + 1)?;
        let share = pack.reals("affine.flat_share", Some(flat.len()))?;
        Ok(AffineHull {
            dim: d,
            rank,
            normals: pack.reals("affine.normals", Some(normals))?.into(),
            slack: pack.reals("affine.slack", Some(1))?[0],
            flat: flat
                .first()
                .zip(share.first())
                .map(|(&rank, &share)| Flat { rank, share }),
        })
    }
}
