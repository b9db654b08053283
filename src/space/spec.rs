//! Parses spaces: `patch:8`, `smooth:2|pca:16`, `onnx:resnet.onnx@features,mean=0.5,std=0.25`.
//!
//! ```text
//! space = stage [ "|" stage ]...          stage = name [ ":" argument [ "," argument ]... ]
//! ```
//!
//! A list in place of a single number stands for one space for each number: `pca:8,16` means `pca:8` and `pca:16`.
//! `...` continues the numbers before it: `2,4,...,32` in equal steps, `2,4,8,...,32` by equal factors. `NAME=` before
//! a space is its name in figures and tables.
//! The parser checks names and arguments; whether a stage fits the rows is checked when it is fitted.

mod onnx;

pub use onnx::{AxisOrder, Filter, OnnxArgs, Pool, Preset, Resize};
#[cfg(feature = "onnx")]
pub(super) use onnx::{divisors, layout, reals, size};

use crate::error::{Error, Result, unknown};
use crate::rows::images::LONGEST;
use std::iter::successors;

/// The most spaces that a text stands for: each list multiplies them.
const MOST: usize = 1000;

/// One stage of a space.
#[derive(Debug, Clone, PartialEq)]
pub enum SpaceStage {
    /// The rows unchanged.
    Pixels,
    /// The central C x C pixels.
    Patch(usize),
    /// Gaussian blur, then every S-th pixel in both directions.
    Smooth(usize),
    /// Resampled to this width and height.
    Resize { width: usize, height: usize },
    /// One channel of brightness.
    Gray,
    /// Two-dimensional Haar wavelet coefficients, orthonormal.
    Wavelet,
    /// The D principal components of largest variance.
    Pca(usize),
    /// The fewest principal components that hold this fraction of the variance, between 0 and 1.
    PcaShare(f64),
    /// The D principal components of smallest nonzero variance.
    PcaLast(usize),
    /// All principal components, scaled to unit variance.
    Whiten,
    /// D Gaussian random projections.
    Random { dims: usize, seed: Option<u64> },
    /// D coordinates, drawn at random.
    Dims { dims: usize, seed: Option<u64> },
    /// D features of a random convolutional network.
    ReluFeatures { dims: usize, seed: Option<u64> },
    /// A named tensor of a network.
    Onnx(OnnxArgs),
    /// Embeddings computed by another program.
    File { reference: String, queries: String },
}

/// A space: its stages, and its text as typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    pub text: String,
    pub stages: Vec<SpaceStage>,
}

/// Names and argument forms of stages, for messages and help.
pub const KNOWN: [(&str, &str); 14] = [
    ("pixels", "the rows as they are"),
    ("patch:C", "the central C x C pixels"),
    ("smooth:S", "Gaussian blur, then every S-th pixel"),
    ("resize:WxH", "resampled to W x H pixels"),
    ("gray", "brightness alone"),
    ("wavelet", "2-D Haar coefficients, orthonormal"),
    (
        "pca:D",
        "the top D principal components; pca:0.95 as many as hold that share of the variance",
    ),
    ("pca-last:D", "the last D principal components that vary"),
    ("whiten", "all principal components at unit variance"),
    ("random:D", "D Gaussian random projections"),
    ("dims:D", "D coordinates drawn at random"),
    (
        "relu-features:D",
        "D features of a random convolutional network",
    ),
    (
        "onnx:FILE[@TENSOR]",
        "a tensor of a network (or @A+B side by side, or @preactivations), also of onnx:sample, onnx:sample-untrained",
    ),
    ("file:REFERENCE,QUERIES", "embeddings made elsewhere"),
];

impl Spec {
    /// The files of reference and queries, if the space begins with `file:`.
    pub fn files(&self) -> Option<[&str; 2]> {
        match self.stages.first()? {
            SpaceStage::File { reference, queries } => Some([reference, queries]),
            _ => None,
        }
    }

