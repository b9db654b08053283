//! The options under which rows were read, as files keep them.

use super::{Choice, Element, OpenOptions, Order, RowList};
use serde::{Deserialize, Deserializer, Serialize};

/// The options under which rows are read, as they are typed and as files keep them. When they are read back from a file, no
/// field may be absent or unknown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct RowSettings {
    /// Use only the first N rows of the reference
    #[arg(long, value_name = "N", value_parser = count)]
    #[serde(deserialize_with = "present")]
    pub limit_reference: Option<usize>,
    /// Use only the first N queries
    #[arg(long, value_name = "N", value_parser = count)]
    #[serde(deserialize_with = "present")]
    pub limit_queries: Option<usize>,
    /// Leave out these reference rows, by number or range, as in 7,12-19
    #[arg(long, value_name = "LIST")]
    #[serde(deserialize_with = "present")]
    pub exclude_rows: Option<RowList>,
    /// Multiply every value by S (bytes are not rescaled unless asked)
    #[arg(long, value_name = "S", allow_negative_numbers = true, value_parser = factor)]
    #[serde(deserialize_with = "present")]
    pub scale: Option<f64>,
    /// Scale every row to unit length
    #[arg(long)]
    pub normalize: bool,
    /// Drop rows with NaN or infinity instead of refusing them; row numbers stay those of the file
    #[arg(long)]
    pub skip_nonfinite: bool,
    #[command(flatten)]
    pub choice: Choice,
    /// In which order the files of a folder or pattern are read: natural (part-2 before part-10) or text, as pyarrow,
    /// pandas, polars and DuckDB read them
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = Order::Natural)]
    pub order: Order,
    /// Number type where the file does not name it (.npy of bfloat16 is <V2 to NumPy): bf16, f8e4m3, f8e5m2
    #[arg(long, value_name = "TYPE")]
    #[serde(deserialize_with = "present")]
    pub dtype: Option<Element>,
}

/// Parses a number of rows.
fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".into()),
        parsed => parsed.map_err(|error: std::num::ParseIntError| error.to_string()),
    }
}

/// Parses a factor.
fn factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if f64::is_finite(number) && number != 0.0 => Ok(number),
        _ => Err("it must be a finite number other than 0".into()),
    }
}

/// A field that may be null but not absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

impl RowSettings {
    /// How the reference is read with these settings.
    pub fn reference_options(&self) -> OpenOptions {
        OpenOptions {
            limit: self.limit_reference,
            scale: self.scale,
            normalize: self.normalize,
            skip_nonfinite: self.skip_nonfinite,
            exclude: self.exclude_rows.clone(),
            choice: self.choice.clone(),
            order: self.order,
            dtype: self.dtype,
            ..OpenOptions::default()
        }
    }

    /// The command-line options of these settings; empty for the defaults.
    pub fn options(&self) -> String {
        // All fields are named, so that a new one cannot be forgotten here.
        let RowSettings {
            limit_reference,
            limit_queries,
            exclude_rows,
            scale,
            normalize,
            skip_nonfinite,
            choice,
            order,
            dtype,
        } = self;
        let list = |option: &str, names: &[String]| {
            (!names.is_empty()).then(|| format!("{option} '{}'", names.join(",")))
        };
        let one = |option: &str, name: &Option<String>| {
            name.as_ref().map(|name| format!("{option} '{name}'"))
        };
        let parts = [
            limit_reference.map(|n| format!("--limit-reference {n}")),
            limit_queries.map(|n| format!("--limit-queries {n}")),
            exclude_rows
                .as_ref()
                .map(|rows| format!("--exclude-rows {rows}")),
            scale.map(|s| format!("--scale {s}")),
            normalize.then(|| "--normalize".into()),
            skip_nonfinite.then(|| "--skip-nonfinite".into()),
            list("--columns", &choice.columns),
            list("--drop", &choice.drop),
            one("--label-column", &choice.label),
            one("--id-column", &choice.id),
            (*order == Order::Text).then(|| "--order text".into()),
            dtype.map(|dtype| format!("--dtype {dtype}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// How rows were read, as part of a sentence.
    pub fn words(&self) -> String {
        match self.options().as_str() {
            "" => "as they stand in the files".into(),
            options => format!("with {options}"),
        }
    }
}
