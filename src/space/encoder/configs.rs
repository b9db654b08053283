//! Files beside a network that say how images are prepared for it, as the libraries keep them that train networks.
//!
//! ```text
//! processor_config.json       transformers, from version 5 on (its part "image_processor")
//! preprocessor_config.json    transformers
//! config.json                 timm (its part "pretrained_cfg"; before version 0.8, the whole file)
//! ```
//!
//! The first of them that says it counts, in this order, as in transformers; in the network's folder, or in the one above
//! if that is called `onnx`, as on the Hugging Face hub.

use super::config_faults::refused;
use super::recipe::{Recipe, Size};
use super::{processor, timm};
use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// What a longest config may have: they hold a few lines.
const LONGEST: u64 = 1 << 20;

/// Whose config it is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ConfigKind {
    /// The part of this name.
    Part(&'static str),
    Whole,
    Timm,
}

/// All names, the first before the others.
const KNOWN: [(&str, ConfigKind); 3] = [
    ("processor_config.json", ConfigKind::Part("image_processor")),
    ("preprocessor_config.json", ConfigKind::Whole),
    ("config.json", ConfigKind::Timm),
];

/// A config that was found, or what is wrong with it.
struct FoundConfig {
    path: PathBuf,
    kind: ConfigKind,
    values: Result<Map<String, Value>>,
}

/// The config that belongs to a network, if there is one.
pub fn config_of(network: &Path) -> Option<PathBuf> {
    find(network).map(|found| found.path)
}

/// What the config beside a network says; `fixed` is the size of the network's images, if it fixes one.
///
/// Errors: a config that cannot be read, or that asks for what is not done here.
pub fn beside(network: &Path, fixed: Option<Size>) -> Result<Option<Recipe>> {
    let Some(FoundConfig { path, kind, values }) = find(network) else {
        return Ok(None);
    };
    let (name, values) = (path.display().to_string(), values?);
    match kind {
        ConfigKind::Timm => timm::recipe(&name, &values, fixed),
        ConfigKind::Part(_) | ConfigKind::Whole => processor::recipe(&name, &values),
    }
    .map(Some)
}

fn find(network: &Path) -> Option<FoundConfig> {
    let folder = network.is_file().then(|| network.parent())??;
    let above = match folder.file_name() {
        Some(name) if name == "onnx" => folder.parent(),
        _ => None,
    };
    let places = [Some(folder), above].into_iter().flatten();
    let files = places.flat_map(|folder| KNOWN.map(|(name, kind)| (folder.join(name), kind)));
    let mut found = files.filter(|(path, _)| path.is_file()).filter_map(look);
    found.next()
}

/// What a file says of images. Nothing if it is about something else, as any `config.json` may be.
fn look((path, kind): (PathBuf, ConfigKind)) -> Option<FoundConfig> {
    let read = read(&path);
    let values = match (kind, read) {
        (ConfigKind::Whole, read) => read,
        (ConfigKind::Part(part), Ok(mut values)) => match values.remove(part)? {
            Value::Object(part) => Ok(part),
            other => Err(refused(
                &path.display().to_string(),
                &format!("{part} is {other}, not an object"),
            )),
        },
        (ConfigKind::Part(_), Err(error)) => Err(error),
        (ConfigKind::Timm, read) => Ok(timm::part(read.ok()?)?),
    };
    Some(FoundConfig { path, kind, values })
}

/// The object in a file.
fn read(path: &Path) -> Result<Map<String, Value>> {
    let failed = |error| Error::io("read", path, error);
    let size = path.metadata().map_err(failed)?.len();
    let refuse = |what: String| refused(&path.display().to_string(), &what);
    if size > LONGEST {
        return Err(refuse(format!("it has {size} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(values)) => Ok(values),
        Ok(_) => Err(refuse("it is not an object".into())),
        Err(error) => Err(refuse(error.to_string())),
    }
}
