//! A template and a vocabulary at work together.

use std::sync::{Arc, OnceLock};

use chattpl_render::{
    error::code, read_conversation, render, Buffers, Input, Options, Place, Program, RenderError, Segments, Step,
};

use super::align::{align, runs, Run, Span};
use super::encoded::Batch;
use super::header::Turns;
use super::known::{write_key, Dates, Known};
use super::literals::Literals;
use super::probe::{Endings, Printed, Probe, Probed, StopSource, StopTokens, ANSWERED, HISTORY, SYSTEM, TOOLS};
use super::prompt::Headers;
use super::roles::KnownRoles;
use super::speaker::Speaker;
use super::train::Train;
use super::trust::{Control, Trust};
use super::written::Written;
use crate::encode::{Scratch, Spelled, Tokens};
use crate::engine::Engine;
use crate::error::TokenError;
use crate::vocabulary::{AddedToken, TokenId};

/// Encodes conversations: renders them, and says of each token whose it is and whether it is trained.
pub struct ChatEncoder {
    program: Arc<Program>,
    engine: Engine,
    stop_tokens: Vec<TokenId>,
    /// Names of the arguments that hold the format's own tokens.
    declared: Vec<String>,
    /// Whether the template says what a model generates.
    marks_generation: bool,
    /// Whether an added token that is not flagged special may be structure of the template.
    may_have_structure: bool,
    reads_tools: bool,
    not_probed: Arc<Probed>,
    known: Known,
    dates: Dates,
    /// Made when they are first needed.
    literals: OnceLock<Literals>,
    /// Made when they are first needed.
    roles: OnceLock<KnownRoles>,
    /// Made when they are first needed.
    spelled: OnceLock<Spelled>,
}

/// How to encode.
#[derive(Debug, Clone, Copy)]
pub struct ChatOptions<'a> {
    /// How to render.
    pub render: Options<'a>,
    /// Who may make a control token.
    pub control: Control,
    /// What is trained.
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
    probed: Arc<Probed>,
}

/// What is known of a format for the template arguments of the conversation before; found anew where they change.
#[derive(Debug, Default)]
pub struct KnownHeaders {
    /// The arguments, as bytes; empty where there are none yet.
    key: Vec<u8>,
    next_key: Vec<u8>,
    probed: Option<Arc<Probed>>,
}

