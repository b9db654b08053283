//! The stored weights of a network: loads those in files beside it, converts half precision to f32, and reads small
//! ones.

use super::{all_graphs, each_graph};
use crate::error::{Error, Place, Result};
use half::{bf16, f16};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use tract_onnx::pb;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};

/// How many times, in total, the bytes of a file of tensors may be used: a small network must not load a large file a
/// thousand times.
const USES: u64 = 4;

/// The tensors stored in a graph, including those of its operators.
pub fn tensors(graph: &pb::GraphProto) -> impl Iterator<Item = &pb::TensorProto> {
    let attributes = graph.node.iter().flat_map(|node| &node.attribute);
    let constants = attributes.flat_map(|a| a.t.iter().chain(&a.tensors));
    graph.initializer.iter().chain(constants)
}

/// Applies `visit` to the tensors of this graph and of those nested in its operators.
fn each_tensor(graph: &mut pb::GraphProto, visit: &mut dyn FnMut(&mut pb::TensorProto)) {
    each_graph(graph, &mut |graph| {
        let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
        let constants = attributes.flat_map(|a| a.t.iter_mut().chain(&mut a.tensors));
        graph
            .initializer
            .iter_mut()
            .chain(constants)
            .for_each(&mut *visit);
    });
}

/// Whether a tensor's numbers are in another file.
pub fn is_outside(tensor: &pb::TensorProto) -> bool {
    tensor.data_location == Some(DataLocation::External as i32)
}

/// The file that holds them.
pub fn location(tensor: &pb::TensorProto) -> Option<&str> {
    let mut entries = tensor.external_data.iter();
    entries
        .find(|entry| entry.key == "location")
        .map(|entry| entry.value.as_str())
}

/// The files beside a network that hold tensors of `graph`, each once.
pub fn files(graph: &pb::GraphProto, folder: &Path) -> Vec<PathBuf> {
    let all = all_graphs(graph).into_iter().flat_map(tensors);
    let mut files: Vec<PathBuf> = all
        .filter_map(location)
        .map(|location| folder.join(location))
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Loads all numbers that are in other files of the network's `folder`. Links are followed, since caches keep the files
/// themselves elsewhere.
///
/// Errors: a file that is missing or too short; a path outside of the folder; sizes that do not fit.
pub fn bring_in(name: &str, graph: &mut pb::GraphProto, folder: Option<&Path>) -> Result<()> {
    let mut open: HashMap<String, (File, u64)> = HashMap::new();
    let (mut outcome, mut taken) = (Ok(()), 0u64);
    each_tensor(graph, &mut |tensor| {
        if outcome.is_err() || !is_outside(tensor) {
            return;
        }
        outcome = bring(name, tensor, folder, &mut open).and_then(|()| {
            taken += tensor.raw_data.len() as u64;
            let held: u64 = open.values().map(|(_, length)| length).sum();
            match taken > held.saturating_mul(USES) {
                true => Err(outside(
                    name,
                    &tensor.name,
                    "its tensors claim more numbers than the files beside it hold".into(),
                )),
                false => Ok(()),
            }
        });
    });
    outcome
}

fn outside(name: &str, tensor: &str, what: String) -> Error {
    Error::input(
        name,
        Place::Part(tensor.into()),
        what,
        "export the network again, or keep the file of its weights beside it, under the name that it had",
    )
}

/// Loads the numbers of one tensor.
fn bring(
    name: &str,
    tensor: &mut pb::TensorProto,
    folder: Option<&Path>,
    open: &mut HashMap<String, (File, u64)>,
) -> Result<()> {
    let location = location(tensor).unwrap_or_default().to_string();
    let refuse = |what: String| outside(name, &tensor.name, what);
    let place = |key: &str| {
        let mut entries = tensor.external_data.iter();
        match entries.find(|entry| entry.key == key) {
            None => Ok(None),
            Some(entry) => match entry.value.trim().parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(refuse(format!("its {key} is {:?}", entry.value))),
            },
        }
    };
    let (offset, length) = (place("offset")?.unwrap_or(0), place("length")?);
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    let (Some(folder), true) = (
        folder,
        !location.is_empty() && Path::new(&location).components().all(inside),
    ) else {
        return Err(refuse(format!(
            "its numbers are in the file {location:?}, which is not below the network's folder"
        )));
    };
    let path = folder.join(&location);
    let failed = |error: std::io::Error| {
        refuse(format!(
            "its numbers are in the file {}, which cannot be read: {error}",
            path.display()
        ))
    };
    if !open.contains_key(&location) {
        let file = File::open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        open.insert(location.clone(), (file, length));
    }
    let Some((file, held)) = open.get_mut(&location) else {
        return Err(refuse("its file is not open".into()));
    };
    let rest = held.saturating_sub(offset);
    let length = length.unwrap_or(rest);
    if offset > *held || length > rest {
        return Err(refuse(format!(
            "its numbers are bytes {offset} to {} of the file {}, which has {held}",
            offset.saturating_add(length),
            path.display()
        )));
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset)).map_err(failed)?;
    file.take(length).read_to_end(&mut bytes).map_err(failed)?;
    if let Some(expected) = bytes_of(tensor)
        && expected != bytes.len() as u64
    {
        return Err(refuse(format!(
            "it is {:?} numbers, which take {expected} bytes, and has {} in the file {}",
            tensor.dims,
            bytes.len(),
            path.display()
        )));
    }
    tensor.raw_data = bytes;
    tensor.external_data.clear();
    tensor.data_location = None;
    Ok(())
}

