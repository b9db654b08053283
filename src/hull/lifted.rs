//! The Delaunay simplex of a query among a few rows: the face of the lifted rows `(x, |x|^2)` below the query.
//!
//! ```text
//! min { sum l_i |a_i|^2 : sum l_i a_i = 0, sum l_i = 1, l >= 0 }      a_i = x_i - q
//!   = max { z : z <= |a_i|^2 - <y, a_i> for every i }
//! ```
//!
//! y is twice the vector from the query to the centre of the simplex's circumsphere, and the *height* of a row,
//! `|a|^2 - <y, a>`, is below z if the row is inside the sphere. The linear program is solved by the primal simplex method
//! with an explicit inverse, from a basis whose rows form a simplex that contains the query (the rows of an inside
//! certificate). A unit vector of value 0 fills a place for which the basis has no row; some remain if all rows lie in
//! a subspace. While rows enter, the query is moved slightly inwards; a few steps of the dual simplex method then move
//! it back. Nothing here is proved: the caller tests the centre against every row.

use super::basis::Basis;
use super::min_norm::dot;
use crate::linear::{eigen, product, solve};
use faer::Mat;

/// Heights that differ from the sphere's by less than this share of their terms count as on the sphere.
const LEVEL: f64 = 1e-12;

/// Entries of a step below this share of its largest entry count as rounding.
const PIVOT: f64 = 1e-9;

/// Steps until the inverse is computed anew; steps without progress until Bland's rule, which cannot cycle, chooses the
/// columns; and steps for each column of the basis until the search is given up.
const FRESH: usize = 50;
const STALLED: usize = 30;
const MOST: usize = 60;

/// How far the query is moved while rows enter, as a share of the way to a row of the basis; and the factor that makes
/// the shares differ.
const SHIFT: f64 = 1e-7;
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// How many of the lowest rows of a full pricing are priced alone in the steps that follow (partial pricing).
const OFFERED: usize = 32;

/// Weights below this are 0.
const NONE: f64 = 1e-13;

/// A column of the basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Row(usize),
    /// The unit vector of an equation.
    Unit(usize),
}

/// The simplex below the query.
#[derive(Debug, Clone, PartialEq)]
pub struct Simplex {
    /// Rows of positive weight, as indices in the order of [`Lifted::push`].
    pub rows: Vec<usize>,
    /// Their weights, which sum to 1.
    pub weights: Vec<f64>,
    /// The vector from the query to the centre of the sphere, in the affine hull of the rows of the basis.
    pub centre: Vec<f64>,
}

/// Rows relative to a query, and the basis of the linear program over them.
#[derive(Debug)]
pub struct Lifted {
    /// Divisors of the d coordinates, for the equations only.
    unit: Vec<f64>,
    /// n x (d + 1): the scaled coordinates, and 1.
    columns: Vec<f64>,
    /// |a|^2 of each row.
    squares: Vec<f64>,
    basis: Vec<Slot>,
    /// The inverse of the basis, by columns.
    inverse: Vec<f64>,
    /// How many of the first rows are known to be in the basis or in the subspace that its rows span.
    spanned: usize,
    /// What is added to the right side while rows enter.
    shift: Vec<f64>,
}

