//! The linear region of a network: a query is outside when no reference row has its sign code.
//!
//! ```text
//! code(q)_j = 1 where q_j > 0, else 0;      score = the least number of bits by which a reference row's code differs
//! ```
//!
//! In a space of pre-activations of ReLU units the code identifies the region of inputs on which the network is one affine
//! map (max-affine spline operators: Balestriero and Baraniuk, ICML 2018). For two random directions at the angle a, a share
//! a / pi of the bits differs. Codes are packed 64 bits to a word and compared exactly by counting bits. If rows consist of
//! several tensors side by side (`@A+B`, `@preactivations`), the differences are also counted layer by layer.

use super::{Block, Column, Fact, Judge, Judgement, Notion, Reference, Type, Value};
use crate::control::{Control, WorkStage};
use crate::error::Result;
use crate::rows::{Numbers, Pack, map_chunks};
use crate::space::Layer;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// The sign codes of the reference.
pub struct Region;

impl Notion for Region {
    fn id(&self) -> String {
        "region".into()
    }

    fn score(&self) -> String {
        "in how many places the signs (above 0 or not) differ from those of the nearest reference row".into()
    }

    fn outside(&self) -> String {
        "no reference row has the same signs".into()
    }

    fn columns(&self) -> Vec<Column> {
        let rows = "how many reference rows have the same signs";
        let layers = "in how many places the signs differ from those of the nearest reference row (the first of \
                      several), in each tensor that a row consists of; null where it is one";
        vec![
            Column::new("region_rows", Type::Count, rows),
            Column::new("region_layers", Type::Floats, layers),
        ]
    }

    fn fit<'r>(&self, reference: &Reference<'r>, control: &Control) -> Result<Box<dyn Judge + 'r>> {
        let (stored, d) = (reference.stored, reference.rows.dim());
        let codes = reference
            .fits
            .of("region", || match stored.has("region.codes") {
                true => Codes::stored(stored, d, reference.rows.len()),
                false => Codes::fit(reference, control),
            })?;
        Ok(Box::new(Regions {
            codes,
            layers: reference.layers.to_vec(),
        }))
    }
}

struct Regions {
    codes: Arc<Codes>,
    /// The tensors that a row consists of.
    layers: Vec<Layer>,
}

/// The distinct codes of a reference.
struct Codes {
    /// The number of words of a code.
    words: usize,
    codes: Vec<u64>,
    /// The number of rows with each code.
    counts: Vec<u64>,
    /// The index of each code.
    places: HashMap<Vec<u64>, usize>,
}

/// The comparison of a row's code with those of the reference.
struct CodeMatch {
    /// The number of reference rows with the same code.
    rows: u64,
    /// The number of differing bits to the nearest code of another row; `None` without other rows.
    distance: Option<u32>,
    /// The number of differing bits in each layer.
    layers: Vec<u32>,
}

/// The signs of a row, 64 bits to a word.
fn code(row: &[f64]) -> impl Iterator<Item = u64> + '_ {
    row.chunks(64).map(|part| {
        let bits = part.iter().enumerate();
        bits.fold(0, |word, (j, value)| word | u64::from(*value > 0.0) << j)
    })
}

/// The search for the nearest code of another row that differs (its distance and index), compiled for the instruction set found at
/// run time, which may have an instruction to count bits.
struct Nearest<'c> {
    codes: &'c [u64],
    code: &'c [u64],
    /// The index of the code itself, to be skipped.
    own: Option<usize>,
}

impl pulp::NullaryFnOnce for Nearest<'_> {
    type Output = Option<(u32, usize)>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        let words = self.code.len();
        let mut best: Option<(u32, usize)> = None;
        for place in 0..self.codes.len() / words {
            let distance = hamming(self.code, &self.codes[place * words..][..words]);
            if best.is_none_or(|(least, _)| distance < least) && Some(place) != self.own {
                best = Some((distance, place));
                // Different codes are no nearer.
                if distance == 1 {
                    break;
                }
            }
        }
        best
    }
}

/// The number of bits in which two codes differ.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // a zip is a call where the compiler sees it in another unit
fn hamming(a: &[u64], b: &[u64]) -> u32 {
    let b = &b[..a.len()];
    let mut places = 0;
    for word in 0..a.len() {
        places += (a[word] ^ b[word]).count_ones();
    }
    places
}

