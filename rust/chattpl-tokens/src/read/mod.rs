//! Tokenizer files of all kinds, as bytes, to a [`Vocabulary`](crate::Vocabulary).

mod byte_alphabet;
mod protobuf;
mod ranks;
mod sentencepiece;
pub(crate) mod sentencepiece_model;
mod tekken;
mod tiktoken;
mod tokenizer_json;

pub(crate) use byte_alphabet::ByteAlphabet;
pub use ranks::{merges_of_ranks, LONGEST_TOKEN_BYTES};
pub use sentencepiece::sentencepiece;
pub use tekken::tekken;
pub use tiktoken::{tiktoken, Description};
pub use tokenizer_json::{outline, tokenizer_json, tokenizer_json_with, with_added};

use crate::error::TokenError;
use crate::vocabulary::{AddedToken, TokenId, TokenTable};

/// Tokens in the order of a file, before they are laid out by id.
#[derive(Default)]
struct Tokens {
    bytes: Vec<u8>,
    /// The id of each and where its bytes end.
    ends: Vec<(TokenId, usize)>,
}

impl Tokens {
    fn push(&mut self, id: TokenId, token: &[u8]) {
        self.bytes.extend_from_slice(token);
        self.ends.push((id, self.bytes.len()));
    }

    fn table(&self) -> Result<TokenTable, TokenError> {
        let mut start = 0;
        TokenTable::from_pairs(self.ends.iter().map(|&(id, end)| {
            let token = &self.bytes[start..end];
            start = end;
            (id, token)
        }))
    }
}

/// A control token as vendors declare them: found anywhere, white space around it left alone.
fn control_token(id: TokenId, content: &str) -> AddedToken {
    AddedToken {
        id,
        content: content.to_owned(),
        special: true,
        lstrip: false,
        rstrip: false,
        single_word: false,
        normalized: false,
        in_model: false,
    }
}

fn unreadable(message: impl Into<String>, place: impl Into<String>) -> TokenError {
    TokenError::new(TokenError::UNREADABLE, message).at(place)
}

/// `part` names what is not covered, such as "the model `Unigram`".
pub(crate) fn unsupported(part: impl std::fmt::Display, place: impl Into<String>) -> TokenError {
    TokenError::new(TokenError::UNSUPPORTED, format!("{part} is not covered by this encoder"))
        .at(place)
        .hint("give the `tokenizer.json` of the model: all kinds of it are read")
}