impl Lifted {
    /// An empty set; `unit` are d positive numbers, the typical magnitude of each coordinate.
    pub fn new(unit: Vec<f64>) -> Self {
        let equations = unit.len() + 1;
        Lifted {
            unit,
            columns: Vec::new(),
            squares: Vec::new(),
            basis: (0..equations).map(Slot::Unit).collect(),
            inverse: identity(equations),
            spanned: 0,
            shift: vec![0.0; equations],
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.squares.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.squares.is_empty()
    }

    /// Add a row, given as its difference to the query.
    pub fn push(&mut self, offset: &[f64]) {
        let scaled = offset.iter().zip(&self.unit).map(|(a, unit)| a / unit);
        self.columns.extend(scaled.chain([1.0]));
        self.squares.push(dot(offset, offset));
    }

    #[inline(always)]
    fn equations(&self) -> usize {
        self.unit.len() + 1
    }

    #[inline(always)]
    fn column(&self, row: usize) -> &[f64] {
        let m = self.equations();
        &self.columns[row * m..][..m]
    }

    /// Start from rows whose combination with these weights is the query. False if the basis is numerically singular.
    pub fn start(&mut self, held: &[(usize, f64)]) -> bool {
        let mut values = vec![0.0; self.equations()];
        held.iter()
            .for_each(|&(row, weight)| self.hold(row, weight, &mut values));
        self.complete();
        self.refresh()
    }

    /// Put a row into the place of the unit vector for which the row's entry is largest. A row that depends on the rows
    /// of the basis passes its weight to them until one of them has weight 0, and takes the place of that one (Caratheodory).
    fn hold(&mut self, row: usize, weight: f64, values: &mut [f64]) {
        let step = self.step(row);
        let least = PIVOT * largest(&step);
        let units = (0..step.len()).filter(|&i| matches!(self.basis[i], Slot::Unit(_)));
        let place = units.max_by(|&a, &b| step[a].abs().total_cmp(&step[b].abs()));
        if let Some(place) = place.filter(|&place| step[place].abs() > least) {
            self.exchange(place, row, &step);
            values[place] = weight;
            return;
        }
        let falling =
            (0..step.len()).filter(|&i| step[i] < -least && matches!(self.basis[i], Slot::Row(_)));
        let ratios = falling.map(|i| (values[i] / -step[i], i));
        let first = ratios
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|first| first.0 < weight);
        let given = first.map_or(weight, |(ratio, _)| ratio);
        values
            .iter_mut()
            .zip(&step)
            .for_each(|(value, step)| *value += given * step);
        if let Some((_, place)) = first {
            self.exchange(place, row, &step);
            values[place] = weight - given;
        }
    }

    /// Replace the remaining unit vectors, all of value 0, by rows that are not orthogonal to them. Only new rows can
    /// be: the others lie in the subspace of the rows of the basis, which the exchange of one row for another does not change.
    #[inline(always)]
    fn complete(&mut self) {
        let new = self.spanned..self.len();
        self.spanned = self.len();
        for place in 0..self.equations() {
            if new.is_empty() || matches!(self.basis[place], Slot::Row(_)) {
                continue;
            }
            let line = self.line(place);
            let mut best = (PIVOT * largest(&line), None);
            for row in new.clone() {
                let size = dot(&line, self.column(row)).abs() / largest(self.column(row));
                if size > best.0 {
                    best = (size, Some(row));
                }
            }
            if let Some(row) = best.1 {
                let step = self.step(row);
                self.exchange(place, row, &step);
            }
        }
    }

    /// A row of the inverse.
    #[inline(always)]
    fn line(&self, place: usize) -> Vec<f64> {
        let m = self.equations();
        self.inverse
            .iter()
            .skip(place)
            .step_by(m)
            .copied()
            .collect()
    }

    /// The change of every basic variable for a unit of this row's weight.
    #[inline(always)]
    fn step(&self, row: usize) -> Vec<f64> {
        let column = self.column(row);
        let mut step = vec![0.0; column.len()];
        for (inverse, &value) in self.inverse.chunks_exact(column.len()).zip(column) {
            let each = step.iter_mut().zip(inverse);
            each.for_each(|(sum, inverse)| *sum += inverse * value);
        }
        step
    }

    /// Let a row enter the basis at `place`.
    #[inline(always)]
    fn exchange(&mut self, place: usize, row: usize, step: &[f64]) {
        for column in self.inverse.chunks_exact_mut(step.len()) {
            let share = column[place] / step[place];
            if share == 0.0 {
                continue;
            }
            let each = column.iter_mut().zip(step);
            each.for_each(|(value, step)| *value -= step * share);
            column[place] = share;
        }
        self.basis[place] = Slot::Row(row);
    }

    /// Compute the inverse anew. False if the basis is singular.
    fn refresh(&mut self) -> bool {
        let m = self.equations();
        let basis = Mat::from_fn(m, m, |i, place| match self.basis[place] {
            Slot::Row(row) => self.columns[row * m + i],
            Slot::Unit(unit) => f64::from(u8::from(i == unit)),
        });
        let inverse = solve(basis, Mat::identity(m, m));
        let columns = (0..m).flat_map(|j| inverse.col(j).iter().copied());
        self.inverse = columns.collect();
        self.inverse.iter().all(|value| value.is_finite())
    }

