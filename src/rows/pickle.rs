//! Reads Python pickles of tensors without executing them. A pickle is a program of a stack machine; only opcodes that
//! build numbers, texts, containers and calls to known functions are interpreted. A call is recorded, and never made.
//!
//! Opcodes: <https://github.com/python/cpython/blob/main/Lib/pickletools.py>. Every opcode makes at most one value, and
//! values are kept in one list and refer to each other by index, so memory is proportional to the size of the pickle
//! and nothing recurses, whatever the pickle contains.

use std::collections::HashMap;

/// The index of a value.
pub(super) type Id = usize;

/// A value that a pickle builds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Int(i64),
    Text(String),
    /// A class or function: its module and name, separated by a blank.
    Global(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// The result of calling a function.
    Call {
        function: Id,
        arguments: Id,
    },
    /// A persistent id: the name of an object outside of the pickle.
    Outside(Id),
    /// None, true or false, a float, bytes: values that tensors do not need.
    Other,
}

/// The values that a pickle built.
#[derive(Debug)]
pub(super) struct Pickle {
    values: Vec<Value>,
    pub root: Id,
}

impl Pickle {
    pub fn get(&self, id: Id) -> &Value {
        self.values.get(id).unwrap_or(&Value::Other)
    }
}

/// Interprets a pickle. `known` says which classes and functions may occur.
///
/// Errors: an invalid pickle, or an unsupported opcode, class or function.
pub(super) fn read(bytes: &[u8], known: impl Fn(&str) -> bool) -> Result<Pickle, String> {
    let mut machine = Machine {
        bytes,
        at: 0,
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    while !machine.step(&known)? {}
    let root = machine.pop()?;
    Ok(Pickle {
        values: machine.values,
        root,
    })
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// The heights of the stack at which marks were set.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Machine<'_> {
    /// Interprets one opcode; returns whether it was the last.
    fn step(&mut self, known: &impl Fn(&str) -> bool) -> Result<bool, String> {
        let [opcode] = self.take()?;
        match opcode {
            b'.' => return Ok(true),
            0x80 => {
                let [version] = self.take()?;
                if version > 5 {
                    return Err(format!("protocol {version} of pickle is not known"));
                }
            }
            // The length of a frame, which is not needed when the pickle is in memory.
            0x95 => drop(self.take::<8>()?),
            b'(' => self.marks.push(self.stack.len()),
            b'N' | 0x88 | 0x89 => self.push(Value::Other),
            b'K' => {
                let [value] = self.take()?;
                self.push(Value::Int(value.into()));
            }
            b'M' => {
                let value = u16::from_le_bytes(self.take()?);
                self.push(Value::Int(value.into()));
            }
            b'J' => {
                let value = i32::from_le_bytes(self.take()?);
                self.push(Value::Int(value.into()));
            }
            0x8a => {
                let [count] = self.take()?;
                self.long(count)?;
            }
            b'G' => {
                self.take::<8>()?;
                self.push(Value::Other);
            }
            b'X' | b'B' | b'T' => {
                let count = u32::from_le_bytes(self.take()?);
                self.text(count.into(), opcode == b'X')?;
            }
            0x8c | b'C' | b'U' => {
                let [count] = self.take()?;
                self.text(count.into(), opcode == 0x8c)?;
            }
            0x8d | 0x8e => {
                let count = u64::from_le_bytes(self.take()?);
                self.text(count, opcode == 0x8d)?;
            }
            b'q' => {
                let [place] = self.take()?;
                self.remember(place.into())?;
            }
            b'r' => {
                let place = u32::from_le_bytes(self.take()?);
                self.remember(place.into())?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'h' => {
                let [place] = self.take()?;
                self.recall(place.into())?;
            }
            b'j' => {
                let place = u32::from_le_bytes(self.take()?);
                self.recall(place.into())?;
            }
            b'c' => {
                let name = format!("{} {}", self.line()?, self.line()?);
                self.global(name, known)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) =
                    (&self.values[module], &self.values[name])
                else {
                    return Err(self.broken("a class whose name is no text"));
                };
                let name = format!("{module} {name}");
                self.global(name, known)?;
            }
            b'Q' => {
                let name = self.pop()?;
                self.push(Value::Outside(name));
            }
            b'0' => drop(self.pop()?),
            b'R' => self.call()?,
            // The state of an object: attributes, such as the versions in a state dict.
            b'b' => drop(self.pop()?),
            _ => self.container(opcode)?,
        }
        Ok(false)
    }

    /// Interprets the opcodes that build containers.
    fn container(&mut self, opcode: u8) -> Result<(), String> {
        match opcode {
            b')' => self.push(Value::Tuple(Vec::new())),
            b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let start = self.stack.len().checked_sub(count);
                let start =
                    start.filter(|start| self.marks.last().is_none_or(|mark| mark <= start));
                let start = start.ok_or_else(|| self.broken("a tuple of more than there is"))?;
                let items = self.stack.split_off(start);
                self.push(Value::Tuple(items));
            }
            b't' | b'l' => {
                let items = self.since_mark()?;
                self.push(match opcode {
                    b't' => Value::Tuple(items),
                    _ => Value::List(items),
                });
            }
            b'd' => {
                let items = self.since_mark()?;
                self.push(Value::Dict(Vec::new()));
                self.extend(items, true)?;
            }
            b'a' | b's' => {
                let mut items = vec![self.pop()?];
                if opcode == b's' {
                    items.insert(0, self.pop()?);
                }
                self.extend(items, opcode == b's')?;
            }
            b'e' | b'u' => {
                let items = self.since_mark()?;
                self.extend(items, opcode == b'u')?;
            }
            _ => {
                return Err(format!(
                    "it uses {}, which no plain tensor needs",
                    name(opcode)
                ));
            }
        }
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let bytes = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk());
        let bytes = *bytes.ok_or_else(|| self.broken("its end"))?;
        self.at += N;
        Ok(bytes)
    }

    fn broken(&self, what: &str) -> String {
        format!("the pickle is corrupt: {what} at its byte {}", self.at)
    }

    /// Text up to a line feed.
    fn line(&mut self) -> Result<String, String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().take(1 << 12).position(|&byte| byte == b'\n');
        let end = end.ok_or_else(|| self.broken("a name without end"))?;
        self.at += end + 1;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    /// A text, or bytes that are skipped.
    fn text(&mut self, count: u64, text: bool) -> Result<(), String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let bytes = usize::try_from(count)
            .ok()
            .and_then(|count| rest.get(..count));
        let bytes = bytes.ok_or_else(|| self.broken("a text beyond its end"))?;
        self.at += bytes.len();
        self.push(match text {
            true => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
            false => Value::Other,
        });
        Ok(())
    }

    /// An integer of any length; beyond 64 bits it has no use in a tensor.
    fn long(&mut self, count: u8) -> Result<(), String> {
        let mut value = [0; 8];
        let mut last = 0;
        for place in 0..usize::from(count) {
            [last] = self.take()?;
            if let Some(byte) = value.get_mut(place) {
                *byte = last;
            }
        }
        if last > 127 {
            value[usize::from(count).min(8)..].fill(255);
        }
        self.push(match count {
            0..=8 => Value::Int(i64::from_le_bytes(value)),
            _ => Value::Other,
        });
        Ok(())
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Id, String> {
        let above = self.stack.len() > self.marks.last().copied().unwrap_or(0);
        let top = if above { self.stack.pop() } else { None };
        top.ok_or_else(|| self.broken("a value that is not there"))
    }

    fn top(&self) -> Result<Id, String> {
        let top = self.stack.last().copied();
        top.ok_or_else(|| self.broken("a value that is not there"))
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        let mark = mark.ok_or_else(|| self.broken("a mark that is not there"))?;
        Ok(self.stack.split_off(mark))
    }

    fn remember(&mut self, place: u64) -> Result<(), String> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u64) -> Result<(), String> {
        let value = self.memo.get(&place).copied();
        let value = value.ok_or_else(|| self.broken("a value that was not kept"))?;
        self.stack.push(value);
        Ok(())
    }

    fn global(&mut self, name: String, known: &impl Fn(&str) -> bool) -> Result<(), String> {
        if !known(&name) {
            let name = name.replacen(' ', ".", 1);
            return Err(format!(
                "it needs {name}, which is no part of a plain tensor"
            ));
        }
        self.push(Value::Global(name));
        Ok(())
    }

    /// Records a call; a call of OrderedDict becomes a dictionary.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Value::Global(name) = &self.values[function] else {
            return Err(self.broken("a call of what is no function"));
        };
        let empty = self.values[arguments] == Value::Tuple(Vec::new());
        self.push(match name == "collections OrderedDict" && empty {
            true => Value::Dict(Vec::new()),
            false => Value::Call {
                function,
                arguments,
            },
        });
        Ok(())
    }

    /// Appends to the container on top of the stack.
    fn extend(&mut self, items: Vec<Id>, pairs: bool) -> Result<(), String> {
        let top = self.top()?;
        match (&mut self.values[top], pairs) {
            (Value::List(list), false) => list.extend(items),
            (Value::Dict(dict), true) => {
                dict.extend(
                    items
                        .as_chunks::<2>()
                        .0
                        .iter()
                        .map(|&[key, value]| (key, value)),
                );
            }
            _ => return Err(self.broken("items of what is no container")),
        }
        Ok(())
    }
}

/// The name of an unsupported opcode.
fn name(opcode: u8) -> String {
    let name = match opcode {
        b'i' | b'o' | 0x81 | 0x92 => "an object of a class",
        0x82..=0x84 => "a registered extension",
        0x8f..=0x91 => "a set",
        b'P' => "a reference by text",
        0x96..=0x98 => "a buffer",
        b'2' => "a copied value",
        b'I' | b'L' | b'F' | b'S' | b'V' | b'p' | b'g' => "the text form of pickle",
        _ => return format!("the unknown opcode {opcode:#04x}"),
    };
    format!("{name} (opcode {opcode:#04x})")
}
