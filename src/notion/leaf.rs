//! Leaves of oblique trees: a query is outside when its leaf holds no reference row.
//!
//! ```text
//! s_j(x) = 1 / (1 + exp(-(<w_j, x> + b_j))),   c_j = 1 where <w_j, x> + b_j > 0, else 0: a tree's bits identify the leaf
//! P(c) = prod_j s_j^c_j (1 - s_j)^(1 - c_j),   expected distance of soft codes s, t = sum_j s_j (1-t_j) + (1-s_j) t_j
//! ```
//!
//! All nodes of a level share one hyperplane (as in oblivious decision trees; soft codes as in neural decision trees:
//! Balestriero, arXiv 1702.07360). The trees of `leaf` have random hyperplanes through the median of the reference, scaled so
//! that the median absolute deviation is at logit 1, and one leaf per eight rows; `leaf:FILE.npz` is one tree with the
//! hyperplanes W (m x d) and b (m) of the file.

use super::{Block, Column, Fact, Judge, Judgement, Needs, Notion, Reference, Type, Value, sample};
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::linear::product_apart;
use crate::rows::{Numbers, OpenOptions, Pack, Rows, open};
use faer::{Mat, MatRef};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::collections::HashMap;
use std::sync::Arc;

/// The default number of trees, and the number of rows per leaf.
const TREES: usize = 8;
const ROWS_A_LEAF: usize = 8;

/// The most rows from which medians are taken.
const SAMPLE: usize = 4096;

/// The most numbers in one matrix product.
const PART: usize = 1 << 21;

/// The notion: occupancy of leaves.
pub struct Leaf {
    /// A file with hyperplanes; `None` for random ones.
    pub file: Option<String>,
}

impl Notion for Leaf {
    fn id(&self) -> String {
        "leaf".into()
    }

    fn score(&self) -> String {
        "mean over the trees of log2((N + 1) / (n + 1)), in bits: N reference rows, n of them in the leaf".into()
    }

    fn outside(&self) -> String {
        "in at least half of the trees the query's leaf holds no reference row".into()
    }

    fn columns(&self) -> Vec<Column> {
        let column = |name, of, help: &str| Column::new(name, of, help);
        vec![
            column(
                "leaf_rows",
                Type::Float,
                "reference rows in the query's leaf, mean over the trees",
            ),
            column(
                "leaf_empty",
                Type::Count,
                "trees in which the query's leaf holds no reference row",
            ),
            column(
                "leaf_soft",
                Type::Float,
                "expected Hamming distance of the soft codes of the query and its nearest reference row",
            ),
            column(
                "leaf_sure",
                Type::Float,
                "probability of the query's own leaf by its soft code, mean over the trees",
            ),
        ]
    }

    fn needs(&self) -> Needs {
        Needs {
            neighbours: 1,
            ..Needs::default()
        }
    }

    fn fit<'r>(&self, reference: &Reference<'r>, control: &Control) -> Result<Box<dyn Judge + 'r>> {
        let (seed, stored, d) = (reference.seed, reference.stored, reference.rows.dim());
        // The file is read in every session: it may have changed.
        let file = self.file.as_ref();
        let planes = file
            .map(|file| Planes::read(file, d, control))
            .transpose()?;
        let name = match &planes {
            Some(planes) => format!("leaf of planes {}", planes.hash()),
            None => format!("leaf {seed}"),
        };
        let trees = reference.fits.of(&name, || match planes {
            Some(planes) => Trees::of(planes, reference, control),
            None if stored.holds(ASKED, &[seed]) => Trees::stored(stored, d, reference.rows.len()),
            None => Trees::of(Planes::random(reference, control)?, reference, control),
        })?;
        Ok(Box::new(Leaves {
            trees,
            // Planes of a file are not stored: the file may be another one later.
            seed: self.file.is_none().then_some(reference.seed),
            reference: *reference,
        }))
    }
}

/// The stored seed.
const ASKED: &str = "leaf.asked";

/// The hyperplanes of all trees, tree by tree.
struct Planes {
    /// The normals as columns, d x m.
    normals: Mat<f64>,
    offsets: Vec<f64>,
    trees: usize,
}