    /// The values of the basic variables: the right side is (0, .., 0, 1) plus the shift.
    #[inline(always)]
    fn values(&self) -> Vec<f64> {
        let m = self.equations();
        let mut values = self.inverse[(m - 1) * m..].to_vec();
        for (inverse, &shift) in self.inverse.chunks_exact(m).zip(&self.shift) {
            if shift != 0.0 {
                let each = values.iter_mut().zip(inverse);
                each.for_each(|(value, inverse)| *value += shift * inverse);
            }
        }
        values
    }

    /// Move the query slightly towards the rows of the basis, by a different share for each row: a query on a face of
    /// the hull makes many values 0, and the method would take thousands of degenerate steps.
    fn move_in(&mut self) {
        self.shift.fill(0.0);
        let m = self.equations();
        for place in 0..m {
            if let Slot::Row(row) = self.basis[place] {
                let share = SHIFT * (1.0 + (place as f64 * GOLDEN).fract());
                let column = &self.columns[row * m..][..m];
                let each = self.shift.iter_mut().zip(column);
                each.for_each(|(shift, a)| *shift += share * a);
            }
        }
    }

    /// The dual variables (y, z), in scaled coordinates.
    #[inline(always)]
    fn prices(&self) -> Vec<f64> {
        let costs = self.basis.iter().map(|slot| match *slot {
            Slot::Row(row) => self.squares[row],
            Slot::Unit(_) => 0.0,
        });
        let costs: Vec<f64> = costs.collect();
        let each = self.inverse.chunks_exact(costs.len());
        each.map(|column| dot(column, &costs)).collect()
    }

    /// The height of a row above the plane of the basis; negative below it.
    #[inline(always)]
    fn above(&self, row: usize, prices: &[f64]) -> f64 {
        self.squares[row] - dot(self.column(row), prices)
    }

    /// Whether a row that is not in the basis is below the plane by more than rounding.
    #[inline(always)]
    fn enters(&self, row: usize, value: f64, prices: &[f64]) -> bool {
        let terms = self.column(row).iter().zip(prices);
        let size = self.squares[row] + terms.map(|(a, price)| (a * price).abs()).sum::<f64>();
        value < -LEVEL * size && !self.basis.contains(&Slot::Row(row))
    }

    /// A row below the plane: the lowest of the rows in `offered`; if none of these is below, the lowest of all rows,
    /// which also refills `offered`.
    #[inline(always)]
    fn entering(&self, prices: &[f64], offered: &mut Vec<usize>) -> Option<usize> {
        let mut best = (0.0, None);
        // A loop, because closures are not compiled for the instruction set found at run time.
        for &row in offered.iter() {
            let value = self.above(row, prices);
            if value < best.0 && self.enters(row, value, prices) {
                best = (value, Some(row));
            }
        }
        if best.1.is_some() {
            return best.1;
        }
        offered.clear();
        let mut below: Vec<(f64, usize)> = Vec::new();
        for row in 0..self.len() {
            let value = self.above(row, prices);
            if value < 0.0 {
                below.push((value, row));
            }
        }
        let lower = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if below.len() > OFFERED {
            below.select_nth_unstable_by(OFFERED, lower);
            below.truncate(OFFERED);
        }
        below.sort_unstable_by(lower);
        offered.extend(below.iter().map(|(_, row)| row));
        let lowest = below
            .iter()
            .find(|(value, row)| self.enters(*row, *value, prices));
        // The lowest rows may all be in the basis, or below only by rounding, while a higher row may enter.
        lowest
            .map(|(_, row)| *row)
            .or_else(|| self.below(prices, false))
    }

    /// A row below the plane of the basis: the first one if `first`, else the lowest.
    #[inline(always)]
    fn below(&self, prices: &[f64], first: bool) -> Option<usize> {
        let mut best = (0.0, None);
        for row in 0..self.len() {
            let value = self.above(row, prices);
            if value < best.0 && self.enters(row, value, prices) {
                best = (value, Some(row));
                if first {
                    break;
                }
            }
        }
        best.1
    }

