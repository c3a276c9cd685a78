//! One Arrow array as input values.
//!
//! Nested arrays are taken apart here: `arrow` itself panics on a struct with an offset inside another one (59.3).
//! Offsets, keys and text are checked where they are read: the C data interface carries whatever its producer made.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Int8Type, UInt16Type,
    UInt32Type, UInt64Type, UInt8Type,
};
use arrow_array::{make_array, Array, ArrayRef, StringViewArray};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Fields};
use chattpl_render::error::code;
use chattpl_render::{read_value, too_deep, Data, Input, Place, RenderError, Slot, Step, MAX_INPUT_DEPTH};

type Result<T> = std::result::Result<T, RenderError>;

/// The key of a field's metadata that names its extension type.
const EXTENSION: &str = "ARROW:extension:name";

/// An array and, where it nests, those in it.
pub struct Column {
    nulls: Option<NullBuffer>,
    values: Values,
}

enum Values {
    Null,
    Bool(BooleanBuffer),
    Number(ArrayRef, fn(&dyn Array, usize) -> Number),
    Text(Offsets, Buffer),
    TextView(StringViewArray),
    List(Offsets, Box<Column>),
    /// Which list is the first of ours, and how long each is.
    Fixed(usize, usize, Box<Column>),
    /// Which value of each field is the first of ours.
    Struct(usize, Vec<(String, Column)>),
    /// Its entries are structs of a key and a value.
    Map(Offsets, Box<Column>),
    Dictionary(Box<Column>, Box<Column>),
    /// Text that holds JSON.
    Json(Box<Column>),
    /// Values that are no JSON (bytes, times, decimals): what `transformers` makes of their Python objects in messages.
    Named(&'static str),
    /// What no template reads; refused where there is a value of it.
    Other(String),
}

/// Where each element begins, and where the last one ends.
enum Offsets {
    Small(ScalarBuffer<i32>),
    Large(ScalarBuffer<i64>),
}

enum Number {
    Int(i64),
    Large(u64),
    Float(f64),
}

impl Column {
    /// Looks at an array, `depth` levels below the outermost one, which is that of `field` if it is known.
    ///
    /// Text of the extension type `arrow.json`, as `datasets` writes the feature `Json`, stands for the value that it holds.
    ///
    /// # Errors
    /// A struct with two fields of one name; arrays nested too deeply.
    pub fn new(array: ArrayData, field: Option<&Field>, depth: u32) -> Result<Self> {
        let column = Column::of_array(array, depth)?;
        Ok(match field.and_then(|field| field.metadata().get(EXTENSION)).map(String::as_str) {
            Some("arrow.json") => Column { nulls: column.nulls.clone(), values: Values::Json(Box::new(column)) },
            _ => column,
        })
    }

    fn of_array(array: ArrayData, depth: u32) -> Result<Self> {
        if depth > MAX_INPUT_DEPTH {
            return Err(too_deep("the type of an Arrow array"));
        }
        let nulls = array.nulls().cloned();
        let child = |at: usize, field: Option<&Field>| {
            Column::new(array.child_data()[at].clone(), field, depth + 1).map(Box::new)
        };
        let values = match array.data_type() {
            DataType::Null => Values::Null,
            DataType::Boolean => Values::Bool(make_array(array).as_boolean().values().clone()),
            DataType::Utf8 => Values::Text(Offsets::small(&array)?, array.buffers()[1].clone()),
            DataType::LargeUtf8 => Values::Text(Offsets::large(&array)?, array.buffers()[1].clone()),
            DataType::Utf8View => Values::TextView(make_array(array).as_string_view().clone()),
            DataType::List(item) => Values::List(Offsets::small(&array)?, child(0, Some(item))?),
            DataType::LargeList(item) => Values::List(Offsets::large(&array)?, child(0, Some(item))?),
            DataType::FixedSizeList(item, size) => {
                Values::Fixed(array.offset(), usize::try_from(*size).map_err(|_| damaged())?, child(0, Some(item))?)
            }
            DataType::Struct(names) => Values::Struct(array.offset(), fields(names, &array, depth)?),
            DataType::Map(..) => {
                let entries = Column::new(array.child_data()[0].clone(), None, depth + 1)?;
                Values::Map(Offsets::small(&array)?, Box::new(entries))
            }
            DataType::Dictionary(keys, _) => {
                let values = child(0, None)?;
                let keys = array.clone().into_builder().data_type((**keys).clone()).child_data(Vec::new());
                // SAFETY: the keys of a dictionary array are laid out as an array of their own type.
                let keys = unsafe { keys.build_unchecked() };
                Values::Dictionary(Box::new(Column::new(keys, None, depth + 1)?), values)
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Values::Named("<bytes>")
            }
            DataType::Timestamp(..) | DataType::Date64 => Values::Named("<datetime>"),
            DataType::Date32 => Values::Named("<date>"),
            DataType::Time32(_) | DataType::Time64(_) => Values::Named("<time>"),
            DataType::Duration(_) => Values::Named("<timedelta>"),
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
                Values::Named("<Decimal>")
            }
            other => match number_of(other) {
                Some(read) => Values::Number(make_array(array), read),
                None => Values::Other(type_name(other)),
            },
        };
        Ok(Column { nulls, values })
    }

