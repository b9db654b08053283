//! Laws of random points, for experiments on many small sets: named in text, and seeded trial by trial.
//!
//! A trial's numbers depend on its seed, its dimension and its number alone, not on the thread that draws them nor on
//! how many are drawn at a time. The generator is xoshiro256++ (Blackman and Vigna 2021), started by SplitMix64;
//! normal numbers come from `rand_distr`'s ziggurat. Every law is drawn in f64: a flat one, like [`Law::Subspace`],
//! must stay flat to rounding.

mod curve;

use super::Memory;
use crate::error::{Error, Result};
use curve::Spline;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use std::fmt;
use std::str::FromStr;

/// How points are distributed. Each has a text form, which [`Law::from_str`] reads and [`fmt::Display`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// `gaussian`: N(0, I).
    Gaussian,
    /// `ball`: uniform in the unit ball.
    Ball,
    /// `sphere`: uniform on the unit sphere.
    Sphere,
    /// `cube`: uniform in `[-1, 1]^d`.
    Cube,
    /// `vertices`: a uniform vertex of that cube, drawn with replacement.
    Vertices,
    /// `subspace:D`: `A z + b` with z from N(0, I_D); A (d x D) and b are standard normal, drawn afresh each trial. The
    /// affine hull has dimension D whatever d is.
    Subspace(usize),
    /// `curve` or `curve:K`: a point of a curve, of intrinsic dimension 1, that spans all d dimensions: the natural cubic
    /// spline through K (d + 2 unless given) standard normal knots at even steps, drawn afresh each trial, at a uniform
    /// parameter.
    Curve(Option<usize>),
    /// `mixture:K`: one of K clusters N(c_k, I) with even odds; centres from N(0, 4 I), drawn afresh each trial.
    Mixture(usize),
}

/// Where a query comes from.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Query {
    /// Another point of the rows' law.
    #[default]
    Same,
    /// Of a Gaussian law, or one in a subspace: its normal numbers have this variance instead of 1.
    Variance(f64),
    /// The origin.
    Origin,
}

/// Standard deviation of a mixture's centres.
const CENTRES: f64 = 2.0;

/// Text forms, for messages.
const KNOWN: [&str; 8] = [
    "gaussian",
    "ball",
    "sphere",
    "cube",
    "vertices",
    "subspace:D",
    "curve[:K]",
    "mixture:K",
];

impl Law {
    /// Whether the law exists in d dimensions. Errors ([`Error::Usage`]): a subspace that is larger than the space, a
    /// curve that does not span it.
    pub fn check(self, d: usize) -> Result<()> {
        match self {
            Law::Subspace(inner) if inner > d => Err(Error::Usage(format!(
                "{self} has no place in {d} dimensions; give it at least {inner}"
            ))),
            Law::Curve(Some(knots)) if knots <= d => Err(Error::Usage(format!(
                "a curve through {knots} knots does not span {d} dimensions; give it at least {} knots",
                d + 1
            ))),
            _ => Ok(()),
        }
    }

    /// Whether its normal numbers can have another variance in a query.
    pub fn has_variance(self) -> bool {
        matches!(self, Law::Gaussian | Law::Subspace(_))
    }

    /// Bytes that a trial keeps of the law itself in d dimensions.
    pub fn bytes(self, d: usize) -> u64 {
        let numbers = match self {
            Law::Subspace(inner) => inner + 1,
            Law::Curve(knots) => knots.unwrap_or(d + 2).saturating_mul(2),
            Law::Mixture(clusters) => clusters,
            _ => 1,
        };
        8 * (numbers as u64).saturating_mul(d as u64)
    }

