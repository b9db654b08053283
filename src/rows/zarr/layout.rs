//! Parses the metadata of an array: its shape, its element type, and its chunks. Versions 2 and 3 of Zarr.
//!
//! <https://zarr-specs.readthedocs.io>: "Zarr storage specification version 2", "Zarr core specification (version 3)" and
//! its codec `sharding_indexed`.

use super::codec::Codec;
use crate::rows::{Element, npy};
use half::{bf16, f16};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The error says, as text, what is invalid or unsupported.
type Said<T> = Result<T, String>;

/// An array and how it is stored.
#[derive(Debug)]
pub(super) struct ZarrArray {
    pub shape: Vec<u64>,
    pub element: Element,
    /// Whether the bytes of each number must be swapped.
    pub foreign: bool,
    /// The bytes of the fill value, which stands for all numbers of a missing chunk.
    pub fill: Vec<u8>,
    /// The fill value as text.
    pub filled: String,
    /// The shape of a chunk, which is packed as a unit.
    pub chunk: Vec<u64>,
    /// The order of the axes within a chunk.
    pub order: Vec<usize>,
    pub codecs: Vec<Codec>,
    /// The shape of what is stored under one key: a chunk, or a shard of many chunks.
    pub stored: Vec<u64>,
    pub shard: Option<Shard>,
    pub keys: Keys,
}

/// How the chunks of a shard are found: in a table of their offsets and lengths.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shard {
    pub at_end: bool,
    /// Whether the table is followed by a checksum.
    pub checked: bool,
}

/// The naming scheme of chunks.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: &'static str,
    separator: String,
}

impl Keys {
    /// The key of the chunk at a place in the grid.
    pub fn key(&self, place: &[u64]) -> String {
        let numbers: Vec<String> = place.iter().map(u64::to_string).collect();
        match self.prefix {
            "" => numbers.join(&self.separator),
            prefix => [prefix, &numbers.join(&self.separator)].join(&self.separator),
        }
    }

    /// Whether a key belongs to a place in a grid of these lengths.
    pub fn is_in(&self, key: &str, grid: &[u64]) -> bool {
        let key = match self.prefix {
            "" => Some(key),
            prefix => key
                .strip_prefix(prefix)
                .and_then(|key| key.strip_prefix(&*self.separator)),
        };
        let numbers = key.map(|key| key.split(&*self.separator).map(str::parse::<u64>));
        numbers.is_some_and(|numbers| {
            let place: Vec<Option<u64>> = numbers.map(Result::ok).collect();
            let within = |(at, count): (&Option<u64>, &u64)| at.is_some_and(|at| at < *count);
            place.len() == grid.len() && place.iter().zip(grid).all(within)
        })
    }
}

/// The shape of an array; None if the metadata have none.
pub(super) fn shape(metadata: &Value) -> Option<Vec<u64>> {
    let shape = metadata.get("shape")?.as_array()?;
    shape.iter().map(Value::as_u64).collect()
}

/// The element type, and whether the numbers are big-endian, where the type states it.
pub(super) fn element(metadata: &Value) -> Said<(Element, Option<bool>)> {
    match metadata.get("zarr_format").and_then(Value::as_u64) {
        Some(2) => old_element(metadata.get("dtype").unwrap_or(&Value::Null)),
        Some(3) => {
            let kind = metadata.get("data_type").unwrap_or(&Value::Null);
            Ok((new_element(kind)?, None))
        }
        _ => Err("neither version 2 nor version 3 of Zarr".into()),
    }
}

/// The element type in version 2, which uses NumPy's names.
fn old_element(dtype: &Value) -> Said<(Element, Option<bool>)> {
    let Some(name) = dtype.as_str() else {
        return Err("records of several fields".into());
    };
    let order = name.chars().next().filter(|order| "<>|".contains(*order));
    let kind = &name[usize::from(order.is_some())..];
    match npy::numeric(kind) {
        Some(element) => Ok((element, order.map(|order| order == '>'))),
        None if name == "bfloat16" => Ok((Element::BF16, None)),
        None if kind.starts_with(['O', 'U', 'S']) => Err("text, or objects of Python".into()),
        None => Err(format!("elements of the type {name:?}")),
    }
}