impl Planes {
    /// Random hyperplanes through the medians of a sample of the reference.
    fn random(reference: &Reference<'_>, control: &Control) -> Result<Self> {
        let (rows, d) = (reference.rows, reference.rows.dim());
        let depth = (rows.len() / ROWS_A_LEAF).max(2).ilog2() as usize;
        let mut random = ChaCha8Rng::seed_from_u64(reference.seed);
        let unit = &reference.scan.frame().unit;
        let mut planes = Planes {
            normals: Mat::from_fn(d, TREES * depth, |j, _| {
                let value: f64 = StandardNormal.sample(&mut random);
                value / unit[j]
            }),
            offsets: vec![0.0; TREES * depth],
            trees: TREES,
        };
        let chosen = sample(rows.len(), SAMPLE, reference.seed);
        let mut along: Vec<Vec<f64>> = vec![Vec::new(); planes.offsets.len()];
        for part in chosen.chunks((PART / d).max(1)) {
            control.check()?;
            let mut values = vec![0.0; part.len() * d];
            rows.gather(part, &mut values)?;
            let logits = planes.logits(&values);
            for (plane, along) in along.iter_mut().enumerate() {
                along.extend(logits.row(plane).iter());
            }
        }
        for (plane, along) in along.iter_mut().enumerate() {
            let middle = median(along);
            along
                .iter_mut()
                .for_each(|value| *value = (*value - middle).abs());
            let spread = Some(median(along)).filter(|&spread| spread > 0.0 && spread.is_finite());
            let spread = spread.unwrap_or(1.0);
            planes
                .normals
                .col_mut(plane)
                .iter_mut()
                .for_each(|value| *value /= spread);
            planes.offsets[plane] = -middle / spread;
        }
        Ok(planes)
    }

    /// The arrays W and b of a file.
    fn read(file: &str, d: usize, control: &Control) -> Result<Self> {
        let array = |name: &str| open(&format!("{file}:{name}"), &OpenOptions::default(), control);
        let (normals, offsets) = (array("W")?, array("b")?);
        let (planes, columns) = (normals.len(), normals.dim());
        if columns != d || offsets.len() != planes || offsets.dim() != 1 {
            return Err(Error::Usage(format!(
                "{file}: leaf takes W of shape (m, {d}) and b of shape (m,), and the file has W of shape ({planes}, \
                 {columns}) and b of {} x {} numbers",
                offsets.len(),
                offsets.dim()
            )));
        }
        let all = |rows: &dyn Rows| {
            let mut values = vec![0.0; rows.len() * rows.dim()];
            rows.read_f64(0, &mut values).map(|()| values)
        };
        let values = all(&*normals)?;
        Ok(Planes {
            normals: Mat::from_fn(d, planes, |j, plane| values[plane * d + j]),
            offsets: all(&*offsets)?,
            trees: 1,
        })
    }

    /// A hash of all numbers.
    fn hash(&self) -> String {
        let mut hash = blake3::Hasher::new();
        let normals = (0..self.normals.ncols()).flat_map(|j| self.normals.col(j).iter());
        for value in normals.chain(&self.offsets) {
            hash.update(&value.to_le_bytes());
        }
        hash.finalize().to_hex().to_string()
    }

    /// `<w_j, x> + b_j` of rows (n x d), one column per row.
    fn logits(&self, values: &[f64]) -> Mat<f64> {
        let d = self.normals.nrows();
        let columns = MatRef::from_column_major_slice(values, d, values.len() / d);
        let along = product_apart(self.normals.transpose(), columns);
        Mat::from_fn(along.nrows(), along.ncols(), |j, i| {
            along[(j, i)] + self.offsets[j]
        })
    }

    /// The number of hyperplanes of a tree.
    fn depth(&self) -> usize {
        self.offsets.len() / self.trees
    }
}

/// The lower median; 0 for no values.
fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = (values.len() - 1) / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The side of each hyperplane that a row is on, 64 bits per word.
fn code(logits: &[f64]) -> Vec<u64> {
    let word = |part: &[f64]| {
        let bits = part.iter().enumerate();
        bits.fold(0, |word, (j, logit)| word | u64::from(*logit > 0.0) << j)
    };
    logits.chunks(64).map(word).collect()
}