    /// Whether there is no value at `at`.
    pub fn is_null(&self, at: usize) -> bool {
        match (&self.nulls, &self.values) {
            (Some(nulls), _) if at < nulls.len() && nulls.is_null(at) => true,
            (_, Values::Null) => true,
            (_, Values::Dictionary(keys, values)) => keys.key(at).is_some_and(|key| values.is_null(key)),
            _ => false,
        }
    }

    /// The text at `at`, if this is a column of texts.
    pub fn text(&self, at: usize) -> Option<Result<&str>> {
        let bytes = match &self.values {
            Values::Text(offsets, bytes) => offsets.get(at).and_then(|range| bytes.get(range)),
            Values::TextView(views) => view(views, at),
            Values::Dictionary(keys, values) => return keys.key(at).and_then(|key| values.text(key)),
            _ => return None,
        };
        Some(match bytes.map(std::str::from_utf8) {
            Some(Ok(text)) => Ok(text),
            Some(Err(_)) => {
                let hint = "the column says it is text: make it anew from valid text";
                Err(RenderError::own(code::ENCODING, "a string of an Arrow array is not UTF-8", hint))
            }
            None => Err(damaged()),
        })
    }

    /// Reads the value at `at`, which belongs at `place`.
    ///
    /// # Errors
    /// Text that is not UTF-8, a type that no template reads, an array that contradicts itself.
    pub fn read<'r>(&'r self, at: usize, input: &mut Input<'r>, place: Place, slot: Slot<'_, 'r>) -> Result<()> {
        if self.is_null(at) {
            slot.fill(input.none(place));
            return Ok(());
        }
        match &self.values {
            Values::Null => slot.fill(input.none(place)),
            Values::Bool(bits) if at < bits.len() => slot.fill(input.bool(place, bits.value(at))),
            Values::Number(array, read) if at < array.len() => slot.fill(match read(array.as_ref(), at) {
                Number::Int(value) => input.int(place, value),
                Number::Large(value) => input.big_int(place, value.into()),
                Number::Float(value) => input.float(place, value),
            }),
            Values::Text(..) | Values::TextView(_) => {
                let text = self.text(at).ok_or_else(damaged)?;
                slot.fill(input.str(place, text.map_err(|error| error.at_input(input.describe(place)))?));
            }
            Values::List(offsets, items) => list(offsets.get(at), items, input, place, slot)?,
            Values::Fixed(first, size, items) => {
                let start = (first + at) * size;
                list(Some(start..start + size), items, input, place, slot)?;
            }
            Values::Struct(first, fields) => structure(fields, first + at, input, place, slot)?,
            Values::Map(offsets, entries) => map(offsets.get(at), entries, input, place, slot)?,
            Values::Dictionary(keys, values) => values.read(keys.key(at).ok_or_else(damaged)?, input, place, slot)?,
            Values::Named(name) => slot.fill(input.str(place, name)),
            Values::Json(texts) => {
                let text =
                    texts.text(at).ok_or_else(damaged)?.map_err(|error| error.at_input(input.describe(place)))?;
                let value = read_value(input, place, text.as_bytes());
                slot.fill(value.map_err(|error| error.at_input(input.describe(place)))?);
            }
            Values::Other(name) => {
                let message = format!("a value of the Arrow type `{name}`, which no template can print");
                let error = RenderError::own(code::SHAPE, message, "cast the column to text or numbers");
                return Err(error.at_input(input.describe(place)));
            }
            Values::Bool(_) | Values::Number(..) => return Err(damaged()),
        }
        Ok(())
    }

    /// Reads the value at `at` by itself.
    ///
    /// # Errors
    /// As [`Column::read`].
    pub fn value<'r>(&'r self, at: usize, input: &mut Input<'r>, place: Place) -> Result<Data<'r>> {
        let mut data = input.none(place);
        self.read(at, input, place, data.slot())?;
        Ok(data)
    }

    /// Whether there are values at all of `range`, as far as that can be told without reading them.
    fn holds(&self, range: &Range<usize>) -> bool {
        let len = match &self.values {
            Values::Null | Values::Fixed(..) | Values::Struct(..) | Values::Named(_) | Values::Other(_) => usize::MAX,
            Values::Json(texts) => return texts.holds(range),
            Values::Bool(bits) => bits.len(),
            Values::Number(array, _) => array.len(),
            Values::Text(offsets, _) | Values::List(offsets, _) | Values::Map(offsets, _) => offsets.len(),
            Values::TextView(views) => views.len(),
            Values::Dictionary(keys, _) => return keys.holds(range),
        };
        range.end <= len
    }

    /// The number at `at` as an index.
    fn key(&self, at: usize) -> Option<usize> {
        match &self.values {
            Values::Number(array, read) if at < array.len() && !self.is_null(at) => match read(array.as_ref(), at) {
                Number::Int(value) => usize::try_from(value).ok(),
                Number::Large(value) => usize::try_from(value).ok(),
                Number::Float(_) => None,
            },
            _ => None,
        }
    }
}

