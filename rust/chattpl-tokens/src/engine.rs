//! What makes tokens, whatever the kind of vocabulary: the encoder of this crate, or a tokenizer of another kind.

use std::borrow::Cow;
use std::sync::Arc;

use crate::decode::{decode, Stream};
use crate::encode::{Encoder, Scratch, SpecialTokens, Tokens};
use crate::error::TokenError;
use crate::foreign::{Foreign, ForeignStream};
use crate::huge::reserve_large;
use crate::vocabulary::{AddedToken, TokenId, TokenTable};

/// What makes tokens.
#[derive(Clone)]
pub enum Engine {
    /// The encoder of this crate.
    Own(Arc<Encoder>),
    /// Another, for vocabularies that it does not cover.
    Foreign(Arc<Foreign>),
}

/// The ids of a text above this size leave in the room that they were made in, in bytes.
const OWN_BYTES: usize = 1 << 16;

/// As many bytes or more stand for a token in most texts. Room that is not used is never touched.
pub const BYTES_A_TOKEN: usize = 3;

/// What one thread works with; a tokenizer of another kind keeps its own.
#[derive(Default)]
pub struct EngineScratch {
    own: Option<Scratch>,
    tokens: Tokens,
}

/// Decodes ids one at a time and never gives half a character.
pub enum EngineStream {
    /// Of the encoder of this crate.
    Own(Stream),
    /// Of another.
    Foreign(ForeignStream),
}

impl Engine {
    /// What it is called in messages.
    pub fn name(&self) -> &str {
        match self {
            Engine::Own(encoder) => &encoder.vocabulary().name,
            Engine::Foreign(foreign) => foreign.name(),
        }
    }

    /// The encoder of this crate, if it is the one.
    pub fn own(&self) -> Option<&Arc<Encoder>> {
        match self {
            Engine::Own(encoder) => Some(encoder),
            Engine::Foreign(_) => None,
        }
    }

