//! The caller's messages, tools, documents and arguments as values, each with its place.

use bumpalo::collections::Vec as BumpVec;
use bumpalo::Bump;
use num_bigint::BigInt;

use crate::error::{code, type_error, value_error, ErrorClass, RenderError, Result};
use crate::options::NullFields;
use crate::origin::{Key, Nodes, Tag, ARGUMENTS_ROOT, DOCUMENTS_ROOT, MESSAGES_ROOT, ROW_ROOT, TOOLS_ROOT, UNUSED};
use crate::value::dict::DictBuilder;
use crate::value::{Dict, Seq, Str, Value};

/// Levels of nesting that input may have; `transformers` gives up a little earlier.
pub const MAX_INPUT_DEPTH: u32 = 500;

/// Names under which reasoning is passed; the first is the standard one.
pub(crate) const REASONING_FIELDS: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];

/// The place of an input value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub(crate) source: u32,
    /// The message it lies in.
    pub(crate) message: u32,
}

impl Place {
    /// The list of messages.
    pub const MESSAGES: Place = Place::root(MESSAGES_ROOT);
    /// The list of tools.
    pub const TOOLS: Place = Place::root(TOOLS_ROOT);
    /// The list of documents.
    pub const DOCUMENTS: Place = Place::root(DOCUMENTS_ROOT);
    /// The template arguments.
    pub const ARGUMENTS: Place = Place::root(ARGUMENTS_ROOT);
    /// A row, for the fields that are none of these.
    pub const ROW: Place = Place::root(ROW_ROOT);

    fn tag(self) -> Tag {
        Tag { source: self.source, message: self.message }
    }

    const fn root(source: u32) -> Self {
        Place { source, message: UNUSED }
    }
}

/// One step from a container to a value in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'r> {
    /// An element of a list.
    Index(u32),
    /// A value of a mapping.
    Name(&'r str),
}

/// An input value.
#[derive(Debug, Clone, Copy)]
pub struct Data<'r>(pub(crate) Value<'r>);

impl<'r> Data<'r> {
    /// Where another value may take this one's place.
    pub fn slot(&mut self) -> Slot<'_, 'r> {
        Slot(&mut self.0)
    }
}

/// An input value, one level of it.
pub enum View<'r> {
    /// `None`.
    None,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer beyond 64 bits.
    BigInt(BigInt),
    /// A float.
    Float(f64),
    /// A string.
    Str(&'r str),
    /// The elements of a list.
    List(Box<dyn Iterator<Item = Data<'r>> + 'r>),
    /// The elements of a tuple.
    Tuple(Box<dyn Iterator<Item = Data<'r>> + 'r>),
    /// The entries of a mapping.
    Dict(Box<dyn Iterator<Item = (Data<'r>, Data<'r>)> + 'r>),
}

impl<'r> Data<'r> {
    /// One level of the value.
    pub fn view(self) -> View<'r> {
        let items = |seq: &'r Seq<'r>| Box::new(seq.items.iter().map(|item| Data(*item)));
        match self.0 {
            Value::Bool(value, _) => View::Bool(value),
            Value::Int(value, _) => View::Int(value),
            Value::BigInt(value, _) => View::BigInt(value.get()),
            Value::Float(value, _) => View::Float(value),
            Value::Str(Str::Run(run)) => View::Str(run.text),
            Value::List(seq) => View::List(items(seq)),
            Value::Tuple(seq) => View::Tuple(items(seq)),
            Value::Dict(dict) => {
                View::Dict(Box::new(dict.entries.iter().map(|(key, value)| (Data(*key), Data(*value)))))
            }
            _ => View::None,
        }
    }
}

/// Where a value goes: values made in their place need not be copied there.
pub struct Slot<'a, 'r>(&'a mut Value<'r>);

impl<'r> Slot<'_, 'r> {
    /// Puts a value there.
    #[inline(always)]
    pub fn fill(self, data: Data<'r>) {
        *self.0 = data.0;
    }
}

