//! A template and a vocabulary at work together.

use std::sync::Arc;

use chattpl_render::{read_conversation, render, Buffers, Input, Options, Place, Program, RenderError, Segments, Step};

use super::align::{align, runs, Run, Span};
use super::encoded::Batch;
use super::header::Turns;
use super::prompt::Headers;
use super::sampled::after_tool;
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
}

/// A rendered conversation that waits for its tokens.
pub struct Draft {
    /// The rendered text.
    pub text: String,
    /// Where it came from.
    pub segments: Segments,
    generation: Vec<(u32, u32)>,
    /// Which messages are learnt.
    learnt: Vec<bool>,
    /// Which messages an assistant said.
    assistant: Vec<bool>,
    /// Which messages follow one of a tool.
    after_tool: Vec<bool>,
    /// Which messages are of a role that is learnt.
    of_role: Vec<bool>,
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
        ChatEncoder { program, engine, stop_tokens, declared }
    }

    /// The template.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Makes room for one thread.
    pub fn scratch(&self) -> ChatScratch {
        ChatScratch { scratch: self.engine.scratch(), tokens: Tokens::default(), runs: Vec::new(), spans: Vec::new() }
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
        buffers: &mut Buffers,
    ) -> Result<Draft, RenderError> {
        let roles: Vec<Option<&str>> = input.roles().collect();
        let learnt = options.train.learnt(&roles);
        let of_role = options.train.of_role(&roles);
        let assistant = roles.iter().map(|role| *role == Some("assistant")).collect();
        let after_tool = after_tool(roles.iter().copied());
        if known.0.is_none() && learnt.contains(&true) && !self.program.marks_generation() {
            known.0 = Some(Arc::new(self.headers(&input, options, buffers)));
        }
        let output = render(&self.program, input, &options.render, buffers)?;
        let (text, segments, generation) = output.into_parts();
        let headers = known.0.clone().unwrap_or_default();
        Ok(Draft { text, segments, generation, learnt, assistant, after_tool, of_role, headers })
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
        let trust = Trust { control: options.control, segments, declared: &self.declared, assistant: &draft.assistant };
        self.engine.encode_trusted(&mut scratch.scratch, text, &trust, tokens)?;
        scratch.spans.clear();
        if draft.learnt.contains(&true) {
            let turns = Turns {
                text,
                segments,
                tokens,
                headers: &draft.headers,
                after_tool: &draft.after_tool,
                of_role: &draft.of_role,
                stop_tokens: &self.stop_tokens,
                parts: options.train.parts,
            };
            match self.program.marks_generation() {
                true => turns.marked_spans(&draft.generation, &draft.learnt, &mut scratch.spans),
                false => turns.spans(&draft.learnt, &mut scratch.spans),
            }
        }
        runs(segments, &scratch.spans, &mut scratch.runs);
        align(tokens, self.engine.table(), &scratch.runs, !options.train.parts.all(), batch);
        Ok(())
    }

    /// The generation prompts for the arguments of `input`: after a user's message, and after a tool's.
    fn headers<'r>(&'r self, input: &Input<'r>, options: &ChatOptions<'_>, buffers: &mut Buffers) -> Headers {
        let Options { limits, clock, .. } = options.render;
        let options: &'r Options<'r> = input.arena().alloc(Options { limits, clock, continue_field: None });
        let mut rendered = |conversation: &'static str, prompt: bool| {
            let mut probe = input.with_messages(input.list(Place::MESSAGES, &[]));
            read_conversation(&mut probe, conversation.as_bytes()).ok()?;
            let name = "add_generation_prompt";
            probe.set_argument(name, probe.bool(probe.place(Place::ARGUMENTS, Step::Name(name)), prompt));
            let output = render(&self.program, probe, options, buffers).ok()?;
            Some(output.into_parts())
        };
        Headers::of(|conversation, prompt| rendered(conversation, prompt).map(|(text, segments, _)| (text, segments)))
    }
}