fn soft(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// The probability of a code under a soft code.
fn probability(soft: &[f64], code: &[u64]) -> f64 {
    let each = soft.iter().enumerate();
    each.map(|(j, s)| {
        if code[j / 64] >> (j % 64) & 1 == 1 {
            *s
        } else {
            1.0 - s
        }
    })
    .product()
}

/// The expected number of differing bits of codes drawn from two soft codes.
fn apart(s: &[f64], t: &[f64]) -> f64 {
    let pairs = s.iter().zip(t);
    pairs.map(|(s, t)| s * (1.0 - t) + (1.0 - s) * t).sum()
}

/// The trees, and the numbers of reference rows in every leaf.
struct Trees {
    planes: Planes,
    /// For each tree, the number of rows by code.
    counts: Vec<HashMap<Vec<u64>, u64>>,
}

struct Leaves<'r> {
    trees: Arc<Trees>,
    /// The seed of random trees.
    seed: Option<u64>,
    reference: Reference<'r>,
}

impl Trees {
    /// The leaves of all rows.
    fn of(planes: Planes, reference: &Reference<'_>, control: &Control) -> Result<Self> {
        let counts = vec![HashMap::new(); planes.trees];
        let mut trees = Trees { planes, counts };
        trees.fill(reference, control)?;
        Ok(trees)
    }

    fn pack(&self, pack: &mut Pack) {
        let Planes {
            normals, offsets, ..
        } = &self.planes;
        let normals = (0..normals.ncols()).flat_map(|j| normals.col(j).iter().copied());
        pack.put_reals("leaf.normals", normals);
        pack.put_reals("leaf.offsets", offsets.iter().copied());
        pack.put_counts("leaf.leaves", self.counts.iter().map(HashMap::len));
        let sorted = |tree: &HashMap<Vec<u64>, u64>| {
            let mut leaves: Vec<(Vec<u64>, u64)> = tree.clone().into_iter().collect();
            leaves.sort_unstable();
            leaves
        };
        let leaves: Vec<(Vec<u64>, u64)> = self.counts.iter().flat_map(sorted).collect();
        let codes = leaves.iter().flat_map(|leaf| leaf.0.iter().copied());
        pack.put("leaf.codes", Numbers::U64(codes.collect()));
        let rows = leaves.iter().map(|leaf| leaf.1);
        pack.put("leaf.rows", Numbers::U64(rows.collect()));
    }

    /// What [`Trees::pack`] stored, of n rows in d dimensions.
    fn stored(stored: &Pack, d: usize, n: usize) -> Result<Self> {
        let mut pack = stored.clone();
        let trees = pack.indices("leaf.leaves", None, usize::MAX)?;
        let offsets = pack.reals("leaf.offsets", None)?;
        if trees.is_empty() || !offsets.len().is_multiple_of(trees.len()) {
            return Err(pack.fault("leaf.offsets", "they do not fit the trees"));
        }
        let normals = pack.reals("leaf.normals", Some(d * offsets.len()))?;
        let planes = Planes {
            normals: Mat::from_fn(d, offsets.len(), |i, j| normals[j * d + i]),
            offsets,
            trees: trees.len(),
        };
        let rows = pack.words("leaf.rows", None)?;
        let held = rows.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
        if held != (n * trees.len()) as u64 {
            return Err(pack.fault("leaf.rows", "they do not fit the rows"));
        }
        let all = trees.iter().fold(0, |sum: usize, n| sum.saturating_add(*n));
        let words = planes.depth().div_ceil(64);
        let codes = pack.words("leaf.codes", Some(rows.len() * words))?;
        if all != rows.len() || words == 0 {
            return Err(pack.fault("leaf.rows", "they do not fit the trees"));
        }
        let mut leaves = codes.chunks_exact(words).map(<[u64]>::to_vec).zip(rows);
        let counts = trees.iter().map(|&n| leaves.by_ref().take(n).collect());
        Ok(Trees {
            counts: counts.collect(),
            planes,
        })
    }