    /// The spaces that a text stands for, one for each combination of the values in its lists.
    ///
    /// Errors ([`Error::Usage`]): an unknown name (the nearest one is suggested), arguments that do not fit it.
    pub fn parse(text: &str) -> Result<Vec<Spec>> {
        let Some((name, space)) = named(text) else {
            return Spec::unnamed(text);
        };
        match &mut Spec::unnamed(space)?[..] {
            [spec] => Ok(vec![Spec {
                text: format!("{name}={}", spec.text),
                stages: std::mem::take(&mut spec.stages),
            }]),
            several => Err(wrong(
                text,
                &format!("{name} would name {} spaces; name one", several.len()),
            )),
        }
    }

    fn unnamed(text: &str) -> Result<Vec<Spec>> {
        let mut specs = vec![Spec {
            text: String::new(),
            stages: Vec::new(),
        }];
        let parts: Vec<&str> = text.split('|').collect();
        for (place, &part) in parts.iter().enumerate() {
            if parts.len() > 1 && part.trim().is_empty() {
                let why = format!(
                    "its stage {} is empty; name one, or take a | away",
                    place + 1
                );
                return Err(wrong(text, &why));
            }
            let variants = stage(part.trim()).map_err(|why| wrong(text, &why))?;
            let first_only = variants
                .iter()
                .any(|(_, stage)| matches!(stage, SpaceStage::File { .. }));
            if first_only && place > 0 {
                return Err(wrong(text, "`file` can only be the first stage"));
            }
            if specs.len() * variants.len() > MOST {
                let why = format!(
                    "its lists stand for more than {MOST} spaces; name fewer values, or give --space several times"
                );
                return Err(wrong(text, &why));
            }
            let joined = |spec: &Spec, (typed, stage): &(String, SpaceStage)| Spec {
                text: if place == 0 {
                    typed.clone()
                } else {
                    format!("{}|{typed}", spec.text)
                },
                stages: [&spec.stages[..], std::slice::from_ref(stage)].concat(),
            };
            specs = specs
                .iter()
                .flat_map(|spec| variants.iter().map(move |variant| joined(spec, variant)))
                .collect();
        }
        Ok(specs)
    }

    /// The spaces of several texts, without duplicates.
    pub fn parse_all(texts: &[String]) -> Result<Vec<Spec>> {
        let mut all: Vec<Spec> = Vec::new();
        for text in texts {
            for spec in Spec::parse(text)? {
                if !all.iter().any(|known| known.text == spec.text) {
                    all.push(spec);
                }
            }
        }
        Ok(all)
    }
}

/// Splits a text into the name given to a space and the space.
pub fn named(text: &str) -> Option<(&str, &str)> {
    let (name, space) = text.split_once('=')?;
    let plain = |letter: char| letter.is_alphanumeric() || "-_. ".contains(letter);
    (!name.trim().is_empty() && name.chars().all(plain)).then(|| (name.trim(), space.trim()))
}

/// A file name for a space: letters, digits, dots and dashes, at most 60 characters.
pub fn slug(text: &str) -> String {
    let text = named(text).map_or(text, |(name, _)| name);
    let mut slug = String::new();
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() || letter == '.' {
            slug.push(letter);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(60);
    slug.trim_matches(['-', '.']).to_string()
}

fn wrong(text: &str, why: &str) -> Error {
    Error::Usage(format!("the space {text:?} cannot be read: {why}"))
}

/// The variants of one stage, each with its own text.
fn stage(text: &str) -> Result<Vec<(String, SpaceStage)>, String> {
    let (name, rest) = text
        .split_once(':')
        .map_or((text, None), |(name, rest)| (name, Some(rest)));
    let alone = |stage: SpaceStage| match rest {
        None => Ok(vec![(name.to_string(), stage)]),
        Some(_) => Err(format!("`{name}` takes no argument")),
    };
    match name {
        "pixels" => alone(SpaceStage::Pixels),
        "gray" => alone(SpaceStage::Gray),
        "wavelet" => alone(SpaceStage::Wavelet),
        "whiten" => alone(SpaceStage::Whiten),
        "patch" => numbers(name, rest, SpaceStage::Patch),
        "smooth" => numbers(name, rest, SpaceStage::Smooth),
        "pca" => components(rest),
        "pca-last" => numbers(name, rest, SpaceStage::PcaLast),
        "random" => seeded(name, rest, |dims, seed| SpaceStage::Random { dims, seed }),
        "dims" => seeded(name, rest, |dims, seed| SpaceStage::Dims { dims, seed }),
        "relu-features" => seeded(name, rest, |dims, seed| SpaceStage::ReluFeatures {
            dims,
            seed,
        }),
        "resize" => resize(rest),
        "onnx" => onnx::parse(rest).map(|args| vec![(text.to_string(), SpaceStage::Onnx(args))]),
        "file" => file(rest).map(|stage| vec![(text.to_string(), stage)]),
        _ => {
            let known = KNOWN.map(|(known, _)| known);
            Err(unknown("space", name, &known))
        }
    }
}

/// A whole number of at least 1.
fn number(name: &str, text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!(
            "`{name}` takes whole numbers of at least 1, not {text:?}; write for example {name}:8 or {name}:8,16"
        )),
    }
}