/// The elements of a list that is being read.
pub struct ListRoom<'r>(&'r mut [Value<'r>]);

impl<'r> ListRoom<'r> {
    /// Where the element at `index` goes; `None` beyond the length that was asked for.
    pub fn slot(&mut self, index: usize) -> Option<Slot<'_, 'r>> {
        self.0.get_mut(index).map(Slot)
    }
}

/// The entries of a mapping that is being read.
pub struct DictRoom<'r>(&'r mut [(Value<'r>, Value<'r>)]);

impl<'r> DictRoom<'r> {
    /// Where key and value of the entry at `index` go; `None` beyond the length that was asked for.
    pub fn slots(&mut self, index: usize) -> Option<(Slot<'_, 'r>, Slot<'_, 'r>)> {
        self.0.get_mut(index).map(|(key, value)| (Slot(key), Slot(value)))
    }
}

/// Builds the input of one render in an arena.
///
/// Text is borrowed for `'r`: nothing is copied before it is printed.
pub struct Input<'r> {
    pub(crate) arena: &'r Bump,
    pub(crate) nodes: &'r Nodes<'r>,
    pub(crate) messages: Value<'r>,
    pub(crate) tools: Value<'r>,
    pub(crate) documents: Value<'r>,
    pub(crate) arguments: BumpVec<'r, (&'r str, Value<'r>)>,
    /// Names of the arguments that no row replaces.
    call_arguments: BumpVec<'r, &'r str>,
    /// How many of the arguments, the last ones, are of the row.
    row_arguments: usize,
    /// How much the whole conversation counts.
    weight: f32,
    /// Names of the fields of a row whose JSON text is kept, and those texts.
    kept_names: &'r [&'r str],
    kept: BumpVec<'r, Option<&'r str>>,
}

impl<'r> Input<'r> {
    /// An input without messages.
    pub fn new(arena: &'r Bump) -> Self {
        Input::with_nodes(arena, arena.alloc(Nodes::new(arena)))
    }

    /// An input without messages whose places are added to `nodes`.
    pub(crate) fn with_nodes(arena: &'r Bump, nodes: &'r Nodes<'r>) -> Self {
        Input {
            arena,
            nodes,
            messages: Value::List(arena.alloc(Seq::new(&[], MESSAGES_ROOT))),
            tools: Value::None(TOOLS_ROOT),
            documents: Value::None(DOCUMENTS_ROOT),
            arguments: BumpVec::new_in(arena),
            call_arguments: BumpVec::new_in(arena),
            row_arguments: 0,
            weight: 1.0,
            kept_names: &[],
            kept: BumpVec::new_in(arena),
        }
    }