impl Offsets {
    fn small(array: &ArrayData) -> Result<Self> {
        offsets(array).map(Offsets::Small)
    }

    fn large(array: &ArrayData) -> Result<Self> {
        offsets(array).map(Offsets::Large)
    }

    fn get(&self, at: usize) -> Option<Range<usize>> {
        fn range<O: Copy + TryInto<usize>>(offsets: &[O], at: usize) -> Option<Range<usize>> {
            let (start, end) = (*offsets.get(at)?, *offsets.get(at + 1)?);
            Some(start.try_into().ok()?..end.try_into().ok()?)
        }
        let range = match self {
            Offsets::Small(offsets) => range(offsets, at),
            Offsets::Large(offsets) => range(offsets, at),
        };
        range.filter(|range| range.start <= range.end)
    }

    fn len(&self) -> usize {
        match self {
            Offsets::Small(offsets) => offsets.len().saturating_sub(1),
            Offsets::Large(offsets) => offsets.len().saturating_sub(1),
        }
    }
}

/// The offsets of an array's elements; an empty array may come without any.
fn offsets<O: ArrowNativeType>(array: &ArrayData) -> Result<ScalarBuffer<O>> {
    let buffer = array.buffers().first().ok_or_else(damaged)?;
    let (first, len) = (array.offset(), array.len() + 1);
    if buffer.len() < (first + len) * size_of::<O>() {
        return if array.is_empty() { Ok(ScalarBuffer::default()) } else { Err(damaged()) };
    }
    Ok(ScalarBuffer::new(buffer.clone(), first, len))
}

fn fields(names: &Fields, array: &ArrayData, depth: u32) -> Result<Vec<(String, Column)>> {
    let mut fields: Vec<(String, Column)> = Vec::with_capacity(names.len());
    for (field, values) in names.iter().zip(array.child_data()) {
        if fields.iter().any(|(name, _)| name == field.name()) {
            let message = format!("a struct has two fields called `{}`", field.name());
            return Err(RenderError::own(code::SHAPE, message, "rename one of them"));
        }
        fields.push((field.name().clone(), Column::new(values.clone(), Some(field), depth + 1)?));
    }
    Ok(fields)
}

fn list<'r>(
    range: Option<Range<usize>>,
    items: &'r Column,
    input: &mut Input<'r>,
    place: Place,
    slot: Slot<'_, 'r>,
) -> Result<()> {
    let range = range.filter(|range| items.holds(range)).ok_or_else(damaged)?;
    let mut room = input.room_for_list(range.len());
    for (index, at) in range.enumerate() {
        let item_place = input.place(place, Step::Index(index as u32));
        items.read(at, input, item_place, room.slot(index).ok_or_else(damaged)?)?;
    }
    slot.fill(input.list_in(place, room));
    Ok(())
}