impl Codes {
    fn fit(reference: &Reference<'_>, control: &Control) -> Result<Self> {
        let (rows, d) = (reference.distinct, reference.distinct.dim());
        control.begin(WorkStage::Fit, rows.len() as u64);
        let parts = map_chunks(rows, control, |_, values| {
            control.advance((values.len() / d) as u64);
            values.chunks_exact(d).flat_map(code).collect::<Vec<u64>>()
        })?;
        let words = d.div_ceil(64);
        let mut all = Codes {
            words,
            codes: Vec::new(),
            counts: Vec::new(),
            places: HashMap::new(),
        };
        let codes = parts.iter().flat_map(|part| part.chunks_exact(words));
        for (place, code) in codes.enumerate() {
            let count = reference.repeats.map_or(1, |all| all.count(place));
            let next = all.counts.len();
            let place = *all.places.entry(code.to_vec()).or_insert(next);
            if place == next {
                all.codes.extend_from_slice(code);
                all.counts.push(0);
            }
            all.counts[place] += count as u64;
        }
        Ok(all)
    }

    /// What [`Judge::pack`] stored, of n rows of d columns.
    fn stored(stored: &Pack, d: usize, n: usize) -> Result<Self> {
        let (words, codes) = (d.div_ceil(64), stored.look_words("region.codes")?);
        let counts = stored.look_words("region.rows")?;
        let held = counts.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
        if counts.len().checked_mul(words) != Some(codes.len()) || held != n as u64 {
            return Err(stored.fault("region.codes", "they do not fit the rows"));
        }
        let each = codes.chunks_exact(words).map(<[u64]>::to_vec);
        Ok(Codes {
            words,
            codes: codes.to_vec(),
            counts: counts.to_vec(),
            places: each.zip(0..).collect(),
        })
    }
}

impl Regions {
    /// Compares a row's code; if `left_out`, the row itself is not counted.
    fn find(&self, row: &[f64], left_out: bool) -> CodeMatch {
        let code: Vec<u64> = code(row).collect();
        let all = &*self.codes;
        let own = all.places.get(&code).copied();
        let held = own.map_or(0, |place| all.counts[place]);
        let same = held.saturating_sub(u64::from(left_out && own.is_some()));
        if same > 0 {
            return CodeMatch {
                rows: same,
                distance: Some(0),
                layers: vec![0; self.layers.len()],
            };
        }
        let nearest = pulp::Arch::new().dispatch(Nearest {
            codes: &all.codes,
            code: &code,
            own,
        });
        let layers = nearest.map(|(_, place)| {
            let other = &all.codes[place * all.words..][..all.words];
            self.by_layer(&code, other)
        });
        CodeMatch {
            rows: 0,
            distance: nearest.map(|(distance, _)| distance),
            layers: layers.unwrap_or_default(),
        }
    }

    /// The number of bits of each layer in which two codes differ.
    fn by_layer(&self, a: &[u64], b: &[u64]) -> Vec<u32> {
        let each = ranges(&self.layers);
        each.map(|bits| hamming(&cut(a, bits.clone()), &cut(b, bits)))
            .collect()
    }

    /// The number of distinct codes of each layer by itself.
    fn regions(&self) -> impl Iterator<Item = (&Layer, usize)> {
        self.layers
            .iter()
            .zip(ranges(&self.layers))
            .map(|(layer, bits)| {
                let codes = self.codes.codes.chunks_exact(self.codes.words);
                let own = codes.map(|code| cut(code, bits.clone()));
                (layer, own.collect::<HashSet<_>>().len())
            })
    }
}

/// The range of bits of each layer.
fn ranges(layers: &[Layer]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut first = 0;
    layers.iter().map(move |layer| {
        first += layer.dim;
        first - layer.dim..first
    })
}

/// A range of bits of a code, 64 bits to a word.
fn cut(code: &[u64], bits: Range<usize>) -> Vec<u64> {
    let word = |first: usize| {
        let last = bits.end.min(first + 64);
        let bit = |j: usize| code[j / 64] >> (j % 64) & 1;
        (first..last).fold(0, |word, j| word | bit(j) << (j - first))
    };
    bits.clone().step_by(64).map(word).collect()
}

impl Judge for Regions {
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>> {
        let queries = block.values.par_chunks_exact(block.dim).enumerate();
        let judged = queries.map(|(place, query)| {
            control.check()?;
            let found = self.find(query, block.without(place).is_some());
            let layers = found.layers.iter().map(|&places| places.into()).collect();
            Ok(Judgement {
                outside: found.distance.map(|distance| distance > 0),
                score: found.distance.map_or(f64::NAN, f64::from),
                more: vec![
                    Value::Count(found.rows),
                    Value::of((self.layers.len() > 1).then_some(layers), Value::Floats),
                ],
                ..Judgement::default()
            })
        });
        judged.collect()
    }

    fn pack(&self, pack: &mut Pack) {
        pack.put("region.codes", Numbers::U64(self.codes.codes.clone()));
        pack.put("region.rows", Numbers::U64(self.codes.counts.clone()));
    }

