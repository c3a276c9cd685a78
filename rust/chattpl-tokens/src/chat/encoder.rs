//! A template and a vocabulary at work together.

use std::sync::{Arc, OnceLock};

use chattpl_render::{read_conversation, render, Buffers, Input, Options, Place, Program, RenderError, Segments, Step};

use super::align::{align, runs, Run, Span};
use super::encoded::Batch;
use super::header::Turns;
use super::literals::Literals;
use super::prompt::Headers;
use super::speaker::Speaker;
use super::train::Train;
use super::trust::{Control, Trust};
use crate::encode::{Scratch, Tokens};
use crate::engine::Engine;
use crate::error::TokenError;
use crate::vocabulary::TokenId;

/// Encodes conversations: renders them, and says of each token whose it is and whether it is learnt.
pub struct ChatEncoder {
    program: Arc<Program>,
    engine: Engine,
    stop_tokens: Vec<TokenId>,
    /// Names of the arguments that hold the format's own tokens.
    declared: Vec<String>,
    /// Whether the template says what a model generates.
    marks_generation: bool,
    no_headers: Arc<Headers>,
    /// Made when they are first needed.
    literals: OnceLock<Literals>,
}

/// How to encode.
#[derive(Debug, Clone, Copy)]
pub struct ChatOptions<'a> {
    /// How to render.
    pub render: Options<'a>,
    /// Who may make a control token.
    pub control: Control,
    /// What is learnt.
    pub train: &'a Train,
}

/// What one thread works with.
pub struct ChatScratch {
    scratch: Option<Scratch>,
    tokens: Tokens,
    runs: Vec<Run>,
    spans: Vec<Span>,
    begun: Vec<bool>,
}

/// Memory that drafts one after another can share.
#[derive(Debug, Default)]
pub struct DraftRoom {
    buffers: Buffers,
    speakers: Vec<Speaker>,
}

/// A rendered conversation that waits for its tokens.
pub struct Draft {
    /// The rendered text.
    pub text: String,
    /// Where it came from.
    pub segments: Segments,
    /// What `{% generation %}` blocks printed, in the order of the text.
    generation: Vec<(u32, u32)>,
    speakers: Vec<Speaker>,
    headers: Arc<Headers>,
}

/// The generation prompts of one set of template arguments; found when the first conversation needs them.
#[derive(Debug, Default)]
pub struct KnownHeaders(Option<Arc<Headers>>);

impl ChatEncoder {
    /// Puts a template and a vocabulary together.
    ///
    /// `declared` names the arguments that hold tokens of the format itself, such as `bos_token`.
    pub fn new(program: Arc<Program>, engine: Engine, stop_tokens: Vec<TokenId>, declared: Vec<String>) -> Self {
        let (marks_generation, no_headers) = (program.marks_generation(), Arc::default());
        let literals = OnceLock::new();
        ChatEncoder { program, engine, stop_tokens, declared, marks_generation, no_headers, literals }
    }

    /// Takes what [`ChatEncoder::literals`] gave for the same template and vocabulary, so that it need not be made.
    ///
    /// # Errors
    /// [`TokenError::DAMAGED_PACK`] for what cannot have come from there.
    pub fn with_literals(self, literals: &str) -> Result<Self, TokenError> {
        let literals = match &self.engine {
            Engine::Own(encoder) => Literals::read(literals, &self.program, encoder.vocabulary())?,
            Engine::Foreign(_) => Literals::default(),
        };
        Ok(ChatEncoder { literals: literals.into(), ..self })
    }

    /// The tokens of the template's literals, as far as they are sure whatever stands beside them, as JSON text.
    pub fn literals(&self) -> String {
        self.known_literals().write()
    }

    fn known_literals(&self) -> &Literals {
        self.literals.get_or_init(|| self.engine.literals(&self.program))
    }

    /// The template.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Makes room for one thread.
    pub fn scratch(&self) -> ChatScratch {
        ChatScratch {
            scratch: self.engine.scratch(),
            tokens: Tokens::default(),
            runs: Vec::new(),
            spans: Vec::new(),
            begun: Vec::new(),
        }
    }

