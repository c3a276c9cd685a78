//! What a template does, in digests: what every probe conversation renders to, whatever the source looks like.

use chattpl_render::{ErrorClass, RenderError};
use chattpl_syntax::Diagnostic;
use chattpl_tokens::{Encoder, Scratch, SpecialTokens, Tokens};
use xxhash_rust::xxh3::{xxh3_128, Xxh3};

use crate::context::Context;
use crate::probe::{shapes, Ask, Form, Outcome, Probes, Shape, Thinking, NOW};

/// How a conversation is rendered besides the usual way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// Nothing is set.
    Plain,
    /// The flags of reasoning are true.
    ThinkingOn,
    /// The flags of reasoning are false.
    ThinkingOff,
    /// Arguments of calls are JSON text.
    ArgumentsAsText,
    /// Some years later.
    Later,
}

impl Way {
    /// All ways; the first is the one that the others are compared with.
    pub const ALL: [Way; 5] = [Way::Plain, Way::ThinkingOn, Way::ThinkingOff, Way::ArgumentsAsText, Way::Later];

    /// What a reader sees; empty for the usual way.
    pub fn name(self) -> &'static str {
        match self {
            Way::Plain => "",
            Way::ThinkingOn => "thinking on",
            Way::ThinkingOff => "thinking off",
            Way::ArgumentsAsText => "arguments as text",
            Way::Later => "later",
        }
    }

    fn ask(self, ask: Ask, form: Form) -> Ask {
        match self {
            Way::Plain => ask,
            Way::ThinkingOn => ask.thinking(Thinking::On),
            Way::ThinkingOff => ask.thinking(Thinking::Off),
            Way::ArgumentsAsText => ask.written(Form { string_arguments: true, ..form }),
            Way::Later => ask.later(),
        }
    }
}

/// One render.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Render {
    /// The conversation.
    pub shape: &'static str,
    /// Whether with the generation prompt.
    pub prompt: bool,
    /// How it was rendered.
    pub way: Way,
    /// XXH3 of 128 bits, of the text or of the error's class and message; the same on every machine.
    pub digest: u128,
    /// The error's class, where there is no text.
    pub error: Option<String>,
    /// The text, or the error's message.
    pub text: String,
    /// How many tokens the text is, where a tokenizer is known.
    pub tokens: Option<usize>,
}

/// What a template does with the probe conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// The form that the conversations were written in.
    pub form: Form,
    /// By shape; a way other than the usual one is there only where it changes the render.
    pub renders: Vec<Render>,
}

/// Renders every shape in every way. A template that does not compile has its error as each render.
pub fn of(context: &Context<'_>) -> Behaviour {
    let probes = context.probes().ok();
    let form = probes.map(Probes::form).unwrap_or_default();
    let mut counter = context.encoder().ok().map(|encoder| Counter { encoder, scratch: encoder.scratch() });
    let mut renders = Vec::new();
    for shape in shapes() {
        for prompt in [false, true] {
            let ways = Way::ALL.map(|way| render(context, probes, (shape, prompt, way), form));
            let usual = ways[0].digest;
            renders.extend(ways.into_iter().filter(|render| render.way == Way::Plain || render.digest != usual));
        }
    }
    if let Some(counter) = &mut counter {
        renders.iter_mut().filter(|render| render.error.is_none()).for_each(|render| counter.count(render));
    }
    Behaviour { form, renders }
}

/// What the conversations and the ways of asking are known by: digests compare only where it is the same.
pub fn table_digest() -> u128 {
    let mut hash = Xxh3::new();
    let mut add = |text: &str| {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    for shape in shapes() {
        [shape.name, shape.json.as_str(), shape.arguments.as_str()].into_iter().for_each(&mut add);
    }
    Way::ALL.map(Way::name).into_iter().chain([NOW]).for_each(&mut add);
    hash.digest128()
}

struct Counter<'s> {
    encoder: &'s Encoder,
    scratch: Scratch,
}

impl Counter<'_> {
    fn count(&mut self, render: &mut Render) {
        let mut tokens = Tokens::default();
        let encoded = self.encoder.encode(&mut self.scratch, &render.text, SpecialTokens::Parity, &mut tokens);
        encoded.expect("renders are far shorter than 4 GiB, and nothing is refused");
        render.tokens = Some(tokens.ids.len());
    }
}

fn render(
    context: &Context<'_>,
    probes: Option<&Probes<'_>>,
    (shape, prompt, way): (&'static Shape, bool, Way),
    form: Form,
) -> Render {
    let ask = Ask::whole(shape);
    let ask = way.ask(if prompt { ask.prompted() } else { ask }, form);
    let outcome = probes.map(|probes| probes.get(ask));
    let (error, text) = match outcome.as_deref() {
        Some(outcome) => said(outcome),
        None => refused(context.subject.program.as_ref().err().map(|fault| &**fault)),
    };
    let digest = match &error {
        Some(class) => xxh3_128(format!("{class}\0{text}").as_bytes()),
        None => xxh3_128(text.as_bytes()),
    };
    Render { shape: shape.name, prompt, way, digest, error, text, tokens: None }
}

fn said(outcome: &Outcome) -> (Option<String>, String) {
    match outcome {
        Ok(printed) => (None, printed.text.clone()),
        Err(error) => (Some(class_of(error)), error.message().to_owned()),
    }
}

/// Our own errors have no class; their code says as much.
fn class_of(error: &RenderError) -> String {
    let name = if error.class() == ErrorClass::Own { error.code() } else { error.class().name() };
    name.to_owned()
}

fn refused(fault: Option<&Diagnostic>) -> (Option<String>, String) {
    let fault = fault.expect("a template without a program has the reason");
    (Some(fault.error_class.name().to_owned()), fault.message.clone())
}