impl ChatEncoder {
    /// Puts a template and a vocabulary together.
    ///
    /// `declared` names the arguments that hold tokens of the format itself, such as `bos_token`.
    pub fn new(program: Arc<Program>, engine: Engine, stop_tokens: Vec<TokenId>, declared: Vec<String>) -> Self {
        let may_be_structure = |token: &AddedToken| !token.special && !token.content.trim().is_empty();
        ChatEncoder {
            marks_generation: program.marks_generation(),
            may_have_structure: engine.added().iter().any(may_be_structure),
            dates: Dates::of(&program),
            reads_tools: program.reads("tools"),
            program,
            engine,
            stop_tokens,
            declared,
            not_probed: Arc::default(),
            known: Known::default(),
            literals: OnceLock::new(),
            roles: OnceLock::new(),
            spelled: OnceLock::new(),
        }
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

    fn roles(&self) -> &KnownRoles {
        self.roles.get_or_init(|| KnownRoles::of(&self.program))
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
    /// `known` is kept between conversations: it saves work where they have the same template arguments.
    ///
    /// # Errors
    /// What rendering raises, and flags of messages that are wrong.
    pub fn draft<'r>(
        &'r self,
        input: Input<'r>,
        options: &'r ChatOptions<'_>,
        known: &mut KnownHeaders,
        room: &mut DraftRoom,
    ) -> Result<Draft, RenderError> {
        let DraftRoom { buffers, speakers } = room;
        let train = options.train;
        let headings = input.headings(train.uses_flags && !train.roles.is_empty());
        if !input.weight().is_finite() {
            let message = format!("the weight of the conversation is {}; it must be a finite number", input.weight());
            return Err(RenderError::own(code::SHAPE, message, "give another weight"));
        }
        Speaker::list(headings, input.weight(), train, self.roles(), speakers)?;
        let is_trained = speakers.iter().any(|speaker| speaker.is_trained);
        let probed = match is_trained || (self.may_have_structure && options.control != Control::Parity) {
            true => self.probed(&input, options.render, known, buffers),
            false => Arc::clone(&self.not_probed),
        };
        let output = render(&self.program, input, &options.render, buffers)?;
        let (text, segments, mut generation) = output.into_parts();
        generation.sort_unstable();
        Ok(Draft { text, segments, generation, speakers: std::mem::take(speakers), probed })
    }

    /// The stop tokens that are used for conversations with the arguments of `input`: those that the format names, where
    /// the template ends an assistant's turn with one of them, else those that it writes there. The result says which, and
    /// whether none was found.
    pub fn stop_tokens_in_effect<'r>(&'r self, input: &Input<'r>, options: Options<'_>) -> StopTokens {
        self.probed(input, options, &mut KnownHeaders::default(), &mut Buffers::default()).stops.clone()
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
        let Draft { probed, speakers, .. } = draft;
        let written = self.written(text, segments, speakers);
        let trust = Trust { control: options.control, written, structure: &probed.structure };
        self.engine.encode_trusted(&mut scratch.scratch, &trust, self.known_literals(), self.spelled(), tokens)?;
        scratch.spans.clear();
        if speakers.iter().any(|speaker| speaker.is_trained) {
            let (headers, stop_tokens) = (&probed.headers, &probed.stops.ids);
            let turns = Turns { written, tokens, headers, stop_tokens, parts: options.train.parts };
            match self.marks_generation {
                true => turns.marked_spans(&draft.generation, &mut scratch.spans),
                false => turns.spans(&mut scratch.begun, &mut scratch.spans),
            }
        }
        runs(segments, &scratch.spans, &mut scratch.runs);
        align(tokens, self.engine.table(), &scratch.runs, batch);
        Ok(())
    }

    fn written<'a>(&'a self, text: &'a str, segments: &'a Segments, speakers: &'a [Speaker]) -> Written<'a> {
        Written { text, segments, declared: &self.declared, speakers, roles: self.roles() }
    }

    fn spelled(&self) -> &Spelled {
        self.spelled.get_or_init(|| self.engine.own().map(|own| Spelled::of(own.vocabulary())).unwrap_or_default())
    }

    /// Whether there are tools that the template looks at.
    fn sees_tools(&self, input: &Input<'_>) -> bool {
        self.reads_tools && input.has_tools()
    }