    fn facts(&self) -> Vec<Fact> {
        let what = "different sign codes among the reference rows";
        let fact = |name: String, count: usize, what: String| Fact {
            name,
            value: count as f64,
            what,
        };
        let all = fact("regions".into(), self.codes.counts.len(), what.into());
        // With a single tensor, its regions are those of the whole row.
        let layers = (self.layers.len() > 1).then(|| self.regions());
        let layers = layers.into_iter().flatten().map(|(layer, count)| {
            let name = format!("regions_{}", layer.tensor);
            fact(name, count, format!("{what} in {} alone", layer.tensor))
        });
        std::iter::once(all).chain(layers).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;
    use crate::rows::{Memory, Rows, synthetic};

    fn values(rows: &Memory) -> Vec<f64> {
        let mut values = vec![0.0; rows.len() * rows.dim()];
        rows.read_f64(0, &mut values).unwrap();
        values
    }

    /// Compares signs one by one: the distance to the nearest of `rows`, and the number of rows with the same code.
    fn brute(rows: &[&[f64]], query: &[f64]) -> (u64, f64) {
        let apart = |row: &&[f64]| {
            let pairs = row.iter().zip(query);
            pairs.filter(|(a, b)| (**a > 0.0) != (**b > 0.0)).count()
        };
        let all: Vec<usize> = rows.iter().map(apart).collect();
        let same = all.iter().filter(|apart| **apart == 0).count();
        (same as u64, all.into_iter().min().unwrap() as f64)
    }

    /// Dimensions below, at and above multiples of 64; repeated rows, and both zeros.
    #[test]
    fn codes_are_compared_as_signs_one_by_one() {
        for d in [3, 64, 70] {
            let mut all = values(&synthetic::gaussian(60, d, 1));
            let repeated = all[..2 * d].to_vec();
            all.extend(repeated);
            all[5 * d] = 0.0;
            all[6 * d] = -0.0;
            let queries = values(&synthetic::gaussian(30, d, 2));
            let rows: Vec<&[f64]> = all.chunks_exact(d).collect();
            let found =
                Fixture::new(Memory::from_f64("rows", d, all.clone())).judged(&Region, &queries);
            for (found, query) in found.queries.iter().zip(queries.chunks_exact(d)) {
                let (same, apart) = brute(&rows, query);
                assert_eq!((found.score, found.outside), (apart, Some(apart > 0.0)));
                assert_eq!(found.more, [Value::Count(same), Value::Null]);
            }
            for (row, found) in found.others.iter().enumerate() {
                let mut others = rows.clone();
                let value = others.remove(row);
                let (same, apart) = brute(&others, value);
                assert_eq!(found.score, apart);
                assert_eq!(found.more, [Value::Count(same), Value::Null]);
            }
        }
    }

    /// Differences and codes of each layer, which begin and end within words.
    #[test]
    fn layers_are_counted_one_by_one() {
        let dims = [3, 64, 13];
        let d = dims.iter().sum();
        let all = values(&synthetic::gaussian(40, d, 5));
        let queries = values(&synthetic::gaussian(20, d, 6));
        let rows: Vec<&[f64]> = all.chunks_exact(d).collect();
        let apart = |a: &[f64], b: &[f64]| {
            let pairs = a.iter().zip(b);
            pairs.filter(|(a, b)| (**a > 0.0) != (**b > 0.0)).count() as f64
        };
        let fixture = Fixture::new(Memory::from_f64("rows", d, all.clone())).of_layers(&dims);
        let found = fixture.judged(&Region, &queries);
        for (found, query) in found.queries.iter().zip(queries.chunks_exact(d)) {
            let nearest = rows
                .iter()
                .find(|row| apart(row, query) == found.score)
                .unwrap();
            let each =
                [0..3, 3..67, 67..80].map(|bits| apart(&nearest[bits.clone()], &query[bits]));
            assert_eq!(found.more[1], Value::Floats(each.to_vec()));
        }
        let mut codes: Vec<Vec<bool>> = rows
            .iter()
            .map(|row| row[..3].iter().map(|v| *v > 0.0).collect())
            .collect();
        codes.sort();
        codes.dedup();
        assert_eq!(found.fact("regions_layer0"), codes.len() as f64);
        assert!(codes.len() > 3 && found.fact("regions_layer1") == 40.0);
    }

    /// Pre-activations of 4,000 random units at two inputs: a share angle / pi of the signs differs.
    #[test]
    fn signs_differ_in_the_share_of_the_angle() {
        let units = values(&synthetic::gaussian(4000, 2, 3));
        for angle in [0.3f64, 1.0, 2.5] {
            let at = |x: f64, y: f64| -> Vec<f64> {
                units.chunks_exact(2).map(|w| w[0] * x + w[1] * y).collect()
            };
            let rows = Memory::from_f64("one", 4000, at(1.0, 0.0));
            let found = Fixture::new(rows).judged(&Region, &at(angle.cos(), angle.sin()));
            let share = found.queries[0].score / 4000.0;
            assert!(
                (share - angle / std::f64::consts::PI).abs() < 0.03,
                "{share}"
            );
        }
    }
}