    /// The source of a trial's points in d dimensions.
    pub fn sampler(self, d: usize, seed: u64, trial: u64) -> Sampler {
        let mut random = generator(d, seed, trial);
        let mut normal = |count: usize, deviation: f64| -> Vec<f64> {
            (0..count).map(|_| deviation * gauss(&mut random)).collect()
        };
        let kind = match self {
            Law::Gaussian => DrawnLaw::Gaussian,
            Law::Ball => DrawnLaw::Ball,
            Law::Sphere => DrawnLaw::Sphere,
            Law::Cube => DrawnLaw::Cube,
            Law::Vertices => DrawnLaw::Vertices,
            Law::Subspace(inner) => DrawnLaw::Affine {
                map: normal(d * inner, 1.0),
                offset: normal(d, 1.0),
                inner: vec![0.0; inner],
            },
            Law::Curve(knots) => {
                let knots = knots.unwrap_or(d + 2);
                DrawnLaw::Curve(Spline::through(d, &normal(knots * d, 1.0)))
            }
            Law::Mixture(clusters) => DrawnLaw::Mixture(normal(clusters * d, CENTRES)),
        };
        Sampler { random, d, kind }
    }

    /// n rows of one trial, in memory, and the source of more.
    pub fn sample(self, n: usize, d: usize, seed: u64, trial: u64) -> (Memory, Sampler) {
        let mut sampler = self.sampler(d, seed, trial);
        let mut values = vec![0.0; n * d];
        sampler.rows(&mut values);
        let name = format!("{self}, {n} x {d}, seed {seed}");
        (Memory::from_f64(name, d, values), sampler)
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Law::Gaussian => f.write_str("gaussian"),
            Law::Ball => f.write_str("ball"),
            Law::Sphere => f.write_str("sphere"),
            Law::Cube => f.write_str("cube"),
            Law::Vertices => f.write_str("vertices"),
            Law::Subspace(inner) => write!(f, "subspace:{inner}"),
            Law::Curve(None) => f.write_str("curve"),
            Law::Curve(Some(knots)) => write!(f, "curve:{knots}"),
            Law::Mixture(clusters) => write!(f, "mixture:{clusters}"),
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Query::Same => f.write_str("same"),
            Query::Variance(variance) => write!(f, "variance {variance}"),
            Query::Origin => f.write_str("origin"),
        }
    }
}

impl FromStr for Law {
    type Err = Error;

    /// Errors ([`Error::Usage`]): an unknown name, with what there is; a number that is missing, zero or not wanted.
    fn from_str(text: &str) -> Result<Self> {
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        let plain = match name {
            "gaussian" => Law::Gaussian,
            "ball" => Law::Ball,
            "sphere" => Law::Sphere,
            "cube" => Law::Cube,
            "vertices" => Law::Vertices,
            "curve" if number.is_none() => Law::Curve(None),
            "curve" => return Ok(Law::Curve(Some(count(text, number)?))),
            "subspace" => return Ok(Law::Subspace(count(text, number)?)),
            "mixture" => return Ok(Law::Mixture(count(text, number)?)),
            _ => return Err(Error::unknown("law", text, &KNOWN)),
        };
        match number {
            None => Ok(plain),
            Some(_) => Err(Error::Usage(format!(
                "{text:?}: the law {name} takes no number; write {name}"
            ))),
        }
    }
}

/// The number of a law that has one.
fn count(text: &str, number: Option<&str>) -> Result<usize> {
    // Enough for any experiment, and far from what memory holds.
    const MOST: usize = 1 << 16;
    match number.map(str::parse) {
        Some(Ok(count)) if (1..=MOST).contains(&count) => Ok(count),
        _ => {
            let name = text.split(':').next().unwrap_or(text);
            Err(Error::Usage(format!(
                "{text:?}: the law {name} needs a whole number from 1 to {MOST} after a colon; for example {name}:4"
            )))
        }
    }
}