    /// What is known for the arguments of `input`, from the conversation before, from the cache, or from new probes.
    fn probed<'r>(
        &'r self,
        input: &Input<'r>,
        options: Options<'_>,
        known: &mut KnownHeaders,
        buffers: &mut Buffers,
    ) -> Arc<Probed> {
        let key = &mut known.next_key;
        let is_whole = write_key(input, self.dates, &options, key);
        key.push(u8::from(self.sees_tools(input)));
        if let Some(probed) = known.probed.as_ref().filter(|_| is_whole && *key == known.key) {
            return Arc::clone(probed);
        }
        let found = if is_whole { self.known.get(key) } else { None };
        let probed = found.unwrap_or_else(|| {
            let probed = Arc::new(self.probe(input, options, buffers));
            if is_whole {
                self.known.put(key, &probed);
            }
            probed
        });
        if is_whole {
            std::mem::swap(&mut known.key, &mut known.next_key);
            known.probed = Some(Arc::clone(&probed));
        }
        probed
    }

    /// Renders short conversations with the arguments of `input`, and reads off them what is to be known of the format.
    fn probe<'r>(&'r self, input: &Input<'r>, options: Options<'_>, buffers: &mut Buffers) -> Probed {
        let options: &'r Options<'r> = input.arena().alloc(Options { continue_field: None, ..options });
        let mut printed = |conversation: &str, prompt: bool, with_tools: bool| -> Option<Printed> {
            let conversation = input.arena().alloc_str(conversation);
            let mut probe = input.with_messages(input.list(Place::MESSAGES, &[]));
            if with_tools {
                read_conversation(&mut probe, TOOLS.as_bytes()).ok()?;
            }
            read_conversation(&mut probe, conversation.as_bytes()).ok()?;
            let name = "add_generation_prompt";
            probe.set_argument(name, probe.bool(probe.place(Place::ARGUMENTS, Step::Name(name)), prompt));
            let mut speakers = Vec::new();
            Speaker::list(probe.headings(false), 1.0, &Train::default(), self.roles(), &mut speakers).ok()?;
            let (text, segments, _) = render(&self.program, probe, options, buffers).ok()?.into_parts();
            Some(Printed { text, segments, speakers })
        };
        let strings = input.strings();
        // A template may prompt in another way where there are tools; one that refuses our own does without.
        let has_tools = self.sees_tools(input);
        let mut rendered = |conversation: &str, prompt: bool| {
            let with_tools = if has_tools { printed(conversation, prompt, true) } else { None };
            with_tools.or_else(|| printed(conversation, prompt, false))
        };
        let mut prompted = Vec::new();
        let headers = Headers::of(|conversation, prompt| {
            let printed = rendered(conversation, prompt)?;
            let found = (printed.text.clone(), printed.segments.clone());
            if prompt {
                prompted.push(printed);
            }
            Some(found)
        });
        let mut scratch = self.engine.scratch();
        let mut ending = |printed: &Printed| self.with_probe(printed, &mut scratch, |probe| probe.ending()).flatten();
        let mut turn = |conversations: &[&str]| {
            conversations.iter().find_map(|conversation| {
                let printed = rendered(conversation, false)?;
                ending(&printed).map(|ending| (printed, ending))
            })
        };
        let (history, last) = (turn(&HISTORY).unzip(), turn(&ANSWERED).unzip());
        let call = prompted.iter().find(|printed| printed.speakers.iter().any(|speaker| speaker.is_tool));
        let endings = Endings { history: history.1, last: last.1, call: call.and_then(ending) };
        let stops = StopTokens::of(&self.stop_tokens, &endings);
        let mut structure = Vec::new();
        if self.may_have_structure {
            let others = [rendered(SYSTEM, false), rendered(TOOLS, true)];
            for printed in prompted.iter().chain(&history.0).chain(&last.0).chain(others.iter().flatten()) {
                self.with_probe(printed, &mut scratch, |probe| probe.add_structure(&mut structure));
            }
            // All stop tokens end turns, also those that no probe shows.
            let is_plain = |id: &TokenId| self.engine.added().iter().any(|token| token.id == *id && !token.special);
            structure.extend(stops.ids.iter().copied().filter(is_plain));
        }
        // The strings of probes are no part of the conversation.
        input.forget_strings_after(strings);
        Probed { headers, stops, structure }
    }

    /// Encodes a probe and looks at it.
    fn with_probe<T>(
        &self,
        printed: &Printed,
        scratch: &mut Option<Scratch>,
        look: impl FnOnce(&Probe<'_>) -> T,
    ) -> Option<T> {
        let written = self.written(&printed.text, &printed.segments, &printed.speakers);
        let trust = Trust { control: Control::Template, written, structure: &[] };
        let mut tokens = Tokens::default();
        self.engine.encode_trusted(scratch, &trust, self.known_literals(), self.spelled(), &mut tokens).ok()?;
        Some(look(&Probe { written, tokens: &tokens, added: self.engine.added() }))
    }
}

impl Draft {
    /// Whether something of it is trained and nothing tells where sampling stops: neither the format nor the template.
    pub fn lacks_stop_token(&self) -> bool {
        self.probed.stops.source == StopSource::Nowhere && self.speakers.iter().any(|speaker| speaker.is_trained)
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
