//! Parses the part after `onnx:`: a network's file, the tensor, how images are prepared, and how tensors are pooled.
//!
//! ```text
//! onnx:FILE[@TENSOR][,key=value]...       a value may be a list: mean=0.5,0.4,0.3
//! ```
//!
//! The parser checks which files exist, because a network's file name may contain `@` or commas.

use super::{extent, in_reach, side, twice};
use crate::error::unknown;
use std::path::{Path, PathBuf};

/// A network, a tensor of it, and how images are prepared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OnnxArgs {
    pub file: PathBuf,
    /// The tensor that the user names; None for the model's first output.
    pub output: Option<String>,
    /// How a tensor with several positions per image is pooled.
    pub pool: Option<Pool>,
    /// Subtracted from pixels (scaled to 0 to 1): one number per channel, or one for all.
    pub mean: Option<Vec<f64>>,
    /// Divides pixels after the subtraction.
    pub std: Option<Vec<f64>>,
    /// The width and height to which images are resized without keeping their aspect ratio.
    pub size: Option<(usize, usize)>,
    /// How images are resampled before they are cropped.
    pub resize: Option<Resize>,
    /// The width and height of the centre that is cropped after resampling.
    pub crop: Option<(usize, usize)>,
    pub filter: Option<Filter>,
    /// Whether `filter` is widened where images are reduced; the default is true.
    pub antialias: Option<bool>,
    /// A named group of settings; settings that the user types take precedence.
    pub preset: Option<Preset>,
    pub layout: Option<AxisOrder>,
}

/// The order of a network's input axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisOrder {
    /// Batch, channels, height, width.
    Nchw,
    /// Batch, height, width, channels.
    Nhwc,
}

/// The size to which images are resampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// The shorter side has this many pixels, and the longer one is in proportion, rounded down.
    Shorter(usize),
    /// This width and height.
    Exact(usize, usize),
}

/// The resampling kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// A triangle over two pixels.
    Bilinear,
    /// Keys' cubic over four pixels.
    Bicubic,
}

/// How images are prepared for a family of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Nothing but what the user types and what the network itself states.
    Plain,
    /// Classifiers of torchvision.
    ImageNet,
    /// CLIP.
    Clip,
    /// SigLIP.
    Siglip,
}

/// How a tensor with several positions per image (tokens, or cells of a feature map) becomes one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pool {
    /// All numbers in one row.
    Flat,
    /// The first token.
    Cls,
    /// The mean over the positions.
    Mean,
    /// The maximum over the positions.
    Max,
}

impl Pool {
    /// The value of `pool=` that stands for it.
    pub fn name(self) -> &'static str {
        POOLS[self as usize].0
    }
}

impl Filter {
    /// The value of `filter=` that stands for it.
    pub fn name(self) -> &'static str {
        FILTERS[self as usize].0
    }
}

const POOLS: [(&str, Pool); 4] = [
    ("none", Pool::Flat),
    ("cls", Pool::Cls),
    ("mean", Pool::Mean),
    ("max", Pool::Max),
];

const FILTERS: [(&str, Filter); 2] = [("bilinear", Filter::Bilinear), ("bicubic", Filter::Bicubic)];

const PRESETS: [(&str, Preset); 4] = [
    ("none", Preset::Plain),
    ("imagenet", Preset::ImageNet),
    ("clip", Preset::Clip),
    ("siglip", Preset::Siglip),
];

const ANTIALIAS: [(&str, bool); 2] = [("no", false), ("yes", true)];

/// The names of all settings.
const SETTINGS: [&str; 10] = [
    "mean",
    "std",
    "size",
    "resize",
    "crop",
    "filter",
    "antialias",
    "preset",
    "pool",
    "layout",
];

/// The longest prefix of a text that names a file and is followed by `@`, a comma or the end, and the rest of the text.
fn present(text: &str) -> Option<(&str, &str)> {
    let ends = text.match_indices(['@', ',']).map(|(place, _)| place);
    let mut ends: Vec<usize> = ends.chain([text.len()]).collect();
    ends.reverse();
    let mut parts = ends.into_iter().map(|end| text.split_at(end));
    parts.find(|(file, _)| Path::new(file).is_file())
}

/// Parses `FILE[@TENSOR][,key=value]...`.
pub(super) fn parse(rest: Option<&str>) -> Result<OnnxArgs, String> {
    let rest = rest.unwrap_or_default();
    let (file, output, settings) = match present(rest) {
        Some((file, after)) => {
            let (output, settings) = after.split_once(',').map_or((after, None), optional);
            (file, output.strip_prefix('@'), settings)
        }
        // A built-in network, or a file that does not exist.
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
    agree(&args)?;
    Ok(args)
}

fn optional<'t>((first, second): (&'t str, &'t str)) -> (&'t str, Option<&'t str>) {
    (first, Some(second))
}

/// Parses `key=value[,value]...[,key=value...]...`.
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
    let one = || single(key, values);
    match key {
        "mean" => args.mean = Some(reals(key, values)?),
        "std" => args.std = Some(divisors(values)?),
        "size" => {
            let what = "a width and a height, as in size=224x224";
            args.size = Some(pixels(key, what, size(one()?))?);
        }
        "resize" => {
            let what = "the shorter side, as in resize=256, or resize=WxH";
            args.resize = Some(pixels(key, what, resized(one()?))?);
        }
        "crop" => {
            let what = "the sides of the centre, as in crop=224 or crop=WxH";
            args.crop = Some(pixels(key, what, size(one()?))?);
        }
        "filter" => args.filter = Some(named(key, one()?, &FILTERS)?),
        "antialias" => args.antialias = Some(named(key, one()?, &ANTIALIAS)?),
        "preset" => args.preset = Some(named(key, one()?, &PRESETS)?),
        "pool" => args.pool = Some(named(key, one()?, &POOLS)?),
        "layout" => args.layout = Some(layout(one()?)?),
        other => return Err(unknown("setting of `onnx`", other, &SETTINGS)),
    }
    Ok(())
}