/// Mix a value into a running hash (the finaliser of SplitMix64, Steele et al. 2014).
fn mix(hash: u64, value: u64) -> u64 {
    let mut z = (hash ^ value).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The generator of a trial.
fn generator(d: usize, seed: u64, trial: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(mix(mix(mix(0, seed), d as u64), trial))
}

#[inline]
fn gauss(random: &mut Xoshiro256PlusPlus) -> f64 {
    StandardNormal.sample(random)
}

/// Points of one trial, one after the other.
#[derive(Debug, Clone)]
pub struct Sampler {
    random: Xoshiro256PlusPlus,
    d: usize,
    kind: DrawnLaw,
}

/// A law with what a trial fixes of it.
#[derive(Debug, Clone)]
enum DrawnLaw {
    Gaussian,
    Ball,
    Sphere,
    Cube,
    Vertices,
    Affine {
        /// d x D, row-major.
        map: Vec<f64>,
        offset: Vec<f64>,
        /// Scratch: z.
        inner: Vec<f64>,
    },
    Curve(Spline),
    /// Centres, K x d.
    Mixture(Vec<f64>),
}

impl Sampler {
    /// The next rows into `out` (row-major, a whole number of rows).
    pub fn rows(&mut self, out: &mut [f64]) {
        let random = &mut self.random;
        match &mut self.kind {
            DrawnLaw::Gaussian => out.iter_mut().for_each(|value| *value = gauss(random)),
            DrawnLaw::Cube => out
                .iter_mut()
                .for_each(|value| *value = 2.0 * random.random::<f64>() - 1.0),
            kind => {
                for row in out.chunks_exact_mut(self.d) {
                    kind.row(random, row);
                }
            }
        }
    }

    /// A query: d numbers.
    pub fn query(&mut self, query: Query, out: &mut [f64]) {
        match (query, &mut self.kind) {
            (Query::Origin, _) => out.fill(0.0),
            (Query::Variance(variance), DrawnLaw::Gaussian) => {
                let deviation = variance.sqrt();
                self.rows(out);
                out.iter_mut().for_each(|value| *value *= deviation);
            }
            (Query::Variance(variance), DrawnLaw::Affine { map, offset, inner }) => {
                let random = &mut self.random;
                let deviation = variance.sqrt();
                inner.fill_with(|| deviation * gauss(random));
                affine(map, offset, inner, out);
            }
            _ => self.rows(out),
        }
    }
}

impl DrawnLaw {
    /// One row.
    fn row(&mut self, random: &mut Xoshiro256PlusPlus, row: &mut [f64]) {
        match self {
            DrawnLaw::Gaussian => row.fill_with(|| gauss(random)),
            DrawnLaw::Cube => row.fill_with(|| 2.0 * random.random::<f64>() - 1.0),
            DrawnLaw::Sphere => direction(random, row),
            DrawnLaw::Ball => {
                direction(random, row);
                let radius = random.random::<f64>().powf(1.0 / row.len() as f64);
                row.iter_mut().for_each(|value| *value *= radius);
            }
            DrawnLaw::Vertices => {
                for part in row.chunks_mut(64) {
                    let mut bits = random.next_u64();
                    for value in part {
                        *value = 2.0 * (bits & 1) as f64 - 1.0;
                        bits >>= 1;
                    }
                }
            }
            DrawnLaw::Affine { map, offset, inner } => {
                inner.fill_with(|| gauss(random));
                affine(map, offset, inner, row);
            }
            DrawnLaw::Curve(spline) => spline.at(random.random::<f64>(), row),
            DrawnLaw::Mixture(centres) => {
                let d = row.len();
                let cluster = random.random_range(0..centres.len() / d);
                for (value, centre) in row.iter_mut().zip(&centres[cluster * d..]) {
                    *value = centre + gauss(random);
                }
            }
        }
    }
}

/// A uniform point of the unit sphere: a normal vector over its length.
fn direction(random: &mut Xoshiro256PlusPlus, row: &mut [f64]) {
    loop {
        row.fill_with(|| gauss(random));
        let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
        if length > 0.0 {
            return row.iter_mut().for_each(|value| *value /= length);
        }
    }
}

/// `map z + offset`.
fn affine(map: &[f64], offset: &[f64], z: &[f64], out: &mut [f64]) {
    for ((value, row), offset) in out.iter_mut().zip(map.chunks_exact(z.len())).zip(offset) {
        *value = offset + row.iter().zip(z).map(|(a, z)| a * z).sum::<f64>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Law; 9] = [
        Law::Gaussian,
        Law::Ball,
        Law::Sphere,
        Law::Cube,
        Law::Vertices,
        Law::Subspace(2),
        Law::Curve(None),
        Law::Curve(Some(7)),
        Law::Mixture(3),
    ];

    #[test]
    fn text_is_read_back() {
        for law in ALL {
            assert_eq!(law.to_string().parse::<Law>().unwrap(), law);
        }
    }

    #[test]
    fn what_is_not_a_law_is_told_what_is() {
        let error = |text: &str| text.parse::<Law>().unwrap_err().to_string();
        let message = error("gausian");
        assert!(
            message.contains("gaussian") && message.contains("mixture:K"),
            "{message}"
        );
        for text in [
            "subspace",
            "subspace:",
            "subspace:0",
            "mixture:-1",
            "mixture:1e3",
        ] {
            assert!(error(text).contains("whole number"), "{}", error(text));
        }
        assert!(error("ball:3").contains("no number"));
        assert!(Law::Subspace(4).check(3).is_err() && Law::Subspace(4).check(4).is_ok());
    }

    #[test]
    fn trials_are_the_same_however_they_are_drawn_and_differ_from_each_other() {
        for law in ALL {
            let d = 3;
            let draw = |trial: u64, parts: &[usize]| -> Vec<f64> {
                let mut sampler = law.sampler(d, 5, trial);
                let mut all = Vec::new();
                for part in parts {
                    let mut rows = vec![0.0; part * d];
                    sampler.rows(&mut rows);
                    all.extend(rows);
                }
                all
            };
            assert_eq!(draw(7, &[20]), draw(7, &[1, 4, 15]), "{law}");
            assert_ne!(draw(7, &[20]), draw(8, &[20]), "{law}");
        }
    }

    /// The first numbers of a trial, so that a change of generator is noticed: published figures name seeds.
    #[test]
    fn numbers_stay_the_same_from_version_to_version() {
        let mut row = [0.0; 3];
        Law::Cube.sampler(3, 1, 2).rows(&mut row);
        assert_eq!(row, CUBE);
        Law::Gaussian.sampler(3, 1, 2).rows(&mut row);
        assert!(
            (0..3).all(|j| (row[j] - GAUSSIAN[j]).abs() < 1e-12),
            "{row:?}"
        );
    }
    /// By the algorithms' definitions, in another language.
    const CUBE: [f64; 3] = [0.8649753204904631, -0.14937677998742793, 0.3128317596691359];
    const GAUSSIAN: [f64; 3] = [
        0.8174524384753077,
        -0.23340950429114868,
        0.35440999380009763,
    ];

    #[test]
    fn first_and_second_moments_are_those_of_the_law() {
        let (n, d) = (40_000, 4);
        // (law, variance of a coordinate, dimension-free length where all points have one)
        let expected = [
            (Law::Gaussian, 1.0),
            (Law::Ball, 1.0 / 6.0),
            (Law::Sphere, 0.25),
            (Law::Cube, 1.0 / 3.0),
            (Law::Vertices, 1.0),
        ];
        for (law, variance) in expected {
            let mut rows = vec![0.0; n * d];
            law.sampler(d, 3, 0).rows(&mut rows);
            for j in 0..d {
                let column = || rows.iter().skip(j).step_by(d);
                let mean = column().sum::<f64>() / n as f64;
                let square = column().map(|v| v * v).sum::<f64>() / n as f64;
                assert!(
                    mean.abs() < 5.0 * (variance / n as f64).sqrt(),
                    "{law}: mean {mean}"
                );
                assert!(
                    (square / variance - 1.0).abs() < 0.05,
                    "{law}: square {square}"
                );
            }
        }
    }

    #[test]
    fn queries_have_their_variance() {
        let mut point = [0.0; 50];
        let mut squares = 0.0;
        for trial in 0..200 {
            Law::Gaussian
                .sampler(50, 1, trial)
                .query(Query::Variance(0.25), &mut point);
            squares += point.iter().map(|v| v * v).sum::<f64>();
        }
        assert!((squares / 10_000.0 - 0.25).abs() < 0.02, "{squares}");
        Law::Gaussian
            .sampler(50, 1, 0)
            .query(Query::Origin, &mut point);
        assert_eq!(point, [0.0; 50]);
    }
}
