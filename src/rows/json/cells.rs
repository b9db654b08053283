//! One row of JSON parsed into cells: the fields of an object, those of objects in it as `a.b`, or the places of a list.

use crate::rows::decode::rounded_text;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// What a field of a row holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Cell {
    /// The row has no such field.
    #[default]
    Missing,
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(String),
    List(Box<List>),
}

/// A list, or lists in lists.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct List {
    /// Its numbers, those of inner lists one after the other; 0 for null.
    pub values: Vec<f64>,
    /// Its length, that of the lists in it, and so on.
    pub axes: Vec<usize>,
    /// What is not a number in it.
    pub odd: Option<Odd>,
    /// Why it is not a whole vector, if its numbers are all it holds.
    pub lack: Option<String>,
    /// An integer that f64 would round.
    pub inexact: Option<String>,
    /// How deep its numbers are.
    leaf: Option<usize>,
}

/// What lists hold that are no vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    Text,
    Objects,
    /// Numbers beside lists.
    Mixed,
}

/// Fields at most.
const FIELDS: usize = 1 << 18;

/// Whether f64 would round an integer.
pub(super) fn is_rounded(value: i128) -> bool {
    value.unsigned_abs() > 1 << 53 && rounded_text(&value.to_string(), value as f64)
}

/// The fields that are known, and which of them are wanted.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The place of each field among the cells of a row; none for those that are not wanted.
    places: HashMap<String, Option<usize>>,
    /// Objects that fields are in.
    objects: HashSet<String>,
    /// All fields, in the order in which they came.
    pub all: Vec<String>,
    /// Whether names that come up are taken in.
    open: bool,
    /// Whether a number in a field that is not known is a fault.
    strict: bool,
}

impl Names {
    /// No names yet: every field is taken in.
    pub fn open() -> Self {
        Names {
            open: true,
            ..Names::default()
        }
    }

    /// From now on only these fields are read; returned are their places among the cells. `strict` if a number in a new
    /// field is a fault.
    pub fn keep(&mut self, wanted: &[usize], strict: bool) {
        self.places.values_mut().for_each(|place| *place = None);
        self.objects.clear();
        for (slot, &place) in wanted.iter().enumerate() {
            let name = &self.all[place];
            self.places.insert(name.clone(), Some(slot));
            for (dot, _) in name.match_indices('.') {
                self.objects.insert(name[..dot].into());
            }
        }
        (self.open, self.strict) = (false, strict);
    }

    fn known(&self, path: &str) -> FieldUse {
        match self.places.get(path) {
            Some(Some(_)) => FieldUse::Wanted,
            Some(None) if !self.objects.contains(path) => FieldUse::Unwanted,
            _ if self.open || self.objects.contains(path) || self.strict => FieldUse::New,
            _ => FieldUse::Unwanted,
        }
    }

    /// The place of a new field; None if it is not taken in.
    ///
    /// Errors: there are more fields than any table has.
    fn take<E: serde::de::Error>(&mut self, path: &str) -> Result<Option<usize>, E> {
        if let Some(slot) = self.places.get(path) {
            return Ok(*slot);
        }
        if !self.open {
            return Ok(None);
        }
        let slot = self.all.len();
        if slot == FIELDS {
            let what = format!("the first rows have more than {FIELDS} fields");
            return Err(E::custom(what));
        }
        self.all.push(path.into());
        self.places.insert(path.into(), Some(slot));
        Ok(Some(slot))
    }
}

enum FieldUse {
    Wanted,
    Unwanted,
    /// A new field, or an object of fields.
    New,
}

/// Parse a row into `cells`, one for each wanted field. Errors: what `serde_json` says; a field that occurs twice.
pub(super) fn row(text: &[u8], names: &mut Names, cells: &mut Vec<Cell>) -> serde_json::Result<()> {
    cells.iter_mut().for_each(|cell| *cell = Cell::Missing);
    let mut json = serde_json::Deserializer::from_slice(text);
    let row = Fields {
        names,
        cells,
        path: "",
    };
    json.deserialize_any(row)?;
    json.end()
}

/// Parse a row that is one list, of about `dim` numbers.
pub(super) fn list(text: &[u8], dim: usize) -> serde_json::Result<Cell> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let cell = json.deserialize_any(One { dim })?;
    json.end()?;
    Ok(cell)
}

/// The fields of an object, or the places of a list.
struct Fields<'a> {
    names: &'a mut Names,
    cells: &'a mut Vec<Cell>,
    path: &'a str,
}

impl Fields<'_> {
    /// Read a field's value, which `next` hands to a seed.
    fn field<E: serde::de::Error>(
        &mut self,
        name: &str,
        next: impl FnOnce(Field<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = match self.path {
            "" => name.into(),
            path => format!("{path}.{name}"),
        };
        let known = self.names.known(&path);
        next(Field {
            names: self.names,
            cells: self.cells,
            path,
            known,
        })
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list, as the first row is")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            self.field(&name, |field| map.next_value_seed(field))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let mut more = true;
        for place in 0.. {
            self.field(&place.to_string(), |field| {
                more = seq.next_element_seed(field)?.is_some();
                Ok(())
            })?;
            if !more {
                break;
            }
        }
        Ok(())
    }
}

/// The value of a field.
struct Field<'a> {
    names: &'a mut Names,
    cells: &'a mut Vec<Cell>,
    path: String,
    known: FieldUse,
}