/// The element type in version 3.
fn new_element(kind: &Value) -> Said<Element> {
    Ok(match kind.as_str() {
        Some("bool") => Element::Bool,
        Some("int8") => Element::I8,
        Some("int16") => Element::I16,
        Some("int32") => Element::I32,
        Some("int64") => Element::I64,
        Some("uint8") => Element::U8,
        Some("uint16") => Element::U16,
        Some("uint32") => Element::U32,
        Some("uint64") => Element::U64,
        Some("float16") => Element::F16,
        Some("bfloat16") => Element::BF16,
        Some("float32") => Element::F32,
        Some("float64") => Element::F64,
        Some("float8_e4m3fn") => Element::F8E4M3,
        Some("float8_e5m2") => Element::F8E5M2,
        Some("string") => return Err("text".into()),
        _ => return Err(format!("elements of the type {kind}")),
    })
}

/// Metadata of version 2.
#[derive(Deserialize)]
struct Old {
    chunks: Vec<u64>,
    compressor: Option<Value>,
    filters: Option<Vec<Value>>,
    #[serde(default)]
    fill_value: Value,
    order: String,
    dimension_separator: Option<String>,
}

/// Metadata of version 3.
#[derive(Deserialize)]
struct New {
    chunk_grid: Value,
    chunk_key_encoding: Value,
    fill_value: Value,
    codecs: Vec<Value>,
    #[serde(default)]
    storage_transformers: Vec<Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Fields of version 3 that do not affect how numbers are read.
const KNOWN: [&str; 7] = [
    "zarr_format",
    "node_type",
    "shape",
    "data_type",
    "attributes",
    "dimension_names",
    "consolidated_metadata",
];

impl ZarrArray {
    /// Parses an array's metadata.
    pub fn of(metadata: &Value) -> Said<Self> {
        let shape = shape(metadata).ok_or("the metadata have no shape")?;
        let (element, big) = element(metadata)
            .map_err(|what| format!("it holds {what}, not numbers that are read"))?;
        let fault =
            |error: serde_json::Error| format!("the metadata are not what Zarr writes: {error}");
        let layout = match metadata.get("zarr_format").and_then(Value::as_u64) {
            Some(2) => ZarrArray::old(
                Old::deserialize(metadata).map_err(fault)?,
                shape,
                element,
                big,
            )?,
            _ => ZarrArray::new(New::deserialize(metadata).map_err(fault)?, shape, element)?,
        };
        let axes = layout.shape.len();
        let (chunk, stored) = (&layout.chunk, &layout.stored);
        if chunk.len() != axes || stored.len() != axes || chunk.contains(&0) {
            return Err(format!(
                "the shape {:?} and chunks of {chunk:?} do not belong together",
                layout.shape
            ));
        }
        if stored
            .iter()
            .zip(chunk)
            .any(|(whole, part)| whole % part != 0 || *whole == 0)
        {
            return Err(format!(
                "shards of {stored:?} are no whole number of chunks of {chunk:?}"
            ));
        }
        Ok(layout)
    }

    fn old(old: Old, shape: Vec<u64>, element: Element, big: Option<bool>) -> Said<Self> {
        let (fill, filled) = fill(element, &old.fill_value)?;
        let mut order: Vec<usize> = (0..shape.len()).collect();
        match old.order.as_str() {
            "C" => {}
            "F" => order.reverse(),
            other => return Err(format!("the order {other:?} is not known")),
        }
        let steps = old.filters.into_iter().flatten().chain(old.compressor);
        let codecs = steps.map(|step| {
            let name = step.get("id").and_then(Value::as_str);
            Codec::of(name.ok_or("a codec has no id")?, &step)
        });
        Ok(ZarrArray {
            element,
            foreign: big.is_some_and(|big| big != cfg!(target_endian = "big"))
                && element.size() > 1,
            fill,
            filled,
            stored: old.chunks.clone(),
            chunk: old.chunks,
            order,
            codecs: codecs.collect::<Said<_>>()?,
            shard: None,
            keys: Keys {
                prefix: "",
                separator: separator(old.dimension_separator.as_deref().unwrap_or("."))?,
            },
            shape,
        })
    }

