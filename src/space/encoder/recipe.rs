//! How families of networks want images: presets with a name, and the `preprocessor_config.json` that Hugging Face
//! keeps beside a network.
//!
//! Presets: `imagenet` is that of torchvision's first weights of ResNet (shorter side 256, centre 224, bilinear), `clip`
//! that of OpenAI's CLIP (shorter side and centre of the network's size, bicubic), `siglip` that of SigLIP (squashed to
//! the network's size, bicubic).

use super::super::spec::{Filter, Preset, Resize};
use crate::error::{Error, Place, Result};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The file that Hugging Face keeps beside a network.
const CONFIG: &str = "preprocessor_config.json";

/// What a longest config may have: they hold a few lines.
const LONGEST_CONFIG: u64 = 1 << 20;

/// The side of images where a network leaves it open.
const SIDE: Size = (224, 224);

/// A width and a height.
type Size = (usize, usize);

/// How images are prepared, as far as somebody else than the user says.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    pub resize: Option<Resize>,
    pub crop: Option<Size>,
    pub filter: Filter,
    pub antialias: bool,
    pub mean: Vec<f64>,
    pub std: Vec<f64>,
    /// What a pixel of 255 becomes before mean and std.
    pub white: f64,
    /// Who says so, for messages.
    pub by: String,
}

impl Recipe {
    /// A preset for a network whose images have the size `fixed`, if it fixes one.
    pub fn preset(preset: Preset, fixed: Option<Size>) -> Option<Recipe> {
        let side = fixed.unwrap_or(SIDE);
        let recipe = |name: &str, resize, crop, filter, mean: [f64; 3], std: [f64; 3]| Recipe {
            resize: Some(resize),
            crop,
            filter,
            antialias: true,
            mean: mean.to_vec(),
            std: std.to_vec(),
            white: 1.0,
            by: format!("preset={name}"),
        };
        Some(match preset {
            Preset::Plain => return None,
            Preset::ImageNet => recipe(
                "imagenet",
                Resize::Shorter(256),
                Some(SIDE),
                Filter::Bilinear,
                [0.485, 0.456, 0.406],
                [0.229, 0.224, 0.225],
            ),
            Preset::Clip => recipe(
                "clip",
                Resize::Shorter(side.0.max(side.1)),
                Some(side),
                Filter::Bicubic,
                [0.48145466, 0.4578275, 0.40821073],
                [0.26862954, 0.26130258, 0.27577711],
            ),
            Preset::Siglip => recipe(
                "siglip",
                Resize::Exact(side.0, side.1),
                None,
                Filter::Bicubic,
                [0.5; 3],
                [0.5; 3],
            ),
        })
    }

    /// What the config beside a network says: in its folder, or in the one above if that is called `onnx`, as on the
    /// Hugging Face hub.
    ///
    /// Errors: a config that cannot be read, or that asks for what is not done here.
    pub fn beside(network: &Path) -> Result<Option<Recipe>> {
        let Some(path) = config_of(network) else {
            return Ok(None);
        };
        let failed = |error| Error::io("read", &path, error);
        let size = path.metadata().map_err(failed)?.len();
        let name = path.display().to_string();
        let refuse = |what: String| Config::error(&name, &what);
        if size > LONGEST_CONFIG {
            return Err(refuse(format!("it has {size} bytes")));
        }
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        let values: Value =
            serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        let Value::Object(values) = values else {
            return Err(refuse("it is not an object".into()));
        };
        Config { name, values }.recipe().map(Some)
    }
}

/// The config that belongs to a network, if there is one.
pub fn config_of(network: &Path) -> Option<PathBuf> {
    let folder = network.is_file().then(|| network.parent())??;
    let above = match folder.file_name() {
        Some(name) if name == "onnx" => folder.parent(),
        _ => None,
    };
    let places = [Some(folder), above].into_iter().flatten();
    places
        .map(|folder| folder.join(CONFIG))
        .find(|path| path.is_file())
}