    /// Counts all rows.
    fn fill(&mut self, reference: &Reference<'_>, control: &Control) -> Result<()> {
        let (rows, d) = (reference.distinct, reference.distinct.dim());
        control.begin(WorkStage::Fit, rows.len() as u64);
        let step = (PART / d).max(1);
        let mut values = Vec::new();
        for first in (0..rows.len()).step_by(step) {
            control.check()?;
            let count = step.min(rows.len() - first);
            values.resize(count * d, 0.0);
            rows.read_f64(first, &mut values)?;
            let logits = self.planes.logits(&values);
            for i in 0..count {
                let repeats = reference.repeats;
                let same = repeats.map_or(1, |all| all.count(first + i) as u64);
                for (tree, part) in column(&logits, i).chunks(self.planes.depth()).enumerate() {
                    *self.counts[tree].entry(code(part)).or_default() += same;
                }
            }
            control.advance(count as u64);
        }
        Ok(())
    }

    /// The judgement from the logits of a row and of its nearest row, among `all` rows; `left_out` if it is one of them.
    fn judgement(
        &self,
        logits: &[f64],
        nearest: Option<&[f64]>,
        all: usize,
        left_out: bool,
    ) -> Judgement {
        let all = all as u64 - u64::from(left_out);
        let trees = self.planes.trees as f64;
        let (mut bits, mut rows, mut empty, mut sure) = (0.0, 0, 0, 0.0);
        for (tree, part) in logits.chunks(self.planes.depth()).enumerate() {
            let code = code(part);
            let held = self.counts[tree].get(&code).copied().unwrap_or(0);
            let held = held.saturating_sub(u64::from(left_out));
            bits += ((all + 1) as f64 / (held + 1) as f64).log2();
            rows += held;
            empty += u64::from(held == 0);
            let own: Vec<f64> = part.iter().map(|&logit| soft(logit)).collect();
            sure += probability(&own, &code);
        }
        let softened = |logits: &[f64]| -> Vec<f64> { logits.iter().map(|&v| soft(v)).collect() };
        let distance = nearest.map(|near| apart(&softened(logits), &softened(near)));
        Judgement {
            outside: Some(2 * empty >= self.planes.trees as u64),
            score: bits / trees,
            more: vec![
                Value::Float(rows as f64 / trees),
                Value::Count(empty),
                Value::of(distance, Value::Float),
                Value::Float(sure / trees),
            ],
            ..Judgement::default()
        }
    }
}

/// A column of a matrix.
fn column(matrix: &Mat<f64>, place: usize) -> Vec<f64> {
    matrix.col(place).iter().copied().collect()
}

