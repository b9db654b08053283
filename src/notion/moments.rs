//! Mean and covariance of a reference set, whole or within its classes, and distances of points by them.
//!
//! ```text
//! z = D^-1 (x - m),      V diag(l_1 >= l_2 >= ..) V^T = covariance of z,      t = V^T z
//! square = sum_k<r t_k^2 / l_k,      off^2 = sum_k>=r t_k^2
//! ```
//!
//! D holds the standard deviation of each column, so that the columns' units do not matter. The rank r is the number of
//! variances above [`FLAT`] times the largest: in the other directions, and in constant columns, the rows are flat, and the
//! pseudo-inverse leaves these directions out. Far rows ([`crate::scan::Far`]) are excluded from means and covariance,
//! because a single one would dominate both.
//!
//! Without one row of a class of n rows, with u = x - m and c = n / (n - 1), the scatter matrix loses c u u^T; its inverse
//! follows by the formula of Sherman and Morrison (Ann. Math. Statist. 21, 1950).

use super::Reference;
use crate::control::{Control, WorkStage};
use crate::error::Result;
use crate::linear::{add_gram, eigen, product_apart};
use crate::rows::{Pack, Rows};
use faer::{Mat, MatRef};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Rows vary along a direction if their variance there is more than this share of the largest, with columns scaled to unit
/// variance: a standard deviation of one in a hundred thousand.
pub(super) const FLAT: f64 = 1e-10;

/// A point is off the affine hull if its distance from it is more than this factor times what [`FLAT`] allows rows.
const OFF: f64 = 10.0;

/// The tolerance for rounding of far points, as a share of their distance from the mean.
const ROUNDING: f64 = 1e-12;

/// A row was alone in a direction if less than this share of the direction's scatter is left without it.
const ALONE: f64 = 1e-8;

/// The most numbers of rows in one step.
const CHUNK: usize = 1 << 21;

/// Deviations are clipped to this, so that their squares stay finite.
const LARGE: f64 = 1e100;

/// Means and the covariance around them.
pub(super) struct Moments {
    groups: Vec<Group>,
    /// The number of rows that count.
    rows: usize,
    /// The standard deviation of each column; a unit for constant columns.
    divisor: Vec<f64>,
    constant: Vec<bool>,
    /// Orthonormal directions among the varying columns, as matrix columns, and the variances along them, largest first.
    directions: Mat<f64>,
    variances: Vec<f64>,
    /// The number of directions that are not flat.
    pub rank: usize,
    /// Rows that are excluded, ascending.
    far: Vec<usize>,
}

/// The rows of one class around their mean; groups are sorted by class.
struct Group {
    /// The number of the class.
    class: u32,
    mean: Vec<f64>,
    rows: usize,
    /// `V^T D^-1 (mean - first mean)`.
    place: Vec<f64>,
}

/// A point's position relative to the nearest mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// The squared Mahalanobis distance.
    pub square: f64,
    /// The distance from the affine hull, in standard deviations of the columns; 0 on the hull.
    pub off: f64,
    pub class: u32,
}