/// A config that is being read.
struct Config {
    name: String,
    values: Map<String, Value>,
}

/// Steps that are done here, or that change no pixel.
const DONE: [&str; 6] = [
    "do_resize",
    "do_center_crop",
    "do_rescale",
    "do_normalize",
    "do_convert_rgb",
    "do_reduce_labels",
];

/// Other settings that change pixels, unless they are off.
const OTHERS: [&str; 4] = ["rescale_offset", "offset", "include_top", "size_divisor"];

/// Processors whose `size`, where it is a single number, is both sides; for the others named here it is the shorter
/// one.
const SQUARE: [&str; 4] = ["ViT", "DeiT", "Beit", "Siglip"];
const SHORTER: [&str; 4] = ["CLIP", "ConvNext", "MobileNet", "LeViT"];

impl Config {
    fn error(name: &str, what: &str) -> Error {
        Error::input(
            name,
            Place::Whole,
            format!("how images are prepared cannot be taken from it: {what}"),
            "say it yourself: preset=none with resize=, crop=, filter=, mean= and std=",
        )
    }

    fn refuse(&self, what: impl AsRef<str>) -> Error {
        Config::error(&self.name, what.as_ref())
    }

    /// A setting that is there and not null.
    fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Whether a step is done.
    fn does(&self, key: &str, otherwise: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(otherwise),
            Some(Value::Bool(does)) => Ok(*does),
            Some(other) => Err(self.refuse(format!("{key} is {other}, not true or false"))),
        }
    }

    fn recipe(&self) -> Result<Recipe> {
        self.only_known_steps()?;
        let (resize, crop) = self.geometry()?;
        let scale = match (self.does("do_rescale", true)?, self.get("rescale_factor")) {
            (false, _) => 1.0,
            (true, None) => 1.0 / 255.0,
            (true, Some(factor)) => {
                let factor = factor
                    .as_f64()
                    .filter(|factor| factor.is_normal() && *factor > 0.0);
                factor.ok_or_else(|| self.refuse("rescale_factor is not a positive number"))?
            }
        };
        let normal = self.does("do_normalize", true)?;
        let each = |key: &str, otherwise: f64| match normal {
            true => self.numbers(key),
            false => Ok(vec![otherwise]),
        };
        let std = each("image_std", 1.0)?;
        if std.contains(&0.0) {
            return Err(self.refuse("image_std divides, and is 0"));
        }
        Ok(Recipe {
            filter: match resize {
                Some(_) => self.filter()?,
                None => Filter::Bilinear,
            },
            resize,
            crop,
            antialias: true,
            mean: each("image_mean", 0.0)?,
            std,
            white: 255.0 * scale,
            by: self.name.clone(),
        })
    }

    /// Nothing may be asked for that is not done here.
    fn only_known_steps(&self) -> Result<()> {
        let off = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            other => other.as_f64() == Some(0.0),
        };
        let unknown =
            |key: &str| (key.starts_with("do_") && !DONE.contains(&key)) || OTHERS.contains(&key);
        let mut values = self.values.iter();
        match values.find(|(key, value)| unknown(key) && !off(value)) {
            Some((key, value)) => Err(self.refuse(format!(
                "it asks for {key} = {value}, which is not done here"
            ))),
            None => Ok(()),
        }
    }

    /// What images are resampled to, and the centre that is kept.
    fn geometry(&self) -> Result<(Option<Resize>, Option<Size>)> {
        let resize = match (self.does("do_resize", true)?, self.get("size")) {
            (false, _) => None,
            (true, Some(size)) => Some(self.resize(size)?),
            (true, None) => return Err(self.refuse("it resizes, and has no size")),
        };
        // ConvNeXt: the size is that after the crop, up to 384 pixels, and a square above.
        if let (Some(share), Some(Resize::Shorter(side))) = (self.get("crop_pct"), resize) {
            let share = share
                .as_f64()
                .filter(|share| *share > 0.0 && *share <= 1.0)
                .ok_or_else(|| self.refuse("crop_pct is not a number above 0 and up to 1"))?;
            return Ok(match side < 384 {
                true => {
                    let shorter = self.side((side as f64 / share) as u64)?;
                    (Some(Resize::Shorter(shorter)), Some((side, side)))
                }
                false => (Some(Resize::Exact(side, side)), None),
            });
        }
        let crop = self.get("crop_size");
        let does_crop = match (self.get("do_center_crop"), crop) {
            (None, Some(_)) => {
                return Err(self.refuse("it has a crop_size, and does not say do_center_crop"));
            }
            _ => self.does("do_center_crop", false)?,
        };
        let crop = match (does_crop, crop) {
            (false, _) => None,
            (true, None) => return Err(self.refuse("it crops, and has no crop_size")),
            (true, Some(Value::Number(side))) => {
                let side = self.side(side.as_u64().unwrap_or(0))?;
                Some((side, side))
            }
            (true, Some(sides)) => Some(self.both(sides).ok_or_else(|| {
                self.refuse(format!("crop_size = {sides} is not a height and a width"))
            })??),
        };
        Ok((resize, crop))
    }

    fn resize(&self, size: &Value) -> Result<Resize> {
        if let Some(both) = self.both(size) {
            return both.map(|(width, height)| Resize::Exact(width, height));
        }
        match size {
            Value::Object(sides) if sides.len() == 1 => {
                if let Some(shortest) = sides.get("shortest_edge").and_then(Value::as_u64) {
                    return Ok(Resize::Shorter(self.side(shortest)?));
                }
            }
            // Older versions wrote a number, and each processor knew which side it meant.
            Value::Number(side) => {
                let side = self.side(side.as_u64().unwrap_or(0))?;
                let keys = ["image_processor_type", "feature_extractor_type"];
                let kind = keys.iter().find_map(|key| self.get(key)?.as_str());
                let is = |known: &[&str]| {
                    kind.is_some_and(|kind| known.iter().any(|known| kind.starts_with(known)))
                };
                if is(&SQUARE) {
                    return Ok(Resize::Exact(side, side));
                } else if is(&SHORTER) {
                    return Ok(Resize::Shorter(side));
                }
            }
            _ => {}
        }
        Err(self.refuse(format!(
            "size = {size} is neither a height and a width nor a shortest_edge"
        )))
    }

    /// `{"height": h, "width": w}`, as (w, h).
    fn both(&self, value: &Value) -> Option<Result<Size>> {
        let sides = value.as_object().filter(|sides| sides.len() == 2)?;
        let side = |key: &str| sides.get(key)?.as_u64();
        let (width, height) = (side("width")?, side("height")?);
        let both = self
            .side(width)
            .and_then(|width| Ok((width, self.side(height)?)));
        Some(both)
    }

    fn side(&self, side: u64) -> Result<usize> {
        let longest = crate::rows::images::LONGEST;
        match usize::try_from(side) {
            Ok(side) if (1..=longest).contains(&side) => Ok(side),
            _ => Err(self.refuse(format!("a side is not of 1 to {longest} pixels"))),
        }
    }

    fn filter(&self) -> Result<Filter> {
        match self.get("resample").and_then(Value::as_u64) {
            Some(2) => Ok(Filter::Bilinear),
            Some(3) => Ok(Filter::Bicubic),
            _ => Err(self.refuse(
                "it resizes with another filter than resample = 2 (bilinear) or 3 (bicubic)",
            )),
        }
    }

    /// A number for each channel.
    fn numbers(&self, key: &str) -> Result<Vec<f64>> {
        let numbers = match self.get(key) {
            Some(Value::Array(values)) => values.iter().map(Value::as_f64).collect(),
            Some(value) => value.as_f64().map(|value| vec![value]),
            None => None,
        };
        numbers
            .filter(|numbers: &Vec<f64>| !numbers.is_empty())
            .ok_or_else(|| self.refuse(format!("it normalises, and {key} is not numbers")))
    }
}