    /// The place that an entering row takes, and the value there: a unit vector that the step would change, else the
    /// first value to fall to 0.
    #[inline(always)]
    fn leaving(&self, step: &[f64], first: bool) -> Option<(usize, f64)> {
        let least = PIVOT * largest(step);
        let values = self.values();
        let mut best: Option<(f64, usize)> = None;
        for place in 0..step.len() {
            let ratio = match self.basis[place] {
                Slot::Unit(_) if step[place].abs() > least => {
                    return Some((place, values[place]));
                }
                Slot::Row(_) if step[place] > least => values[place].max(0.0) / step[place],
                _ => continue,
            };
            let better = best.is_none_or(|(least, held)| {
                let tie = ratio == least;
                let before = match first {
                    true => self.number(place) < self.number(held),
                    false => step[place] > step[held],
                };
                ratio < least || tie && before
            });
            if better {
                best = Some((ratio, place));
            }
        }
        best.map(|(_, place)| (place, values[place]))
    }

    /// The number of a basic column among all columns.
    fn number(&self, place: usize) -> usize {
        match self.basis[place] {
            Slot::Unit(unit) => unit,
            Slot::Row(row) => self.equations() + row,
        }
    }

    /// The simplex of the rows added so far; `None` if rounding or the limit on steps prevents it.
    pub fn solve(&mut self) -> Option<Simplex> {
        pulp::Arch::new().dispatch(Solve(self))
    }

    #[inline(always)]
    fn run(&mut self) -> Option<Simplex> {
        self.complete();
        self.move_in();
        let (mut stalled, mut fresh) = (0, false);
        let mut offered = Vec::new();
        for step in 1..=MOST * self.equations() {
            if step % FRESH == 0 && !fresh {
                fresh = self.refresh();
            }
            let first = stalled > STALLED;
            let prices = self.prices();
            let entering = match first {
                true => self.below(&prices, true),
                false => self.entering(&prices, &mut offered),
            };
            let changed = match entering {
                Some(row) => {
                    let step = self.step(row);
                    let (place, value) = self.leaving(&step, first)?;
                    let moved = value > NONE * step[place].abs();
                    stalled = if moved { 0 } else { stalled + 1 };
                    self.exchange(place, row, &step);
                    true
                }
                // No row is below the plane for the shifted query: move the query back.
                None => {
                    self.shift.fill(0.0);
                    self.raise()?
                }
            };
            match (changed, fresh) {
                (true, _) => fresh = false,
                (false, true) => return self.simplex(),
                // Before the search ends, compute a worn inverse anew and check again.
                (false, false) if self.refresh() => fresh = true,
                (false, false) => return None,
            }
        }
        None
    }

    /// One step of the dual simplex method, if a value is negative: its row leaves for the row that keeps all others
    /// above the plane. Returns whether there was a step; `None` if no row can enter.
    #[inline(always)]
    fn raise(&mut self) -> Option<bool> {
        let values = self.values();
        let rows = (0..values.len()).filter(|&place| matches!(self.basis[place], Slot::Row(_)));
        let least = rows.min_by(|&a, &b| values[a].total_cmp(&values[b]));
        let Some(place) = least.filter(|&place| values[place] < -NONE) else {
            return Some(false);
        };
        let (prices, line) = (self.prices(), self.line(place));
        let clear = PIVOT * largest(&line);
        let mut best: Option<(f64, usize)> = None;
        for row in 0..self.len() {
            let column = self.column(row);
            let along = -dot(&line, column);
            if along > clear && !self.basis.contains(&Slot::Row(row)) {
                let ratio = self.above(row, &prices).max(0.0) / along;
                if best.is_none_or(|(least, _)| ratio < least) {
                    best = Some((ratio, row));
                }
            }
        }
        let row = best?.1;
        let step = self.step(row);
        self.exchange(place, row, &step);
        Some(true)
    }

    fn simplex(&self) -> Option<Simplex> {
        let mut found: Vec<(usize, f64)> = Vec::new();
        for (slot, value) in self.basis.iter().zip(self.values()) {
            if let (Slot::Row(row), true) = (*slot, value > NONE) {
                found.push((row, value));
            }
        }
        found.sort_unstable_by_key(|(row, _)| *row);
        let total: f64 = found.iter().map(|(_, weight)| weight).sum();
        let weights: Vec<f64> = found.iter().map(|(_, weight)| weight / total).collect();
        let sound = total.is_finite() && total > 0.0;
        sound.then(|| Simplex {
            rows: found.into_iter().map(|(row, _)| row).collect(),
            weights,
            centre: self.centre(),
        })
    }

