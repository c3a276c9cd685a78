//! Reads a row of a data set: the conversation that it holds, whichever dialect it is written in, and what steers it.
//!
//! Messages keep the place that they have as a conversation (`messages[2].content`), whatever the row called them, so that
//! masks, segments and errors mean the same for every dialect.

mod answers;
mod anthropic;
mod fields;
mod question;
mod turns;

use crate::error::{code, ErrorClass, RenderError, Result};
use crate::input::{Data, Input, Place, Step};
use crate::json::read_value;
use crate::value::cmp::equal;
use crate::value::{Dict, Seq, Str, Value};

use fields::Fields;

/// How a row says its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `messages` with `role` and `content`, as OpenAI, Mistral and the Hub's data sets write them.
    Messages,
    /// `messages` with content blocks of Anthropic: `tool_use`, `tool_result`, `thinking`.
    Anthropic,
    /// `conversations` with `from` and `value`.
    ShareGpt,
    /// A list of texts that users and assistants say in turn.
    Alternating,
    /// `prompt` with `completion` or `response`, or alone.
    Prompt,
    /// `chosen` and `rejected`, or several ranked answers.
    Preference,
    /// `instruction`, `input` and `output`, as in Alpaca and Dolly.
    Instruction,
    /// `question` and `answer`.
    Question,
}

impl Dialect {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Messages => "messages",
            Dialect::Anthropic => "anthropic",
            Dialect::ShareGpt => "sharegpt",
            Dialect::Alternating => "alternating",
            Dialect::Prompt => "prompt",
            Dialect::Preference => "preference",
            Dialect::Instruction => "instruction",
            Dialect::Question => "question",
        }
    }
}

/// What a row holds besides the messages, tools and documents that [`read_row`] puts in the input.
#[derive(Debug)]
pub struct RowReport<'r> {
    /// How the row says its conversation.
    pub dialect: Dialect,
    /// Names of fields with a value that the reader did not use.
    pub unused: Vec<&'r str>,
    /// Names of fields, of the row and of messages, that look like training flags and are none.
    pub flag_like: Vec<&'r str>,
    /// Further answers, the best first: each a list of messages that could stand for those from `answer_start` on.
    pub alternatives: Vec<Data<'r>>,
    /// Index of the message at which the answer begins; `None` where the dialect has no such split.
    pub answer_start: Option<usize>,
    /// How much the row counts; `None` where it does not say.
    pub weight: Option<f64>,
}

impl RowReport<'_> {
    fn new(dialect: Dialect) -> Self {
        let (unused, flag_like, alternatives) = (Vec::new(), Vec::new(), Vec::new());
        RowReport { dialect, unused, flag_like, alternatives, answer_start: None, weight: None }
    }
}

/// The fields of one message, in order, with values that are not placed yet.
type Message<'r> = Vec<(&'r str, Value<'r>)>;

/// The messages that a field holds.
struct Read<'r> {
    dialect: Dialect,
    messages: Vec<Message<'r>>,
    answer_start: Option<usize>,
    alternatives: Vec<Vec<Message<'r>>>,
    /// Names of fields inside the conversation that have no place in messages.
    unused: Vec<&'r str>,
}

impl<'r> Read<'r> {
    fn new(dialect: Dialect, messages: Vec<Message<'r>>) -> Self {
        Read { dialect, messages, answer_start: None, alternatives: Vec::new(), unused: Vec::new() }
    }
}

/// Whether the reader looks at a field of that name. Sources need not read others.
pub fn is_row_field(name: &str) -> bool {
    fields::is_known(name)
}

/// Whether a field of that name can hold a conversation, or its beginning.
pub fn can_hold_conversation(name: &str) -> bool {
    name == "chosen" || [&fields::CONVERSATIONS[..], &fields::DIALOGUES, &fields::QUESTIONS].concat().contains(&name)
}

/// Whether a field of that name holds a list, or JSON text of one.
pub fn is_list_field(name: &str) -> bool {
    ["tools", "functions", "documents"].contains(&name) || fields::CONVERSATIONS.contains(&name)
}

