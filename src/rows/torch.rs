//! Tensors that `torch.save` wrote: a zip archive with a pickle that describes them, and the bytes of their storages.
//!
//! The pickle is never executed: [`pickle`] interprets it; anything but tensors, dictionaries and lists is skipped or
//! refused by name. Layout: torch/serialization.py and torch/_utils.py (`_rebuild_tensor_v2`).

use super::Element;
use super::archive::{Archive, has};
use super::array::Array;
use super::format::Format;
use super::input::{Input, input_error};
use super::members::{TENSORS, choose};
use super::pickle::{self, Id, Pickle, Value};
use super::table::{Ask, Table};
use crate::error::{Error, Place, Result};

/// The file name of the pickle in the archive's folder.
const PICKLE: &str = "data.pkl";

/// The most memory that a pickle takes for each of its bytes.
const BYTES_A_BYTE: u64 = 64;

/// The deepest nesting of containers, and the most values that are visited.
const DEPTH: usize = 64;
const VISITS: usize = 1 << 20;

/// The format of `torch.save`.
pub(in crate::rows) struct Torch;

impl Format for Torch {
    fn name(&self) -> &'static str {
        "torch"
    }

    fn sniff(&self, input: &Input) -> bool {
        has(input, is_pickle)
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open(input, ask)
    }

    fn help(&self) -> &'static str {
        "torch's .pt"
    }

    fn member(&self) -> Option<&'static str> {
        Some("TENSOR")
    }
}

fn is_pickle(name: &str) -> bool {
    name.strip_suffix(PICKLE)
        .is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
}

fn open(input: Input, ask: &Ask) -> Result<Table> {
    let mut archive = Archive::open(&input)?;
    let names = archive.names();
    let folder = names.iter().find(|name| is_pickle(name));
    let folder = folder.map_or("", |name| &name[..name.len() - PICKLE.len()]);
    if names
        .iter()
        .any(|name| *name == format!("{folder}constants.pkl"))
    {
        return Err(input.error(
            Place::Whole,
            "this is TorchScript: a program with its tensors",
            format!(
                "save its tensors: python -c \"import torch; torch.save(torch.jit.load('{}').state_dict(), 'tensors.pt')\"",
                input.path.display()
            ),
        ));
    }
    let small =
        |archive: &mut Archive, name: &str, most| archive.small(&format!("{folder}{name}"), most);
    let most = (ask.memory / BYTES_A_BYTE).max(1 << 20);
    let bytes = small(&mut archive, PICKLE, most)?.unwrap_or_default();
    let pickle = pickle::read(&bytes, is_known).map_err(|what| refuse(&input, what))?;
    let big = small(&mut archive, "byteorder", 16)?.is_some_and(|order| order == b"big");
    let tensors = tensors(&pickle).map_err(|what| refuse(&input, what))?;
    let all: Vec<(String, Vec<u64>)> = tensors
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor.shape.clone()))
        .collect();
    let (name, tensor) = &tensors[choose(&input.path, &TENSORS, &all, ask.member)?];
    array(&input, &mut archive, folder, name, tensor, big, ask)?.table(ask)
}

/// The error for a pickle that holds more than tensors.
fn refuse(input: &Input, what: String) -> Error {
    let file = input.path.display();
    input.error(
        Place::Part(PICKLE.into()),
        format!("{what} (pickles are never run)"),
        format!(
            "where you trust the file, save the tensor alone: python -c \"import torch; x = torch.load('{file}', \
             weights_only=False, map_location='cpu'); torch.save(x['KEY'], 'x.pt')\""
        ),
    )
}

