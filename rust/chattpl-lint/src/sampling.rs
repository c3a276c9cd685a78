//! What a model samples of a render, and what ends its turns: by the model's tokenizer where there is one, else by a tokenizer
//! of bytes and of what looks like a control token.

mod markers;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use chattpl_render::Origin;
use chattpl_syntax::Span;
use chattpl_tokens::vocabulary::{AddedToken, Decoder, TokenTable, TrimOffsets, Units};
use chattpl_tokens::{Conversation, Encoder, Headers, Scratch, SpecialTokens, TokenId, Tokens, Vocabulary};
use serde_json::Value;

use crate::context::{Context, Subject};
use crate::probe::locate::printer_of;
use crate::probe::{shape, Printed, Probes, Shape};

pub use markers::markers;

/// Conversations in which a turn of the assistant ends the whole.
const LAST: [(&str, usize); 3] = [("plain", 1), ("system", 2), ("tools-unused", 1)];

/// Conversations in which another message follows one.
const HISTORY: [(&str, usize); 2] = [("multi-turn", 1), ("user-after-tool", 3)];

/// A control token that a render holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Its id.
    pub id: TokenId,
    /// Its text.
    pub text: String,
    /// The bytes of the render that it stands for, white space that it takes included.
    pub range: Range<usize>,
    /// Whether the message before it printed it, and not what comes after.
    pub owned: bool,
}

/// The control tokens that follow what an assistant says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// All of them up to what the next message says; at least one.
    pub controls: Vec<Control>,
    /// The conversation that shows them.
    pub shape: &'static str,
    /// What printed the last that belongs to the turn, else the first.
    pub place: Option<Span>,
}

impl Ending {
    /// The token that ends the turn: the last that belongs to it, else the first of what follows.
    pub fn token(&self) -> &Control {
        self.controls.iter().rfind(|control| control.owned).unwrap_or(&self.controls[0])
    }
}

/// A render as tokens, and what of it a model samples.
#[derive(Debug)]
pub struct Sampled {
    /// The tokens of the text.
    pub tokens: Tokens,
    /// Byte ranges of the text, ascending.
    pub spans: Vec<Range<usize>>,
}

/// How renders of one template become tokens.
pub struct Sampling {
    encoder: Arc<Encoder>,
    scratch: RefCell<Scratch>,
    headers: Headers,
    /// How a conversation ends with an assistant's turn.
    pub last: Option<Ending>,
    /// How an assistant's turn ends that others follow.
    pub history: Option<Ending>,
    /// The tokens at which sampling ends: those that the caller names, else the ones that end turns.
    pub stop_tokens: Vec<TokenId>,
}

impl Sampling {
    /// Finds out how turns begin and end.
    pub(crate) fn new(context: &Context<'_>, probes: &Probes<'_>) -> Self {
        let subject = context.subject;
        let encoder = subject.supplied.encoder.clone().unwrap_or_else(|| Arc::new(stand_in(subject)));
        let headers = Headers::of(|conversation, prompt| {
            let conversation: Value = serde_json::from_str(conversation).expect("a conversation of our own");
            let conversation = match conversation {
                Value::Array(messages) => serde_json::json!({ "messages": messages }),
                whole => whole,
            };
            probes.render_value(&conversation, prompt).ok().map(|printed| (printed.text, printed.segments))
        });
        let scratch = RefCell::new(encoder.scratch());
        let mut made = Sampling { encoder, scratch, headers, last: None, history: None, stop_tokens: Vec::new() };
        made.last = made.ending(context, probes, &LAST);
        made.history = made.ending(context, probes, &HISTORY);
        made.stop_tokens = made.stops(context, probes);
        made
    }

    /// The tokens of a text; control tokens count wherever they stand.
    pub fn tokens(&self, text: &str) -> Tokens {
        let mut tokens = Tokens::default();
        let encoded = self.encoder.encode(&mut self.scratch.borrow_mut(), text, SpecialTokens::Parity, &mut tokens);
        encoded.expect("renders are far shorter than 4 GiB, and nothing is refused");
        tokens
    }

    /// What the tokenizer holds.
    pub fn vocabulary(&self) -> &Vocabulary {
        self.encoder.vocabulary()
    }

    /// What a model samples in the render of a whole conversation.
    pub fn sampled(&self, shape: &Shape, printed: &Printed) -> Sampled {
        let tokens = self.tokens(&printed.text);
        let roles: Vec<&str> = shape.roles().collect();
        let conversation = Conversation {
            text: &printed.text,
            segments: &printed.segments,
            tokens: &tokens,
            roles: &roles,
            headers: &self.headers,
            stop_tokens: &self.stop_tokens,
        };
        let spans = conversation.sampled();
        Sampled { tokens, spans }
    }