/// A mapping of the fields that are not null: rows share one type, so null is how a key that is not there is written.
fn structure<'r>(
    fields: &'r [(String, Column)],
    at: usize,
    input: &mut Input<'r>,
    place: Place,
    slot: Slot<'_, 'r>,
) -> Result<()> {
    let there = || fields.iter().filter(|(_, values)| !values.is_null(at));
    let mut room = input.room_for_dict(there().count());
    for (index, (name, values)) in there().enumerate() {
        let value_place = input.place(place, Step::Name(name));
        let (key_slot, value_slot) = room.slots(index).ok_or_else(damaged)?;
        key_slot.fill(input.key(value_place, name));
        values.read(at, input, value_place, value_slot)?;
    }
    slot.fill(input.dict_in(place, room));
    Ok(())
}

/// A mapping of all entries, null or not: a map's keys are its own.
fn map<'r>(
    range: Option<Range<usize>>,
    entries: &'r Column,
    input: &mut Input<'r>,
    place: Place,
    slot: Slot<'_, 'r>,
) -> Result<()> {
    let Values::Struct(first, fields) = &entries.values else { return Err(damaged()) };
    let [(_, keys), (_, values)] = fields.as_slice() else { return Err(damaged()) };
    let range = range.ok_or_else(damaged)?;
    let range = range.start + first..range.end + first;
    if !keys.holds(&range) || !values.holds(&range) {
        return Err(damaged());
    }
    let mut read = Vec::with_capacity(range.len());
    for at in range {
        let name = keys.text(at).ok_or_else(|| {
            let error = RenderError::own(code::SHAPE, "a map whose keys are not text", "cast its keys to strings");
            error.at_input(input.describe(place))
        })??;
        let value_place = input.place(place, Step::Name(name));
        read.push((input.key(value_place, name), values.value(at, input, value_place)?));
    }
    slot.fill(input.dict_with_repeats(place, &read));
    Ok(())
}

fn view(views: &StringViewArray, at: usize) -> Option<&[u8]> {
    /// Texts up to this length stand in the view itself, after their length.
    const INLINE: usize = 12;
    let bytes = views.views().inner().as_slice().get(at * 16..(at + 1) * 16)?;
    let part = |from: usize| Some(u32::from_le_bytes(bytes.get(from..from + 4)?.try_into().ok()?) as usize);
    let len = part(0)?;
    if len <= INLINE {
        return bytes.get(4..4 + len);
    }
    let start = part(12)?;
    views.data_buffers().get(part(8)?)?.as_slice().get(start..start.checked_add(len)?)
}

/// How a value of a numeric type is read.
fn number_of(kind: &DataType) -> Option<fn(&dyn Array, usize) -> Number> {
    fn at<T: ArrowPrimitiveType>(array: &dyn Array, at: usize) -> T::Native {
        array.as_primitive::<T>().value(at)
    }
    Some(match kind {
        DataType::Int8 => |array, index| Number::Int(at::<Int8Type>(array, index).into()),
        DataType::Int16 => |array, index| Number::Int(at::<Int16Type>(array, index).into()),
        DataType::Int32 => |array, index| Number::Int(at::<Int32Type>(array, index).into()),
        DataType::Int64 => |array, index| Number::Int(at::<Int64Type>(array, index)),
        DataType::UInt8 => |array, index| Number::Int(at::<UInt8Type>(array, index).into()),
        DataType::UInt16 => |array, index| Number::Int(at::<UInt16Type>(array, index).into()),
        DataType::UInt32 => |array, index| Number::Int(at::<UInt32Type>(array, index).into()),
        DataType::UInt64 => |array, index| {
            let value = at::<UInt64Type>(array, index);
            i64::try_from(value).map_or(Number::Large(value), Number::Int)
        },
        DataType::Float16 => |array, index| Number::Float(at::<Float16Type>(array, index).to_f64()),
        DataType::Float32 => |array, index| Number::Float(at::<Float32Type>(array, index).into()),
        DataType::Float64 => |array, index| Number::Float(at::<Float64Type>(array, index)),
        _ => return None,
    })
}

/// A type as `pyarrow` writes it, without what lies in its structs.
pub fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 => "string".to_owned(),
        DataType::LargeUtf8 => "large_string".to_owned(),
        DataType::Utf8View => "string_view".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Boolean => "bool".to_owned(),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            format!("list<{}>", type_name(item.data_type()))
        }
        DataType::Struct(fields) => {
            let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            format!("struct<{}>", names.join(", "))
        }
        DataType::Dictionary(_, values) => format!("dictionary<{}>", type_name(values)),
        other => other.to_string().to_lowercase(),
    }
}

fn damaged() -> RenderError {
    RenderError::own(code::SHAPE, "an Arrow array contradicts itself", "check how it was made: `.validate(full=True)`")
}
