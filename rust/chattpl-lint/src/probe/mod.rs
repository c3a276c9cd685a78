//! Fixed conversations, rendered once for each template and shared by all rules.

pub mod ending;
pub mod locate;
pub mod markers;
pub mod printer;
pub mod reader;
pub mod shape;
mod shapes;
pub mod switch;
pub mod trial;
pub mod turn;

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use chattpl_render::error::code;
use chattpl_render::{
    read_arguments, read_conversation, render, Buffers, Bump, Clock, DateTime, ErrorClass, Input, Limits, NullFields,
    Options, Origin, PathStep, Place, Program, RenderError, Segments, Step,
};
use chattpl_syntax::Span;
use serde_json::{json, Value};

pub use shape::{shape, shapes, Shape, Text};

/// A conversation needs far less; a template that needs more is reported, not waited for.
const LIMITS: Limits =
    Limits { max_instructions: 2_000_000, max_output_bytes: 4 << 20, max_memory_bytes: 32 << 20, max_depth: 180 };

/// Renders past a limit after which the template is not run any more.
const MAX_RUNAWAY: u32 = 3;

/// The names of the argument that turns reasoning on or off.
pub const THINKING_FLAGS: [&str; 2] = ["enable_thinking", "thinking"];

/// The fields that reasoning is passed in. As with `transformers`, templates see any of them as the first and the last, and
/// `reasoning` only where that is passed.
pub const REASONING_FIELDS: [&str; 3] = ["reasoning_content", "reasoning", "thinking"];

const NOT_RUN: &str = "not run: the template ran past its limits before";

/// What the flag of reasoning templates is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Thinking {
    /// Not passed.
    #[default]
    Unset,
    /// `enable_thinking=true`, and `thinking=true` for templates that call it so.
    On,
    /// `enable_thinking=false`, and `thinking=false`.
    Off,
}

/// How a conversation is written down where templates differ in what they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Form {
    /// Contents are lists of parts, as templates of vision models want them; otherwise texts.
    pub parts: bool,
    /// Arguments of calls are JSON text, as servers of OpenAI's kind pass them; otherwise mappings.
    pub string_arguments: bool,
}

/// Which render is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ask {
    shape: usize,
    upto: Option<usize>,
    prompt: bool,
    thinking: Thinking,
    later: bool,
    form: Option<Form>,
    continued: Option<&'static str>,
    under_reasoning: bool,
}

impl Ask {
    /// The whole conversation of a shape, without the generation prompt.
    pub fn whole(shape: &'static Shape) -> Self {
        Ask::of(shape.index)
    }

    fn of(shape: usize) -> Self {
        let (upto, form, continued) = (None, None, None);
        Ask {
            shape,
            upto,
            prompt: false,
            thinking: Thinking::Unset,
            later: false,
            form,
            continued,
            under_reasoning: false,
        }
    }

    /// The whole conversation of a shape, with the generation prompt where it ends before an assistant's turn.
    pub fn natural(shape: &'static Shape) -> Self {
        let ask = Ask::whole(shape);
        if shape.awaits_assistant() {
            ask.prompted()
        } else {
            ask
        }
    }

    /// The first messages only.
    pub fn upto(self, count: usize) -> Self {
        Ask { upto: Some(count), ..self }
    }

    /// With `add_generation_prompt=true`.
    pub fn prompted(self) -> Self {
        Ask { prompt: true, ..self }
    }

    /// With `enable_thinking` set.
    pub fn thinking(self, thinking: Thinking) -> Self {
        Ask { thinking, ..self }
    }

    /// Written in this form, whatever form the template takes.
    pub fn written(self, form: Form) -> Self {
        Ask { form: Some(form), ..self }
    }

    /// With reasoning in the field `reasoning`, for templates that read no other.
    pub fn under_reasoning(self) -> Self {
        Ask { under_reasoning: true, ..self }
    }

