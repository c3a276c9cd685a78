//! Python objects as input values, read in place.
//!
//! The reduction is that of `transformers`: JSON types stay, tuples too, mappings become dicts, and anything else
//! goes through `chattpl.messages.plain`.

use chattpl_render::rows::{is_row_field, place_of_field, read_call_arguments, TEMPLATE_KWARGS};
use chattpl_render::{error::code, too_deep, Data, DateTime, Input, Place, RenderError, Step, MAX_INPUT_DEPTH};
use num_bigint::BigInt;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::borrow::Keeper;
use crate::reading::{Read, Taken};

/// Why an object could not be read.
pub enum ConvertError {
    /// The input is at fault.
    Input(RenderError),
    /// Python raised.
    Python(PyErr),
}

impl From<PyErr> for ConvertError {
    fn from(error: PyErr) -> Self {
        ConvertError::Python(error)
    }
}

impl From<RenderError> for ConvertError {
    fn from(error: RenderError) -> Self {
        ConvertError::Input(error)
    }
}

type Converted<T> = Result<T, ConvertError>;

/// Reads Python objects into the input of one render.
pub struct Converter<'r> {
    keeper: &'r Keeper,
    /// The containers around the current value, to find cycles.
    open: Vec<usize>,
}

impl<'r> Converter<'r> {
    pub fn new(keeper: &'r Keeper) -> Self {
        Converter { keeper, open: Vec::new() }
    }

