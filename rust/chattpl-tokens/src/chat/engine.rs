//! What makes the tokens of a rendered conversation: the encoder of this crate, or one of somebody else's.

use std::collections::HashMap;
use std::sync::Arc;

use chattpl_render::Program;

use super::literals::Literals;
use super::trust::{Control, Trust};
use crate::encode::{Encoder, Finder, Found, Refused, Scratch, Tokens};
use crate::error::TokenError;
use crate::vocabulary::{AddedToken, TokenId, TokenTable};

/// What makes the tokens of a rendered conversation.
pub enum Engine {
    /// The encoder of this crate.
    Own(Arc<Encoder>),
    /// Another, for vocabularies that this crate does not cover.
    Foreign(Box<Foreign>),
}

/// A tokenizer of another library.
pub trait Tokenize: Send + Sync {
    /// The tokens of a text: the id of each, its first character and one past its last.
    ///
    /// With `marks` no added token counts; what counts are the marks that [`Foreign::new`] was told of, each with the id
    /// that it was given there.
    ///
    /// # Errors
    /// What the library raises.
    fn tokens(&self, text: &str, marks: bool) -> Result<Vec<(TokenId, u32, u32)>, TokenError>;
}

/// A tokenizer of another library, with who may make a control token decided here.
///
/// Added tokens that may count are found by this crate. Each gives way to a mark, a text that only the library knows to be
/// a token; it is encoded as the added token would be, and what looks like an added token beside it is text.
pub struct Foreign {
    library: Box<dyn Tokenize>,
    added: Vec<AddedToken>,
    /// The mark of each added token.
    marks: Vec<String>,
    /// The ids of added tokens, and those of their marks with the id that each stands for.
    ids: HashMap<TokenId, TokenId>,
    finder: Finder,
    /// No bytes of any token are known.
    table: TokenTable,
}

impl Engine {
    /// Whether another library makes the tokens.
    pub fn is_foreign(&self) -> bool {
        matches!(self, Engine::Foreign(_))
    }

    /// Makes room for one thread; the library of a foreign engine has its own.
    pub(crate) fn scratch(&self) -> Option<Scratch> {
        match self {
            Engine::Own(encoder) => Some(encoder.scratch()),
            Engine::Foreign(_) => None,
        }
    }

    /// The bytes of tokens, where they are known.
    pub(crate) fn table(&self) -> &TokenTable {
        match self {
            Engine::Own(encoder) => &encoder.vocabulary().tokens,
            Engine::Foreign(foreign) => &foreign.table,
        }
    }

    /// The literals of a template, as far as their tokens are known before anything is rendered.
    pub(crate) fn literals(&self, program: &Program) -> Literals {
        match self {
            Engine::Own(encoder) => Literals::new(program, encoder),
            Engine::Foreign(_) => Literals::default(),
        }
    }

    /// Appends the tokens of a rendered conversation, in whose template `literals` stand.
    ///
    /// # Errors
    /// A control token in data where `trust` refuses it, a text that is too long, and what a library raises.
    pub(crate) fn encode(
        &self,
        scratch: &mut Option<Scratch>,
        text: &str,
        trust: &Trust<'_>,
        literals: &Literals,
        tokens: &mut Tokens,
    ) -> Result<(), TokenError> {
        let fault = |start: usize, end: usize, token: &AddedToken| {
            (!trust.admits(start, end, token)).then(|| trust.refusal(start, end, token))
        };
        let admits = |start: usize, end: usize, token: &AddedToken| trust.admits(start, end, token);
        match self {
            Engine::Own(encoder) => {
                if trust.control == Control::Error {
                    encoder.refuse(text, fault)?;
                }
                let scratch = scratch.get_or_insert_with(|| encoder.scratch());
                encoder.encode_with_literals(scratch, text, literals.of(text, trust.segments), admits, tokens)
            }
            Engine::Foreign(foreign) => {
                if trust.control == Control::Error {
                    foreign.finder.refuse(&foreign.added, text, fault)?;
                }
                match trust.control {
                    Control::Parity => foreign.encode(text, tokens),
                    _ => foreign.encode_admitting(text, admits, tokens),
                }
            }
        }
    }
}