    /// Ending in a field of the last message, as with `continue_final_message`.
    pub fn continuing(self, field: &'static str) -> Self {
        Ask { continued: Some(field), ..self }
    }

    /// At another moment, some years later.
    pub fn later(self) -> Self {
        Ask { later: true, ..self }
    }
}

/// A render that came to its end.
#[derive(Debug)]
pub struct Printed {
    /// The text.
    pub text: String,
    /// Where it came from. Their template spans are of the caller's text: see [`crate::Context::normalized`].
    pub segments: Segments,
    /// Byte ranges of `{% generation %}` blocks.
    pub generation: Vec<(u32, u32)>,
    /// Paths by their number: many segments share one.
    paths: RefCell<HashMap<u32, Rc<str>>>,
    /// For each segment the last literal up to it.
    printers: OnceCell<Vec<Option<u32>>>,
}

impl Printed {
    fn new(text: String, segments: Segments, generation: Vec<(u32, u32)>) -> Self {
        Printed { text, segments, generation, paths: RefCell::default(), printers: OnceCell::new() }
    }

    /// The text that values at `path`, or inside it, were printed as: all pieces in order.
    ///
    /// `path` is of the caller's data, such as `/messages/3/content`.
    pub fn text_of(&self, path: &str) -> String {
        self.pieces_of(path).map(|range| &self.text[range]).collect()
    }

    /// The bytes of each piece of the values at `path`, or inside it, in order.
    pub fn pieces_of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
        let inside = move |index: &usize| {
            let found = self.shared_path(*index);
            found.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        (0..self.segments.len()).filter(inside).map(|index| self.range(index))
    }

    /// Whether the template printed any data of a message.
    pub fn says(&self, message: usize) -> bool {
        (0..self.segments.len()).any(|index| {
            self.segments.message(index) == Some(message as u32) && self.segments.origin_at(index) == Origin::Message
        })
    }

    /// The bytes from behind what a message says up to what a later one says; `None` where it says nothing.
    pub fn behind(&self, message: usize) -> Option<std::ops::Range<usize>> {
        let said = |index: usize| {
            let segments = &self.segments;
            let names = ["role", "name"];
            (segments.origin_at(index) == Origin::Message
                && segments.name_at(index, 1).is_some_and(|name| !names.contains(&name)))
            .then(|| segments.message(index))
            .flatten()
        };
        let last = (0..self.segments.len()).rev().find(|index| said(*index) == Some(message as u32))?;
        let next = (last + 1..self.segments.len()).find(|index| said(*index).is_some());
        Some(self.segments.end(last)..next.map_or(self.text.len(), |index| self.range(index).start))
    }

    /// The bytes of a segment.
    pub fn range(&self, index: usize) -> std::ops::Range<usize> {
        let start = if index == 0 { 0 } else { self.segments.end(index - 1) };
        start..self.segments.end(index)
    }

    /// The place in the caller's text of the last literal up to a segment, itself included.
    pub fn literal_up_to(&self, index: usize) -> Option<Span> {
        let printers = self.printers.get_or_init(|| {
            let mut last = None;
            let literals = self.segments.iter().enumerate().map(|(index, segment)| {
                last = segment.template_span.map(|_| index as u32).or(last);
                last
            });
            literals.collect()
        });
        let literal = printers.get(index).copied().flatten()?;
        self.segments.get(literal as usize).template_span
    }

    /// The path of a segment's value as a JSON pointer; empty for text of the template.
    pub fn path(&self, index: usize) -> String {
        self.shared_path(index).to_string()
    }

    fn shared_path(&self, index: usize) -> Rc<str> {
        match self.segments.path_number(index) {
            Some(number) => {
                Rc::clone(self.paths.borrow_mut().entry(number).or_insert_with(|| self.spelled(index).into()))
            }
            None => Rc::from(""),
        }
    }

