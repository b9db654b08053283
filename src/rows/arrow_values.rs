//! Arrow arrays as rows of numbers, and as the texts of ids and labels.

use super::Texts;
use crate::rows::Element;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_schema::{ArrowError, DataType};
use std::sync::Arc;

/// The element type to which numbers of an Arrow type are converted; None for types that are not numbers.
pub(super) fn number(data_type: &DataType) -> Option<Element> {
    Some(match data_type {
        DataType::Float16 => Element::F16,
        DataType::Float32 => Element::F32,
        DataType::Float64 => Element::F64,
        DataType::Int8 => Element::I8,
        DataType::Int16 => Element::I16,
        DataType::Int32 => Element::I32,
        DataType::Int64 => Element::I64,
        DataType::UInt8 => Element::U8,
        DataType::UInt16 => Element::U16,
        DataType::UInt32 => Element::U32,
        DataType::UInt64 => Element::U64,
        DataType::Boolean => Element::Bool,
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Element::F64,
        DataType::Dictionary(_, values) => return number(values),
        DataType::RunEndEncoded(_, values) => return number(values.data_type()),
        _ => return None,
    })
}

/// Decodes a dictionary or run-end encoded array; any other array is returned as it is.
pub(super) fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = arrow_select::take::take(dictionary.values(), dictionary.keys(), None)?;
            plain(&values)
        }
        DataType::RunEndEncoded(ends, _) => {
            let rows: Vec<u64> = (0..array.len() as u64).collect();
            macro_rules! runs {
                ($t:ty) => {{
                    let runs = array.as_any().downcast_ref::<arrow_array::RunArray<$t>>();
                    match runs {
                        Some(runs) => {
                            let logical: Vec<_> = rows
                                .iter()
                                .map(|&row| <$t as ArrowPrimitiveType>::Native::try_from(row))
                                .collect::<Result<_, _>>()
                                .map_err(|error| {
                                    ArrowError::InvalidArgumentError(error.to_string())
                                })?;
                            let places = runs.get_physical_indices(&logical)?;
                            let places = arrow_array::UInt64Array::from_iter_values(
                                places.into_iter().map(|place| place as u64),
                            );
                            plain(&arrow_select::take::take(runs.values(), &places, None)?)
                        }
                        None => Ok(Arc::clone(array)),
                    }
                }};
            }
            match ends.data_type() {
                DataType::Int16 => runs!(Int16Type),
                DataType::Int32 => runs!(Int32Type),
                _ => runs!(Int64Type),
            }
        }
        _ => Ok(Arc::clone(array)),
    }
}

/// The numbers of a column, None for each null. Errors: the column does not hold numbers.
pub(super) fn numbers(array: &ArrayRef) -> Result<Vec<Option<f64>>, ArrowError> {
    fn of<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        convert: impl Fn(T::Native) -> f64,
    ) -> Vec<Option<f64>> {
        let values = array.as_primitive::<T>();
        values.iter().map(|value| value.map(&convert)).collect()
    }
    fn decimal<T: DecimalType>(array: &ArrayRef) -> Vec<Option<f64>> {
        let values: &PrimitiveArray<T> = array.as_primitive();
        let text = |row| values.value_as_string(row).parse().ok();
        (0..values.len())
            .map(|row| values.is_valid(row).then(|| text(row)).flatten())
            .collect()
    }
    let array = &plain(array)?;
    Ok(match array.data_type() {
        DataType::Float16 => of::<Float16Type>(array, f64::from),
        DataType::Float32 => of::<Float32Type>(array, f64::from),
        DataType::Float64 => of::<Float64Type>(array, |v| v),
        DataType::Int8 => of::<Int8Type>(array, f64::from),
        DataType::Int16 => of::<Int16Type>(array, f64::from),
        DataType::Int32 => of::<Int32Type>(array, f64::from),
        DataType::Int64 => of::<Int64Type>(array, |v| v as f64),
        DataType::UInt8 => of::<UInt8Type>(array, f64::from),
        DataType::UInt16 => of::<UInt16Type>(array, f64::from),
        DataType::UInt32 => of::<UInt32Type>(array, f64::from),
        DataType::UInt64 => of::<UInt64Type>(array, |v| v as f64),
        DataType::Boolean => {
            let values = array.as_boolean();
            values.iter().map(|value| value.map(f64::from)).collect()
        }
        DataType::Decimal32(..) => decimal::<Decimal32Type>(array),
        DataType::Decimal64(..) => decimal::<Decimal64Type>(array),
        DataType::Decimal128(..) => decimal::<Decimal128Type>(array),
        DataType::Decimal256(..) => decimal::<Decimal256Type>(array),
        other => {
            let what = format!("{other} where numbers were");
            return Err(ArrowError::InvalidArgumentError(what));
        }
    })
}

