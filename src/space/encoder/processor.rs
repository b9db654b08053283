//! The configs of transformers' image processors: `preprocessor_config.json`, and the part `image_processor` of
//! `processor_config.json`.

use super::super::spec::{Filter, Resize};
use super::config_faults::{pixels, refused};
use super::recipe::{Recipe, Size};
use crate::error::{Error, Result};
use serde_json::{Map, Value};

/// A parser of the config of an image processor.
struct Processor<'c> {
    name: &'c str,
    values: &'c Map<String, Value>,
}

/// The recipe that the config of an image processor, in the file `name`, describes.
///
/// Errors: an unsupported setting.
pub fn recipe(name: &str, values: &Map<String, Value>) -> Result<Recipe> {
    Processor { name, values }.recipe()
}

/// Steps that are supported, or that change no pixel.
const DONE: [&str; 6] = [
    "do_resize",
    "do_center_crop",
    "do_rescale",
    "do_normalize",
    "do_convert_rgb",
    "do_reduce_labels",
];

/// Other settings, which change pixels unless they are off; they are not supported.
const OTHERS: [&str; 4] = ["rescale_offset", "offset", "include_top", "size_divisor"];

/// Processors for which a `size` that is a single number means both sides; for the other known ones it means the
/// shorter side.
const SQUARE: [&str; 4] = ["ViT", "DeiT", "Beit", "Siglip"];
const SHORTER: [&str; 4] = ["CLIP", "ConvNext", "MobileNet", "LeViT"];

impl Processor<'_> {
    fn refuse(&self, what: impl AsRef<str>) -> Error {
        refused(self.name, what.as_ref())
    }

    /// A setting that exists and is not null.
    fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Whether a step is done; `otherwise` if the config does not say.
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
            by: self.name.into(),
        })
    }

    /// Refuses settings that are not supported.
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

    /// The size to which images are resampled, and the size of the centre that is then cropped.
    fn geometry(&self) -> Result<(Option<Resize>, Option<Size>)> {
        let resize = match (self.does("do_resize", true)?, self.get("size")) {
            (false, _) => None,
            (true, Some(size)) => Some(self.resize(size)?),
            (true, None) => return Err(self.refuse("it resizes, and has no size")),
        };
        // ConvNeXt: the size is that after the crop up to 384 pixels, and without a crop above.
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
            // Older versions wrote a single number, whose meaning depends on the processor.
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
        pixels(self.name, side)
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