/// Where a field of a row lies; its value has to be read there.
pub fn place_of_field<'r>(input: &Input<'r>, name: &'r str) -> Place {
    match name {
        "messages" => Place::MESSAGES,
        "tools" => Place::TOOLS,
        "documents" => Place::DOCUMENTS,
        _ => input.place(Place::ROW, Step::Name(name)),
    }
}

/// Reads a row from its fields, each of which was read at [`place_of_field`]; a null field is one that is not there.
///
/// Messages, tools, documents and template arguments (`chat_template_kwargs`) become those of `input`. Tools and documents
/// that `input` has already stay.
///
/// `unread` names further fields with a value, which the source did not read.
///
/// # Errors
/// A row without a conversation, fields that disagree, and fields of the wrong type; each error names the fields.
pub fn read_row<'r>(input: &mut Input<'r>, given: &[(&'r str, Data<'r>)], unread: &[&'r str]) -> Result<RowReport<'r>> {
    let mut fields = Fields::new(given, unread);
    let mut report = match plain_messages(input, &mut fields) {
        Some(messages) => {
            input.set_messages(Data(messages));
            RowReport::new(Dialect::Messages)
        }
        None => {
            let read = conversation(input, &mut fields)?;
            put(input, read)
        }
    };
    read_tools(input, &mut fields, report.dialect)?;
    read_documents(input, &mut fields)?;
    read_template_arguments(input, &mut fields)?;
    report.weight = fields.weight()?;
    fields.finish(&mut report);
    flag_like_of_messages(input, &mut report);
    Ok(report)
}

/// Reads a conversation that is a list of messages by itself, which may be turns of ShareGPT or of Anthropic.
///
/// # Errors
/// A list of rows in place of messages; blocks of Anthropic that cannot be read.
pub fn read_messages<'r>(input: &mut Input<'r>, messages: Data<'r>) -> Result<RowReport<'r>> {
    if !matches!(messages.0, Value::List(_) | Value::Tuple(_)) {
        let message = format!("a conversation is a list of messages or a row that holds one, not {}", kind(messages.0));
        let error = RenderError::new(ErrorClass::TypeError, message).with_code(code::SHAPE);
        return Err(error.with_hint("give [{\"role\": \"user\", \"content\": \"...\"}], or see docs/rows.md"));
    }
    let mut report = match turns::is_plain(input, messages.0) {
        true => {
            input.set_messages(messages);
            RowReport::new(Dialect::Messages)
        }
        false => {
            let read = turns::read(input, messages.0, "messages")?;
            put(input, read)
        }
    };
    flag_like_of_messages(input, &mut report);
    Ok(report)
}

/// The value of `messages` if it needs no change: the usual case.
fn plain_messages<'r>(input: &Input<'r>, fields: &mut Fields<'_, 'r>) -> Option<Value<'r>> {
    let messages = fields.peek("messages")?;
    let alone = !fields.has_any(&fields::BESIDE_MESSAGES);
    (alone && matches!(messages, Value::List(_) | Value::Tuple(_)) && turns::is_plain(input, messages)).then(|| {
        fields.mark("messages");
        messages
    })
}

fn conversation<'r>(input: &mut Input<'r>, fields: &mut Fields<'_, 'r>) -> Result<Read<'r>> {
    let mut read = match turns::of_fields(input, fields)? {
        Some(read) => answers::after(input, fields, read)?,
        None => match question::of_fields(input, fields)? {
            Some(read) => read,
            None => return Err(no_conversation(fields)),
        },
    };
    if let Some((name, system)) = fields::system_text(input, fields)? {
        let first = read.messages.first();
        match first.filter(|message| field(message, "role").is_some_and(|role| is_text(input, role, "system"))) {
            Some(message) if field(message, "content").is_some_and(|own| equal(input.arena, own, system)) => {}
            Some(_) => return Err(disagree(name, "the system message of the conversation")),
            None => {
                read.messages.insert(0, vec![("role", Value::str("system")), ("content", system)]);
                read.answer_start = read.answer_start.map(|start| start + 1);
            }
        }
    }
    Ok(read)
}