fn argument<'t>(name: &str, rest: Option<&'t str>) -> Result<&'t str, String> {
    rest.filter(|rest| !rest.trim().is_empty()).ok_or_else(|| {
        format!("`{name}` needs a number; write for example {name}:8 or {name}:8,16")
    })
}

fn numbers(
    name: &str,
    rest: Option<&str>,
    make: impl Fn(usize) -> SpaceStage,
) -> Result<Vec<(String, SpaceStage)>, String> {
    let all = series(name, argument(name, rest)?.split(','))?;
    let each = all.into_iter().map(|n| (format!("{name}:{n}"), make(n)));
    Ok(each.collect())
}

/// Parses numbers, with `...` (or `..`) continuing the two or three numbers before it to the next one.
fn series<'t>(name: &str, parts: impl Iterator<Item = &'t str>) -> Result<Vec<usize>, String> {
    let (mut all, mut open) = (Vec::new(), false);
    for part in parts {
        if matches!(part.trim(), "..." | "..") {
            open = true;
            continue;
        }
        let next = number(name, part)?;
        if std::mem::take(&mut open) {
            all.extend(continued(&all, next)?);
        }
        all.push(next);
    }
    match open {
        true => Err(format!(
            "`...` needs the last number after it, as in {name}:2,4,...,32"
        )),
        false => Ok(all),
    }
}

/// The numbers between the known ones and the last: by equal factors if the last three known ones have one, else in
/// equal steps.
fn continued(known: &[usize], last: usize) -> Result<Vec<usize>, String> {
    let [.., before, from] = known else {
        return Err("`...` goes on as the two numbers before it, as in 2,4,...,32".into());
    };
    let by_factor = match known {
        [.., first, _, _] => {
            let square = before.checked_mul(*before);
            square.is_some() && first.checked_mul(*from) == square && before > first
        }
        _ => false,
    };
    let next = |value: usize| match by_factor {
        true => value.checked_mul(*from).map(|product| product / before),
        false => value.checked_add(from.checked_sub(*before)?),
    };
    let more = successors(next(*from), |&value| next(value)).take(MOST);
    let mut between: Vec<usize> = more.take_while(|&value| value <= last).collect();
    if between.len() == MOST {
        return Err(format!(
            "the series {before},{from},...,{last} has more than {MOST} numbers; give larger steps"
        ));
    }
    if from > before && between.pop_if(|value| *value == last).is_some() {
        return Ok(between);
    }
    let reached = between.last().unwrap_or(from);
    Err(format!(
        "the series {before},{from},... does not come to {last}: it has {reached} before it"
    ))
}

