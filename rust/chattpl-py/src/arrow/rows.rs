//! Rows with messages, tools and documents.

use arrow_buffer::NullBuffer;
use arrow_data::ArrayData;
use arrow_schema::DataType;
use chattpl_render::error::code;
use chattpl_render::{read_value, Data, Input, Place, RenderError};

use super::column::{type_name, Column};

type Result<T> = std::result::Result<T, RenderError>;

/// All rows of a source, in order.
pub struct Rows {
    parts: Vec<Part>,
}

/// Rows that lie in one array.
struct Part {
    /// Which value of each column is the first of ours.
    first: usize,
    len: usize,
    nulls: Option<NullBuffer>,
    messages: Column,
    tools: Option<Column>,
    documents: Option<Column>,
}

/// One row.
pub struct Row<'a> {
    part: &'a Part,
    at: usize,
}

impl Rows {
    /// Looks at arrays of conversations: lists of messages, or structs (tables) with a field `messages`.
    ///
    /// # Errors
    /// Columns that cannot hold messages, tools or documents; the error names the column and its type.
    pub fn new(arrays: &[ArrayData]) -> Result<Self> {
        Ok(Rows { parts: arrays.iter().map(Part::new).collect::<Result<_>>()? })
    }

    /// The rows.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.parts.iter().flat_map(|part| (0..part.len).map(move |at| Row { part, at }))
    }
}

impl Part {
    fn new(array: &ArrayData) -> Result<Self> {
        let (first, len) = (array.offset(), array.len());
        let DataType::Struct(fields) = array.data_type() else {
            let messages = messages(array, "the array")?;
            return Ok(Part { first: 0, len, nulls: None, messages, tools: None, documents: None });
        };
        let column = |name| fields.find(name).and_then(|(at, _)| array.child_data().get(at));
        let Some(found) = column("messages") else {
            let names: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name())).collect();
            let message = match names.is_empty() {
                true => "there are no columns".to_owned(),
                false => format!("no column `messages` among {}", names.join(", ")),
            };
            return Err(RenderError::own(code::SHAPE, message, HINT));
        };
        let optional = |name| column(name).map(|column| list_or_text(column, name)).transpose();
        let messages = messages(found, "the column `messages`")?;
        let (tools, documents) = (optional("tools")?, optional("documents")?);
        Ok(Part { first, len, nulls: array.nulls().cloned(), messages, tools, documents })
    }
}

const HINT: &str = "give a column `messages` of the type list<struct<role, content, ...>>, or an array of that type";

fn messages(array: &ArrayData, what: &str) -> Result<Column> {
    let holds_structs = match array.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            matches!(item.data_type(), DataType::Struct(_) | DataType::Map(..) | DataType::Null)
        }
        DataType::Null => true,
        _ => false,
    };
    if holds_structs {
        return Column::new(array.clone(), 0);
    }
    let message = format!("{what} has the type `{}`, which is no list of messages", type_name(array.data_type()));
    Err(RenderError::own(code::SHAPE, message, HINT))
}

fn list_or_text(array: &ArrayData, name: &str) -> Result<Column> {
    let column = Column::new(array.clone(), 0)?;
    let is_text = match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, values) => matches!(**values, DataType::Utf8 | DataType::LargeUtf8),
        _ => false,
    };
    if is_text || column.is_list() {
        return Ok(column);
    }
    let message = format!("the column `{name}` has the type `{}`", type_name(array.data_type()));
    Err(RenderError::own(code::SHAPE, message, "it holds lists of structs, or JSON text"))
}

impl Row<'_> {
    /// Reads the row; tools and documents that `input` has already are kept.
    ///
    /// # Errors
    /// A row without messages; what [`Column::read`] finds.
    pub fn read<'r>(&'r self, input: &mut Input<'r>) -> Result<()> {
        let part = self.part;
        let at = part.first + self.at;
        let gone = part.nulls.as_ref().is_some_and(|nulls| nulls.is_null(self.at));
        if gone || part.messages.is_null(at) {
            return Err(RenderError::own(code::SHAPE, "the row has no `messages`", "leave out rows that are null"));
        }
        let messages = part.messages.value(at, input, Place::MESSAGES)?;
        input.set_messages(messages);
        if let Some(column) = part.tools.as_ref().filter(|column| !input.has_tools() && !column.is_null(at)) {
            let tools = list_in(column, at, input, Place::TOOLS)?;
            input.set_tools(tools);
        }
        if let Some(column) = part.documents.as_ref().filter(|column| !input.has_documents() && !column.is_null(at)) {
            let documents = list_in(column, at, input, Place::DOCUMENTS)?;
            input.set_documents(documents);
        }
        Ok(())
    }
}

/// A list, or JSON text of one; blank text is none.
fn list_in<'r>(column: &'r Column, at: usize, input: &mut Input<'r>, place: Place) -> Result<Data<'r>> {
    match column.text(at) {
        Some(text) => match text?.trim() {
            "" => Ok(input.none(place)),
            json => read_value(input, place, json.as_bytes()).map_err(|error| {
                let place = input.describe(place);
                error.at_input(place)
            }),
        },
        None => column.value(at, input, place),
    }
}