/// Puts messages in the input, each value at its place.
fn put<'r>(input: &mut Input<'r>, read: Read<'r>) -> RowReport<'r> {
    let mut report = RowReport::new(read.dialect);
    input.nodes.forget_messages();
    let placed = placed_list(input, Place::MESSAGES, &read.messages);
    input.set_messages(placed);
    report.answer_start = read.answer_start;
    report.unused = read.unused;
    for messages in &read.alternatives {
        let place = input.place(Place::ROW, Step::Name("alternatives"));
        report.alternatives.push(placed_list(input, place, messages));
    }
    report
}

fn placed_list<'r>(input: &Input<'r>, place: Place, messages: &[Message<'r>]) -> Data<'r> {
    let placed = messages.iter().enumerate().map(|(at, message)| {
        let place = input.place(place, Step::Index(at as u32));
        placed_dict(input, place, message)
    });
    let items = placed.collect::<Vec<_>>();
    input.list(place, &items)
}

fn placed_dict<'r>(input: &Input<'r>, place: Place, entries: &[(&'r str, Value<'r>)]) -> Data<'r> {
    let entries = entries.iter().map(|&(name, value)| {
        let place = input.place(place, Step::Name(name));
        (input.key(place, name), placed(input, place, value))
    });
    let entries = entries.collect::<Vec<_>>();
    input.dict_with_repeats(place, &entries)
}

/// A copy of a value with everything in it placed below `place`.
pub(crate) fn placed<'r>(input: &Input<'r>, place: Place, value: Value<'r>) -> Data<'r> {
    let items = |seq: &Seq<'r>| {
        let items = seq.items.iter().enumerate();
        items.map(|(at, &item)| placed(input, input.place(place, Step::Index(at as u32)), item)).collect::<Vec<_>>()
    };
    match value {
        Value::Str(text) => input.str(place, text.flat(input.arena)),
        Value::Bool(value, _) => input.bool(place, value),
        Value::Int(value, _) => input.int(place, value),
        Value::BigInt(value, _) => input.big_int(place, value.get()),
        Value::Float(value, _) => input.float(place, value),
        Value::List(seq) => input.list(place, &items(seq)),
        Value::Tuple(seq) => input.tuple(place, &items(seq)),
        Value::Dict(dict) => {
            let entries = dict.entries.iter().map(|&(key, value)| match key.as_str() {
                Some(name) => {
                    let name = name.flat(input.arena);
                    let place = input.place(place, Step::Name(name));
                    (input.key(place, name), placed(input, place, value))
                }
                None => (placed(input, place, key), placed(input, place, value)),
            });
            let entries = entries.collect::<Vec<_>>();
            input.dict_with_repeats(place, &entries)
        }
        _ => input.none(place),
    }
}

fn read_tools<'r>(input: &mut Input<'r>, fields: &mut Fields<'_, 'r>, dialect: Dialect) -> Result<()> {
    let tools = fields::list(input, fields, "tools")?;
    let functions = fields::list(input, fields, "functions")?.map(|value| wrapped(input, value, false));
    // A bare function beside `messages` stays as it is: some templates want it so.
    let tools = tools.map(|value| wrapped(input, value, dialect == Dialect::Messages));
    if let (Some(tools), Some(functions)) = (tools, functions) {
        let wrapped_tools = wrapped(input, tools, false);
        if !equal(input.arena, wrapped_tools, functions) {
            return Err(disagree("tools", "functions"));
        }
    }
    if let Some(tools) = tools.or(functions) {
        let given = fields.peek("tools").or_else(|| fields.peek("functions"));
        if let Some(tools) = taken_over(input, given, tools, Place::TOOLS, input.has_tools()) {
            input.set_tools(tools);
        }
    }
    Ok(())
}

/// A list that a row gives, at `place`; `None` where the call gives one in its place.
///
/// `given` is the field as the source read it. Its strings are forgotten where others take their place.
fn taken_over<'r>(
    input: &Input<'r>,
    given: Option<Value<'r>>,
    list: Value<'r>,
    place: Place,
    is_replaced: bool,
) -> Option<Data<'r>> {
    let as_given = list.source(input.arena) == place.source;
    if is_replaced || !as_given {
        let sources = match given {
            Some(Value::List(seq) | Value::Tuple(seq)) => {
                seq.items.iter().map(|item| item.source(input.arena)).collect()
            }
            Some(value) => vec![value.source(input.arena)],
            None => Vec::new(),
        };
        input.nodes.forget(&sources);
    }
    match (is_replaced, as_given) {
        (true, _) => None,
        (false, true) => Some(Data(list)),
        (false, false) => Some(placed(input, place, list)),
    }
}