/// The array of a tensor's numbers, checked against its storage.
fn array(
    input: &Input,
    archive: &mut Archive,
    folder: &str,
    name: &str,
    tensor: &Tensor,
    big: bool,
    ask: &Ask,
) -> Result<Array> {
    let place = match name {
        "" => Place::Whole,
        name => Place::Part(name.into()),
    };
    let fault = |what: String, advice: &str| input_error(&input.path, place.clone(), what, advice);
    let element = tensor.element.ok_or_else(|| {
        fault(
            format!("numbers of type {} are not read", tensor.dtype),
            "convert it: tensor.float()",
        )
    })?;
    let (file, start, bytes) = archive.place(&format!("{folder}data/{}", tensor.key), ask)?;
    let first = tensor.first.checked_mul(element.size() as u64);
    let first = first.filter(|&first| first <= bytes).ok_or_else(|| {
        fault(
            format!(
                "it begins at number {} of a storage of {bytes} bytes",
                tensor.first
            ),
            "the file is corrupt; save it again",
        )
    })?;
    Ok(Array {
        file,
        path: input.path.clone(),
        offset: start + first,
        bytes: bytes - first,
        element,
        foreign: big != cfg!(target_endian = "big"),
        shape: tensor.shape.clone(),
        strides: Some(tensor.strides.clone()),
        place: place.clone(),
    })
}

/// A tensor as the pickle describes it.
struct Tensor {
    /// The name of its storage.
    key: String,
    /// The index of its first number in the storage.
    first: u64,
    shape: Vec<u64>,
    strides: Vec<u64>,
    /// None if the type is not supported.
    element: Option<Element>,
    dtype: String,
}

/// All tensors, named by the path of keys that leads to them; the name of a tensor at the top is empty.
fn tensors(pickle: &Pickle) -> Result<Vec<(String, Tensor)>, String> {
    let mut found = Vec::new();
    let mut open = vec![(pickle.root, String::new(), 0)];
    let mut visits = 0;
    while let Some((id, name, depth)) = open.pop() {
        visits += 1;
        if depth > DEPTH || visits > VISITS {
            return Err(format!(
                "its containers lie more than {DEPTH} deep in each other, or hold more than {VISITS} values"
            ));
        }
        let below = |key: String| match name.is_empty() {
            true => key,
            false => format!("{name}.{key}"),
        };
        let before = open.len();
        match pickle.get(id) {
            Value::Call { .. } => {
                if let Some(tensor) = tensor(pickle, id)? {
                    found.push((name, tensor));
                }
            }
            Value::Dict(pairs) => {
                for &(key, value) in pairs {
                    let key = match pickle.get(key) {
                        Value::Text(text) => text.clone(),
                        Value::Int(number) => number.to_string(),
                        _ => continue,
                    };
                    open.push((value, below(key), depth + 1));
                }
            }
            Value::List(items) | Value::Tuple(items) => {
                for (place, &item) in items.iter().enumerate() {
                    open.push((item, below(place.to_string()), depth + 1));
                }
            }
            _ => {}
        }
        // The stack is popped from its end, so the first entry must be pushed last.
        open[before..].reverse();
    }
    Ok(found)
}