impl Moments {
    /// Fits all rows that have a class (one class for all gives the plain mean and covariance), in two passes; `None` if f64
    /// cannot decompose the covariance.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn fit(
        reference: &Reference<'_>,
        class: impl Fn(usize) -> Option<u32>,
        control: &Control,
    ) -> Result<Option<Self>> {
        let rows = reference.rows;
        control.begin(WorkStage::Fit, 2 * rows.len() as u64);
        let far = far_rows(reference);
        let class = |row: usize| class(row).filter(|_| far.binary_search(&row).is_err());
        let groups = means(rows, class, control)?;
        let unit = &reference.scan.frame().unit;
        let group = |row: usize| {
            let class = class(row)?;
            groups
                .binary_search_by_key(&class, |group| group.class)
                .ok()
        };
        let scatter = scatter(rows, &groups, group, unit, control)?;
        let count: usize = groups.iter().map(|group| group.rows).sum();
        let mut fitted = Moments {
            divisor: unit.clone(),
            constant: vec![true; rows.dim()],
            groups,
            rows: count,
            directions: Mat::zeros(0, 0),
            variances: Vec::new(),
            rank: 0,
            far,
        };
        Ok(fitted.decompose(scatter).map(|()| fitted))
    }

    /// Adds all numbers to a pack, under names that start with `id`.
    pub fn pack(&self, id: &str, pack: &mut Pack) {
        let name = |what: &str| format!("{id}.{what}");
        let (groups, v) = (self.groups.iter(), self.variances.len());
        let constant = (0..self.constant.len()).filter(|&j| self.constant[j]);
        let directions = (0..v).flat_map(|k| self.directions.col(k).iter().copied());
        pack.put_counts(&name("sizes"), [self.rows, self.rank, v]);
        let classes = groups.clone().map(|group| group.class as usize);
        pack.put_counts(&name("classes"), classes);
        pack.put_counts(&name("class_rows"), groups.clone().map(|group| group.rows));
        let means = groups.clone().flat_map(|group| group.mean.iter());
        pack.put_reals(&name("means"), means.copied());
        let places = groups.flat_map(|group| group.place.iter());
        pack.put_reals(&name("places"), places.copied());
        pack.put_reals(&name("divisor"), self.divisor.iter().copied());
        pack.put_counts(&name("constant"), constant);
        pack.put_reals(&name("directions"), directions);
        pack.put_reals(&name("variances"), self.variances.iter().copied());
        pack.put_counts(&name("far"), self.far.iter().copied());
    }

    /// What [`Moments::pack`] added for n rows of d columns; `None` if nothing was added.
    ///
    /// Errors: arrays that do not fit the rows or each other.
    pub fn unpack(id: &str, pack: &Pack, n: usize, d: usize) -> Result<Option<Self>> {
        let name = |what: &str| format!("{id}.{what}");
        if !pack.has(&name("sizes")) {
            return Ok(None);
        }
        let mut pack = pack.clone();
        let sizes = pack.indices(&name("sizes"), Some(3), n.max(d) + 1)?;
        let (rows, rank, v) = (sizes[0], sizes[1], sizes[2]);
        let constant = pack.ascending(&name("constant"), d)?;
        if rank > v || v + constant.len() != d {
            return Err(pack.fault(&name("sizes"), "they do not fit each other"));
        }
        let classes = pack.ascending(&name("classes"), u32::MAX as usize)?;
        let counts = pack.indices(&name("class_rows"), Some(classes.len()), n + 1)?;
        let means = pack.reals(&name("means"), Some(classes.len() * d))?;
        let places = pack.reals(&name("places"), Some(classes.len() * v))?;
        let group = |(g, class): (usize, usize)| Group {
            class: class as u32,
            mean: means[g * d..(g + 1) * d].to_vec(),
            rows: counts[g],
            place: places[g * v..(g + 1) * v].to_vec(),
        };
        let directions = pack.reals(&name("directions"), Some(v * v))?;
        let variances = pack.reals(&name("variances"), Some(v))?;
        let divisor = pack.reals(&name("divisor"), Some(d))?;
        let positive = |value: &f64| *value > 0.0 && value.is_finite();
        if !variances[..rank].iter().chain(&divisor).all(positive) {
            return Err(pack.fault(&name("variances"), "one is not positive"));
        }
        Ok(Some(Moments {
            groups: classes.into_iter().enumerate().map(group).collect(),
            rows,
            divisor,
            constant: (0..d).map(|j| constant.binary_search(&j).is_ok()).collect(),
            directions: Mat::from_fn(v, v, |i, k| directions[k * v + i]),
            variances,
            rank,
            far: pack.ascending(&name("far"), n)?,
        }))
    }

    /// Decomposes the scatter matrix of the scaled columns (its lower half is given).
    fn decompose(&mut self, scatter: Mat<f64>) -> Option<()> {
        let freedom = self.freedom().max(1.0);
        let vary: Vec<usize> = (0..self.divisor.len())
            .filter(|&j| scatter[(j, j)] != 0.0)
            .collect();
        for &j in &vary {
            self.constant[j] = false;
            self.divisor[j] *= (scatter[(j, j)] / freedom).sqrt();
        }
        let size = |j: usize| scatter[(j, j)].sqrt();
        let correlation = Mat::from_fn(vary.len(), vary.len(), |a, b| {
            let (i, j) = (vary[a], vary[b]);
            if a < b {
                0.0
            } else {
                scatter[(i, j)] / size(i) / size(j)
            }
        });
        drop(scatter);
        let (ascending, vectors) = eigen(correlation.as_ref())?;
        let v = vary.len();
        self.variances = ascending.into_iter().rev().collect();
        let all = self.variances.iter().chain(&self.divisor);
        if !all.into_iter().all(|value| value.is_finite()) {
            return None;
        }
        self.directions = Mat::from_fn(v, v, |i, k| vectors[(i, v - 1 - k)]);
        let largest = self.variances.first().copied().unwrap_or(0.0);
        let flat = |variance: &f64| *variance > FLAT * largest;
        self.rank = self.variances.iter().take_while(|&v| flat(v)).count();
        let means: Vec<f64> = self.groups.iter().flat_map(|g| g.mean.clone()).collect();
        if let Some(places) = self.along(&means) {
            for (g, group) in self.groups.iter_mut().enumerate() {
                group.place = places.col(g).iter().copied().collect();
            }
        }
        Some(())
    }

    /// Degrees of freedom: rows minus means.
    fn freedom(&self) -> f64 {
        self.rows as f64 - self.groups.len() as f64
    }

    /// `V^T D^-1 (x - first mean)` of points (n x d), one column per point; `None` without any mean.
    fn along(&self, points: &[f64]) -> Option<Mat<f64>> {
        let first = &self.groups.first()?.mean;
        let mut z = Vec::with_capacity(points.len());
        for point in points.chunks_exact(first.len()) {
            for (j, value) in point.iter().enumerate() {
                if !self.constant[j] {
                    z.push(self.deviation(j, *value, first[j]));
                }
            }
        }
        let v = self.variances.len();
        let z = MatRef::from_column_major_slice(&z, v, points.len() / first.len());
        Some(product_apart(self.directions.transpose(), z))
    }

    /// `(value - mean) / divisor`, at most [`LARGE`]: a point so far away is outside by every measure.
    fn deviation(&self, j: usize, value: f64, mean: f64) -> f64 {
        ((value - mean) / self.divisor[j]).clamp(-LARGE, LARGE)
    }

    /// The positions of points (n x d). If `without` is given, each point is a reference row, which is left out. `None` where
    /// no row is left.
    pub fn places(
        &self,
        points: &[f64],
        without: impl Fn(usize) -> Option<(usize, u32)> + Sync,
    ) -> Vec<Option<Place>> {
        let d = self.divisor.len();
        let Some(along) = self.along(points) else {
            return vec![None; points.len() / d];
        };
        let each = points.par_chunks_exact(d).enumerate();
        each.map(|(place, point)| {
            let along: Vec<f64> = along.col(place).iter().copied().collect();
            let without = without(place).filter(|(row, _)| self.far.binary_search(row).is_err());
            let left = without.and_then(|(_, class)| self.left(class, &along));
            let found = self.groups.iter().filter_map(|group| match &left {
                None => Some(self.place(group, point, &along)),
                Some(left) => self.place_without(group, left, point, &along),
            });
            found.reduce(|best, new| if new.before(&best) { new } else { best })
        })
        .collect()
    }

    /// The position relative to one mean.
    fn place(&self, group: &Group, point: &[f64], along: &[f64]) -> Place {
        let shifted = || along.iter().zip(&group.place).map(|(t, g)| t - g);
        let (high, low) = self.variances.split_at(self.rank);
        let square = shifted()
            .zip(high)
            .map(|(t, variance)| t * t / variance)
            .sum();
        let flat: f64 = shifted().skip(self.rank).map(|t| t * t).sum();
        let length: f64 = shifted().map(|t| t * t).sum();
        let largest = self.variances.first().copied().unwrap_or(0.0);
        let allowed = OFF * OFF * FLAT * largest * low.len() as f64;
        let constants = self.off_constants(group, point);
        let off = constants
            + if flat > allowed + ROUNDING * ROUNDING * length {
                flat
            } else {
                0.0
            };
        Place {
            square,
            off: off.sqrt(),
            class: group.class,
        }
    }

    /// The squared distance from the constant columns' values.
    fn off_constants(&self, group: &Group, point: &[f64]) -> f64 {
        let each = (0..point.len()).filter(|&j| self.constant[j]);
        each.map(|j| self.deviation(j, point[j], group.mean[j]).powi(2))
            .sum()
    }

    /// The effect of leaving out a row of a class; `None` for a class without rows that count.
    fn left(&self, class: u32, along: &[f64]) -> Option<Left> {
        let group = self.groups.iter().find(|group| group.class == class)?;
        let (rows, freedom) = (group.rows as f64, self.freedom());
        let u: Vec<f64> = along.iter().zip(&group.place).map(|(t, g)| t - g).collect();
        let single = group.rows == 1;
        let shift = if single { 0.0 } else { rows / (rows - 1.0) };
        let square: f64 = self.whitened(&u).map(|y| y * y).sum();
        let kept = if freedom > 0.0 {
            1.0 - shift * square / freedom
        } else {
            1.0
        };
        Some(Left {
            class,
            u,
            shift,
            kept,
            freedom: if single { freedom } else { freedom - 1.0 },
            single,
        })
    }

    /// Coordinates on the affine hull, divided by their standard deviations.
    fn whitened<'a>(&'a self, along: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let high = &self.variances[..self.rank];
        along
            .iter()
            .zip(high)
            .map(|(t, variance)| t / variance.sqrt())
    }

    /// The position relative to one mean with the row left out; `None` if the mean was that of this row alone.
    fn place_without(
        &self,
        group: &Group,
        left: &Left,
        point: &[f64],
        along: &[f64],
    ) -> Option<Place> {
        let own = group.class == left.class;
        if own && left.single {
            return None;
        }
        // The distance from the mean of the other rows is n / (n - 1) times that from the mean of all.
        let stretch = if own { left.shift } else { 1.0 };
        let mut found = self.place(group, point, along);
        let w: Vec<f64> = along
            .iter()
            .zip(&group.place)
            .map(|(t, g)| stretch * (t - g))
            .collect();
        found.off *= stretch;
        let square: f64 = self.whitened(&w).map(|y| y * y).sum();
        let both: f64 = self
            .whitened(&w)
            .zip(self.whitened(&left.u))
            .map(|(a, b)| a * b)
            .sum();
        let freedom = self.freedom().max(1.0);
        if left.kept > ALONE {
            let gained = left.shift * both * both / freedom / left.kept;
            found.square = left.freedom.max(0.0) / freedom * (square + gained);
            return Some(found);
        }
        // Only this row made the rows vary along p = A^-1 u (A the scatter matrix): without it they are flat there.
        let steep = self.whitened(&left.u).zip(&self.variances);
        let length: f64 = steep
            .map(|(y, variance)| y * y / variance)
            .sum::<f64>()
            .sqrt();
        let lost = if length > 0.0 {
            both.abs() / length
        } else {
            0.0
        };
        found.off = found.off.hypot(lost);
        found.square = left.freedom.max(0.0) / freedom * square;
        Some(found)
    }
}