    fn new(new: New, shape: Vec<u64>, element: Element) -> Said<Self> {
        let must = |(_, value): &(&String, &Value)| {
            value.get("must_understand") != Some(&Value::Bool(false))
        };
        let mut others = new.others.iter();
        if let Some((key, _)) =
            others.find(|other| !KNOWN.contains(&other.0.as_str()) && must(other))
        {
            return Err(format!("the metadata have {key:?}, which is not known"));
        }
        if !new.storage_transformers.is_empty() {
            return Err("storage transformers are not read".into());
        }
        let (grid, options) = named(&new.chunk_grid)?;
        if grid != "regular" {
            return Err(format!(
                "chunks in a grid of the kind {grid:?} are not read"
            ));
        }
        let stored = numbers(&options, "chunk_shape")?;
        let (fill, filled) = fill(element, &new.fill_value)?;
        let mut steps = Steps::of(&new.codecs, shape.len())?;
        let (mut chunk, mut shard) = (stored.clone(), None);
        if let Some(inner) = steps.inner.take() {
            if !steps.codecs.is_empty() || steps.order.is_some() {
                return Err("shards that are packed or transposed as a whole are not read".into());
            }
            chunk = numbers(&inner, "chunk_shape")?;
            shard = Some(self::shard(&inner)?);
            steps = Steps::of(list(&inner, "codecs")?, shape.len())?;
            if steps.inner.is_some() {
                return Err("shards in shards are not read".into());
            }
        }
        Ok(ZarrArray {
            element,
            foreign: element.size() > 1
                && steps
                    .big
                    .ok_or("the codec bytes does not say the order of bytes")?
                    != cfg!(target_endian = "big"),
            fill,
            filled,
            stored,
            chunk,
            order: steps.order.unwrap_or_else(|| (0..shape.len()).collect()),
            codecs: steps.codecs,
            shard,
            keys: keys(&new.chunk_key_encoding)?,
            shape,
        })
    }
}

/// A name and its options; the name may stand alone.
fn named(value: &Value) -> Said<(&str, Value)> {
    let name = value.as_str().or_else(|| value.get("name")?.as_str());
    let options = value.get("configuration").cloned();
    Ok((
        name.ok_or_else(|| format!("{value} has no name"))?,
        options.unwrap_or_default(),
    ))
}

fn list<'v>(options: &'v Value, key: &str) -> Said<&'v [Value]> {
    let list = options.get(key).and_then(Value::as_array);
    Ok(list.ok_or_else(|| format!("{key} is no list"))?)
}

fn numbers(options: &Value, key: &str) -> Said<Vec<u64>> {
    let numbers: Option<Vec<u64>> = list(options, key)?.iter().map(Value::as_u64).collect();
    numbers.ok_or_else(|| format!("{key} is no list of numbers"))
}

fn separator(text: &str) -> Said<String> {
    match text {
        "." | "/" => Ok(text.into()),
        other => Err(format!("the separator {other:?} of keys is not known")),
    }
}

fn keys(encoding: &Value) -> Said<Keys> {
    let (name, options) = named(encoding)?;
    let said = options.get("separator").and_then(Value::as_str);
    let (prefix, usual) = match name {
        "default" => ("c", "/"),
        "v2" => ("", "."),
        other => return Err(format!("keys of the kind {other:?} are not known")),
    };
    Ok(Keys {
        prefix,
        separator: separator(said.unwrap_or(usual))?,
    })
}

