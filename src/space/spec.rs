//! Spaces as they are typed: `patch:8`, `smooth:2|pca:16`, `onnx:resnet.onnx@features,mean=0.5,std=0.25`.
//!
//! ```text
//! space = stage [ "|" stage ]...          stage = name [ ":" argument [ "," argument ]... ]
//! ```
//!
//! A list in a place that takes one number stands for one space a number: `pca:8,16` is `pca:8` and `pca:16`.
//! Parsing knows names and arguments, and looks which files are there where a network's name may hold `@` or commas;
//! whether a stage fits the rows is found out when it is fitted.

use crate::error::{Error, Result, unknown};
use crate::rows::images::LONGEST;
use std::path::{Path, PathBuf};

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
            Some(("seed", _)) if seed.is_some() => return Err(twice(name, "seed")),
            Some(("seed", value)) => {
                let value = value.parse();
                seed = Some(value.map_err(|_| format!("the seed of `{name}` is a whole number"))?);
            }
            Some((key, _)) => {
                return Err(unknown(&format!("setting of `{name}`"), key, &["seed"]));
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

/// Settings of `onnx`.
const NETWORK: [&str; 4] = ["mean", "std", "size", "layout"];

fn twice(name: &str, key: &str) -> String {
    format!("`{name}` is given {key}= more than once; give it once")
}

/// The longest beginning of a text that names a file and ends before `@`, a comma or nothing, and what follows it.
fn present(text: &str) -> Option<(&str, &str)> {
    let ends = text.match_indices(['@', ',']).map(|(place, _)| place);
    let mut ends: Vec<usize> = ends.chain([text.len()]).collect();
    ends.reverse();
    let mut parts = ends.into_iter().map(|end| text.split_at(end));
    parts.find(|(file, _)| Path::new(file).is_file())
}

/// `FILE[@TENSOR][,key=value]...`; a value may be a list: `mean=0.5,0.4,0.3`.
fn onnx(rest: Option<&str>) -> Result<OnnxArgs, String> {
    let rest = rest.unwrap_or_default();
    let (file, output, settings) = match present(rest) {
        Some((file, after)) => {
            let (output, settings) = after.split_once(',').map_or((after, None), optional);
            (file, output.strip_prefix('@'), settings)
        }
        // A built-in network, or a file that is not there.
        None => {
            let (model, settings) = rest.split_once(',').map_or((rest, None), optional);
            let (file, output) = model.rsplit_once('@').map_or((model, None), optional);
            (file, output, settings)
        }
    };
    if file.is_empty() {
        return Err("`onnx` needs a file, as in onnx:resnet.onnx@features".into());
    }
    let mut args = OnnxArgs {
        file: file.into(),
        output: output.filter(|output| !output.is_empty()).map(String::from),
        ..OnnxArgs::default()
    };
    for (key, values) in settings.map(listed).transpose()?.unwrap_or_default() {
        setting(&mut args, key, &values)?;
    }
    Ok(args)
}

fn optional<'t>((first, second): (&'t str, &'t str)) -> (&'t str, Option<&'t str>) {
    (first, Some(second))
}

/// `key=value[,value]...[,key=value...]...`.
fn listed(text: &str) -> Result<Vec<(&str, Vec<&str>)>, String> {
    let mut settings: Vec<(&str, Vec<&str>)> = Vec::new();
    for part in text.split(',') {
        match (part.split_once('='), settings.last_mut()) {
            (Some((key, value)), _) => settings.push((key.trim(), vec![value])),
            (None, Some((_, values))) => values.push(part),
            (None, None) => return Err(format!("{part:?} is not a setting such as mean=0.5")),
        }
    }
    for (place, (key, _)) in settings.iter().enumerate() {
        if settings[..place].iter().any(|(known, _)| known == key) {
            return Err(twice("onnx", key));
        }
    }
    Ok(settings)
}

