//! Tokenizers of kinds that [`Encoder`](crate::Encoder) does not cover, with who may make a control token decided here.

mod steps;
mod stream;

pub use steps::{DecodeStep, Rewrite};
pub use stream::ForeignStream;

use hashbrown::HashSet;

use crate::encode::{Finder, Found, Refused, SpecialTokens, Tokens};
use crate::error::TokenError;
use crate::vocabulary::{AddedToken, TokenId, TokenTable};

/// A tokenizer of another kind.
pub trait Library: Send + Sync {
    /// What runs it, in a word.
    fn scheme(&self) -> &'static str;

    /// One past the largest id.
    fn vocab_size(&self) -> usize;

    /// The added tokens by ascending id.
    fn added(&self) -> &[AddedToken];

    /// The id of text that the vocabulary lacks.
    fn unknown(&self) -> Option<TokenId>;

    /// The id of a token by its text.
    fn id_of(&self, token: &str) -> Option<TokenId>;

    /// The ids of a text; with `add_special` also those that the tokenizer puts around it.
    ///
    /// # Errors
    /// What the library raises.
    fn ids(&self, text: &str, admitted: Admitted<'_>, add_special: bool) -> Result<Vec<TokenId>, TokenError>;

    /// The tokens of a text in order.
    ///
    /// # Errors
    /// What the library raises.
    fn placed(&self, text: &str, admitted: Admitted<'_>) -> Result<Vec<Placed>, TokenError>;

    /// The first character of each token of a text, and one past its last, as the library counts them.
    ///
    /// # Errors
    /// What the library raises.
    fn offsets(&self, text: &str, admitted: Admitted<'_>) -> Result<Vec<(usize, usize)>, TokenError>;

    /// The text of ids; those that stand for nothing add nothing. `skip_special` leaves out tokens flagged special.
    ///
    /// # Errors
    /// What the library raises.
    fn decode(&self, ids: &[TokenId], skip_special: bool) -> Result<String, TokenError>;

    /// The text that is certain with the next id of a stream.
    ///
    /// # Errors
    /// What the library raises.
    fn stream(&self, stream: &mut ForeignStream, id: TokenId) -> Result<String, TokenError>;

    /// What is left of a stream at its end.
    ///
    /// # Errors
    /// What the library raises.
    fn stream_rest(&self, stream: &mut ForeignStream) -> Result<String, TokenError>;
}

/// Which added tokens count where a text spells them.
#[derive(Debug, Clone, Copy)]
pub enum Admitted<'a> {
    /// All.
    All,
    /// All that are not flagged special.
    NotSpecial,
    /// Those in `found` and no others; no token crosses one of the `cuts`, bytes of the text. Both ascend, and no cut lies
    /// inside a token that is found.
    Only { found: &'a [Found], cuts: &'a [usize] },
}

/// A token and the stretch of the text that it stands for, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The token.
    pub id: TokenId,
    /// Its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// A tokenizer of another kind at work.
pub struct Foreign {
    name: String,
    reason: String,
    library: Box<dyn Library>,
    finder: Finder,
    added_ids: HashSet<TokenId>,
    /// Control tokens that the model may make of plain text.
    spelled: HashSet<TokenId>,
    /// No bytes of any token are known.
    table: TokenTable,
}

impl Foreign {
    /// Puts a tokenizer to use; `reason` says why the encoder of this crate does not read it.
    pub fn new(name: impl Into<String>, reason: impl Into<String>, library: Box<dyn Library>) -> Self {
        let added = library.added();
        let spelled =
            added.iter().filter(|token| token.special && token.in_model && Some(token.id) != library.unknown());
        Foreign {
            name: name.into(),
            reason: reason.into(),
            finder: Finder::new(added, |token| Some(token.content.clone())),
            added_ids: added.iter().map(|token| token.id).collect(),
            spelled: spelled.map(|token| token.id).collect(),
            table: TokenTable::from_pairs([]).expect("no token has no fault"),
            library,
        }
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why the encoder of this crate does not read it.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The tokenizer itself.
    pub fn library(&self) -> &dyn Library {
        &*self.library
    }

    pub(crate) fn table(&self) -> &TokenTable {
        &self.table
    }

    /// The ids of a text.
    ///
    /// # Errors
    /// [`TokenError::FORGED`] for a control token where `special` refuses them, and what the library raises.
    pub fn ids(&self, text: &str, special: SpecialTokens, add_special: bool) -> Result<Vec<TokenId>, TokenError> {
        if special == SpecialTokens::Error {
            self.without_special(text)?;
        }
        self.library.ids(text, admitted(special), add_special)
    }

    /// Refuses a text in which a control token counts.
    fn without_special(&self, text: &str) -> Result<(), TokenError> {
        let placed = self.library.placed(text, Admitted::All)?;
        let control = |id| self.library.added().iter().find(|token| token.id == id && token.special);
        let added = placed.iter().filter(|token| self.added_ids.contains(&token.id));
        let mut found = added.filter_map(|token| Some((token.start, control(token.id)?)));
        let is_unknown = |token: &AddedToken| Some(token.id) == self.library.unknown();
        let amiss = match found.clone().find(|(_, token)| !is_unknown(token)) {
            // What the model lacks is the same where control tokens are text, unless their text is its name.
            None if self.library.placed(text, Admitted::NotSpecial)? == placed => None,
            None => found.next(),
            amiss => amiss,
        };
        let Some((start, token)) = amiss else { return Ok(()) };
        let message = format!("control token `{}` inside the text", token.content);
        let hint = "pass special_tokens=\"text\" to encode it as text, or \"parity\" to let it count";
        Err(TokenError::new(TokenError::FORGED, message).at(format!("byte {start}")).hint(hint))
    }

    /// Refuses a text in which `fault(start, end, token)` finds a control token amiss.
    ///
    /// # Errors
    /// The first fault.
    pub(crate) fn refuse(
        &self,
        text: &str,
        fault: impl Fn(usize, usize, &AddedToken) -> Option<TokenError>,
    ) -> Result<(), TokenError> {
        self.finder.refuse(self.library.added(), text, fault)
    }

    /// Appends the tokens of a text; added tokens count wherever they stand.
    pub(crate) fn encode(&self, text: &str, tokens: &mut Tokens) -> Result<(), TokenError> {
        self.push(&self.on_characters(text, Admitted::All)?, text, tokens);
        Ok(())
    }

    /// Appends the tokens of a text; only the added tokens count that `admits(start, end, token)` lets pass. `structure`
    /// names control tokens that are not flagged special.
    pub(crate) fn encode_admitting(
        &self,
        text: &str,
        admits: impl Fn(usize, usize, &AddedToken) -> bool,
        structure: &[TokenId],
        tokens: &mut Tokens,
    ) -> Result<(), TokenError> {
        let added = self.library.added();
        let mut found = Vec::new();
        let counts = |start: usize, end: usize, token: usize| admits(start, end, &added[token]);
        self.finder.find(added, text, (0, text.len()), counts, Refused::LookInside, &mut found);
        let placed = self.placed_only(text, &found, structure)?;
        self.push(&placed, text, tokens);
        Ok(())
    }

    /// The tokens of a text; where one begins or ends inside a character, the start of the character counts.
    fn on_characters(&self, text: &str, admitted: Admitted<'_>) -> Result<Vec<Placed>, TokenError> {
        let start = |byte: usize| (0..=byte.min(text.len())).rev().find(|&byte| text.is_char_boundary(byte));
        let floor = |byte: usize| start(byte).expect("a text begins with a character");
        let placed = self.library.placed(text, admitted)?.into_iter();
        Ok(placed.map(|token| Placed { start: floor(token.start), end: floor(token.end), ..token }).collect())
    }

    /// The tokens of a text with the added tokens that are found; what else the model takes for a control token is cut
    /// in two.
    fn placed_only(&self, text: &str, found: &[Found], structure: &[TokenId]) -> Result<Vec<Placed>, TokenError> {
        let mut cuts = Vec::new();
        loop {
            let placed = self.on_characters(text, Admitted::Only { found, cuts: &cuts })?;
            let known = cuts.len();
            let is_control = |id: &TokenId| self.spelled.contains(id) || structure.contains(id);
            for token in placed.iter().filter(|token| is_control(&token.id) && !is_in(found, token)) {
                let first = text[token.start..].chars().next().map_or(0, char::len_utf8);
                let cut = token.start + first;
                if cut >= token.end || cuts[..known].binary_search(&cut).is_ok() {
                    let message = "the vocabulary makes a control token of plain text";
                    return Err(TokenError::new(TokenError::FORGED, message).at(format!("byte {}", token.start)));
                }
                cuts.push(cut);
            }
            if cuts.len() == known {
                return Ok(placed);
            }
            cuts.sort_unstable();
        }
    }

    /// Appends tokens. One that stands for nothing in the text (a mark that normalization put in front) has the place of
    /// what follows.
    fn push(&self, placed: &[Placed], text: &str, tokens: &mut Tokens) {
        let last = text.char_indices().next_back().map_or(0, |(offset, _)| offset);
        let mut least = 0;
        for token in placed {
            let start_byte = token.start.clamp(least, last.max(least));
            let end_byte = token.end.clamp(start_byte, text.len());
            least = start_byte;
            match self.added_ids.contains(&token.id) {
                true => tokens.push_added(token.id, start_byte, end_byte),
                false => tokens.push_one(token.id, start_byte, end_byte),
            }
        }
    }

    /// Two numbers for each token of `text`: its first character, and one past its last.
    ///
    /// # Errors
    /// As [`Foreign::ids`].
    pub fn offsets(&self, text: &str, special: SpecialTokens) -> Result<Vec<i32>, TokenError> {
        if special == SpecialTokens::Error {
            self.without_special(text)?;
        }
        let offsets = self.library.offsets(text, admitted(special))?;
        Ok(offsets.into_iter().flat_map(|(start, end)| [start as i32, end as i32]).collect())
    }
}

fn admitted(special: SpecialTokens) -> Admitted<'static> {
    match special {
        SpecialTokens::Text => Admitted::NotSpecial,
        SpecialTokens::Parity | SpecialTokens::Error => Admitted::All,
    }
}

/// Whether a token is one of those that were found.
fn is_in(found: &[Found], token: &Placed) -> bool {
    let next = found.partition_point(|hit| hit.end <= token.start);
    found.get(next).is_some_and(|hit| hit.start <= token.start)
}
