//! Finds the rows of a JSON text: values one after the other (JSON Lines), or the elements of an array, which may be a
//! field of one object, such as `data` in the responses of embedding services.

use super::scan::Scanner;
use crate::error::{Place, Result};
use crate::rows::columns::some;
use crate::rows::input::Input;

/// How deep nested objects are searched for arrays.
const DEEPEST: usize = 16;
/// The most arrays of one object.
const ARRAYS: usize = 1 << 16;
/// How many bytes of a first value are read to find out whether another value follows it.
const FIRST: u64 = 1 << 20;

/// Where rows are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum JsonRows {
    /// Values one after the other.
    Lines,
    /// The elements of an array, whose opening bracket is before byte `start`.
    Elements {
        start: u64,
        /// The field that is the array; empty for the whole file.
        path: String,
        /// The offset of an array of column names, as pandas writes with `orient="split"`.
        names: Option<u64>,
    },
    /// There are no rows.
    Nothing,
}

/// An array in an object.
struct ArrayField {
    path: String,
    /// The byte after its bracket.
    start: u64,
    /// The first byte of its first element, or the closing bracket.
    first: u8,
}

/// Finds the rows. `member` is the part after the colon; what remains of it to name a field of a row is returned.
///
/// Errors: an object without rows, or with several arrays that may hold the rows.
pub(super) fn find(input: &Input, member: Option<&str>) -> Result<(JsonRows, Option<String>)> {
    // `data[].embedding` means the field `embedding` of each element of `data`.
    let member = member.map(|member| member.replace("[]", ""));
    let bom = input.head.starts_with(b"\xEF\xBB\xBF");
    let start = if bom { 3 } else { 0 };
    let mut scanner = Scanner::new(input, start)?;
    if scanner.need()? == b'{' {
        return of_object(input, &mut scanner, member);
    }
    let before = scanner.at();
    scanner.pass(b'[')?;
    let (start, first) = (scanner.at(), scanner.need()?);
    scanner.go(before)?;
    let layout = match first {
        b'[' | b'{' | b']' if !scanner.is_followed(FIRST)? => match first {
            b']' => JsonRows::Nothing,
            _ => JsonRows::Elements {
                start,
                path: String::new(),
                names: None,
            },
        },
        _ => JsonRows::Lines,
    };
    Ok((layout, member))
}

/// The rows of a file that begins with an object.
fn of_object(
    input: &Input,
    scanner: &mut Scanner,
    member: Option<String>,
) -> Result<(JsonRows, Option<String>)> {
    let mut look = Look::default();
    look.object(scanner, "", 0)?;
    let is_lines = ["jsonl", "ndjson"].contains(&input.extension.as_str());
    if is_lines || scanner.peek()?.is_some() {
        return Ok((JsonRows::Lines, member));
    }
    let elements = |found: &ArrayField| JsonRows::Elements {
        start: found.start,
        path: found.path.clone(),
        names: look
            .names
            .iter()
            .find(|(owner, _)| owner == parent(&found.path))
            .map(|&(_, at)| at),
    };
    // A member that begins with the name of an array selects this array.
    if let Some(member) = &member {
        for found in &look.arrays {
            let rest = member.strip_prefix(found.path.as_str());
            match rest.map(|rest| (rest, rest.strip_prefix('.'))) {
                Some(("", _)) => return Ok((elements(found), None)),
                Some((_, Some(field))) => return Ok((elements(found), Some(field.into()))),
                _ => {}
            }
        }
    }
    let mut of_objects = Vec::new();
    for found in look.arrays.iter().filter(|found| found.first == b'{') {
        if holds_numbers(scanner, found.start)? {
            of_objects.push(found);
        }
    }
    let of_lists: Vec<&ArrayField> = look.arrays.iter().filter(|f| f.first == b'[').collect();
    let rows = if of_lists.is_empty() {
        of_objects
    } else {
        of_lists
    };
    match rows.as_slice() {
        [one] => Ok((elements(one), member)),
        [] if look.numbers || member.is_some() => Ok((JsonRows::Lines, member)),
        [] => match look.arrays.iter().find(|found| found.first == b']') {
            Some(_) => Ok((JsonRows::Nothing, member)),
            None => Err(input.error(
                Place::Whole,
                format!(
                    "it is one object without rows; its fields are: {}",
                    some(&look.fields)
                ),
                "rows are an array of objects or of lists, or an object on each line (pandas: orient='records')",
            )),
        },
        several => {
            let names: Vec<String> = several.iter().map(|found| found.path.clone()).collect();
            Err(input.error(
                Place::Whole,
                format!("several arrays may be the rows: {}", some(&names)),
                "write FILE:NAME for one of them, or FILE:NAME.FIELD",
            ))
        }
    }
}