    /// y / 2; if the rows lie in a subspace, its projection onto that subspace.
    fn centre(&self) -> Vec<f64> {
        let each = self.prices().into_iter().zip(&self.unit);
        let centre: Vec<f64> = each.map(|(y, unit)| 0.5 * y / unit).collect();
        let rows = self.basis.iter().filter_map(|slot| match slot {
            Slot::Row(row) => Some(self.column(*row)),
            Slot::Unit(_) => None,
        });
        let rows: Vec<&[f64]> = rows.collect();
        if rows.len() == self.equations() || rows.is_empty() {
            return centre;
        }
        let mut edges = Basis::default();
        for row in &rows[1..] {
            let edge = row.iter().zip(rows[0]).zip(&self.unit);
            edges.push(
                &edge
                    .map(|((a, b), unit)| (a - b) * unit)
                    .collect::<Vec<_>>(),
            );
        }
        let mut off = centre.clone();
        edges.remove(&mut off);
        edges.remove(&mut off);
        centre.iter().zip(off).map(|(all, off)| all - off).collect()
    }
}

/// [`Lifted::run`], compiled for the instruction set found at run time.
struct Solve<'l>(&'l mut Lifted);

impl pulp::NullaryFnOnce for Solve<'_> {
    type Output = Option<Simplex>;

    #[inline(always)]
    fn call(self) -> Option<Simplex> {
        self.0.run()
    }
}

fn identity(size: usize) -> Vec<f64> {
    let mut all = vec![0.0; size * size];
    all.iter_mut().step_by(size + 1).for_each(|one| *one = 1.0);
    all
}

/// The smallest singular value of the matrix with these columns; 0 if they are linearly dependent, `None` if there are none.
///
/// Computed as the reciprocal of the largest singular value of the inverse of R (`Basis`), whose square keeps its digits.
pub fn thickness(columns: &[Vec<f64>]) -> Option<f64> {
    let (n, mut basis) = (columns.len(), Basis::default());
    if n == 0 {
        return None;
    }
    if !columns.iter().all(|column| basis.push(column)) {
        return Some(0.0);
    }
    let inverse: Vec<Vec<f64>> = (0..n)
        .map(|j| basis.coordinates((0..n).map(|i| f64::from(u8::from(i == j))).collect()))
        .collect();
    let inverse = Mat::from_fn(n, n, |i, j| inverse[j][i]);
    let (values, _) = eigen(product(inverse.as_ref(), inverse.transpose()).as_ref())?;
    values.last().map(|most| most.sqrt().recip())
}

