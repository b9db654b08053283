//! Finds the columns of a Parquet or Arrow file that hold encoded images, by their types and by the features of
//! `datasets`.

use crate::error::Error;
use arrow_schema::{DataType, Schema};
use serde_json::Value;
use std::io::{BufReader, Read};
use std::path::Path;

/// The longest JSON file that is read from beside a set.
const LONGEST: u64 = 16 << 20;

/// The features that `datasets` writes about a file's columns.
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

    /// The type of a column's feature: Image, ClassLabel, Value, ...
    pub(super) fn kind(&self, column: &str) -> Option<&str> {
        self.0.as_ref()?.get(column)?.get("_type")?.as_str()
    }

    /// The class names of a column of classes.
    pub(super) fn names(&self, column: &str) -> Option<Vec<String>> {
        let names = self.0.as_ref()?.get(column)?.get("names")?.as_array()?;
        names
            .iter()
            .map(|name| name.as_str().map(String::from))
            .collect()
    }
}

/// The content of a small JSON file; None if it does not exist or is not JSON.
fn json(path: &Path) -> Option<Value> {
    let file = std::fs::File::open(path).ok()?.take(LONGEST);
    serde_json::from_reader(BufReader::new(file)).ok()
}

/// Whether the type is that of an image: a struct of bytes and the path from which they were read.
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

/// Whether a column holds images: a struct of bytes and path, or what `datasets` calls an image.
pub(super) fn is_image(name: &str, kind: &DataType, features: &Features) -> bool {
    match features.kind(name) {
        Some(said) => said == "Image" && (is_struct(kind) || is_binary(kind) || is_text(kind)),
        None => is_struct(kind),
    }
}

/// Extends an error about the columns of a file: if a column holds images, the advice says how to use them.
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