/// The path of the object that contains a field.
fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// Whether the first element of an array holds a number or a list.
fn holds_numbers(scanner: &mut Scanner, start: u64) -> Result<bool> {
    let mut text = Vec::new();
    scanner.go(start)?;
    scanner.read(&mut text, FIRST)?;
    fn holds(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Number(_) | serde_json::Value::Array(_) => true,
            serde_json::Value::Object(fields) => fields.values().any(holds),
            // A vector in base64.
            serde_json::Value::String(text) => super::fields::is_packed(text),
            _ => false,
        }
    }
    Ok(serde_json::from_slice(&text).is_ok_and(|value| holds(&value)))
}

/// The contents of an object.
#[derive(Default)]
struct Look {
    /// Arrays of lists or objects, and empty arrays.
    arrays: Vec<ArrayField>,
    /// Whether some array holds numbers.
    numbers: bool,
    /// Arrays named `columns`: the path of their object, and their offset.
    names: Vec<(String, u64)>,
    /// The names of the first fields.
    fields: Vec<String>,
}

impl Look {
    fn object(&mut self, scanner: &mut Scanner, path: &str, depth: usize) -> Result<()> {
        scanner.pass(b'{')?;
        if scanner.need()? == b'}' {
            return scanner.pass(b'}');
        }
        loop {
            let name = scanner.name()?;
            let path = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            if self.fields.len() < ARRAYS && depth == 0 {
                self.fields.push(path.clone());
            }
            match scanner.need()? {
                b'{' if depth < DEEPEST => self.object(scanner, &path, depth + 1)?,
                b'[' => self.array(scanner, path, &name)?,
                _ => scanner.skip()?,
            }
            match scanner.need()? {
                b'}' => return scanner.pass(b'}'),
                _ => scanner.pass(b',')?,
            }
        }
    }

    fn array(&mut self, scanner: &mut Scanner, path: String, name: &str) -> Result<()> {
        let begin = scanner.at();
        scanner.pass(b'[')?;
        let (start, first) = (scanner.at(), scanner.need()?);
        match first {
            b'[' | b'{' | b']' if self.arrays.len() < ARRAYS => {
                self.arrays.push(ArrayField { path, start, first });
            }
            b'"' if name == "columns" && self.names.len() < ARRAYS => {
                self.names.push((parent(&path).into(), begin));
            }
            b'0'..=b'9' | b'-' | b'N' => self.numbers = true,
            _ => {}
        }
        scanner.skip_rest()
    }
}

/// The rows of a text, one at a time.
pub(super) struct Records {
    scanner: Scanner,
    layout: JsonRows,
    /// The offset of the first row. The reader seeks to it on the first request, since all readers of a file share its
    /// position.
    start: u64,
    begun: bool,
    /// The number of rows that were read.
    pub row: u64,
    /// The most bytes of a row.
    most: u64,
    done: bool,
}

impl Records {
    pub fn new(input: &Input, layout: &JsonRows, most: u64) -> Result<Self> {
        let bom = input.head.starts_with(b"\xEF\xBB\xBF");
        let at = match layout {
            JsonRows::Elements { start, .. } => *start,
            _ => 3 * u64::from(bom),
        };
        Ok(Records {
            scanner: Scanner::new(input, at)?,
            layout: layout.clone(),
            start: at,
            begun: false,
            row: 0,
            most,
            done: *layout == JsonRows::Nothing,
        })
    }

    /// Reads the bytes of the next row; false at the end. Errors: invalid text between rows.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        if !self.begun {
            self.scanner.go(self.start)?;
            self.begun = true;
        }
        if self.done || !self.advance()? {
            self.done = true;
            return Ok(false);
        }
        self.scanner.read(out, self.most)?;
        self.row += 1;
        Ok(true)
    }

    /// Moves to the next row; false at the end.
    fn advance(&mut self) -> Result<bool> {
        let JsonRows::Elements { path, .. } = &self.layout else {
            return Ok(self.scanner.peek()?.is_some());
        };
        if self.scanner.need()? != b']' {
            if self.row > 0 {
                self.scanner.pass(b',')?;
            }
            return Ok(true);
        }
        self.scanner.pass(b']')?;
        if path.is_empty() && self.scanner.peek()?.is_some() {
            return Err(self.scanner.error(
                "the array of rows ends before this, and more follows",
                "write one array, or each row on a line of its own",
            ));
        }
        Ok(false)
    }
}