    fn spelled(&self, index: usize) -> String {
        let segment = self.segments.get(index);
        let mut path = String::new();
        for step in self.segments.path(&segment) {
            path.push('/');
            match step {
                PathStep::Name(name) => path.push_str(&name.replace('~', "~0").replace('/', "~1")),
                PathStep::Index(at) => path.push_str(&at.to_string()),
            }
        }
        path
    }
}

/// What became of a render.
pub type Outcome = Result<Printed, RenderError>;

/// Bytes that two texts share at their start, on a boundary of characters.
pub fn common_prefix(left: &str, right: &str) -> usize {
    let pairs = left.char_indices().zip(right.chars());
    pairs.take_while(|((_, left), right)| left == right).last().map_or(0, |((at, c), _)| at + c.len_utf8())
}

/// Whether an error is the author's own `raise_exception`: a constraint of the format, not a fault.
pub fn is_constraint(error: &RenderError) -> bool {
    error.class() == ErrorClass::TemplateError
}

/// Whether a render was stopped because it used too much.
pub fn is_runaway(error: &RenderError) -> bool {
    matches!(error.code(), code::INSTRUCTIONS | code::OUTPUT | code::DEPTH)
}

/// Whether a render was not even tried, because others of the template were stopped.
pub fn was_not_run(error: &RenderError) -> bool {
    error.message() == NOT_RUN
}

/// The renders of one template.
pub struct Probes<'s> {
    program: &'s Arc<Program>,
    tokens: Vec<(&'s str, &'s str)>,
    done: RefCell<HashMap<Ask, Rc<Outcome>>>,
    room: RefCell<(Bump, Buffers)>,
    runaway: Cell<u32>,
    form: OnceCell<Form>,
}

impl<'s> Probes<'s> {
    /// Nothing is rendered yet.
    pub(crate) fn new(program: &'s Arc<Program>, tokens: Vec<(&'s str, &'s str)>) -> Self {
        let room = RefCell::new((Bump::new(), Buffers::default()));
        Probes { program, tokens, done: RefCell::default(), room, runaway: Cell::new(0), form: OnceCell::new() }
    }

