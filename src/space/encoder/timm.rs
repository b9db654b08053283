//! timm's `config.json`: its part `pretrained_cfg`, interpreted as `timm.data.create_transform` does.
//!
//! ```text
//! crop_mode center    the shorter side to floor(side / crop_pct), then the centre      (square networks)
//!           squash    width and height to floor(. / crop_pct), then the centre
//! ```

use super::super::spec::{Filter, Resize};
use super::config_faults::{pixels, refused};
use super::recipe::{Recipe, Size};
use crate::error::{Error, Result};
use serde_json::{Map, Value};

/// timm's defaults: ImageNet's mean and standard deviation, and the fraction of the side that is kept.
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const STD: [f64; 3] = [0.229, 0.224, 0.225];
const CROP_PCT: f64 = 0.875;

/// The part of a `config.json` that says how images are prepared; None if the file is not timm's.
pub fn part(mut file: Map<String, Value>) -> Option<Map<String, Value>> {
    match file.remove("pretrained_cfg") {
        Some(Value::Object(part)) => Some(part),
        Some(_) => None,
        None => {
            (file.contains_key("architecture") && file.contains_key("input_size")).then_some(file)
        }
    }
}

/// The recipe in `values` from the file `name`, for a network of images of size `fixed`, if it fixes one. If that is
/// the size for tests, the config's test settings apply.
///
/// Errors: an unsupported setting.
pub fn recipe(name: &str, values: &Map<String, Value>, fixed: Option<Size>) -> Result<Recipe> {
    let config = Config { name, values };
    let size = config.size("input_size")?;
    let tested = config.size("test_input_size")?;
    let for_tests = tested.is_some() && tested == fixed && size != fixed;
    let (size, share) = match for_tests {
        true => (tested, config.share("test_crop_pct")?),
        false => (size, None),
    };
    let size = size.or(fixed).unwrap_or((224, 224));
    let share = share.or(config.share("crop_pct")?).unwrap_or(CROP_PCT);
    let larger = |side: usize| pixels(name, (side as f64 / share) as u64);
    let (width, height) = (larger(size.0)?, larger(size.1)?);
    let resize = match config.text("crop_mode").unwrap_or("center") {
        "squash" => Resize::Exact(width, height),
        "center" if width == height => Resize::Shorter(width),
        "center" => return Err(config.refuse("crop_mode = center for images that are not square")),
        other => return Err(config.refuse(&format!("crop_mode = {other}"))),
    };
    let filter = match config.text("interpolation").unwrap_or("bicubic") {
        "bilinear" => Filter::Bilinear,
        "bicubic" => Filter::Bicubic,
        other => return Err(config.refuse(&format!("interpolation = {other}"))),
    };
    let std = config.numbers("std", STD)?;
    if std.contains(&0.0) {
        return Err(refused(name, "std divides, and is 0"));
    }
    Ok(Recipe {
        resize: Some(resize),
        crop: Some(size),
        filter,
        antialias: true,
        mean: config.numbers("mean", MEAN)?,
        std,
        white: 1.0,
        by: name.into(),
    })
}

struct Config<'c> {
    name: &'c str,
    values: &'c Map<String, Value>,
}

impl Config<'_> {
    fn refuse(&self, what: &str) -> Error {
        refused(
            self.name,
            &format!("it asks for {what}, which is not done here"),
        )
    }

    /// A setting that exists and is not null.
    fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// Width and height of `[channels, height, width]`.
    fn size(&self, key: &str) -> Result<Option<Size>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let sides: Option<Vec<u64>> = value
            .as_array()
            .map(|sides| sides.iter().filter_map(Value::as_u64).collect());
        match sides.as_deref() {
            Some(&[_, height, width]) => Ok(Some((
                pixels(self.name, width)?,
                pixels(self.name, height)?,
            ))),
            _ => Err(refused(
                self.name,
                &format!("{key} = {value} is not channels, height and width"),
            )),
        }
    }

    /// A fraction of the image's side, as crops are given.
    fn share(&self, key: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value.as_f64() {
            Some(share) if share > 0.0 && share <= 1.0 => Ok(Some(share)),
            _ => Err(refused(
                self.name,
                &format!("{key} = {value} is not a number above 0 and up to 1"),
            )),
        }
    }

    /// A number for each channel.
    fn numbers(&self, key: &str, otherwise: [f64; 3]) -> Result<Vec<f64>> {
        let Some(value) = self.get(key) else {
            return Ok(otherwise.to_vec());
        };
        let numbers: Option<Vec<f64>> = value
            .as_array()
            .and_then(|values| values.iter().map(Value::as_f64).collect());
        numbers
            .filter(|numbers| !numbers.is_empty())
            .ok_or_else(|| refused(self.name, &format!("{key} = {value} is not numbers")))
    }
}
