//! Small problems on an engine that proposes answers in f32: each answer is proved here in f64, or the problem is
//! solved again.
//!
//! The rows are drawn on the host, for a run of sizes at a time, and go to the engine as differences to the query, each
//! problem scaled by a power of two. No number that the engine returns is trusted. The direction claimed for the
//! largest outside set is scored here against all rows of that set; if it separates, all smaller sets, which are its
//! prefixes, are outside too: one pass in f64, whatever the number of sizes. A claimed support is accepted if the least
//! squares of the CPU solver on its rows alone leave no residual and its weights meet the query. A problem with an
//! unproved claim at any size is solved on the CPU from the beginning, so the verdicts equal the CPU's.

use super::active::Active;
use super::{Problems, RowGenerator, Turn, first_inside, hidden, length, meets, separation};
use crate::control::Control;
use crate::error::Result;
use crate::scan::small_sets::{Claim, Propose, Sets};
use rayon::prelude::*;
use std::ops::Range;

/// The last size of a run is at most this many times the first. A problem still open is drawn again for the next run.
const SPREAD: usize = 8;

/// How many problems were settled in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shares {
    /// By the engine's claims, all proved.
    pub proposed: u64,
    /// By the CPU solver, from the beginning.
    pub solved: u64,
}

/// One problem's rows as differences to its query.
struct Drawn {
    query: Vec<f64>,
    /// n x d.
    differences: Vec<f64>,
}

/// As [`first_inside`], with an engine that proposes answers where the problems have few enough dimensions.
pub fn first_inside_with(
    engine: &dyn Propose,
    problems: &dyn Problems,
    numbers: Range<u64>,
    sizes: &[usize],
    memory: u64,
    control: &Control,
) -> Result<(Vec<Turn>, Shares)> {
    let d = problems.dim();
    let mut turns = vec![
        Turn {
            outside: 0,
            inside: sizes.len(),
        };
        numbers.end.saturating_sub(numbers.start) as usize
    ];
    let mut shares = Shares::default();
    let mut open: Vec<usize> = (0..turns.len()).collect();
    let mut left = Vec::new();
    for run in runs(sizes) {
        let rows = sizes[run.end - 1];
        // Rows in f64 and f32, and the engine's own limit.
        let room = (engine.most_numbers() as u64).min(memory / 16) as usize;
        let together = room / (rows * d);
        let too_large = rows.saturating_mul(d) > engine.most_numbers_of_one();
        if d > engine.most_dims() || together == 0 || too_large {
            left.append(&mut open);
            break;
        }
        let mut still = Vec::new();
        for part in open.chunks(together) {
            let of_part = |&place: &usize| numbers.start + place as u64;
            let proved = self::run(
                engine,
                problems,
                &part.iter().map(of_part).collect::<Vec<_>>(),
                &sizes[run.clone()],
                control,
            )?;
            let (before, kept) = (left.len(), still.len());
            for (&place, proved) in part.iter().zip(proved) {
                let turn = &mut turns[place];
                match proved {
                    None => left.push(place),
                    Some(inside) => {
                        turn.outside = run.start + inside;
                        if inside < run.len() {
                            turn.inside = run.start + inside;
                        } else {
                            still.push(place);
                        }
                    }
                }
            }
            let last = run.end == sizes.len();
            let waiting = left.len() - before + if last { 0 } else { still.len() - kept };
            control.advance((part.len() - waiting) as u64);
        }
        open = still;
    }
    shares.proposed = (turns.len() - left.len()) as u64;
    shares.solved = left.len() as u64;
    let own = Chosen {
        problems,
        numbers: left
            .iter()
            .map(|&place| numbers.start + place as u64)
            .collect(),
    };
    let solved = first_inside(&own, 0..left.len() as u64, sizes, memory, control)?;
    for (place, turn) in left.into_iter().zip(solved) {
        turns[place] = turn;
    }
    Ok((turns, shares))
}

/// Splits ascending sizes into runs.
fn runs(sizes: &[usize]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for end in 1..=sizes.len() {
        if end == sizes.len() || sizes[end] > SPREAD.saturating_mul(sizes[start]) {
            runs.push(start..end);
            start = end;
        }
    }
    runs
}

/// A selection of other problems.
struct Chosen<'p> {
    problems: &'p dyn Problems,
    numbers: Vec<u64>,
}

impl Problems for Chosen<'_> {
    fn dim(&self) -> usize {
        self.problems.dim()
    }

    fn bytes(&self) -> u64 {
        self.problems.bytes()
    }

    fn begin<'p>(&'p self, number: u64, query: &mut [f64]) -> RowGenerator<'p> {
        self.problems.begin(self.numbers[number as usize], query)
    }
}