/// The codecs of version 3: one from the array to bytes or to the chunks of a shard, then those from bytes to bytes.
struct Steps {
    order: Option<Vec<usize>>,
    /// Whether numbers are big-endian.
    big: Option<bool>,
    /// The options of `sharding_indexed`.
    inner: Option<Value>,
    codecs: Vec<Codec>,
}

impl Steps {
    fn of(list: &[Value], axes: usize) -> Said<Self> {
        let (mut order, mut rest) = (None, list.iter());
        let (big, inner) = loop {
            let step = rest.next().ok_or("no codec turns the numbers into bytes")?;
            let (name, options) = named(step)?;
            match name {
                "transpose" if order.is_none() => {
                    order = Some(permutation(&options, axes)?);
                }
                "bytes" | "endian" => {
                    break match options.get("endian").and_then(Value::as_str) {
                        Some("little") => (Some(false), None),
                        Some("big") => (Some(true), None),
                        _ => (None, None),
                    };
                }
                "sharding_indexed" => break (None, Some(options)),
                other => return Err(format!("the codec {other:?} is not read")),
            }
        };
        let codecs = rest.map(|step| {
            let (name, options) = named(step)?;
            Codec::of(name, &options)
        });
        Ok(Steps {
            order,
            big,
            inner,
            codecs: codecs.collect::<Said<_>>()?,
        })
    }
}

/// The axis order of the codec `transpose`.
fn permutation(options: &Value, axes: usize) -> Said<Vec<usize>> {
    let order = numbers(options, "order")?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    match sorted.iter().copied().eq(0..axes as u64) {
        true => Ok(order.into_iter().map(|axis| axis as usize).collect()),
        false => Err(format!("{order:?} is not a permutation of {axes} axes")),
    }
}

fn shard(options: &Value) -> Said<Shard> {
    let at_end = match options.get("index_location").and_then(Value::as_str) {
        None | Some("end") => true,
        Some("start") => false,
        Some(other) => return Err(format!("a table at the {other} of shards is not known")),
    };
    let index = Steps::of(list(options, "index_codecs")?, 0)?;
    let checked = match index.codecs[..] {
        [] => false,
        [Codec::Crc32c] => true,
        _ => return Err("a packed table of shards is not read".into()),
    };
    match index.big {
        Some(false) => Ok(Shard { at_end, checked }),
        _ => Err("a table of shards that is not little-endian is not read".into()),
    }
}