impl Field<'_> {
    fn set<E: serde::de::Error>(self, cell: Cell) -> Result<(), E> {
        let Some(slot) = self.names.take(&self.path)? else {
            let number = matches!(cell, Cell::Int(_) | Cell::UInt(_) | Cell::Float(_));
            if self.names.strict && number && !self.names.places.contains_key(&self.path) {
                return Err(E::custom(format!(
                    "the field {} holds a number, and the first rows have no such field",
                    self.path
                )));
            }
            return Ok(());
        };
        if self.cells.len() <= slot {
            self.cells.resize(slot + 1, Cell::Missing);
        }
        if self.cells[slot] != Cell::Missing {
            return Err(E::custom(format!("the field {} occurs twice", self.path)));
        }
        self.cells[slot] = cell;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        match self.known {
            FieldUse::Unwanted => json.deserialize_any(IgnoredAny).map(drop),
            _ => json.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.set(Cell::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.set(Cell::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.set(Cell::Int(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.set(Cell::UInt(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.set(Cell::Float(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.set(Cell::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let list = One { dim: 0 }.visit_seq(seq)?;
        self.set(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        if let FieldUse::Wanted = self.known
            && !self.names.open
        {
            let what = format!("the field {} holds an object", self.path);
            return Err(A::Error::custom(what));
        }
        let inner = Fields {
            names: self.names,
            cells: self.cells,
            path: &self.path,
        };
        inner.visit_map(map)
    }
}

/// A value that is a cell in itself.
struct One {
    dim: usize,
}

impl<'de> Visitor<'de> for One {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, as the first row is")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Cell, E> {
        Ok(Cell::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Cell, A::Error> {
        let mut list = List {
            values: Vec::with_capacity(self.dim),
            ..List::default()
        };
        Items {
            list: &mut list,
            level: 0,
        }
        .visit_seq(seq)?;
        Ok(Cell::List(Box::new(list)))
    }
}

/// The items of a list, `level` lists deep.
struct Items<'a> {
    list: &'a mut List,
    level: usize,
}

impl Items<'_> {
    fn odd<E>(self, odd: Odd) -> Result<(), E> {
        self.list.odd.get_or_insert(odd);
        Ok(())
    }

    fn integer<E>(self, value: i128) -> Result<(), E> {
        if is_rounded(value) {
            self.list.inexact.get_or_insert_with(|| value.to_string());
        }
        self.number(value as f64)
    }

    fn number<E>(self, value: f64) -> Result<(), E> {
        if *self.list.leaf.get_or_insert(self.level) != self.level {
            return self.odd(Odd::Mixed);
        }
        self.list.values.push(value);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        let place = self.list.values.len();
        let lack = || format!("the value at place {place} is null (or NaN, which JSON lacks)");
        self.list.lack.get_or_insert_with(lack);
        self.number(0.0)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.number(f64::from(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.integer(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.integer(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.number(value)
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.odd(Odd::Text)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.odd(Odd::Objects)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Items { list, level } = self;
        if list.leaf.is_some_and(|leaf| leaf < level) {
            list.odd.get_or_insert(Odd::Mixed);
        }
        let mut count = 0;
        loop {
            let list = &mut *list;
            let level = level + 1;
            if seq.next_element_seed(Items { list, level })?.is_none() {
                break;
            }
            count += 1;
        }
        if list.axes.len() <= level {
            list.axes.resize(level + 1, usize::MAX);
        }
        match list.axes[level] {
            usize::MAX => list.axes[level] = count,
            first if first != count => {
                let lack = || format!("a list in it has {count} values, but its first has {first}");
                list.lack.get_or_insert_with(lack);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> List {
        match list(text.as_bytes(), 0).unwrap() {
            Cell::List(list) => *list,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lists_in_lists_have_axes() {
        let list = of("[[1, 2.5, true], [4, 5, -6]]");
        assert_eq!(list.values, [1.0, 2.5, 1.0, 4.0, 5.0, -6.0]);
        assert_eq!((list.axes, list.lack, list.odd), (vec![2, 3], None, None));
        assert!(of("[[1, 2], [3]]").lack.is_some());
        assert!(of("[1, null]").lack.is_some());
        assert_eq!(of("[1, [2]]").odd, Some(Odd::Mixed));
        assert_eq!(of("[[2], 1]").odd, Some(Odd::Mixed));
        assert_eq!(of("[1, \"a\"]").odd, Some(Odd::Text));
        assert_eq!(of("[{\"a\": [1]}]").odd, Some(Odd::Objects));
        assert!(of("[9007199254740993]").inexact.is_some());
        assert!(of("[18446744073709551615]").inexact.is_some());
        assert!(
            of("[9007199254740994, -9007199254740992]")
                .inexact
                .is_none()
        );
    }

    #[test]
    fn fields_of_objects_in_objects_are_known_by_their_path() {
        let text = br#"{"id": "x", "a": {"b": [1, 2], "c": {"d": 3}}, "e": null}"#;
        let (mut names, mut cells) = (Names::open(), Vec::new());
        row(text, &mut names, &mut cells).unwrap();
        assert_eq!(names.all, ["id", "a.b", "a.c.d", "e"]);
        names.keep(&[2], true);
        let mut cells = vec![Cell::Missing];
        row(text, &mut names, &mut cells).unwrap();
        assert_eq!(cells, [Cell::UInt(3)]);
        for (wrong, word) in [
            (&br#"{"a": {"c": {"d": 3}, "c": {"d": 4}}}"#[..], "twice"),
            (br#"{"new": 1}"#, "no such field"),
            (br#"{"a": {"c": {"d": {}}}}"#, "holds an object"),
            (br#"3"#, "expected an object"),
        ] {
            let error = row(wrong, &mut names, &mut cells).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
        assert!(row(br#"{"text": "3", "id": 1}"#, &mut names, &mut cells).is_ok());
    }
}