/// The tensor that a call builds; None if it builds something else.
fn tensor(pickle: &Pickle, mut id: Id) -> Result<Option<Tensor>, String> {
    for _ in 0..DEPTH {
        let Value::Call {
            function,
            arguments,
        } = pickle.get(id)
        else {
            return Ok(None);
        };
        let (Value::Global(function), Value::Tuple(arguments)) =
            (pickle.get(*function), pickle.get(*arguments))
        else {
            return Ok(None);
        };
        match (function.as_str(), arguments.as_slice()) {
            ("torch._utils _rebuild_tensor", [storage, first, shape, strides, ..])
            | ("torch._utils _rebuild_tensor_v2", [storage, first, shape, strides, _, _]) => {
                return described(pickle, [*storage, *first, *shape, *strides], None).map(Some);
            }
            ("torch._utils _rebuild_tensor_v3", [storage, first, shape, strides, _, _, dtype]) => {
                let of = [*storage, *first, *shape, *strides];
                return described(pickle, of, Some(*dtype)).map(Some);
            }
            ("torch._utils _rebuild_tensor_v2" | "torch._utils _rebuild_tensor_v3", _) => {
                return Err(
                    "a tensor is stored with a negation or conjugation that is not yet applied"
                        .into(),
                );
            }
            (
                "torch._utils _rebuild_parameter" | "torch._utils _rebuild_parameter_with_state",
                [inner, ..],
            ) => id = *inner,
            ("torch._tensor _rebuild_from_type_v2", [function, _, arguments, _]) => {
                let (Value::Global(function), Value::Tuple(arguments)) =
                    (pickle.get(*function), pickle.get(*arguments))
                else {
                    return Ok(None);
                };
                match (function.as_str(), arguments.as_slice()) {
                    ("torch._utils _rebuild_tensor_v2", [storage, first, shape, strides, _, _]) => {
                        let of = [*storage, *first, *shape, *strides];
                        return described(pickle, of, None).map(Some);
                    }
                    _ => return Err("a tensor with attributes is stored in an unknown way".into()),
                }
            }
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// A tensor described by its storage, first number, shape and strides.
fn described(pickle: &Pickle, of: [Id; 4], dtype: Option<Id>) -> Result<Tensor, String> {
    let fault = || "a tensor is not described as torch.save does".to_string();
    let numbers = |id: Id| match pickle.get(id) {
        Value::Tuple(items) => items
            .iter()
            .map(|&item| number(pickle, item))
            .collect::<Option<Vec<u64>>>(),
        _ => None,
    };
    let [storage, first, shape, strides] = of;
    let Value::Outside(storage) = pickle.get(storage) else {
        return Err(fault());
    };
    let Value::Tuple(storage) = pickle.get(*storage) else {
        return Err(fault());
    };
    let [_, kind, key, ..] = storage.as_slice() else {
        return Err(fault());
    };
    let (Value::Global(kind), Value::Text(key)) = (pickle.get(*kind), pickle.get(*key)) else {
        return Err(fault());
    };
    let dtype = match dtype.map(|id| pickle.get(id)) {
        Some(Value::Global(dtype)) => dtype,
        Some(_) => return Err(fault()),
        None => kind,
    };
    let (first, shape, strides) = (number(pickle, first), numbers(shape), numbers(strides));
    let (Some(first), Some(shape), Some(strides)) = (first, shape, strides) else {
        return Err(fault());
    };
    if shape.len() != strides.len() {
        return Err(fault());
    }
    Ok(Tensor {
        key: key.clone(),
        first,
        shape,
        strides,
        element: element(dtype),
        dtype: dtype.trim_start_matches("torch ").into(),
    })
}

fn number(pickle: &Pickle, id: Id) -> Option<u64> {
    match pickle.get(id) {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

/// The element type of a storage class, or of a dtype, by its name.
fn element(name: &str) -> Option<Element> {
    Some(match name.strip_prefix("torch ")? {
        "DoubleStorage" | "float64" => Element::F64,
        "FloatStorage" | "float32" => Element::F32,
        "HalfStorage" | "float16" => Element::F16,
        "BFloat16Storage" | "bfloat16" => Element::BF16,
        "float8_e4m3fn" => Element::F8E4M3,
        "float8_e5m2" => Element::F8E5M2,
        "LongStorage" | "int64" => Element::I64,
        "IntStorage" | "int32" => Element::I32,
        "ShortStorage" | "int16" => Element::I16,
        "CharStorage" | "int8" => Element::I8,
        "ByteStorage" | "uint8" => Element::U8,
        "uint16" => Element::U16,
        "uint32" => Element::U32,
        "uint64" => Element::U64,
        "BoolStorage" | "bool" => Element::Bool,
        _ => return None,
    })
}

/// Whether a class or function may occur in a file of tensors; none of them is ever called.
fn is_known(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "collections OrderedDict",
        "torch Size",
        "torch Tensor",
        "torch device",
        "torch._tensor _rebuild_from_type_v2",
        "torch._utils _rebuild_parameter",
        "torch._utils _rebuild_parameter_with_state",
        "torch._utils _rebuild_tensor",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_tensor_v3",
        "torch.nn.parameter Parameter",
        "torch.storage UntypedStorage",
    ];
    // Unsupported types are refused only if such a tensor is chosen.
    const TYPES: [&str; 13] = [
        "torch ComplexDoubleStorage",
        "torch ComplexFloatStorage",
        "torch complex128",
        "torch complex32",
        "torch complex64",
        "torch float4_e2m1fn_x2",
        "torch float8_e4m3fnuz",
        "torch float8_e5m2fnuz",
        "torch float8_e8m0fnu",
        "torch qint32",
        "torch qint8",
        "torch quint8",
        "torch strided",
    ];
    NAMES.contains(&name) || TYPES.contains(&name) || element(name).is_some()
}