impl Judge for Leaves<'_> {
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>> {
        control.check()?;
        let d = block.dim;
        let planes = &self.trees.planes;
        let logits = planes.logits(block.values);
        let near: Vec<Option<usize>> = block
            .near
            .iter()
            .map(|near| Some(near.first()?.0))
            .collect();
        let rows: Vec<usize> = near.iter().copied().flatten().collect();
        let mut values = vec![0.0; rows.len() * d];
        self.reference.rows.gather(&rows, &mut values)?;
        let nearest = planes.logits(&values);
        let all = self.reference.rows.len();
        let mut next = 0..rows.len();
        let judged = near.iter().enumerate().map(|(place, near)| {
            let near = near.and_then(|_| Some(column(&nearest, next.next()?)));
            let left_out = block.without(place).is_some();
            let logits = column(&logits, place);
            self.trees
                .judgement(&logits, near.as_deref(), all, left_out)
        });
        Ok(judged.collect())
    }

    fn pack(&self, pack: &mut Pack) {
        if let Some(seed) = self.seed {
            pack.put(ASKED, Numbers::U64(vec![seed]));
            self.trees.pack(pack);
        }
    }

    fn facts(&self) -> Vec<Fact> {
        let planes = &self.trees.planes;
        let fact = |name: &str, value: usize, what: &str| Fact {
            name: name.into(),
            value: value as f64,
            what: what.into(),
        };
        vec![
            fact("trees", planes.trees, "trees"),
            fact("depth", planes.depth(), "hyperplanes of each tree"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;
    use crate::rows::{Memory, synthetic};
    use std::io::Write;

    /// Compares with sums over all codes of five bits: probabilities, and the mean distance to those of another soft code.
    #[test]
    fn probabilities_of_all_codes_sum_to_one_and_give_the_expected_distance() {
        let (s, t) = ([0.1, 0.5, 0.99, 0.3, 1.0], [0.7, 0.2, 0.9, 0.0, 0.4]);
        let all: f64 = (0..32).map(|code| probability(&s, &[code])).sum();
        assert!((all - 1.0).abs() < 1e-14);
        let pairs = (0..32u64).flat_map(|a| (0..32u64).map(move |b| (a, b)));
        let mean: f64 = pairs
            .map(|(a, b)| {
                f64::from((a ^ b).count_ones()) * probability(&s, &[a]) * probability(&t, &[b])
            })
            .sum();
        assert!((apart(&s, &t) - mean).abs() < 1e-13);
        assert!((probability(&[0.5; 70], &[0, 0]) - 0.5f64.powi(70)).abs() < 1e-30);
    }

    /// Trees halve the reference at every level; a left-out row is not counted in its own leaf; a far point is outside.
    #[test]
    fn leaves_hold_the_rows_that_share_their_code() {
        let d = 3;
        let mut values = vec![0.0; 512 * d];
        synthetic::gaussian(512, d, 1)
            .read_f64(0, &mut values)
            .unwrap();
        let repeated = values[..d].to_vec();
        values.extend(repeated);
        let fixture = Fixture::new(Memory::from_f64("rows", d, values.clone()));
        let found = fixture.judged(&Leaf { file: None }, &values);
        assert_eq!(found.fact("depth"), 6.0);
        for (query, other) in found.queries.iter().zip(&found.others) {
            let (Value::Float(with), Value::Float(without)) = (&query.more[0], &other.more[0])
            else {
                panic!("{query:?}");
            };
            assert_eq!(with - 1.0, *without);
            assert!(query.outside == Some(false) && other.score > query.score);
        }
        assert_eq!(found.others[0].outside, Some(false));
    }

    /// The bytes of a NumPy array: its header, then the numbers.
    fn npy(shape: &str, values: &[f64]) -> Vec<u8> {
        let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
        let header = format!("{header:<117}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    /// Hyperplanes x = 0 and y = 1 from a file: three of the four leaves hold rows.
    #[test]
    fn given_hyperplanes_are_one_tree() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("planes.npz");
        let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        let arrays = [
            ("W.npy", npy("(2, 2)", &[1.0, 0.0, 0.0, 1.0])),
            ("b.npy", npy("(2,)", &[0.0, -1.0])),
        ];
        for (name, bytes) in arrays {
            let options = zip::write::SimpleFileOptions::default();
            archive.start_file(name, options).unwrap();
            archive.write_all(&bytes).unwrap();
        }
        archive.finish().unwrap();
        let file = path.to_string_lossy().into_owned();
        let leaf = Leaf {
            file: Some(file.clone()),
        };
        let rows = vec![1.0, 2.0, 3.0, 4.0, 1.0, 0.0, -1.0, 0.0];
        let rows = Fixture::new(Memory::from_f64("rows", 2, rows));
        let found = rows.judged(&leaf, &[5.0, 5.0, -2.0, 3.0]);
        let [inside, outside] = &found.queries[..] else {
            panic!("{found:?}");
        };
        assert_eq!(
            (inside.outside, inside.score),
            (Some(false), (5.0f64 / 3.0).log2())
        );
        assert_eq!((outside.outside, outside.score), (Some(true), 5f64.log2()));
        assert_eq!(inside.more[..2], [Value::Float(2.0), Value::Count(0)]);
        let apart = apart(&[soft(5.0), soft(4.0)], &[soft(3.0), soft(3.0)]);
        assert_eq!(inside.more[2], Value::Float(apart));
        assert_eq!(inside.more[3], Value::Float(soft(5.0) * soft(4.0)));
        let left: Vec<_> = found.others.iter().map(|found| found.outside).collect();
        assert_eq!(left, [false, false, true, true].map(Some));
        let wide = Memory::from_f64("wide", 3, vec![1.0; 3]);
        let error = Planes::read(&file, wide.dim(), &Control::default());
        assert!(error.is_err_and(|error| error.to_string().contains("(m, 3)")));
    }
}