    /// Why it is not the encoder of this crate.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Engine::Own(_) => None,
            Engine::Foreign(foreign) => Some(foreign.reason()),
        }
    }

    /// How text is split, or what does it all.
    pub fn scheme_name(&self) -> &'static str {
        match self {
            Engine::Own(encoder) => encoder.scheme_name(),
            Engine::Foreign(foreign) => foreign.library().scheme(),
        }
    }

    /// One past the largest id.
    pub fn vocab_size(&self) -> usize {
        match self {
            Engine::Own(encoder) => encoder.vocabulary().tokens.len(),
            Engine::Foreign(foreign) => foreign.library().vocab_size(),
        }
    }

    /// The added tokens.
    pub fn added(&self) -> &[AddedToken] {
        match self {
            Engine::Own(encoder) => &encoder.vocabulary().added,
            Engine::Foreign(foreign) => foreign.library().added(),
        }
    }

    /// The id of a token by its text.
    pub fn id_of(&self, token: &str) -> Option<TokenId> {
        match self {
            Engine::Own(encoder) => encoder.vocabulary().id_of(token),
            Engine::Foreign(foreign) => foreign.library().id_of(token),
        }
    }

    /// The bytes of a token; of another kind of tokenizer, the text of the token by itself.
    ///
    /// # Errors
    /// [`TokenError::OUT_OF_RANGE`] for an id that the vocabulary does not have, and what the library raises.
    pub fn bytes_of(&self, id: TokenId) -> Result<Cow<'_, [u8]>, TokenError> {
        if id as usize >= self.vocab_size() {
            let message = format!("id {id}; the vocabulary has {} ids", self.vocab_size());
            return Err(TokenError::new(TokenError::OUT_OF_RANGE, message));
        }
        match self {
            Engine::Own(encoder) => Ok(Cow::Borrowed(encoder.vocabulary().tokens.get(id))),
            Engine::Foreign(foreign) => Ok(Cow::Owned(foreign.library().decode(&[id], false)?.into_bytes())),
        }
    }

    /// The bytes of tokens, where they are known.
    pub(crate) fn table(&self) -> &TokenTable {
        match self {
            Engine::Own(encoder) => &encoder.vocabulary().tokens,
            Engine::Foreign(foreign) => foreign.table(),
        }
    }

    /// Appends the ids of a text; with `add_special` also those that the tokenizer puts around it.
    ///
    /// # Errors
    /// A control token where `special` refuses them, a text that is too long, and what a library raises.
    pub fn encode(
        &self,
        scratch: &mut EngineScratch,
        text: &str,
        special: SpecialTokens,
        add_special: bool,
        ids: &mut Vec<TokenId>,
    ) -> Result<(), TokenError> {
        match self {
            Engine::Own(encoder) => {
                let vocabulary = encoder.vocabulary();
                let (prefix, suffix): (&[_], &[_]) =
                    if add_special { (&vocabulary.prefix, &vocabulary.suffix) } else { (&[], &[]) };
                let found = scratch.encode(encoder, text, special)?;
                if ids.is_empty() && prefix.is_empty() && text.len() > OWN_BYTES {
                    *ids = std::mem::take(found);
                } else {
                    ids.extend_from_slice(prefix);
                    ids.extend_from_slice(found);
                }
                ids.extend_from_slice(suffix);
            }
            Engine::Foreign(foreign) => ids.extend(foreign.ids(text, special, add_special)?),
        }
        Ok(())
    }

    /// How many tokens a text has.
    ///
    /// # Errors
    /// As [`Engine::encode`].
    pub fn count(&self, scratch: &mut EngineScratch, text: &str, special: SpecialTokens) -> Result<usize, TokenError> {
        match self {
            Engine::Own(encoder) => scratch.encode(encoder, text, special).map(|ids| ids.len()),
            Engine::Foreign(foreign) => foreign.ids(text, special, false).map(|ids| ids.len()),
        }
    }

    /// Two numbers for each token of `text`: its first character, and one past its last.
    ///
    /// # Errors
    /// As [`Engine::encode`].
    pub fn offsets(
        &self,
        scratch: &mut EngineScratch,
        text: &str,
        special: SpecialTokens,
    ) -> Result<Vec<i32>, TokenError> {
        match self {
            Engine::Own(encoder) => {
                encoder.offsets(scratch.own.get_or_insert_with(|| encoder.scratch()), text, special)
            }
            Engine::Foreign(foreign) => foreign.offsets(text, special),
        }
    }

    /// The text of ids; those that stand for nothing add nothing. `skip_special` leaves out tokens flagged special.
    ///
    /// # Errors
    /// What a library raises.
    pub fn decode(&self, ids: &[TokenId], skip_special: bool) -> Result<String, TokenError> {
        match self {
            Engine::Own(encoder) => Ok(decode(encoder.vocabulary(), ids.iter().copied(), skip_special)),
            Engine::Foreign(foreign) => foreign.library().decode(ids, skip_special),
        }
    }

    /// A stream at the beginning of a text.
    pub fn stream(&self) -> EngineStream {
        match self {
            Engine::Own(encoder) => EngineStream::Own(Stream::new(encoder.vocabulary())),
            Engine::Foreign(_) => EngineStream::Foreign(ForeignStream::default()),
        }
    }
}

impl EngineScratch {
    fn encode(
        &mut self,
        encoder: &Encoder,
        text: &str,
        special: SpecialTokens,
    ) -> Result<&mut Vec<TokenId>, TokenError> {
        self.tokens.clear();
        if text.len() > OWN_BYTES {
            reserve_large(&mut self.tokens.ids, text.len() / BYTES_A_TOKEN);
        }
        let scratch = self.own.get_or_insert_with(|| encoder.scratch());
        encoder.encode(scratch, text, special, &mut self.tokens)?;
        Ok(&mut self.tokens.ids)
    }
}

impl EngineStream {
    /// The text that is complete with this id. `engine` is the one that made the stream.
    ///
    /// # Errors
    /// What a library raises.
    pub fn push(&mut self, engine: &Engine, id: TokenId) -> Result<String, TokenError> {
        match (self, engine) {
            (EngineStream::Own(stream), Engine::Own(encoder)) => Ok(stream.push(encoder.vocabulary(), id)),
            (EngineStream::Foreign(stream), Engine::Foreign(foreign)) => stream.push(foreign.library(), id),
            _ => unreachable!("a stream stays with its engine"),
        }
    }

    /// What is left, complete or not; the stream begins anew.
    ///
    /// # Errors
    /// What a library raises.
    pub fn finish(&mut self, engine: &Engine) -> Result<String, TokenError> {
        match (self, engine) {
            (EngineStream::Own(stream), Engine::Own(encoder)) => Ok(stream.finish(encoder.vocabulary())),
            (EngineStream::Foreign(stream), Engine::Foreign(foreign)) => stream.finish(foreign.library()),
            _ => unreachable!("a stream stays with its engine"),
        }
    }
}
