//! Which columns of a Parquet or Arrow file hold encoded images, by their types and by what `datasets` says of them.

use crate::error::Error;
use arrow_schema::{DataType, Schema};
use serde_json::Value;
use std::io::{BufReader, Read};
use std::path::Path;

/// The longest JSON file beside a set.
const LONGEST: u64 = 16 << 20;

/// What a file says of its columns: the features of `datasets`.
#[derive(Clone, Default)]
pub(super) struct Features(Option<Value>);

impl Features {
    /// From the entry `huggingface` of a file's metadata, or the `dataset_info.json` beside it.
    pub(super) fn new(entry: Option<&str>, path: &Path) -> Self {
        let inner = entry.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let inner = inner.and_then(|value| value.pointer("/info/features").cloned());
        let beside = || {
            json(&path.with_file_name("dataset_info.json"))?
                .get("features")
                .cloned()
        };
        Features(inner.or_else(beside))
    }

    /// What a column is: Image, ClassLabel, Value, ...
    pub(super) fn kind(&self, column: &str) -> Option<&str> {
        self.0.as_ref()?.get(column)?.get("_type")?.as_str()
    }

    /// The names of a column of classes.
    pub(super) fn names(&self, column: &str) -> Option<Vec<String>> {
        let names = self.0.as_ref()?.get(column)?.get("names")?.as_array()?;
        names
            .iter()
            .map(|name| name.as_str().map(String::from))
            .collect()
    }
}

/// A small JSON file, if it is there and is one.
fn json(path: &Path) -> Option<Value> {
    let file = std::fs::File::open(path).ok()?.take(LONGEST);
    serde_json::from_reader(BufReader::new(file)).ok()
}

/// Whether the type is that of an image: bytes, and the path that they were read from.
pub(super) fn is_struct(kind: &DataType) -> bool {
    let DataType::Struct(fields) = kind else {
        return false;
    };
    let bytes = |kind: &DataType| is_binary(kind) || *kind == DataType::Null;
    fields.len() <= 2
        && fields
            .iter()
            .any(|field| field.name() == "bytes" && bytes(field.data_type()))
        && fields
            .iter()
            .all(|field| matches!(field.name().as_str(), "bytes" | "path"))
}

pub(super) fn is_binary(kind: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary};
    matches!(kind, Binary | LargeBinary | BinaryView)
}

pub(super) fn is_text(kind: &DataType) -> bool {
    use DataType::{LargeUtf8, Utf8, Utf8View};
    matches!(kind, Utf8 | LargeUtf8 | Utf8View)
}

/// Whether a column holds images: bytes with the path that they were read from, or what `datasets` calls an image.
pub(super) fn is_image(name: &str, kind: &DataType, features: &Features) -> bool {
    match features.kind(name) {
        Some(said) => said == "Image" && (is_struct(kind) || is_binary(kind) || is_text(kind)),
        None => is_struct(kind),
    }
}

/// An error about the columns of a file, with what a user may have meant whose file holds images.
pub(super) fn hinted(error: Error, schema: &Schema, features: &Features) -> Error {
    let fields = schema.fields().iter();
    let mut images = fields.filter(|field| is_image(field.name(), field.data_type(), features));
    let image = images.next().map(|field| field.name());
    match (error, image) {
        (
            Error::Input {
                input,
                place,
                what,
                advice,
            },
            Some(image),
        ) => {
            let images = format!(
                "the column {image} holds encoded images, which `hullscope compare` and `paper` take as they are"
            );
            Error::input(
                input,
                place,
                what,
                format!("{images}; for other columns {advice}"),
            )
        }
        (error, _) => error,
    }
}