    /// Renders one conversation.
    ///
    /// `known` is kept between conversations that have the same template arguments.
    ///
    /// # Errors
    /// What rendering raises.
    pub fn draft<'r>(
        &'r self,
        input: Input<'r>,
        options: &'r ChatOptions<'_>,
        known: &mut KnownHeaders,
        room: &mut DraftRoom,
    ) -> Result<Draft, RenderError> {
        let DraftRoom { buffers, speakers } = room;
        Speaker::list(input.roles(), options.train, speakers);
        if known.0.is_none() && speakers.iter().any(|speaker| speaker.is_learnt) && !self.marks_generation {
            known.0 = Some(Arc::new(self.headers(&input, options, buffers)));
        }
        let output = render(&self.program, input, &options.render, buffers)?;
        let (text, segments, mut generation) = output.into_parts();
        generation.sort_unstable();
        let headers = Arc::clone(known.0.as_ref().unwrap_or(&self.no_headers));
        Ok(Draft { text, segments, generation, speakers: std::mem::take(speakers), headers })
    }

    /// Appends the tokens of a rendered conversation to `batch`.
    ///
    /// # Errors
    /// A control token in data where `options` refuses it, or what another library raises; `batch` is as before then.
    pub fn finish(
        &self,
        scratch: &mut ChatScratch,
        draft: &Draft,
        options: &ChatOptions<'_>,
        batch: &mut Batch,
    ) -> Result<(), TokenError> {
        let Draft { text, segments, .. } = draft;
        let tokens = &mut scratch.tokens;
        tokens.clear();
        let trust = Trust { control: options.control, segments, declared: &self.declared, speakers: &draft.speakers };
        self.engine.encode_trusted(&mut scratch.scratch, text, &trust, self.known_literals(), tokens)?;
        scratch.spans.clear();
        if draft.speakers.iter().any(|speaker| speaker.is_learnt) {
            let turns = Turns {
                text,
                segments,
                tokens,
                headers: &draft.headers,
                speakers: &draft.speakers,
                stop_tokens: &self.stop_tokens,
                parts: options.train.parts,
            };
            match self.marks_generation {
                true => turns.marked_spans(&draft.generation, &mut scratch.spans),
                false => turns.spans(&mut scratch.begun, &mut scratch.spans),
            }
        }
        runs(segments, &scratch.spans, &mut scratch.runs);
        align(tokens, self.engine.table(), &scratch.runs, !options.train.parts.all(), batch);
        Ok(())
    }

    /// The generation prompts for the arguments of `input`: after a user's message, and after a tool's.
    fn headers<'r>(&'r self, input: &Input<'r>, options: &ChatOptions<'_>, buffers: &mut Buffers) -> Headers {
        let Options { limits, clock, null_fields, .. } = options.render;
        let options: &'r Options<'r> =
            input.arena().alloc(Options { limits, clock, continue_field: None, null_fields });
        let mut rendered = |conversation: &'static str, prompt: bool| {
            let mut probe = input.with_messages(input.list(Place::MESSAGES, &[]));
            read_conversation(&mut probe, conversation.as_bytes()).ok()?;
            let name = "add_generation_prompt";
            probe.set_argument(name, probe.bool(probe.place(Place::ARGUMENTS, Step::Name(name)), prompt));
            let output = render(&self.program, probe, options, buffers).ok()?;
            Some(output.into_parts())
        };
        let strings = input.strings();
        let headers = Headers::of(|conversation, prompt| {
            rendered(conversation, prompt).map(|(text, segments, _)| (text, segments))
        });
        input.forget_strings_after(strings);
        headers
    }
}

impl DraftRoom {
    /// Longer texts are given back, in bytes.
    const MAX_BYTES: usize = 1 << 20;

    /// Memory for renders that are no drafts.
    pub fn buffers(&mut self) -> &mut Buffers {
        &mut self.buffers
    }

    /// Takes the memory of a draft that has served.
    pub fn reuse(&mut self, draft: Draft) {
        let Draft { text, segments, generation, speakers, .. } = draft;
        if text.capacity() <= Self::MAX_BYTES {
            self.speakers = speakers;
            self.buffers.text = text;
            self.buffers.segments = Some(segments);
            self.buffers.generation = generation;
        }
    }
}