    /// The control tokens in a range of a render that the template, or a declared token, wrote.
    pub fn controls(&self, printed: &Printed, range: Range<usize>, message: usize) -> Vec<Control> {
        let tokens = self.tokens(&printed.text);
        let regions = tokens.regions().iter().filter(|region| region.is_added());
        let inside = regions.filter(|region| range.start <= region.start_byte && region.start_byte < range.end);
        let controls = inside.filter_map(|region| {
            let id = tokens.ids[region.first_token];
            let segment = printed.segments.index_at(region.start_byte);
            let ours = printed.segments.origin_at(segment) != Origin::Message && self.vocabulary().is_special(id);
            let range = region.start_byte..region.end_byte;
            let text = printed.text[range.clone()].trim().to_owned();
            let owned = printed.segments.message(segment) == Some(message as u32);
            ours.then_some(Control { id, text, range, owned })
        });
        controls.collect()
    }

    /// The control tokens behind what a message says, in the first conversation where there are any.
    fn ending(&self, context: &Context<'_>, probes: &Probes<'_>, shapes: &[(&'static str, usize)]) -> Option<Ending> {
        shapes.iter().find_map(|&(name, message)| {
            let outcome = probes.natural(shape(name));
            let printed = outcome.as_ref().as_ref().ok()?;
            let behind = printed.behind(message)?;
            let controls = self.controls(printed, behind, message);
            let ending = Ending { controls, shape: name, place: None };
            let at = ending.controls.first().map(|_| ending.token().range.start)?;
            Some(Ending { place: printer_of(context, printed, at), ..ending })
        })
    }

    fn stops(&self, context: &Context<'_>, probes: &Probes<'_>) -> Vec<TokenId> {
        let subject = context.subject;
        let named = subject.supplied.stop_tokens.as_ref();
        let known = |text: &str| self.vocabulary().id_of(text);
        let supplied: Vec<TokenId> = named.into_iter().flatten().filter_map(|text| known(text)).collect();
        if !supplied.is_empty() {
            return supplied;
        }
        let ends = self.last.as_ref().or(self.history.as_ref()).map(|ending| ending.token().id);
        let eos = subject.token_arguments().into_iter().find(|(name, _)| *name == "eos_token");
        let after_call = self.end_of_call(probes);
        let mut stops: Vec<TokenId> = ends.into_iter().chain(eos.and_then(|(_, text)| known(text))).collect();
        stops.extend(after_call);
        stops
    }

    /// The last control token of a turn that calls a tool.
    fn end_of_call(&self, probes: &Probes<'_>) -> Option<TokenId> {
        let outcome = probes.natural(shape("tool-round"));
        let printed = outcome.as_ref().as_ref().ok()?;
        let controls = self.controls(printed, printed.behind(1)?, 1);
        controls.into_iter().rfind(|control| control.owned).map(|control| control.id)
    }
}

/// A tokenizer of bytes and of what looks like a control token in a template.
fn stand_in(subject: &Subject) -> Encoder {
    const BYTES: TokenId = 256;
    let declared: Vec<&str> = subject.token_arguments().into_iter().map(|(_, text)| text).collect();
    let mut texts: Vec<&str> = declared.clone();
    texts.extend(markers(&subject.source.text));
    texts.retain(|text| !text.is_empty());
    texts.sort_unstable();
    texts.dedup();
    let added = texts.iter().enumerate().map(|(index, text)| AddedToken {
        id: BYTES + index as TokenId,
        content: (*text).to_owned(),
        special: declared.contains(text) || markers::is_special(text),
        lstrip: false,
        rstrip: false,
        single_word: false,
        normalized: false,
        in_model: false,
    });
    let bytes: Vec<[u8; 1]> = (0..=u8::MAX).map(|byte| [byte]).collect();
    let plain = bytes.iter().enumerate().map(|(id, byte)| (id as TokenId, byte.as_slice()));
    let all = plain.chain(texts.iter().enumerate().map(|(index, text)| (BYTES + index as TokenId, text.as_bytes())));
    let vocabulary = Vocabulary {
        name: "bytes".to_owned(),
        tokens: TokenTable::from_pairs(all).expect("few tokens, each with an id of its own"),
        merges: Vec::new().into(),
        units: Units::Bytes { ids: Box::new(std::array::from_fn(|byte| byte as TokenId)) },
        ignore_merges: false,
        added: added.collect(),
        normalizers: Vec::new(),
        splits: Vec::new(),
        prefix: Vec::new(),
        suffix: Vec::new(),
        decoder: Decoder::Bytes,
        trim_offsets: TrimOffsets::Never,
    };
    Encoder::new(Arc::new(vocabulary)).expect("a token for every byte")
}