/// Tools with every bare function put under `function`, and `input_schema` called `parameters`; with `only_anthropic`,
/// those alone that have an `input_schema`.
fn wrapped<'r>(input: &Input<'r>, tools: Value<'r>, only_anthropic: bool) -> Value<'r> {
    let Value::List(seq) = tools else { return tools };
    let is_bare = |tool: &Value<'r>| {
        let Value::Dict(dict) = tool else { return false };
        let has = |name| dict.get_str(input.arena, name).is_some();
        !has("function") && has("name") && (!only_anthropic || has("input_schema"))
    };
    if !seq.items.iter().any(is_bare) {
        return tools;
    }
    let items = seq.items.iter().map(|&tool| {
        let Value::Dict(dict) = tool else { return tool };
        if !is_bare(&tool) {
            return tool;
        }
        let entries = dict.entries.iter().filter_map(|&(key, value)| {
            let name = key.as_str()?.flat(input.arena);
            let name = if name == "input_schema" { "parameters" } else { name };
            (name != "type").then_some((name, value))
        });
        let function = object(input, &entries.collect::<Vec<_>>());
        object(input, &[("type", Value::str("function")), ("function", function)])
    });
    list(input, &items.collect::<Vec<_>>())
}

fn read_documents<'r>(input: &mut Input<'r>, fields: &mut Fields<'_, 'r>) -> Result<()> {
    if let Some(documents) = fields::list(input, fields, "documents")? {
        let given = fields.peek("documents");
        if let Some(documents) = taken_over(input, given, documents, Place::DOCUMENTS, input.has_documents()) {
            input.set_documents(documents);
        }
    }
    Ok(())
}

/// The field, and the argument of a call, whose entries are template arguments, as in TRL and vLLM.
pub const TEMPLATE_KWARGS: &str = "chat_template_kwargs";

/// Names that a row's template arguments cannot have.
const RESERVED: [&str; 4] = ["messages", "tools", "documents", "add_generation_prompt"];

fn read_template_arguments<'r>(input: &mut Input<'r>, fields: &mut Fields<'_, 'r>) -> Result<()> {
    let name = TEMPLATE_KWARGS;
    let Some(value) = fields::parsed(input, fields, name)? else { return Ok(()) };
    set_template_arguments(input, value)
}

/// Takes template arguments from a mapping: those of a row, or `chat_template_kwargs=` of a call.
fn set_template_arguments<'r>(input: &mut Input<'r>, value: Value<'r>) -> Result<()> {
    let name = TEMPLATE_KWARGS;
    let Value::Dict(dict) = value else { return Err(wrong_type(name, value, "an object of template arguments")) };
    // Under a name of their own: an argument that a row gives is data, also where it is called `bos_token`.
    let place = input.place(Place::ARGUMENTS, Step::Name(name));
    for &(key, value) in dict.entries {
        let Some(key) = key.as_str() else { continue };
        let key = key.flat(input.arena);
        if RESERVED.contains(&key) {
            let message = format!("`{name}` holds `{key}`, which is no template argument");
            return Err(RenderError::own(code::SHAPE, message, "put it beside `chat_template_kwargs` in the row"));
        }
        let place = input.place(place, Step::Name(key));
        let value = placed(input, place, value);
        input.set_row_argument(key, value);
    }
    Ok(())
}

/// Reads `chat_template_kwargs` that a call gives.
///
/// # Errors
/// A value that is no mapping, or holds the conversation itself.
pub fn read_call_arguments<'r>(input: &mut Input<'r>, value: Data<'r>) -> Result<()> {
    set_template_arguments(input, value.0)
}

fn flag_like_of_messages<'r>(input: &Input<'r>, report: &mut RowReport<'r>) {
    let (Value::List(seq) | Value::Tuple(seq)) = input.messages else { return };
    for message in seq.items {
        let Value::Dict(dict) = message else { continue };
        for (key, value) in dict.entries {
            let Value::Str(Str::Run(run)) = key else { continue };
            if fields::looks_like_flag(run.text) && !value.is_none() && !report.flag_like.contains(&run.text) {
                report.flag_like.push(run.text);
            }
        }
    }
}