/// The fill value, as bytes in memory order and as text.
fn fill(element: Element, value: &Value) -> Said<(Vec<u8>, String)> {
    let bytes = match value {
        // Without a fill value, zarr-python uses zeros.
        Value::Null => Some(vec![0; element.size()]),
        Value::Bool(is) => fill_integer(element, i128::from(*is)),
        Value::Number(number) => {
            let whole = number
                .as_i64()
                .map(i128::from)
                .or(number.as_u64().map(i128::from));
            match element.is_float() {
                true => number.as_f64().and_then(|value| fill_float(element, value)),
                false => whole
                    .or_else(|| {
                        let value = number.as_f64().filter(|value| value.fract() == 0.0);
                        value.map(|value| value as i128)
                    })
                    .and_then(|value| fill_integer(element, value)),
            }
        }
        Value::String(text) => match (text.as_str(), text.strip_prefix("0x")) {
            ("NaN", _) => fill_float(element, f64::NAN),
            ("Infinity", _) => fill_float(element, f64::INFINITY),
            ("-Infinity", _) => fill_float(element, f64::NEG_INFINITY),
            (_, Some(digits)) if element.is_float() => u64::from_str_radix(digits, 16)
                .ok()
                .and_then(|bits| low_bytes(bits, element.size())),
            _ => None,
        },
        _ => None,
    };
    let bytes = bytes
        .ok_or_else(|| format!("the fill value {value} is no number of the type {element}"))?;
    let words = match value {
        Value::Null => "0, as none is said".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Ok((bytes, words))
}

/// The lowest bytes of an integer, in memory order; None if it does not fit.
fn low_bytes(bits: u64, size: usize) -> Option<Vec<u8>> {
    let fits = size == 8 || bits >> (8 * size) == 0;
    let mut bytes = bits.to_le_bytes()[..size].to_vec();
    if cfg!(target_endian = "big") {
        bytes.reverse();
    }
    fits.then_some(bytes)
}

fn fill_integer(element: Element, value: i128) -> Option<Vec<u8>> {
    let bits = match element {
        Element::I8 => i8::try_from(value).ok()?.cast_unsigned().into(),
        Element::I16 => i16::try_from(value).ok()?.cast_unsigned().into(),
        Element::I32 => i32::try_from(value).ok()?.cast_unsigned().into(),
        Element::I64 => i64::try_from(value).ok()?.cast_unsigned(),
        Element::Bool => u64::from(u8::try_from(value).ok().filter(|value| *value < 2)?),
        _ => u64::try_from(value).ok()?,
    };
    low_bytes(bits, element.size())
}

fn fill_float(element: Element, value: f64) -> Option<Vec<u8>> {
    let bits = match element {
        Element::F16 => f16::from_f64(value).to_bits().into(),
        Element::BF16 => bf16::from_f64(value).to_bits().into(),
        Element::F32 => (value as f32).to_bits().into(),
        Element::F64 => value.to_bits(),
        Element::F8E4M3 | Element::F8E5M2 if value == 0.0 => 0,
        _ => return None,
    };
    low_bytes(bits, element.size())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fill_values_are_numbers_of_the_type() {
        let bytes = |element, value: Value| fill(element, &value).ok().map(|(bytes, _)| bytes);
        let f32s = |value: f32| Some(value.to_ne_bytes().to_vec());
        assert_eq!(bytes(Element::F32, json!(7.5)), f32s(7.5));
        assert_eq!(
            bytes(Element::F32, json!("-Infinity")),
            f32s(f32::NEG_INFINITY)
        );
        assert_eq!(bytes(Element::F32, json!("0x3f800000")), f32s(1.0));
        assert_eq!(bytes(Element::F32, json!("0x3f80000000")), None);
        assert_eq!(
            bytes(Element::F16, json!(1)),
            Some(0x3C00u16.to_ne_bytes().to_vec())
        );
        assert_eq!(bytes(Element::I8, json!(-1)), Some(vec![255]));
        assert_eq!(bytes(Element::I8, json!(3.0)), Some(vec![3]));
        assert_eq!(bytes(Element::U64, json!(u64::MAX)), Some(vec![255; 8]));
        assert_eq!(bytes(Element::Bool, json!(true)), Some(vec![1]));
        assert_eq!(bytes(Element::F64, Value::Null), Some(vec![0; 8]));
        for (element, value) in [
            (Element::I8, json!(128)),
            (Element::U8, json!(-1)),
            (Element::I32, json!(0.5)),
            (Element::Bool, json!(2)),
            (Element::I32, json!("NaN")),
            (Element::F32, json!("AAAA")),
            (Element::F32, json!([0, 0])),
        ] {
            assert_eq!(bytes(element, value.clone()), None, "{value} as {element}");
        }
    }

    #[test]
    fn keys_are_those_of_places_in_the_grid() {
        let of = |encoding: Value| keys(&encoding).unwrap();
        let new = of(json!({"name": "default"}));
        assert_eq!(new.key(&[1, 20]), "c/1/20");
        assert_eq!(
            of(json!({"name": "default", "configuration": {"separator": "."}})).key(&[1, 2]),
            "c.1.2"
        );
        assert_eq!(of(json!("v2")).key(&[1, 2]), "1.2");
        assert!(new.is_in("c/1/20", &[2, 21]));
        for key in [
            "c/1/21",
            "c/1",
            "c/1/2/3",
            "1/20",
            "c/1/x",
            "zarr.json",
            "c/1/-1",
        ] {
            assert!(!new.is_in(key, &[2, 21]), "{key}");
        }
        assert!(keys(&json!({"name": "other"})).is_err());
    }
}