/// A left-out row.
struct Left {
    class: u32,
    /// Its position relative to the mean of its class (with the row).
    u: Vec<f64>,
    /// n / (n - 1); 0 if it is the only row of its class.
    shift: f64,
    /// The share of the scatter in its own direction that is left.
    kept: f64,
    /// Degrees of freedom without it.
    freedom: f64,
    /// Whether it is the only row of its class.
    single: bool,
}

impl Place {
    /// Whether this position is nearer: first on the affine hull before off it, then by distance.
    fn before(&self, other: &Place) -> bool {
        let key = |place: &Place| (place.off, place.square);
        key(self) < key(other)
    }
}

/// The far rows of the reference, each with the rows that equal it, ascending.
fn far_rows(reference: &Reference<'_>) -> Vec<usize> {
    let far = &reference.scan.frame().far.rows;
    let mut rows: Vec<usize> = match reference.repeats {
        Some(repeats) => {
            let members = far.iter().flat_map(|&place| repeats.members(place));
            members.collect()
        }
        None => far.clone(),
    };
    rows.sort_unstable();
    rows
}

/// Passes rows to `work` chunk by chunk: the index of the first row, and the values.
fn chunks(rows: &dyn Rows, control: &Control, mut work: impl FnMut(usize, &[f64])) -> Result<()> {
    let d = rows.dim();
    let step = (CHUNK / d).max(1);
    let mut values = Vec::new();
    for first in (0..rows.len()).step_by(step) {
        control.check()?;
        let count = step.min(rows.len() - first);
        values.resize(count * d, 0.0);
        rows.read_f64(first, &mut values)?;
        work(first, &values);
        control.advance(count as u64);
    }
    Ok(())
}

