//! Spaces as they are typed: `patch:8`, `smooth:2|pca:16`, `onnx:resnet.onnx@features,mean=0.5,std=0.25`.
//!
//! ```text
//! space = stage [ "|" stage ]...          stage = name [ ":" argument [ "," argument ]... ]
//! ```
//!
//! A list in a place that takes one number stands for one space a number: `pca:8,16` is `pca:8` and `pca:16`.
//! Parsing knows names and arguments; whether a stage fits the rows is found out when it is fitted.

use crate::error::{Error, Result};
use crate::rows::images::LONGEST;
use std::path::PathBuf;

/// One stage of a space.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// The rows as they are.
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
    /// The D principal components of smallest variance that vary at all.
    PcaLast(usize),
    /// All principal components, scaled to unit variance.
    Whiten,
    /// D Gaussian random projections.
    Random { dims: usize, seed: Option<u64> },
    /// D of the coordinates, drawn at random.
    Dims { dims: usize, seed: Option<u64> },
    /// D features of a random convolutional network.
    ReluFeatures { dims: usize, seed: Option<u64> },
    /// A named tensor of a network.
    Onnx(OnnxArgs),
    /// Embeddings made elsewhere.
    File { reference: String, queries: String },
}

/// Which network, which tensor, and how images go in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OnnxArgs {
    pub file: PathBuf,
    /// The tensor asked for; the model's first output without one.
    pub output: Option<String>,
    /// Subtracted from pixels (on the scale of 0 to 1), one a channel or one for all.
    pub mean: Option<Vec<f64>>,
    /// Divides what is left.
    pub std: Option<Vec<f64>>,
    /// Width and height that images are resampled to.
    pub size: Option<(usize, usize)>,
    pub layout: Option<Layout>,
}

/// The order of a network's input axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Batch, channels, height, width.
    Nchw,
    /// Batch, height, width, channels.
    Nhwc,
}

/// A space: its stages, and how it was typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    pub text: String,
    pub stages: Vec<Stage>,
}

/// Names and what follows them, for messages and help.
pub const KNOWN: [(&str, &str); 14] = [
    ("pixels", "the rows as they are"),
    ("patch:C", "the central C x C pixels"),
    ("smooth:S", "Gaussian blur, then every S-th pixel"),
    ("resize:WxH", "resampled to W x H pixels"),
    ("gray", "brightness alone"),
    ("wavelet", "2-D Haar coefficients, orthonormal"),
    ("pca:D", "the top D principal components"),
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
        "a tensor of a network, or of the built-in one: onnx:sample, onnx:sample-untrained",
    ),
    ("file:REFERENCE,QUERIES", "embeddings made elsewhere"),
];