/// Appends the numbers of an array in its own type; booleans become 0 and 1, decimals f64. Nulls become arbitrary
/// numbers.
fn append(values: &ArrayRef, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    macro_rules! bytes {
        ($t:ty) => {
            out.extend_from_slice(bytemuck::cast_slice(values.as_primitive::<$t>().values()))
        };
    }
    match values.data_type() {
        DataType::Float16 => bytes!(Float16Type),
        DataType::Float32 => bytes!(Float32Type),
        DataType::Float64 => bytes!(Float64Type),
        DataType::Int8 => bytes!(Int8Type),
        DataType::Int16 => bytes!(Int16Type),
        DataType::Int32 => bytes!(Int32Type),
        DataType::Int64 => bytes!(Int64Type),
        DataType::UInt8 => bytes!(UInt8Type),
        DataType::UInt16 => bytes!(UInt16Type),
        DataType::UInt32 => bytes!(UInt32Type),
        DataType::UInt64 => bytes!(UInt64Type),
        DataType::Boolean => out.extend(
            values
                .as_boolean()
                .iter()
                .map(|v| u8::from(v == Some(true))),
        ),
        _ => {
            for value in numbers(values)? {
                out.extend_from_slice(&value.unwrap_or(0.0).to_ne_bytes());
            }
        }
    }
    Ok(())
}

/// The items of the list in row `row`.
fn items(lists: &ArrayRef, row: usize) -> Option<ArrayRef> {
    Some(match lists.data_type() {
        DataType::List(_) => lists.as_list::<i32>().value(row),
        DataType::LargeList(_) => lists.as_list::<i64>().value(row),
        DataType::ListView(_) => lists.as_list_view::<i32>().value(row),
        DataType::LargeListView(_) => lists.as_list_view::<i64>().value(row),
        DataType::FixedSizeList(..) => lists.as_fixed_size_list().value(row),
        _ => return None,
    })
}

/// The axes of the vector in row `row`, taken from the first item of each level; None where a level is null or empty.
pub(super) fn axes(lists: &ArrayRef, row: usize) -> Option<Vec<usize>> {
    let lists = plain(lists).ok()?;
    if lists.is_null(row) {
        return None;
    }
    let items = items(&lists, row)?;
    if items.is_empty() {
        return None;
    }
    let mut all = vec![items.len()];
    if number(items.data_type()).is_none() {
        all.extend(axes(&items, 0)?);
    }
    Some(all)
}

/// Why a row is not a whole vector.
#[derive(Debug)]
pub(super) enum Fault {
    /// The number at this place of the row is null, or the whole row where there is no place.
    Null(Option<usize>),
    /// A list has the first number of items, where the second is expected.
    Length(usize, usize),
    Arrow(ArrowError),
}

impl From<ArrowError> for Fault {
    fn from(error: ArrowError) -> Self {
        Fault::Arrow(error)
    }
}

/// Appends the vector in row `row` of `lists`, which are [`plain`] and must have these axes. After a fault the caller
/// cuts off what was appended.
pub(super) fn vector(
    lists: &ArrayRef,
    row: usize,
    axes: &[usize],
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    if lists.is_null(row) {
        return Err(Fault::Null(None));
    }
    let Some((&length, rest)) = axes.split_first() else {
        return Ok(());
    };
    let items = items(lists, row).ok_or(Fault::Length(0, length))?;
    if items.len() != length {
        return Err(Fault::Length(items.len(), length));
    }
    let items = plain(&items)?;
    if rest.is_empty() {
        if let Some(place) = (0..length).find(|&place| items.is_null(place)) {
            return Err(Fault::Null(Some(place)));
        }
        return Ok(append(&items, out)?);
    }
    (0..length).try_for_each(|item| vector(&items, item, rest, out))
}

/// Appends the values of a column as text: numbers are formatted. Errors: values that have no text form.
pub(super) fn texts(array: &ArrayRef, out: &mut Texts) -> Result<(), ArrowError> {
    let array = &plain(array)?;
    macro_rules! write {
        ($values:expr) => {
            for value in $values.iter() {
                match value {
                    Some(value) => out.push(&value.to_string()),
                    None => out.push(""),
                }
            }
        };
    }
    match array.data_type() {
        DataType::Utf8 => write!(array.as_string::<i32>()),
        DataType::LargeUtf8 => write!(array.as_string::<i64>()),
        DataType::Utf8View => write!(array.as_string_view()),
        DataType::Int64 => write!(array.as_primitive::<Int64Type>()),
        DataType::UInt64 => write!(array.as_primitive::<UInt64Type>()),
        _ => {
            for value in numbers(array)? {
                out.push(&value.map_or_else(String::new, |value| value.to_string()));
            }
        }
    }
    Ok(())
}