/// Parses numbers of principal components, and fractions of the variance.
fn components(rest: Option<&str>) -> Result<Vec<(String, SpaceStage)>, String> {
    let text = argument("pca", rest)?;
    let share = |part: &str| {
        let share: f64 = part.trim().parse().ok()?;
        (part.contains('.') && share > 0.0 && share < 1.0).then_some(share)
    };
    if !text.split(',').any(|part| share(part).is_some()) {
        return numbers("pca", rest, SpaceStage::Pca);
    }
    let one = |part: &str| match share(part) {
        Some(share) => Ok((format!("pca:{share}"), SpaceStage::PcaShare(share))),
        None => number("pca", part).map(|n| (format!("pca:{n}"), SpaceStage::Pca(n))),
    };
    text.split(',').map(one).collect()
}

/// Parses numbers and `seed=S`.
fn seeded(
    name: &str,
    rest: Option<&str>,
    make: impl Fn(usize, Option<u64>) -> SpaceStage,
) -> Result<Vec<(String, SpaceStage)>, String> {
    let (mut dims, mut seed) = (Vec::new(), None);
    for part in argument(name, rest)?.split(',') {
        match part.split_once('=') {
            Some(("seed", _)) if seed.is_some() => return Err(twice(name, "seed")),
            Some(("seed", value)) => {
                let value = value.parse();
                seed = Some(value.map_err(|_| format!("the seed of `{name}` is a whole number"))?);
            }
            Some((key, _)) => {
                return Err(unknown(&format!("setting of `{name}`"), key, &["seed"]));
            }
            None => dims.push(part),
        }
    }
    let dims = series(name, dims.into_iter())?;
    if dims.is_empty() {
        return Err(format!(
            "`{name}` needs a number of dimensions, as in {name}:8"
        ));
    }
    let suffix = seed.map_or(String::new(), |seed| format!(",seed={seed}"));
    Ok(dims
        .into_iter()
        .map(|d| (format!("{name}:{d}{suffix}"), make(d, seed)))
        .collect())
}

/// Parses a side in pixels.
fn side(text: &str) -> Option<usize> {
    text.trim().parse().ok().filter(|&side| side > 0)
}

/// Parses `WxH`, a width and a height, neither of them 0.
pub fn extent(text: &str) -> Option<(usize, usize)> {
    let (width, height) = text.split_once('x')?;
    Some((side(width)?, side(height)?))
}

/// Whether a size is within the limits of resampling.
pub(super) fn in_reach((width, height): &(usize, usize)) -> bool {
    *width.max(height) <= LONGEST
}

fn resize(rest: Option<&str>) -> Result<Vec<(String, SpaceStage)>, String> {
    let sizes = rest.unwrap_or_default().split(',').map(|text| {
        let (width, height) = extent(text).filter(in_reach).ok_or_else(|| {
            "`resize` takes a width and a height, as in resize:32x32, of 1 to 4096 pixels"
                .to_string()
        })?;
        Ok((
            format!("resize:{width}x{height}"),
            SpaceStage::Resize { width, height },
        ))
    });
    sizes.collect()
}

fn file(rest: Option<&str>) -> Result<SpaceStage, String> {
    match rest.and_then(|rest| rest.split_once(',')) {
        Some((reference, queries)) if !reference.is_empty() && !queries.is_empty() => {
            Ok(SpaceStage::File {
                reference: reference.into(),
                queries: queries.into(),
            })
        }
        _ => Err("`file` takes two files, as in file:train.npy,test.npy".into()),
    }
}