impl Spec {
    /// The spaces that a text stands for, one for each combination of its lists.
    ///
    /// Errors ([`Error::Usage`]): an unknown name (the nearest one is suggested), arguments that do not fit it.
    pub fn parse(text: &str) -> Result<Vec<Spec>> {
        let mut specs = vec![Spec {
            text: String::new(),
            stages: Vec::new(),
        }];
        for (place, part) in text.split('|').enumerate() {
            let variants = stage(part.trim()).map_err(|why| wrong(text, &why))?;
            let first_only = variants
                .iter()
                .any(|(_, stage)| matches!(stage, Stage::File { .. }));
            if first_only && place > 0 {
                return Err(wrong(text, "`file` can only be the first stage"));
            }
            let joined = |spec: &Spec, (typed, stage): &(String, Stage)| Spec {
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

    /// All spaces of several texts, without repeats.
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

/// A name for the files of a space: letters, digits, dots and dashes, at most 60.
pub fn slug(text: &str) -> String {
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
fn stage(text: &str) -> Result<Vec<(String, Stage)>, String> {
    let (name, rest) = text
        .split_once(':')
        .map_or((text, None), |(name, rest)| (name, Some(rest)));
    let alone = |stage: Stage| match rest {
        None => Ok(vec![(name.to_string(), stage)]),
        Some(_) => Err(format!("`{name}` takes no argument")),
    };
    match name {
        "pixels" => alone(Stage::Pixels),
        "gray" => alone(Stage::Gray),
        "wavelet" => alone(Stage::Wavelet),
        "whiten" => alone(Stage::Whiten),
        "patch" => numbers(name, rest, Stage::Patch),
        "smooth" => numbers(name, rest, Stage::Smooth),
        "pca" => numbers(name, rest, Stage::Pca),
        "pca-last" => numbers(name, rest, Stage::PcaLast),
        "random" => seeded(name, rest, |dims, seed| Stage::Random { dims, seed }),
        "dims" => seeded(name, rest, |dims, seed| Stage::Dims { dims, seed }),
        "relu-features" => seeded(name, rest, |dims, seed| Stage::ReluFeatures { dims, seed }),
        "resize" => resize(rest),
        "onnx" => onnx(rest).map(|args| vec![(text.to_string(), Stage::Onnx(args))]),
        "file" => file(rest).map(|stage| vec![(text.to_string(), stage)]),
        _ => {
            let known = KNOWN.map(|(known, _)| known);
            Err(crate::error::unknown("space", name, &known))
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
    make: impl Fn(usize) -> Stage,
) -> Result<Vec<(String, Stage)>, String> {
    let one = |text: &str| number(name, text).map(|n| (format!("{name}:{n}"), make(n)));
    argument(name, rest)?.split(',').map(one).collect()
}

/// Numbers, and `seed=S`.
fn seeded(
    name: &str,
    rest: Option<&str>,
    make: impl Fn(usize, Option<u64>) -> Stage,
) -> Result<Vec<(String, Stage)>, String> {
    let (mut dims, mut seed) = (Vec::new(), None);
    for part in argument(name, rest)?.split(',') {
        match part.split_once('=') {
            Some(("seed", value)) => {
                let value = value.parse();
                seed = Some(value.map_err(|_| format!("the seed of `{name}` is a whole number"))?);
            }
            Some((key, _)) => {
                return Err(format!("`{name}` has no setting `{key}`; it has seed=S"));
            }
            None => dims.push(number(name, part)?),
        }
    }
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

/// A number of pixels.
fn side(text: &str) -> Option<usize> {
    text.trim().parse().ok().filter(|&side| side > 0)
}

/// `WxH`: a width and a height, neither of them 0.
pub fn extent(text: &str) -> Option<(usize, usize)> {
    let (width, height) = text.split_once('x')?;
    Some((side(width)?, side(height)?))
}

/// Whether images may be brought to a size.
pub(super) fn in_reach((width, height): &(usize, usize)) -> bool {
    *width.max(height) <= LONGEST
}

fn resize(rest: Option<&str>) -> Result<Vec<(String, Stage)>, String> {
    let sizes = rest.unwrap_or_default().split(',').map(|text| {
        let (width, height) = extent(text).filter(in_reach).ok_or_else(|| {
            "`resize` takes a width and a height, as in resize:32x32, of 1 to 4096 pixels"
                .to_string()
        })?;
        Ok((
            format!("resize:{width}x{height}"),
            Stage::Resize { width, height },
        ))
    });
    sizes.collect()
}

fn file(rest: Option<&str>) -> Result<Stage, String> {
    match rest.and_then(|rest| rest.split_once(',')) {
        Some((reference, queries)) if !reference.is_empty() && !queries.is_empty() => {
            Ok(Stage::File {
                reference: reference.into(),
                queries: queries.into(),
            })
        }
        _ => Err("`file` takes two files, as in file:train.npy,test.npy".into()),
    }
}

/// `FILE[@TENSOR][,key=value]...`; a value may be a list: `mean=0.5,0.4,0.3`.
fn onnx(rest: Option<&str>) -> Result<OnnxArgs, String> {
    let mut parts = rest.unwrap_or_default().split(',');
    let model = parts.next().unwrap_or_default();
    let (file, output) = match model.rsplit_once('@') {
        Some((file, output)) if !output.is_empty() => (file, Some(output.to_string())),
        Some((file, _)) => (file, None),
        None => (model, None),
    };
    if file.is_empty() {
        return Err("`onnx` needs a file, as in onnx:resnet.onnx@features".into());
    }
    let mut settings: Vec<(&str, Vec<&str>)> = Vec::new();
    for part in parts {
        match (part.split_once('='), settings.last_mut()) {
            (Some((key, value)), _) => settings.push((key.trim(), vec![value])),
            (None, Some((_, values))) => values.push(part),
            (None, None) => return Err(format!("{part:?} is not a setting such as mean=0.5")),
        }
    }
    let mut args = OnnxArgs {
        file: file.into(),
        output,
        ..OnnxArgs::default()
    };
    for (key, values) in settings {
        setting(&mut args, key, &values)?;
    }
    Ok(args)
}

fn setting(args: &mut OnnxArgs, key: &str, values: &[&str]) -> Result<(), String> {
    match key {
        "mean" => args.mean = Some(reals(key, values)?),
        "std" => {
            let std = reals(key, values)?;
            if std.contains(&0.0) {
                return Err("`std` divides, so it must not be 0".into());
            }
            args.std = Some(std);
        }
        "size" => {
            let size = extent(values[0]).or_else(|| side(values[0]).map(|side| (side, side)));
            let size = size.filter(in_reach);
            args.size = Some(size.ok_or(
                "`size` is a width and a height, as in size=224x224, of 1 to 4096 pixels",
            )?);
        }
        "layout" => {
            args.layout = Some(match values[0].to_lowercase().as_str() {
                "nchw" => Layout::Nchw,
                "nhwc" => Layout::Nhwc,
                other => return Err(format!("the layout is nchw or nhwc, not {other:?}")),
            });
        }
        other => {
            return Err(format!(
                "`onnx` has no setting `{other}`; it has mean=, std=, size= and layout="
            ));
        }
    }
    Ok(())
}

/// Finite numbers, one a channel.
pub(super) fn reals(key: &str, values: &[&str]) -> Result<Vec<f64>, String> {
    let one = |text: &&str| match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("{text:?} is not a number for `{key}`")),
    };
    values.iter().map(one).collect()
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
        let resize = Stage::Resize {
            width: 8,
            height: 6,
        };
        assert_eq!(spec.stages, [Stage::Gray, resize]);
        let all = Spec::parse_all(&["pca:8,16".into(), "pca:16".into()]).unwrap();
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn a_network_with_its_settings() {
        let text = "onnx:a/b.onnx@features,mean=0.1,0.2,0.3,std=0.5,size=224x112,layout=nhwc";
        let specs = Spec::parse(text).unwrap();
        let Stage::Onnx(args) = &specs[0].stages[0] else {
            panic!("{specs:?}")
        };
        assert_eq!(args.file, PathBuf::from("a/b.onnx"));
        assert_eq!(args.output.as_deref(), Some("features"));
        assert_eq!(args.mean.as_deref(), Some(&[0.1, 0.2, 0.3][..]));
        assert_eq!(
            (args.size, args.layout),
            (Some((224, 112)), Some(Layout::Nhwc))
        );
        assert_eq!(specs[0].text, text);
        assert!(error("onnx:a.onnx,std=0").contains("must not be 0"));
        assert!(error("onnx:a.onnx,sdt=1").contains("no setting `sdt`"));
        assert!(error("onnx:").contains("needs a file"));
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
        assert!(error("random:8,sed=1").contains("seed=S"));
        assert!(error("").contains("no space"));
    }

    #[test]
    fn slugs_are_file_names() {
        assert_eq!(slug("smooth:2|pca:16"), "smooth-2-pca-16");
        assert_eq!(slug("file:../a.npy,b/c.npy"), "file-..-a.npy-b-c.npy");
        assert_eq!(slug("onnx:sample@features"), "onnx-sample-features");
    }
}