#[inline(always)]
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// `count` x `d` numbers between 0 and 1.
    fn random(count: usize, d: usize, seed: u64) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..count * d).map(|_| random.random::<f64>()).collect()
    }

    /// The simplex of the mean of the first `first` rows.
    fn of_mean(rows: &[f64], d: usize, first: usize) -> (Vec<f64>, Option<Simplex>) {
        let mean = |j: usize| rows[j..first * d].iter().step_by(d).sum::<f64>() / first as f64;
        let query: Vec<f64> = (0..d).map(mean).collect();
        let mut lifted = Lifted::new(vec![1.0; d]);
        for x in rows.chunks_exact(d) {
            let offset: Vec<f64> = x.iter().zip(&query).map(|(x, q)| x - q).collect();
            lifted.push(&offset);
        }
        let weight = 1.0 / first as f64;
        assert!(lifted.start(&(0..first).map(|row| (row, weight)).collect::<Vec<_>>()));
        (query, lifted.solve())
    }

    /// Asserts that the weights give the query, the rows lie on the sphere, and no row is inside it.
    fn sound(rows: &[f64], query: &[f64], found: &Simplex) {
        let d = query.len();
        for j in 0..d {
            let each = found.rows.iter().zip(&found.weights);
            let value: f64 = each.map(|(row, weight)| rows[row * d + j] * weight).sum();
            assert!((value - query[j]).abs() < 1e-10, "{value}, {}", query[j]);
        }
        let distance = |row: usize| {
            let each = rows[row * d..][..d].iter().zip(query).zip(&found.centre);
            each.map(|((x, q), c)| (x - q - c).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        let radius = distance(found.rows[0]);
        let slack = 1e-9 * (1.0 + radius);
        for row in 0..rows.len() / d {
            assert!(distance(row) > radius - slack, "{row} is inside");
        }
        for &row in &found.rows {
            assert!((distance(row) - radius).abs() < slack, "{row} is off");
        }
    }

    #[test]
    fn no_row_is_inside_the_sphere() {
        for d in 1..=6 {
            for seed in 0..20 {
                let rows = random(60, d, seed);
                let (query, found) = of_mean(&rows, d, d + 1);
                let found = found.unwrap();
                assert_eq!(found.rows.len(), d + 1, "{d}, {seed}");
                sound(&rows, &query, &found);
            }
        }
    }

    /// Rows in a plane of a five-dimensional space, and a segment to start from.
    #[test]
    fn rows_of_a_subspace_and_few_rows_to_begin_with_do() {
        for seed in 0..20 {
            let plane = random(50, 2, seed);
            let lift = |x: &[f64]| [x[0], x[1], x[0] + x[1], 2.0 * x[0] - x[1], 0.5];
            let rows: Vec<f64> = plane.chunks_exact(2).flat_map(lift).collect();
            for first in 2..=6 {
                let (query, found) = of_mean(&rows, 5, first);
                let found = found.unwrap();
                // Two rows may be an edge of the triangulation; of more than three rows in a plane, some depend on the others.
                let edge = found.rows == [0, 1];
                assert!(found.rows.len() == 3 || first == 2 && edge, "{seed}");
                sound(&rows, &query, &found);
            }
        }
    }

    /// A grid has many spheres through more than d + 1 rows.
    #[test]
    fn ties_neither_cycle_nor_fail() {
        for d in 1..=4u32 {
            let place = |i: usize, j: u32| (i / 4usize.pow(j) % 4) as f64;
            let count = 4usize.pow(d);
            let rows: Vec<f64> = (0..count)
                .flat_map(|i| (0..d).map(move |j| place(i * 7 % count, j)))
                .collect();
            for first in [1, 2] {
                let (query, found) = of_mean(&rows, d as usize, first);
                sound(&rows, &query, &found.unwrap());
            }
        }
    }

    /// A query on a face of the hull of all rows: a row off that face has no weight, but must not be inside the sphere either.
    #[test]
    fn a_row_that_leaves_the_plane_of_the_others_is_not_inside_either() {
        let rows = [0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 4.0, 0.0, 1.0, 1.0, 0.1];
        let query = [1.0, 1.0, 0.0];
        let mut lifted = Lifted::new(vec![1.0; 3]);
        for x in rows.chunks_exact(3).take(3) {
            lifted.push(&[x[0] - 1.0, x[1] - 1.0, x[2]]);
        }
        assert!(lifted.start(&[(0, 0.5), (1, 0.25), (2, 0.25)]));
        sound(&rows[..9], &query, &lifted.solve().unwrap());
        lifted.push(&[0.0, 0.0, 0.1]);
        let found = lifted.solve().unwrap();
        assert_eq!(found.rows, [0, 1, 2]);
        sound(&rows, &query, &found);
    }

    /// The midpoint of two corners of a cube in 9 dimensions that differ in three coordinates: it lies on six facets of
    /// the cube.
    #[test]
    fn a_query_on_many_sides_is_solved() {
        let d = 9;
        let corner = |i: usize| (0..d).map(move |j| (i >> j & 1) as f64);
        let (first, last) = (0, 0b000_010_101);
        let others = (0..1 << d).filter(|i| *i != first && *i != last);
        let order = [first, last].into_iter().chain(others);
        let rows: Vec<f64> = order.flat_map(corner).collect();
        let (query, found) = of_mean(&rows, d, 2);
        let found = found.unwrap();
        sound(&rows, &query, &found);
        assert!(found.weights.iter().all(|&w| w > 0.0));
    }
}