/// The mean of the rows of each class, by class. Differences to the class's first row are summed, so that the mean of a
/// column that is constant within a class is exact.
fn means(
    rows: &dyn Rows,
    class: impl Fn(usize) -> Option<u32>,
    control: &Control,
) -> Result<Vec<Group>> {
    let d = rows.dim();
    let mut groups: BTreeMap<u32, (Group, Vec<f64>)> = BTreeMap::new();
    chunks(rows, control, |first, values| {
        for (row, values) in (first..).zip(values.chunks_exact(d)) {
            let Some(class) = class(row) else { continue };
            let (group, sum) = groups.entry(class).or_insert_with(|| {
                let group = Group {
                    class,
                    mean: values.to_vec(),
                    rows: 0,
                    place: Vec::new(),
                };
                (group, vec![0.0; d])
            });
            group.rows += 1;
            let origin = group.mean.iter().zip(values);
            sum.iter_mut()
                .zip(origin)
                .for_each(|(s, (o, v))| *s += v - o);
        }
    })?;
    let finished = groups.into_values().map(|(mut group, sum)| {
        let n = group.rows as f64;
        group
            .mean
            .iter_mut()
            .zip(sum)
            .for_each(|(m, s)| *m += s / n);
        group
    });
    Ok(finished.collect())
}

/// The lower half of `sum (x - m)(x - m)^T` around the means of the groups, with scaled columns.
fn scatter(
    rows: &dyn Rows,
    groups: &[Group],
    group: impl Fn(usize) -> Option<usize>,
    unit: &[f64],
    control: &Control,
) -> Result<Mat<f64>> {
    let d = rows.dim();
    let mut scatter = Mat::<f64>::zeros(d, d);
    let mut centred = Vec::new();
    chunks(rows, control, |first, values| {
        centred.clear();
        for (row, values) in (first..).zip(values.chunks_exact(d)) {
            let Some(group) = group(row) else { continue };
            let mean = &groups[group].mean;
            let each = values.iter().zip(mean).zip(unit);
            centred.extend(each.map(|((v, m), u)| (v - m) / u));
        }
        let columns = MatRef::from_column_major_slice(&centred, d, centred.len() / d);
        add_gram(scatter.as_mut(), columns, 1.0);
    })?;
    Ok(scatter)
}