    /// Reads one value that belongs at `place`, holding on to every string.
    fn value(&mut self, input: &Input<'r>, object: &Bound<'_, PyAny>, place: Place) -> Converted<Data<'r>> {
        if let Ok(string) = object.cast::<PyString>() {
            let text = self.text(input, string, place)?;
            return Ok(input.str(place, text));
        }
        if let Ok(dict) = object.cast_exact::<PyDict>() {
            return self.dict(input, dict, place);
        }
        if let Ok(list) = object.cast_exact::<PyList>() {
            return self.sequence(input, object, list.iter(), place, Input::list);
        }
        if object.is_none() {
            return Ok(input.none(place));
        }
        if let Ok(value) = object.cast_exact::<PyBool>() {
            return Ok(input.bool(place, value.is_true()));
        }
        if let Ok(value) = object.cast::<PyInt>() {
            return Ok(match value.extract::<i64>() {
                Ok(small) => input.int(place, small),
                Err(_) => input.big_int(place, value.extract::<BigInt>()?),
            });
        }
        if let Ok(value) = object.cast::<PyFloat>() {
            return Ok(input.float(place, value.value()));
        }
        if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            return self.sequence(input, object, tuple.iter(), place, Input::tuple);
        }
        // An object may reduce to another one that is as odd, without end.
        self.open(input, object, place)?;
        let plain = object.py().import("chattpl.messages")?.call_method1("plain", (object,))?;
        let value = self.value(input, &plain, place)?;
        self.open.pop();
        Ok(value)
    }

    fn text(&self, input: &Input<'r>, string: &Bound<'_, PyString>, place: Place) -> Converted<&'r str> {
        self.keeper.text(string).map_err(|_| {
            let error = RenderError::own(
                code::ENCODING,
                "a lone surrogate in a string",
                "no UTF-8 text can hold it; remove it from the data",
            );
            ConvertError::Input(error.at_input(input.describe(place)))
        })
    }

    /// Steps into a container, checking depth and cycles.
    fn open(&mut self, input: &Input<'r>, object: &Bound<'_, PyAny>, place: Place) -> Converted<()> {
        self.open.push(object.as_ptr() as usize);
        if self.open.len() > MAX_INPUT_DEPTH as usize {
            let last = object.as_ptr() as usize;
            let place = input.describe(place);
            let place = place.chars().take(120).collect::<String>();
            let around = &self.open[..self.open.len() - 1];
            if !around.contains(&last) {
                return Err(too_deep(&place).into());
            }
            let message = "an object of the input contains itself";
            return Err(RenderError::own(code::CYCLE, message, "break the cycle").at_input(place).into());
        }
        Ok(())
    }

    fn sequence<'py>(
        &mut self,
        input: &Input<'r>,
        object: &Bound<'py, PyAny>,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        place: Place,
        finish: fn(&Input<'r>, Place, &[Data<'r>]) -> Data<'r>,
    ) -> Converted<Data<'r>> {
        self.open(input, object, place)?;
        let mut values = Vec::with_capacity(items.size_hint().0);
        for (index, item) in items.enumerate() {
            let item_place = input.place(place, Step::Index(index as u32));
            values.push(self.value(input, &item, item_place)?);
        }
        self.open.pop();
        Ok(finish(input, place, &values))
    }

    fn dict(&mut self, input: &Input<'r>, dict: &Bound<'_, PyDict>, place: Place) -> Converted<Data<'r>> {
        self.open(input, dict.as_any(), place)?;
        let mut entries = Vec::with_capacity(dict.len());
        let mut plain_keys = true;
        let mut items = dict.iter();
        let mut held: Option<std::vec::IntoIter<_>> = None;
        while let Some((key, value)) = match &mut held {
            Some(held) => held.next(),
            None => items.next(),
        } {
            // Reading anything but a plain string can run Python code that changes the dict, which its iterator does
            // not survive.
            let plain = key.is_exact_instance_of::<PyString>() && value.is_exact_instance_of::<PyString>();
            if held.is_none() && !plain {
                held = Some(items.by_ref().collect::<Vec<_>>().into_iter());
            }
            let name = match key.cast::<PyString>() {
                Ok(name) => {
                    plain_keys &= key.is_exact_instance_of::<PyString>();
                    self.text(input, name, place)?
                }
                Err(_) => {
                    plain_keys = false;
                    input.arena().alloc_str(&key.str()?.to_string_lossy())
                }
            };
            let value_place = input.place(place, Step::Name(name));
            let key = match key.is_instance_of::<PyString>() {
                true => input.key(value_place, name),
                false => self.value(input, &key, value_place)?,
            };
            entries.push((key, self.value(input, &value, value_place)?));
        }
        self.open.pop();
        Ok(if plain_keys { input.dict(place, &entries) } else { input.dict_with_repeats(place, &entries) })
    }

    /// Reads a conversation; an object with `messages` stands for them, and a mapping that is taken as a row is one.
    pub fn conversation(
        &mut self,
        input: &mut Input<'r>,
        object: &Bound<'_, PyAny>,
        taken: Taken,
    ) -> Converted<Read<'r>> {
        if taken == Taken::AsRow {
            if let Ok(row) = object.cast::<PyDict>() {
                return self.row(input, row);
            }
        }
        let given = !object.is_instance_of::<PyList>() && object.hasattr("messages")?;
        let messages = if given { &object.getattr("messages")? } else { object };
        Ok(Read::Messages(self.value(input, messages, Place::MESSAGES)?))
    }

    /// Reads the fields of a row that the row reader looks at.
    fn row(&mut self, input: &mut Input<'r>, row: &Bound<'_, PyDict>) -> Converted<Read<'r>> {
        let (mut fields, mut unread) = (Vec::with_capacity(row.len()), Vec::new());
        for (name, value) in row.iter().collect::<Vec<_>>() {
            let Ok(name) = name.cast::<PyString>() else { continue };
            let name = self.text(input, name, Place::ROW)?;
            if value.is_none() {
                continue;
            }
            if !is_row_field(name) {
                unread.push(name);
                continue;
            }
            let value = match value.cast::<PyList>() {
                Ok(tools) if name == "tools" => self.list_of_tools(input, tools.as_any())?,
                _ => {
                    let place = place_of_field(input, name);
                    self.value(input, &value, place)?
                }
            };
            fields.push((name, value));
        }
        Ok(Read::Row(fields, unread))
    }

    /// Reads tools: JSON schemas, or functions to make schemas of.
    pub fn tools(&mut self, input: &mut Input<'r>, object: &Bound<'_, PyAny>) -> Converted<()> {
        let tools = self.list_of_tools(input, object)?;
        input.set_tools(tools);
        Ok(())
    }

    fn list_of_tools(&mut self, input: &Input<'r>, object: &Bound<'_, PyAny>) -> Converted<Data<'r>> {
        let mut tools = Vec::new();
        for (index, tool) in object.try_iter()?.enumerate() {
            let tool = tool?;
            let place = input.place(Place::TOOLS, Step::Index(index as u32));
            let tool = if tool.is_instance_of::<PyDict>() || tool.is_instance_of::<PyString>() {
                tool
            } else {
                tool.py().import("chattpl.schema")?.call_method1("tool_schema", (tool,))?
            };
            tools.push(self.value(input, &tool, place)?);
        }
        Ok(input.list(Place::TOOLS, &tools))
    }

    /// Reads template arguments that are given together.
    pub fn template_kwargs(&mut self, input: &mut Input<'r>, object: &Bound<'_, PyAny>) -> Converted<()> {
        if object.is_none() {
            return Ok(());
        }
        let place = input.place(Place::ROW, Step::Name(TEMPLATE_KWARGS));
        let value = self.value(input, object, place)?;
        Ok(read_call_arguments(input, value)?)
    }

    /// Reads documents.
    pub fn documents(&mut self, input: &mut Input<'r>, object: &Bound<'_, PyAny>) -> Converted<()> {
        let documents = self.value(input, object, Place::DOCUMENTS)?;
        input.set_documents(documents);
        Ok(())
    }

    /// Reads one template argument, and returns its name.
    pub fn argument(
        &mut self,
        input: &mut Input<'r>,
        name: &Bound<'_, PyString>,
        object: &Bound<'_, PyAny>,
    ) -> Converted<&'r str> {
        let name = self.text(input, name, Place::ARGUMENTS)?;
        let place = input.place(Place::ARGUMENTS, Step::Name(name));
        let value = self.value(input, object, place)?;
        input.set_argument(name, value);
        Ok(name)
    }
}

/// A Python `datetime` as the clock's time.
pub fn date_time(moment: &Bound<'_, PyAny>) -> PyResult<DateTime> {
    let field = |name: &str| moment.getattr(name);
    Ok(DateTime {
        year: field("year")?.extract()?,
        month: field("month")?.extract()?,
        day: field("day")?.extract()?,
        hour: field("hour")?.extract()?,
        minute: field("minute")?.extract()?,
        second: field("second")?.extract()?,
        microsecond: field("microsecond")?.extract()?,
    })
}