/// The size of a tensor's numbers in bytes; None for numbers smaller than a byte, and for unknown types.
fn bytes_of(tensor: &pb::TensorProto) -> Option<u64> {
    let size = match DataType::try_from(tensor.data_type).ok()? {
        DataType::Bool | DataType::Uint8 | DataType::Int8 => 1,
        DataType::Uint16 | DataType::Int16 | DataType::Float16 | DataType::Bfloat16 => 2,
        DataType::Float | DataType::Uint32 | DataType::Int32 => 4,
        DataType::Double | DataType::Uint64 | DataType::Int64 => 8,
        _ => return None,
    };
    volume(tensor)?.checked_mul(size)
}

/// The number of elements of a tensor.
pub fn volume(tensor: &pb::TensorProto) -> Option<u64> {
    let lengths = tensor.dims.iter().map(|&length| u64::try_from(length).ok());
    lengths
        .into_iter()
        .try_fold(1u64, |all, length| all.checked_mul(length?))
}

/// Whether an ONNX type is f16 or bf16.
pub fn is_half(kind: i64) -> bool {
    kind == DataType::Float16 as i64 || kind == DataType::Bfloat16 as i64
}

/// Attributes whose value is an element type.
const TYPES: [&str; 3] = ["to", "dtype", "output_dtype"];

/// Converts everything in half precision (f16 and bf16) to f32: stored numbers, targets of casts, types of inputs.
pub fn widen(graph: &mut pb::GraphProto) {
    each_tensor(graph, &mut |tensor| {
        if let Some(values) = halves(tensor) {
            tensor.int32_data.clear();
            tensor.data_type = DataType::Float as i32;
            tensor.raw_data = values.into_iter().flat_map(f32::to_le_bytes).collect();
        }
    });
    each_graph(graph, &mut |graph| {
        for node in &mut graph.node {
            for attribute in &mut node.attribute {
                if TYPES.contains(&attribute.name.as_str()) && is_half(attribute.i) {
                    attribute.i = DataType::Float as i64;
                }
            }
        }
        let values = graph.input.iter_mut().chain(&mut graph.output);
        for value in values.chain(&mut graph.value_info) {
            if let Some(tensor) = super::tensor_type_mut(value)
                && is_half(tensor.elem_type.into())
            {
                tensor.elem_type = DataType::Float as i32;
            }
        }
    });
}

/// The numbers of a tensor in half precision.
fn halves(tensor: &pb::TensorProto) -> Option<Vec<f32>> {
    let f32_of: fn(u16) -> f32 = match DataType::try_from(tensor.data_type).ok()? {
        DataType::Float16 => |bits| f16::from_bits(bits).to_f32(),
        DataType::Bfloat16 => |bits| bf16::from_bits(bits).to_f32(),
        _ => return None,
    };
    if tensor.raw_data.is_empty() {
        let bits = tensor.int32_data.iter().map(|&bits| bits as u16);
        return Some(bits.map(f32_of).collect());
    }
    let pairs = tensor.raw_data.chunks_exact(2);
    Some(
        pairs
            .map(|pair| f32_of(u16::from_le_bytes([pair[0], pair[1]])))
            .collect(),
    )
}

/// The numbers of a small tensor, as [`numbers`] returns them.
pub fn small(tensor: &pb::TensorProto) -> Option<Vec<f64>> {
    numbers(tensor, 64)
}

/// The numbers of a tensor of f32 or of integers, at most `most`, as f64 (exact except for the largest of i64).
pub fn numbers(tensor: &pb::TensorProto, most: u64) -> Option<Vec<f64>> {
    if volume(tensor)? > most || is_outside(tensor) {
        return None;
    }
    let raw = &tensor.raw_data;
    let words = || tensor.int32_data.iter().map(|&v| f64::from(v)).collect();
    let values: Vec<f64> = match (DataType::try_from(tensor.data_type).ok()?, raw.is_empty()) {
        (DataType::Float, true) => tensor.float_data.iter().map(|&v| v.into()).collect(),
        (DataType::Float, false) => each::<4>(raw, |b| f32::from_le_bytes(b).into()),
        (DataType::Int64, true) => tensor.int64_data.iter().map(|&v| v as f64).collect(),
        (DataType::Int64, false) => each::<8>(raw, |b| i64::from_le_bytes(b) as f64),
        (DataType::Int32, false) => each::<4>(raw, |b| i32::from_le_bytes(b).into()),
        (DataType::Uint8, false) => raw.iter().map(|&v| v.into()).collect(),
        (DataType::Int8, false) => raw.iter().map(|&v| (v as i8).into()).collect(),
        (DataType::Uint16, false) => each::<2>(raw, |b| u16::from_le_bytes(b).into()),
        (DataType::Int16, false) => each::<2>(raw, |b| i16::from_le_bytes(b).into()),
        (DataType::Int32 | DataType::Uint8 | DataType::Int8, true) => words(),
        (DataType::Uint16 | DataType::Int16, true) => words(),
        _ => return None,
    };
    (values.len() as u64 == volume(tensor)?).then_some(values)
}

fn each<const N: usize>(raw: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    let parts = raw.chunks_exact(N);
    parts
        .filter_map(|part| part.try_into().ok())
        .map(read)
        .collect()
}