/// Notes the names of fields that are not among `used`, with `prefix` before each.
fn note_others<'r>(input: &Input<'r>, dict: &Dict<'r>, used: &[&str], prefix: &str, unused: &mut Vec<&'r str>) {
    for (key, value) in dict.entries {
        let Some(name) = key.as_str().map(|name| name.flat(input.arena)) else { continue };
        if used.contains(&name) || !fields::says_something(*value) {
            continue;
        }
        let name = format!("{prefix}{name}");
        if !unused.contains(&name.as_str()) {
            unused.push(input.arena.alloc_str(&name));
        }
    }
}

/// The value of a message's field.
fn field<'r>(message: &Message<'r>, name: &str) -> Option<Value<'r>> {
    message.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value)
}

fn is_text<'r>(input: &Input<'r>, value: Value<'r>, text: &str) -> bool {
    value.as_str().is_some_and(|str| str.flat(input.arena) == text)
}

/// The text of a string that says something.
fn text_of<'r>(input: &Input<'r>, value: Value<'r>) -> Option<&'r str> {
    value.as_str().map(|str| str.flat(input.arena)).filter(|text| !text.is_empty())
}

fn object<'r>(input: &Input<'r>, entries: &[(&'r str, Value<'r>)]) -> Value<'r> {
    let entries = entries.iter().map(|&(name, value)| (Value::str(name), value));
    let entries = input.arena.alloc_slice_fill_iter(entries.collect::<Vec<_>>());
    Value::Dict(input.arena.alloc(Dict::new(entries, Place::ROW.source)))
}

fn list<'r>(input: &Input<'r>, items: &[Value<'r>]) -> Value<'r> {
    Value::List(input.arena.alloc(Seq::new(input.arena.alloc_slice_copy(items), Place::ROW.source)))
}

fn string<'r>(input: &Input<'r>, text: &str) -> Value<'r> {
    Value::str(input.arena.alloc_str(text))
}

/// The value that JSON text holds.
fn parse<'r>(input: &mut Input<'r>, name: &str, text: &'r str) -> Result<Value<'r>> {
    let parsed = read_value(input, Place::ROW, text.as_bytes());
    parsed.map(|data| data.0).map_err(|error| {
        let message = format!("the text of `{name}` is not JSON: {}", error.message());
        RenderError::own(code::JSON, message, "give the value itself, or valid JSON text").at_input(name)
    })
}

/// The type of a value, as a reader of JSON calls it.
fn kind(value: Value<'_>) -> &'static str {
    match value {
        Value::None(_) => "null",
        Value::Bool(..) => "a boolean",
        Value::Int(..) | Value::BigInt(..) | Value::Float(..) => "a number",
        Value::Str(_) => "a string",
        Value::List(_) | Value::Tuple(_) => "a list",
        _ => "an object",
    }
}

fn wrong_type(name: &str, value: Value<'_>, wanted: &str) -> RenderError {
    let message = format!("`{name}` is {}, not {wanted}", kind(value));
    RenderError::own(code::SHAPE, message, "see docs/rows.md for the dialects that are read").at_input(name)
}

fn disagree(one: &str, other: &str) -> RenderError {
    let quoted = |name: &str| if name.contains(' ') { name.to_owned() } else { format!("`{name}`") };
    let message = format!("{} and {} disagree", quoted(one), quoted(other));
    RenderError::own(code::SHAPE, message, "keep the one that holds, and remove the other from the row").at_input(one)
}

fn no_conversation(fields: &Fields<'_, '_>) -> RenderError {
    let names = fields.names().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    let hint = "a row holds `messages`, `conversations`, `prompt` with an answer, `instruction` with `output`, or \
                `question` with `answer`; see docs/rows.md";
    let message = match names.is_empty() {
        true => "the row is empty".to_owned(),
        false => format!("the row has no `messages` and no conversation of another dialect among {}", names.join(", ")),
    };
    RenderError::own(code::SHAPE, message, hint)
}