fn twice(name: &str, key: &str) -> String {
    format!("`{name}` is given {key}= more than once; give it once")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let specs = Spec::parse(text).unwrap();
        specs.into_iter().map(|spec| spec.text).collect()
    }

    fn error(text: &str) -> String {
        Spec::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn lists_stand_for_several_spaces() {
        assert_eq!(texts("pca:8,16"), ["pca:8", "pca:16"]);
        assert_eq!(texts("pixels"), ["pixels"]);
        assert_eq!(
            texts("smooth:2,4|pca:8,16"),
            [
                "smooth:2|pca:8",
                "smooth:2|pca:16",
                "smooth:4|pca:8",
                "smooth:4|pca:16"
            ]
        );
        assert_eq!(texts("dims:4,8,seed=7"), ["dims:4,seed=7", "dims:8,seed=7"]);
        let spec = &Spec::parse("gray|resize:8x6").unwrap()[0];
        let resize = SpaceStage::Resize {
            width: 8,
            height: 6,
        };
        assert_eq!(spec.stages, [SpaceStage::Gray, resize]);
        let all = Spec::parse_all(&["pca:8,16".into(), "pca:16".into()]).unwrap();
        assert_eq!(all.len(), 2);
        // 2 to the power of 9 spaces, and of 10.
        let many = |stages: usize| vec!["pca:8,16"; stages].join("|");
        assert_eq!(texts(&many(9)).len(), 512);
        assert!(error(&many(10)).contains("more than 1000 spaces"));
    }

    #[test]
    fn series_go_on_as_they_began() {
        assert_eq!(
            texts("pca:2,4,...,10"),
            ["pca:2", "pca:4", "pca:6", "pca:8", "pca:10"]
        );
        assert_eq!(
            texts("patch:2,4,8,..,32"),
            ["patch:2", "patch:4", "patch:8", "patch:16", "patch:32"]
        );
        assert_eq!(texts("dims:1,2,...,4,seed=7").len(), 4);
        assert!(error("pca:2,4,...,9").contains("it has 8 before it"));
        assert!(error("pca:4,...,9").contains("two numbers before it"));
        assert!(error("pca:4,2,...,9").contains("does not come to 9"));
        assert!(error("pca:2,4,...").contains("needs the last number"));
        assert!(error("pca:1,2,...,1500").contains("more than 1000 numbers"));
        let (half, last) = (usize::MAX / 2, usize::MAX);
        for huge in [
            format!("pca:1,{half},...,{last}"),
            format!("pca:1,2,4,...,{last}"),
        ] {
            assert!(error(&huge).contains("does not come to"), "{huge}");
        }
    }

    #[test]
    fn shares_of_the_variance_and_names() {
        let specs = Spec::parse("pca:0.95,8").unwrap();
        assert_eq!(specs[0].stages, [SpaceStage::PcaShare(0.95)]);
        assert_eq!(
            (specs[0].text.as_str(), specs[1].text.as_str()),
            ("pca:0.95", "pca:8")
        );
        assert!(error("pca:1.5").contains("whole numbers"));
        let named = Spec::parse("layer3 = file:a.npy,b.npy|pca:4").unwrap();
        assert_eq!(named[0].text, "layer3=file:a.npy,b.npy|pca:4");
        assert_eq!(named[0].stages.len(), 2);
        assert_eq!(slug(&named[0].text), "layer3");
        assert!(error("a=pca:4,8").contains("a would name 2 spaces"));
        assert_eq!(texts("random:8,seed=1"), ["random:8,seed=1"]);
    }

    #[test]
    fn mistakes_are_explained() {
        let message = error("pca-lst:8");
        assert!(
            message.contains("mean pca-last:D?") && message.contains("wavelet"),
            "{message}"
        );
        assert!(error("zzz").contains("there are: pixels, patch:C"));
        assert!(error("pca").contains("pca:8"));
        assert!(error("pca:0").contains("at least 1"));
        assert!(error("pca:8,x").contains("\"x\""));
        assert!(error("pixels:3").contains("takes no argument"));
        assert!(error("resize:8").contains("resize:32x32"));
        assert!(error("pca:4|file:a,b").contains("first stage"));
        assert!(error("file:a").contains("two files"));
        assert!(error("random:8,sed=1").contains("did you mean seed?"));
        assert!(error("random:8,seed=1,seed=1").contains("more than once"));
        assert!(error("pixels|").contains("stage 2 is empty"));
        assert!(error("|pixels").contains("stage 1 is empty"));
        assert!(error("pca:4||gray").contains("stage 2 is empty"));
        assert!(error("").contains("no space"));
    }

    #[test]
    fn slugs_are_file_names() {
        assert_eq!(slug("smooth:2|pca:16"), "smooth-2-pca-16");
        assert_eq!(slug("file:../a.npy,b/c.npy"), "file-..-a.npy-b-c.npy");
        assert_eq!(slug("onnx:sample@features"), "onnx-sample-features");
    }
}