/// For each problem the number of leading sizes that are outside; the next size, if there is one, is inside. `None` if
/// a claim was not proved.
fn run(
    engine: &dyn Propose,
    problems: &dyn Problems,
    numbers: &[u64],
    sizes: &[usize],
    control: &Control,
) -> Result<Vec<Option<usize>>> {
    control.check()?;
    let (d, rows) = (problems.dim(), sizes[sizes.len() - 1]);
    let mut vectors = vec![0f32; numbers.len() * rows * d];
    let drawn: Vec<Drawn> = numbers
        .par_iter()
        .zip(vectors.par_chunks_exact_mut(rows * d))
        .map(|(&number, vectors)| Drawn::new(problems, number, rows, vectors))
        .collect();
    let short: Vec<u32> = sizes.iter().map(|&size| size as u32).collect();
    let sets = Sets {
        d,
        rows,
        sizes: &short,
        vectors: &vectors,
    };
    let Some(claims) = engine.propose(&sets, control)? else {
        return Ok(vec![None; numbers.len()]);
    };
    Ok(drawn
        .par_iter()
        .zip(&claims)
        .map_init(Active::default, |active, (drawn, claims)| {
            drawn.prove(claims, sizes, d, active)
        })
        .collect())
}

impl Drawn {
    /// Draw a problem and write its scaled differences to `vectors`, column by column.
    fn new(problems: &dyn Problems, number: u64, rows: usize, vectors: &mut [f32]) -> Self {
        let d = problems.dim();
        let (mut query, mut differences) = (vec![0.0; d], vec![0.0; rows * d]);
        problems.begin(number, &mut query)(&mut differences);
        let mut far = 0f64;
        for row in differences.chunks_exact_mut(d) {
            row.iter_mut().zip(&query).for_each(|(x, q)| *x -= q);
            far = far.max(length(row));
        }
        let scale = if far > 0.0 {
            far.log2().round().clamp(-1000.0, 1000.0).exp2().recip()
        } else {
            1.0
        };
        for (row, values) in differences.chunks_exact(d).enumerate() {
            for (column, value) in values.iter().enumerate() {
                vectors[column * rows + row] = (value * scale) as f32;
            }
        }
        Drawn { query, differences }
    }

    /// The result that the claims prove, in the form of [`run`].
    fn prove(
        &self,
        claims: &[Claim],
        sizes: &[usize],
        d: usize,
        active: &mut Active,
    ) -> Option<usize> {
        let outside = claims
            .iter()
            .take(sizes.len())
            .take_while(|claim| matches!(claim, Claim::Outside { .. }))
            .count();
        match claims.get(outside) {
            None if outside != sizes.len() => return None,
            None => (),
            Some(Claim::Inside { support }) => {
                let size = *sizes.get(outside)?;
                if !self.surrounded(support, size, d, active) {
                    return None;
                }
            }
            Some(_) => return None,
        }
        let Some(Claim::Outside { direction }) = outside.checked_sub(1).map(|last| &claims[last])
        else {
            return Some(outside);
        };
        let direction: Vec<f64> = direction.iter().map(|&w| f64::from(w)).collect();
        self.lie_behind(&direction, sizes[outside - 1])
            .then_some(outside)
    }

    /// Whether the first `size` rows are all proved to be behind a direction (have negative scores).
    fn lie_behind(&self, direction: &[f64], size: usize) -> bool {
        let rows = self.differences.chunks_exact(direction.len()).take(size);
        separation(
            direction,
            hidden(direction, &self.query),
            rows.map(|row| row.iter()),
        ) > 0.0
    }

    /// Whether the support proves the query inside the first `size` rows: its least squares leave no residual, its
    /// weights meet the query, and the remaining direction does not separate the query.
    fn surrounded(&self, support: &[u32], size: usize, d: usize, active: &mut Active) -> bool {
        let ids: Vec<usize> = support.iter().map(|&row| row as usize).collect();
        if ids.is_empty() || ids.iter().any(|&id| id >= size) {
            return false;
        }
        let row = |id: usize| &self.differences[id * d..][..d];
        let lift = ids.iter().map(|&id| length(row(id))).fold(0.0, f64::max);
        let lift = if lift > 0.0 { lift } else { 1.0 };
        active.reset(d, lift);
        let lifted = |ids: &[usize]| -> Vec<f64> {
            let with_lift = |&id: &usize| row(id).iter().copied().chain([lift]);
            ids.iter().flat_map(with_lift).collect()
        };
        active.improve(&ids, &lifted(&ids));
        active.vanished()
            && meets(d, &lifted(active.ids()), active.weights())
            && !self.lie_behind(active.direction(), size)
    }
}