fn pixels<T>(key: &str, what: &str, found: Option<T>) -> Result<T, String> {
    found.ok_or_else(|| format!("`{key}` is {what}, of 1 to 4096 pixels"))
}

/// Refuses settings that contradict one another.
fn agree(args: &OnnxArgs) -> Result<(), String> {
    if args.size.is_some() && (args.resize.is_some() || args.crop.is_some()) {
        return Err(
            "size= squashes images to a width and a height; give it or resize= and crop=, not both"
                .into(),
        );
    }
    Ok(())
}

/// The value of a setting that takes a single one.
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

/// Parses the name of a choice.
fn named<T: Copy>(key: &str, text: &str, known: &[(&str, T)]) -> Result<T, String> {
    let name = text.trim().to_lowercase();
    let found = known.iter().find(|(known, _)| *known == name);
    let names: Vec<&str> = known.iter().map(|(known, _)| *known).collect();
    found
        .map(|(_, value)| *value)
        .ok_or_else(|| unknown(key, &name, &names))
}

/// Parses the size of a network's images: `WxH`, or one number for both.
pub(in crate::space) fn size(text: &str) -> Option<(usize, usize)> {
    let square = || side(text).map(|side| (side, side));
    extent(text).or_else(square).filter(in_reach)
}

/// Parses `S` or `WxH`.
fn resized(text: &str) -> Option<Resize> {
    let exact = extent(text).map(|(width, height)| Resize::Exact(width, height));
    let (width, height) = size(text)?;
    Some(exact.unwrap_or(Resize::Shorter(width.min(height))))
}

/// Parses the order of a network's axes.
pub(in crate::space) fn layout(text: &str) -> Result<AxisOrder, String> {
    let layouts = [("nchw", AxisOrder::Nchw), ("nhwc", AxisOrder::Nhwc)];
    named("layout", text, &layouts)
}

/// Parses finite, nonzero numbers.
pub(in crate::space) fn divisors(values: &[&str]) -> Result<Vec<f64>, String> {
    let std = reals("std", values)?;
    match std.contains(&0.0) {
        true => Err("`std` divides, so it must not be 0".into()),
        false => Ok(std),
    }
}

/// Parses finite numbers, one per channel.
pub(in crate::space) fn reals(key: &str, values: &[&str]) -> Result<Vec<f64>, String> {
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
    use crate::space::spec::{SpaceStage, Spec};

    fn error(text: &str) -> String {
        Spec::parse(text).unwrap_err().to_string()
    }

    fn args(rest: &str) -> OnnxArgs {
        match &Spec::parse(&format!("onnx:{rest}")).unwrap()[0].stages[0] {
            SpaceStage::Onnx(args) => args.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn preparation_and_pooling() {
        let found = args(
            "a.onnx@x,resize=256,crop=224x192,filter=bicubic,antialias=no,pool=mean,preset=clip",
        );
        assert_eq!(found.resize, Some(Resize::Shorter(256)));
        assert_eq!(found.crop, Some((224, 192)));
        assert_eq!(found.filter, Some(Filter::Bicubic));
        assert_eq!(found.antialias, Some(false));
        assert_eq!(found.pool, Some(Pool::Mean));
        assert_eq!(found.preset, Some(Preset::Clip));
        let exact = args("a.onnx,resize=64x48");
        assert_eq!(exact.resize, Some(Resize::Exact(64, 48)));
        for (name, pool) in POOLS {
            assert_eq!(args(&format!("a.onnx,pool={name}")).pool, Some(pool));
            assert_eq!(pool.name(), name);
        }
        for (name, filter) in FILTERS {
            assert_eq!(filter.name(), name);
        }
        for (text, said) in [
            ("resize=0", "resize=256"),
            ("resize=5000", "1 to 4096"),
            ("crop=", "crop=224"),
            ("filter=lanczos", "bilinear, bicubic"),
            ("antialias=maybe", "no, yes"),
            ("preset=clp", "did you mean clip?"),
            ("pool=avg", "none, cls, mean, max"),
            ("size=8,resize=8", "not both"),
            ("size=8,crop=8", "not both"),
        ] {
            let message = error(&format!("onnx:a.onnx,{text}"));
            assert!(message.contains(said), "{text}: {message}");
        }
    }

    #[test]
    fn a_network_with_its_settings() {
        let text = "onnx:a/b.onnx@features,mean=0.1,0.2,0.3,std=0.5,size=224x112,layout=nhwc";
        let specs = Spec::parse(text).unwrap();
        let SpaceStage::Onnx(args) = &specs[0].stages[0] else {
            panic!("{specs:?}")
        };
        assert_eq!(args.file, PathBuf::from("a/b.onnx"));
        assert_eq!(args.output.as_deref(), Some("features"));
        assert_eq!(args.mean.as_deref(), Some(&[0.1, 0.2, 0.3][..]));
        assert_eq!(
            (args.size, args.layout),
            (Some((224, 112)), Some(AxisOrder::Nhwc))
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
        let args = |rest: &str| args(&format!("{}{rest}", file.display()));
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
        // The longest file name is taken.
        let longer = folder.join("net.onnx@y,mean=1");
        std::fs::write(&longer, "").unwrap();
        assert_eq!(args("@y,mean=1").file, longer);
    }
}