impl Foreign {
    /// Puts a library's tokenizer to use. `marks` has a text and an id for each of the added tokens, in their order.
    ///
    /// # Panics
    /// Panics if there is another number of marks than of added tokens.
    pub fn new(library: Box<dyn Tokenize>, added: Vec<AddedToken>, marks: Vec<(String, TokenId)>) -> Self {
        assert_eq!(added.len(), marks.len(), "a mark for each added token");
        let finder = Finder::new(&added, |token| Some(token.content.clone()));
        let table = TokenTable::from_pairs([]).expect("no token has no fault");
        let own = added.iter().map(|token| (token.id, token.id));
        let ids = own.chain(marks.iter().zip(&added).map(|((_, mark), token)| (*mark, token.id))).collect();
        let marks = marks.into_iter().map(|(text, _)| text).collect();
        Foreign { library, added, marks, ids, finder, table }
    }

    /// Added tokens count wherever they stand.
    fn encode(&self, text: &str, tokens: &mut Tokens) -> Result<(), TokenError> {
        let bytes: Vec<u32> = character_starts(text).collect();
        self.push(self.library.tokens(text, false)?, &bytes, text, tokens);
        Ok(())
    }

    /// Only the added tokens count that `admits(start, end, token)` lets pass.
    fn encode_admitting(
        &self,
        text: &str,
        admits: impl Fn(usize, usize, &AddedToken) -> bool,
        tokens: &mut Tokens,
    ) -> Result<(), TokenError> {
        let mut found = Vec::new();
        let counts = |start: usize, end: usize, token: usize| admits(start, end, &self.added[token]);
        self.finder.find(&self.added, text, (0, text.len()), counts, Refused::LookInside, &mut found);
        let (marked, bytes) = self.marked(text, &found);
        self.push(self.library.tokens(&marked, true)?, &bytes, text, tokens);
        Ok(())
    }

    /// The text with marks for added tokens, and the byte of `text` that each of its characters, and its end, stands for.
    fn marked(&self, text: &str, found: &[Found]) -> (String, Vec<u32>) {
        let (mut marked, mut bytes, mut at) = (String::with_capacity(text.len()), Vec::with_capacity(text.len()), 0);
        for hit in found {
            let between = &text[at..hit.start];
            marked.push_str(between);
            bytes.extend(between.char_indices().map(|(offset, _)| (at + offset) as u32));
            let mark = &self.marks[hit.token];
            marked.push_str(mark);
            bytes.extend(mark.chars().map(|_| hit.start as u32));
            at = hit.end;
        }
        marked.push_str(&text[at..]);
        bytes.extend(character_starts(&text[at..]).map(|offset| at as u32 + offset));
        (marked, bytes)
    }

    /// Appends tokens whose places are characters; `bytes` has the byte of `text` for each character, and for the end. A
    /// token that stands for nothing in the text (a mark that normalization put in front) has the place of what follows.
    fn push(&self, made: Vec<(TokenId, u32, u32)>, bytes: &[u32], text: &str, tokens: &mut Tokens) {
        let byte = |character: u32| bytes.get(character as usize).map_or(text.len(), |&byte| byte as usize);
        let last = text.char_indices().next_back().map_or(0, |(offset, _)| offset);
        let mut least = 0;
        for (id, start, end) in made {
            let start_byte = byte(start).clamp(least, last.max(least));
            let end_byte = byte(end).max(start_byte);
            least = start_byte;
            match self.ids.get(&id) {
                Some(&id) => tokens.push_added(id, start_byte, end_byte),
                None => tokens.push_one(id, start_byte, end_byte),
            }
        }
    }
}

/// The byte at which each character begins, and the end.
fn character_starts(text: &str) -> impl Iterator<Item = u32> + '_ {
    text.char_indices().map(|(offset, _)| offset as u32).chain([text.len() as u32])
}