    /// The compiled template.
    pub fn program(&self) -> &'s Arc<Program> {
        self.program
    }

    /// What becomes of a render; it is made once.
    ///
    /// The conversation is written in the form that the template takes, unless `ask` names one.
    pub fn get(&self, ask: Ask) -> Rc<Outcome> {
        let form = ask.form.unwrap_or_else(|| self.form());
        let ask = ask.written(form);
        if let Some(outcome) = self.done.borrow().get(&ask) {
            return Rc::clone(outcome);
        }
        let outcome = Rc::new(self.render(&written(&ask, form), &shapes()[ask.shape].arguments, &ask));
        self.done.borrow_mut().insert(ask, Rc::clone(&outcome));
        outcome
    }

    /// What becomes of a render with one more argument, which is `true`; not kept.
    pub fn switched(&self, ask: Ask, argument: &str) -> Outcome {
        let form = ask.form.unwrap_or_else(|| self.form());
        let mut arguments: Value = serde_json::from_str(&shapes()[ask.shape].arguments).unwrap_or_else(|_| json!({}));
        arguments[argument] = json!(true);
        self.render(&written(&ask, form), &arguments.to_string(), &ask)
    }

    /// The form of conversation that the template takes: the plain one, unless only another renders.
    pub fn form(&self) -> Form {
        *self.form.get_or_init(|| {
            let plain = shape("single-user");
            let content = "/messages/0/content";
            let says = |form| matches!(&*self.get(Ask::whole(plain).written(form)), Ok(printed) if !printed.text_of(content).is_empty());
            let mut form = Form::default();
            form.parts = !says(form) && says(Form { parts: true, ..form });
            // Some templates print the calls of a message only where its content is empty, or only where it is `null`.
            let calling = ["tool-call", "tool-call-no-content"].map(shape);
            let path = "/messages/1/tool_calls";
            let prints = |shape, form| matches!(&*self.get(Ask::whole(shape).written(form)), Ok(printed) if !printed.text_of(path).is_empty());
            let calls = |form| calling.into_iter().any(|shape| prints(shape, form));
            form.string_arguments = !calls(form) && calls(Form { string_arguments: true, ..form });
            form
        })
    }

    /// The whole conversation of a shape, with the generation prompt where it ends before an assistant's turn.
    pub fn natural(&self, shape: &'static Shape) -> Rc<Outcome> {
        self.get(Ask::natural(shape))
    }

    /// Renders a conversation that is no shape; not kept.
    ///
    /// `conversation` is an object with `messages` and, if need be, `tools` and `documents`.
    pub fn render_value(&self, conversation: &Value, prompt: bool) -> Outcome {
        let ask = Ask { prompt, ..Ask::of(0) };
        self.render(&conversation.to_string(), "", &ask)
    }

    fn render(&self, conversation: &str, arguments: &str, ask: &Ask) -> Outcome {
        if self.runaway.get() >= MAX_RUNAWAY {
            return Err(RenderError::own(code::INSTRUCTIONS, NOT_RUN, "see the renders before"));
        }
        let mut room = self.room.borrow_mut();
        let (arena, buffers) = &mut *room;
        arena.reset();
        let outcome = self.render_in(arena, buffers, (conversation, arguments), ask);
        if outcome.as_ref().is_err_and(is_runaway) {
            self.runaway.set(self.runaway.get() + 1);
        }
        outcome
    }

    fn render_in(
        &self,
        arena: &Bump,
        buffers: &mut Buffers,
        (conversation, arguments): (&str, &str),
        ask: &Ask,
    ) -> Outcome {
        let mut input = Input::new(arena);
        for (name, text) in &self.tokens {
            let place = input.place(Place::ARGUMENTS, Step::Name(name));
            input.set_argument(name, input.str(place, text));
        }
        set_flag(&mut input, "add_generation_prompt", Some(ask.prompt));
        let thinking = match ask.thinking {
            Thinking::Unset => None,
            Thinking::On => Some(true),
            Thinking::Off => Some(false),
        };
        THINKING_FLAGS.into_iter().for_each(|flag| set_flag(&mut input, flag, thinking));
        if !arguments.is_empty() {
            read_arguments(&mut input, arguments.as_bytes())?;
        }
        read_conversation(&mut input, conversation.as_bytes())?;
        let clock = Clock { now: moment(ask.later) };
        // As engines other than `transformers` show them to templates: a fault there is worth a finding.
        let null_fields = NullFields::Keep;
        let options = Options { limits: LIMITS, clock, continue_field: ask.continued, null_fields };
        let (text, segments, generation) = render(self.program, input, &options, buffers)?.into_parts();
        Ok(Printed::new(text, segments, generation))
    }
}

/// JSON text of the conversation that a render is asked for, in a form.
fn written(ask: &Ask, form: Form) -> Cow<'static, str> {
    let shape = &shapes()[ask.shape];
    match (ask.upto, form) {
        (None, Form { parts: false, string_arguments: false }) if !ask.under_reasoning => {
            Cow::Borrowed(shape.json.as_str())
        }
        (upto, form) => Cow::Owned(shape.written(upto, form, ask.under_reasoning).to_string()),
    }
}

fn set_flag<'r>(input: &mut Input<'r>, name: &'static str, value: Option<bool>) {
    if let Some(value) = value {
        let place = input.place(Place::ARGUMENTS, Step::Name(name));
        input.set_argument(name, input.bool(place, value));
    }
}

/// The moment of every render that is not later, in ISO 8601.
pub const NOW: &str = "2026-11-23T12:00:00";

/// [`NOW`], or some years later: fixed, so that findings are the same on every day.
fn moment(later: bool) -> DateTime {
    let (year, month, day) = if later { (2031, 3, 4) } else { (2026, 11, 23) };
    DateTime { year, month, day, hour: 12, minute: 0, second: 0, microsecond: 0 }
}