fn setting(args: &mut OnnxArgs, key: &str, values: &[&str]) -> Result<(), String> {
    match key {
        "mean" => args.mean = Some(reals(key, values)?),
        "std" => args.std = Some(divisors(values)?),
        "size" => {
            let why = "`size` is a width and a height, as in size=224x224, of 1 to 4096 pixels";
            args.size = Some(size(single(key, values)?).ok_or(why)?);
        }
        "layout" => args.layout = Some(layout(single(key, values)?)?),
        other => return Err(unknown("setting of `onnx`", other, &NETWORK)),
    }
    Ok(())
}

/// The value of a setting that takes one.
fn single<'t>(key: &str, values: &[&'t str]) -> Result<&'t str, String> {
    match values {
        [value] => Ok(value),
        _ => Err(format!(
            "`{key}` takes one value, not {}: {}",
            values.len(),
            values.join(",")
        )),
    }
}

/// The size of a network's images: `WxH`, or one number for both.
pub(super) fn size(text: &str) -> Option<(usize, usize)> {
    let square = || side(text).map(|side| (side, side));
    extent(text).or_else(square).filter(in_reach)
}

/// The order of a network's axes.
pub(super) fn layout(text: &str) -> Result<Layout, String> {
    match text.trim().to_lowercase().as_str() {
        "nchw" => Ok(Layout::Nchw),
        "nhwc" => Ok(Layout::Nhwc),
        other => Err(unknown("layout", other, &["nchw", "nhwc"])),
    }
}

/// Finite numbers that divide.
pub(super) fn divisors(values: &[&str]) -> Result<Vec<f64>, String> {
    let std = reals("std", values)?;
    match std.contains(&0.0) {
        true => Err("`std` divides, so it must not be 0".into()),
        false => Ok(std),
    }
}

/// Finite numbers, one a channel.
pub(super) fn reals(key: &str, values: &[&str]) -> Result<Vec<f64>, String> {
    let one = |text: &&str| match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ if text.trim().is_empty() => Err(format!(
            "`{key}` is given an empty value; it takes numbers, as in {key}=0.5"
        )),
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
        assert!(error("onnx:a.onnx,sdt=1").contains("did you mean std?"));
        assert!(error("onnx:a.onnx,layout=nwhc").contains("did you mean nhwc?"));
        for text in ["size=3x3,4x4", "layout=nchw,nhwc"] {
            assert!(error(&format!("onnx:a.onnx,{text}")).contains("takes one value, not 2"));
        }
        for text in ["mean=0.5,mean=0.4", "mean=1,std=1,mean=1", "size=3,size=3"] {
            assert!(
                error(&format!("onnx:a.onnx,{text}")).contains("more than once"),
                "{text}"
            );
        }
        for text in ["mean=", "std=0.5,,0.5", "mean=,std=1"] {
            assert!(
                error(&format!("onnx:a.onnx,{text}")).contains("an empty value"),
                "{text}"
            );
        }
        assert!(error("onnx:").contains("needs a file"));
    }

    #[test]
    fn a_file_that_is_there_may_hold_any_letter() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("a@2,b");
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("net.onnx");
        std::fs::write(&file, "").unwrap();
        let args = |rest: &str| {
            let text = format!("onnx:{}{rest}", file.display());
            match &Spec::parse(&text).unwrap()[0].stages[0] {
                Stage::Onnx(args) => args.clone(),
                other => panic!("{other:?}"),
            }
        };
        for (rest, output, mean) in [
            ("", None, None),
            ("@y", Some("y"), None),
            ("@x@y", Some("x@y"), None),
            (",mean=1,2", None, Some(vec![1.0, 2.0])),
            ("@y,mean=1", Some("y"), Some(vec![1.0])),
        ] {
            let found = args(rest);
            assert_eq!(found.file, file);
            assert_eq!(
                (found.output.as_deref(), found.mean),
                (output, mean),
                "{rest}"
            );
        }
        // The longest name counts.
        let longer = folder.join("net.onnx@y,mean=1");
        std::fs::write(&longer, "").unwrap();
        assert_eq!(args("@y,mean=1").file, longer);
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
