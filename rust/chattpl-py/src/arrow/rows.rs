//! Rows of Arrow arrays: tables of any dialect, or arrays of conversations.

use arrow_buffer::NullBuffer;
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field};
use chattpl_render::error::code;
use chattpl_render::rows::{
    can_hold_conversation, is_list_field, is_row_field, place_of_field, read_messages, read_row, RowReport,
};
use chattpl_render::{Input, Place, RenderError};

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
    columns: Columns,
}

enum Columns {
    /// An array of conversations.
    Messages(Column),
    /// A table.
    Fields {
        /// Columns that the row reader looks at, by name.
        known: Vec<(String, Column)>,
        /// Which values of the others are not null.
        others: Vec<(String, ArrayData)>,
    },
}

/// One row.
pub struct Row<'a> {
    part: &'a Part,
    at: usize,
}

impl Rows {
    /// Looks at arrays of conversations: lists of messages, or structs (tables) with the fields of rows.
    ///
    /// # Errors
    /// Columns of types that cannot be read; the error names the type.
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
        let (first, len, nulls) = (array.offset(), array.len(), array.nulls().cloned());
        let DataType::Struct(fields) = array.data_type() else {
            check_type(&Field::new("", array.data_type().clone(), true))?;
            let messages = Column::new(array.clone(), None, 0)?;
            return Ok(Part { first: 0, len, nulls: None, columns: Columns::Messages(messages) });
        };
        if !fields.iter().any(|field| can_hold_conversation(field.name())) {
            let names: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name())).collect();
            let message = match names.is_empty() {
                true => "there are no columns".to_owned(),
                false => format!("no column `messages`, and none of another dialect, among {}", names.join(", ")),
            };
            return Err(RenderError::own(code::SHAPE, message, HINT));
        }
        for field in fields.iter().filter(|field| is_list_field(field.name())) {
            check_type(field)?;
        }
        let (mut known, mut others) = (Vec::new(), Vec::new());
        for (field, values) in fields.iter().zip(array.child_data()) {
            let name = field.name().clone();
            match is_row_field(&name) {
                true => known.push((name, Column::new(values.clone(), Some(field), 0)?)),
                false => others.push((name, values.clone())),
            }
        }
        Ok(Part { first, len, nulls, columns: Columns::Fields { known, others } })
    }
}

const HINT: &str =
    "give a column `messages` of the type list<struct<role, content, ...>>, or columns of another dialect; \
                    see docs/rows.md";

/// Refuses a type that holds neither lists nor text.
fn check_type(field: &Field) -> Result<()> {
    let is_text = |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let fits = match field.data_type() {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) | DataType::Null => true,
        DataType::Dictionary(_, values) => is_text(values),
        kind => is_text(kind),
    };
    if fits {
        return Ok(());
    }
    let (kind, what) = (type_name(field.data_type()), field.name());
    let message = match what.is_empty() {
        true => format!("the array has the type `{kind}`, which holds no conversations"),
        false => format!("the column `{what}` has the type `{kind}`, which holds neither lists nor JSON text"),
    };
    Err(RenderError::own(code::SHAPE, message, HINT))
}

impl Row<'_> {
    /// Reads the row; tools and documents that `input` has already are kept.
    ///
    /// # Errors
    /// A row without a conversation; what [`Column::read`] finds.
    pub fn read<'r>(&'r self, input: &mut Input<'r>) -> Result<RowReport<'r>> {
        let part = self.part;
        let at = part.first + self.at;
        if part.nulls.as_ref().is_some_and(|nulls| nulls.is_null(self.at)) {
            return Err(RenderError::own(code::SHAPE, "the row is null", "leave out rows that are null"));
        }
        match &part.columns {
            Columns::Messages(messages) if messages.is_null(at) => Err(RenderError::own(
                code::SHAPE,
                "the row has no messages: it is null",
                "leave out rows that are null",
            )),
            Columns::Messages(messages) => {
                let messages = messages.value(at, input, Place::MESSAGES)?;
                read_messages(input, messages)
            }
            Columns::Fields { known, others } => {
                let mut fields = Vec::with_capacity(known.len());
                for (name, column) in known.iter().filter(|(_, column)| !column.is_null(at)) {
                    let place = place_of_field(input, name);
                    fields.push((name.as_str(), column.value(at, input, place)?));
                }
                let has_value = |values: &ArrayData| {
                    !matches!(values.data_type(), DataType::Null)
                        && !values.nulls().is_some_and(|nulls| nulls.is_null(at))
                };
                let unread = others.iter().filter(|(_, values)| has_value(values)).map(|(name, _)| name.as_str());
                read_row(input, &fields, &unread.collect::<Vec<_>>())
            }
        }
    }
}