    /// The arena that holds what the input owns.
    pub fn arena(&self) -> &'r Bump {
        self.arena
    }

    /// The place of the value that `step` leads to.
    pub fn place(&self, parent: Place, step: Step<'r>) -> Place {
        let key = match step {
            Step::Index(index) => Key::Index(index),
            Step::Name(name) => Key::Name(name),
        };
        let message = match key {
            Key::Index(index) if parent.source == MESSAGES_ROOT => index,
            _ => parent.message,
        };
        Place { source: self.nodes.add(parent.source, key, message), message }
    }

    /// The place as a path such as `messages[3].content`.
    pub fn describe(&self, place: Place) -> String {
        crate::segment::describe(self.nodes, place.source)
    }

    /// `None`.
    pub fn none(&self, place: Place) -> Data<'r> {
        Data(Value::None(place.source))
    }

    /// A boolean.
    pub fn bool(&self, place: Place, value: bool) -> Data<'r> {
        Data(Value::Bool(value, place.source))
    }

    /// An integer.
    pub fn int(&self, place: Place, value: i64) -> Data<'r> {
        Data(Value::Int(value, place.source))
    }

    /// An integer of any size.
    pub fn big_int(&self, place: Place, value: BigInt) -> Data<'r> {
        Data(Value::input_big(self.arena, value, place.source))
    }

    /// A float.
    pub fn float(&self, place: Place, value: f64) -> Data<'r> {
        Data(Value::Float(value, place.source))
    }

    /// A string.
    #[inline]
    pub fn str(&self, place: Place, text: &'r str) -> Data<'r> {
        if text.bytes().any(|byte| byte > b' ') {
            self.nodes.add_text(place.source);
        }
        Data(Value::Str(Str::tagged(text, place.tag())))
    }

    /// The name of the value at `place`, as a key of the mapping around it.
    #[inline]
    pub fn key(&self, place: Place, name: &'r str) -> Data<'r> {
        Data(Value::Str(Str::tagged(name, place.tag())))
    }

    /// A list.
    pub fn list(&self, place: Place, items: &[Data<'r>]) -> Data<'r> {
        Data(Value::List(self.sequence(place, items)))
    }

    /// A tuple.
    pub fn tuple(&self, place: Place, items: &[Data<'r>]) -> Data<'r> {
        Data(Value::Tuple(self.sequence(place, items)))
    }

    fn sequence(&self, place: Place, items: &[Data<'r>]) -> &'r Seq<'r> {
        let items = self.arena.alloc_slice_fill_iter(items.iter().map(|item| item.0));
        self.arena.alloc(Seq::new(items, place.source))
    }

    /// A mapping whose keys are known to differ.
    pub fn dict(&self, place: Place, entries: &[(Data<'r>, Data<'r>)]) -> Data<'r> {
        let entries = self.arena.alloc_slice_fill_iter(entries.iter().map(|(key, value)| (key.0, value.0)));
        Data(Value::Dict(self.arena.alloc(Dict::new(entries, place.source))))
    }

    /// Room for the elements of a list or tuple.
    pub fn room_for_list(&self, len: usize) -> ListRoom<'r> {
        ListRoom(self.arena.alloc_slice_fill_copy(len, Value::Missing))
    }

    /// Room for the entries of a mapping.
    pub fn room_for_dict(&self, len: usize) -> DictRoom<'r> {
        DictRoom(self.arena.alloc_slice_fill_copy(len, (Value::Missing, Value::Missing)))
    }

    /// The list whose elements were read to `room`.
    pub fn list_in(&self, place: Place, room: ListRoom<'r>) -> Data<'r> {
        Data(Value::List(self.arena.alloc(Seq::new(room.0, place.source))))
    }

    /// The tuple whose elements were read to `room`.
    pub fn tuple_in(&self, place: Place, room: ListRoom<'r>) -> Data<'r> {
        Data(Value::Tuple(self.arena.alloc(Seq::new(room.0, place.source))))
    }

    /// The mapping whose entries were read to `room`; its keys are known to differ.
    pub fn dict_in(&self, place: Place, room: DictRoom<'r>) -> Data<'r> {
        Data(Value::Dict(self.arena.alloc(Dict::new(room.0, place.source))))
    }

    /// A mapping from an iterator; with `repeats`, a later entry replaces an earlier one with the same key.
    pub(crate) fn dict_from(
        &self,
        place: Place,
        entries: impl ExactSizeIterator<Item = (Data<'r>, Data<'r>)>,
        repeats: bool,
    ) -> Data<'r> {
        if repeats {
            let mut dict = DictBuilder::new(self.arena, entries.len());
            entries.for_each(|(key, value)| dict.insert(key.0, value.0));
            return Data(Value::Dict(dict.finish(place.source)));
        }
        let entries = self.arena.alloc_slice_fill_iter(entries.map(|(key, value)| (key.0, value.0)));
        Data(Value::Dict(self.arena.alloc(Dict::new(entries, place.source))))
    }

    /// A mapping in which a later entry replaces an earlier one with the same key.
    pub fn dict_with_repeats(&self, place: Place, entries: &[(Data<'r>, Data<'r>)]) -> Data<'r> {
        let mut dict = DictBuilder::new(self.arena, entries.len());
        entries.iter().for_each(|(key, value)| dict.insert(key.0, value.0));
        Data(Value::Dict(dict.finish(place.source)))
    }

    /// The same input with other messages, and without tools and documents.
    pub fn with_messages(&self, messages: Data<'r>) -> Input<'r> {
        let (tools, documents) = (Value::None(TOOLS_ROOT), Value::None(DOCUMENTS_ROOT));
        let (arguments, call_arguments) = (self.arguments.clone(), self.call_arguments.clone());
        let kept = BumpVec::new_in(self.arena);
        Input { messages: messages.0, tools, documents, arguments, call_arguments, kept, ..*self }
    }

    /// Sets how much the conversation counts: a factor for the weight of every token of it that is trained.
    pub fn set_weight(&mut self, weight: f32) {
        self.weight = weight;
    }

    /// How much the conversation counts; 1 unless it was set.
    pub fn weight(&self) -> f32 {
        self.weight
    }

    /// Sets the messages.
    pub fn set_messages(&mut self, messages: Data<'r>) {
        self.messages = messages.0;
    }

    /// Sets the tools.
    pub fn set_tools(&mut self, tools: Data<'r>) {
        self.tools = tools.0;
    }

    /// Sets the documents.
    pub fn set_documents(&mut self, documents: Data<'r>) {
        self.documents = documents.0;
    }

    /// The messages.
    pub fn messages(&self) -> Data<'r> {
        Data(self.messages)
    }

    /// The tools, if they were set.
    pub fn tools(&self) -> Option<Data<'r>> {
        self.has_tools().then_some(Data(self.tools))
    }

    /// The documents, if they were set.
    pub fn documents(&self) -> Option<Data<'r>> {
        self.has_documents().then_some(Data(self.documents))
    }

    /// The template arguments that the row gave, in order.
    pub fn row_arguments(&self) -> impl Iterator<Item = (&'r str, Data<'r>)> + '_ {
        self.arguments[self.arguments.len() - self.row_arguments..].iter().map(|(name, value)| (*name, Data(*value)))
    }

    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        match self.messages {
            Value::List(seq) | Value::Tuple(seq) => seq.items.is_empty(),
            _ => false,
        }
    }

    /// Asks for the JSON text of these fields of the row that will be read.
    pub fn keep_fields(&mut self, names: &[String]) {
        let names = names.iter().map(|name| &*self.arena.alloc_str(name)).collect::<Vec<_>>();
        self.kept.resize(names.len(), None);
        self.kept_names = self.arena.alloc_slice_copy(&names);
    }

    /// The JSON texts of the fields that were asked for, in order; `None` where the row has no such field.
    pub fn kept_fields(&self) -> impl Iterator<Item = Option<&'r str>> + '_ {
        self.kept.iter().copied()
    }

    pub(crate) fn keep_field(&mut self, name: &str, text: &'r str) {
        if let Some(at) = self.kept_names.iter().position(|kept| *kept == name) {
            self.kept[at] = Some(text);
        }
    }

    /// Notes how many strings were read so far, for [`Input::forget_strings_after`].
    pub fn strings(&self) -> usize {
        self.nodes.texts()
    }

    /// Forgets the strings that were read after there were `count`: they are no part of the conversation.
    pub fn forget_strings_after(&self, count: usize) {
        self.nodes.truncate_texts(count);
    }

    /// Whether tools were set.
    pub fn has_tools(&self) -> bool {
        !self.tools.is_none()
    }

    /// Whether documents were set.
    pub fn has_documents(&self) -> bool {
        !self.documents.is_none()
    }

    /// Sets a template argument; the last one of a name counts.
    pub fn set_argument(&mut self, name: &'r str, value: Data<'r>) {
        self.arguments.push((name, value.0));
    }

    /// Sets a template argument that a row gives: it counts before the format's own, and after those of the call.
    pub fn set_row_argument(&mut self, name: &'r str, value: Data<'r>) {
        if !self.call_arguments.contains(&name) {
            self.arguments.push((name, value.0));
            self.row_arguments += 1;
        }
    }

    /// Says that a call gives the argument `name`, so that no row replaces it.
    pub fn keep_argument(&mut self, name: &'r str) {
        self.call_arguments.push(name);
    }

    pub(crate) fn argument(&self, name: &str) -> Option<Value<'r>> {
        self.arguments.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// Checks tools and documents as `transformers` does before it renders.
    pub(crate) fn check_tools_and_documents(&mut self) -> Result<()> {
        if !self.tools.is_none() {
            let tools = elements(self.arena, self.tools, "tools")?;
            for (at, tool) in tools.iter().enumerate() {
                if !matches!(tool, Value::Dict(_)) {
                    let message = "Tools should either be a JSON schema, or a callable function with type hints \
                                   and a docstring suitable for auto-conversion to a schema.";
                    return value_error::<()>(message)
                        .map_err(|error| error.with_code(code::SHAPE).at_input(format!("tools[{at}]")));
                }
            }
            self.tools = Value::List(self.arena.alloc(Seq::new(tools, TOOLS_ROOT)));
        }
        if !self.documents.is_none() {
            let documents = elements(self.arena, self.documents, "documents")?;
            for (at, document) in documents.iter().enumerate() {
                if !matches!(document, Value::Dict(_)) {
                    return type_error::<()>("Documents should be a list of dicts with 'title' and 'text' keys!")
                        .map_err(|error| error.with_code(code::SHAPE).at_input(format!("documents[{at}]")));
                }
            }
        }
        Ok(())
    }

    /// Checks that messages are mappings, drops null fields, and copies reasoning to the names that templates read.
    pub(crate) fn prepare_messages(&mut self, null_fields: NullFields) -> Result<&'r [Value<'r>]> {
        let messages = elements(self.arena, self.messages, "messages")?;
        let mut changed = None;
        for (at, message) in messages.iter().enumerate() {
            let Value::Dict(dict) = message else {
                return Err(self.not_a_message(at, *message));
            };
            let has_null = dict.entries.iter().any(|(_, value)| value.is_none());
            let dict = if has_null && null_fields == NullFields::Drop { self.without_nulls(dict) } else { *dict };
            let find = |name| dict.get_str(self.arena, name).filter(|value| !value.is_none());
            let reasoning = REASONING_FIELDS.into_iter().find_map(find);
            if has_null || reasoning.is_some() {
                let copy = changed.get_or_insert_with(|| messages.to_vec());
                copy[at] = reasoning.map_or(Value::Dict(dict), |reasoning| self.with_reasoning(dict, reasoning));
            }
        }
        Ok(changed.map_or(messages, |changed| self.arena.alloc_slice_copy(&changed)))
    }

    fn without_nulls(&self, dict: &Dict<'r>) -> &'r Dict<'r> {
        let mut kept = BumpVec::with_capacity_in(dict.entries.len(), self.arena);
        kept.extend(dict.entries.iter().filter(|(_, value)| !value.is_none()));
        self.arena.alloc(Dict::new(kept.into_bump_slice(), dict.source))
    }

    fn not_a_message(&self, at: usize, message: Value<'r>) -> RenderError {
        let repr = message.repr_text(self.arena);
        let text = format!("Chat messages should be dicts, dataclasses or pydantic models, but got {repr}.");
        RenderError::new(ErrorClass::TypeError, text).with_code(code::SHAPE).at_input(format!("messages[{at}]"))
    }

    fn with_reasoning(&self, dict: &'r Dict<'r>, reasoning: Value<'r>) -> Value<'r> {
        let source = reasoning.source(self.arena);
        let key = |name: &'static str| Value::Str(Str::tagged(name, self.nodes.tag(source)));
        let mut copy = DictBuilder::new(self.arena, dict.entries.len() + 2);
        copy.insert(key("thinking"), reasoning);
        dict.entries.iter().for_each(|(name, value)| copy.insert(*name, *value));
        copy.insert(key("reasoning_content"), reasoning);
        Value::Dict(copy.finish(dict.source))
    }
}

/// What a `for` loop over the input value at `place` yields.
fn elements<'r>(arena: &'r Bump, value: Value<'r>, place: &str) -> Result<&'r [Value<'r>]> {
    match value {
        Value::List(seq) | Value::Tuple(seq) => Ok(seq.items),
        Value::Dict(dict) => Ok(arena.alloc_slice_fill_iter(dict.entries.iter().map(|(key, _)| *key))),
        Value::Str(str) => {
            let text = str.flat(arena);
            let first = text.char_indices().nth(1).map_or(text.len(), |(at, _)| at);
            let items = if text.is_empty() { vec![] } else { vec![Value::Str(str.slice(arena, 0..first))] };
            Ok(arena.alloc_slice_copy(&items))
        }
        other => {
            let message = format!("'{}' object is not iterable", other.type_name());
            type_error(message).map_err(|error| error.with_code(code::SHAPE).at_input(place))
        }
    }
}
