//! What a tokenizer file says, in one shape for all kinds of files.

use crate::error::TokenError;
use crate::image::{Reader, Writer};
use crate::table::{Plain, Table};

/// A token's number.
pub type TokenId = u32;

/// The highest id that is read.
pub(crate) const MAX_ID: TokenId = (1 << 24) - 1;

/// A tokenizer as read from a file or a pack: what the encoder is built from.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocabulary {
    /// What it is called in messages.
    pub name: String,
    /// The bytes that each id stands for.
    pub tokens: TokenTable,
    /// Pairs that join, the first to join first. No pair occurs twice.
    pub merges: Table<Merge>,
    /// What a piece is made of before anything joins.
    pub units: Units,
    /// Whether a piece that is a token as a whole is that token, whatever the merges say.
    pub ignore_merges: bool,
    /// Tokens that are cut out of the text before anything else looks at it.
    pub added: Vec<AddedToken>,
    /// What is done to the text between added tokens, in order.
    pub normalizers: Vec<Normalizer>,
    /// How normalized text is split into pieces, in order; merges never cross a split.
    pub splits: Vec<Split>,
    /// Ids put before a text when special tokens are asked for.
    pub prefix: Vec<TokenId>,
    /// Ids put after a text when special tokens are asked for.
    pub suffix: Vec<TokenId>,
    /// How ids become text again.
    pub decoder: Decoder,
    /// Which white space offsets leave out.
    pub trim_offsets: TrimOffsets,
}

/// The bytes of every id from 0 on; ids that stand for nothing have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTable {
    bytes: Table<u8>,
    /// Where each token begins, and one past the last.
    starts: Table<u32>,
}

/// A pair of tokens that becomes one; its bytes are theirs, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Merge {
    /// The first of the two.
    pub left: TokenId,
    /// The second of the two.
    pub right: TokenId,
    /// What they become.
    pub merged: TokenId,
}

// SAFETY: three numbers of four bytes each, one after the other.
unsafe impl Plain for Merge {}

/// What a piece is made of before anything joins.
#[derive(Debug, Clone, PartialEq)]
pub enum Units {
    /// Every byte is a token.
    Bytes {
        /// The token of each byte; `u32::MAX` where the vocabulary has none (such bytes are dropped, as `tokenizers` does).
        ids: Box<[TokenId; 256]>,
    },
    /// Every character is a token, as in SentencePiece.
    Chars {
        /// The tokens of single bytes, for characters that are no token; `None` where there are none.
        bytes: Option<Box<[TokenId; 256]>>,
        /// The token of what is neither.
        unknown: Option<TokenId>,
        /// Whether unknown characters in a row become one token.
        fuse_unknown: bool,
    },
}

/// A token that is cut out of the text wherever it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedToken {
    /// Its number.
    pub id: TokenId,
    /// Its text.
    pub content: String,
    /// Whether it is a control token rather than text.
    pub special: bool,
    /// Whether it takes the white space before it.
    pub lstrip: bool,
    /// Whether it takes the white space after it.
    pub rstrip: bool,
    /// Whether it only counts when no word character touches it.
    pub single_word: bool,
    /// Whether it is looked for in the normalized text.
    pub normalized: bool,
    /// Whether pieces of text can become it, too: the model has it.
    pub in_model: bool,
}

/// One step of what is done to text before it is split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Normalizer {
    /// Canonical composition.
    Nfc,
    /// Puts text before a text that is not empty.
    Prepend(String),
    /// Puts text before the very beginning of what is encoded, and nowhere else.
    PrependFirst(String),
    /// Puts one text in the place of another.
    Replace {
        /// What is looked for; never empty.
        pattern: String,
        /// What stands there instead.
        content: String,
    },
    /// SentencePiece's spaces: `replacement` for every space, and one in front.
    Metaspace {
        /// The mark, as a rule U+2581.
        replacement: char,
        /// Where one is put in front.
        prepend: Prepend,
    },
}

/// Where a space mark is put in front of a text that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepend {
    /// Nowhere.
    Never,
    /// Only at the very beginning.
    First,
    /// After every added token, too.
    Always,
}

/// One step of how text is split into pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What is looked for.
    pub pattern: Pattern,
    /// What becomes of it.
    pub behavior: SplitBehavior,
    /// Whether the pattern describes what stands between the separators instead.
    pub invert: bool,
}

/// What a split looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// A regular expression in the dialect of Oniguruma.
    Regex(String),
    /// A text.
    Text(String),
}

/// What becomes of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitBehavior {
    /// It is a piece of its own.
    Isolated,
    /// It is dropped.
    Removed,
    /// It ends the piece before it.
    MergedWithPrevious,
    /// It begins the piece after it.
    MergedWithNext,
    /// Matches in a row are one piece.
    Contiguous,
}

/// How ids become text again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoder {
    /// The bytes of the tokens, one after the other.
    Bytes,
    /// The same with a space for each space mark.
    Metaspace {
        /// The mark, as a rule U+2581.
        replacement: char,
        /// What goes away where a text begins.
        leading: Leading,
    },
}

/// What goes away where a decoded text begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leading {
    /// Nothing.
    Nothing,
    /// One space.
    OneSpace,
    /// Every mark of the first token.
    Marks,
}

/// Which white space the offsets of a token leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrimOffsets {
    /// None.
    Never,
    /// All at its ends.
    Spaces,
    /// All at its ends but one space in front of a first token, which was put there.
    SpacesButFirst,
}

impl Vocabulary {
    /// What is done to text before added tokens are looked for in it, and what only after.
    pub fn normalizers(&self) -> (&[Normalizer], &[Normalizer]) {
        let after = self.normalizers.iter().position(|step| matches!(step, Normalizer::Metaspace { .. }));
        self.normalizers.split_at(after.unwrap_or(self.normalizers.len()))
    }

    /// Whether an id is an added token flagged special.
    pub fn is_special(&self, id: TokenId) -> bool {
        self.added.iter().any(|token| token.id == id && token.special)
    }

    /// The id of a token by its text: an added token, else one of the vocabulary.
    pub fn id_of(&self, token: &str) -> Option<TokenId> {
        let added = self.added.iter().find(|added| added.content == token).map(|added| added.id);
        added.or_else(|| self.tokens.iter().find(|(_, bytes)| *bytes == token.as_bytes()).map(|(id, _)| id))
    }

    /// The tokens that pieces can become: all but those of single bytes beside characters and added ones that the model
    /// does not have.
    pub fn model_tokens(&self) -> impl Iterator<Item = (TokenId, &[u8])> {
        let mut set_apart = vec![false; self.tokens.len()];
        let bytes = match &self.units {
            Units::Chars { bytes: Some(bytes), .. } => bytes.as_slice(),
            _ => &[],
        };
        let only_added = self.added.iter().filter(|token| !token.in_model);
        for &id in only_added.map(|token| &token.id).chain(bytes) {
            if let Some(flag) = set_apart.get_mut(id as usize) {
                *flag = true;
            }
        }
        self.tokens.iter().filter(move |(id, _)| !set_apart[*id as usize])
    }
}

impl TokenTable {
    /// Lays out tokens by id. Ids may come in any order and leave holes.
    ///
    /// # Errors
    /// [`TokenError::UNREADABLE`] for an id given twice with different bytes, one beyond 16,777,215, ids so far apart
    /// that nearly all of the table would be holes, or more than 4 GiB of tokens.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (TokenId, &'a [u8])>) -> Result<Self, TokenError> {
        let pairs: Vec<(TokenId, &[u8])> = pairs.into_iter().collect();
        let len = pairs.iter().map(|&(id, _)| id as usize + 1).max().unwrap_or(0);
        if let Some((id, bytes)) = pairs.iter().find(|(id, _)| *id > MAX_ID) {
            return Err(unreadable(format!(
                "token {:?} has the id {id}; {MAX_ID} is the highest that is read",
                text(bytes)
            )));
        }
        if len > 64 * pairs.len() + (1 << 16) {
            return Err(unreadable(format!("{} tokens have ids up to {}", pairs.len(), len - 1)));
        }
        let mut by_id: Vec<&[u8]> = vec![&[]; len];
        for (id, bytes) in pairs {
            let slot = &mut by_id[id as usize];
            if !slot.is_empty() && *slot != bytes {
                return Err(unreadable(format!("tokens {:?} and {:?} share the id {id}", text(slot), text(bytes))));
            }
            *slot = bytes;
        }
        Self::from_slices(&by_id)
    }

    /// The tokens of `bytes`, each from its start to the next; `starts` ascends from 0 to the number of bytes.
    pub(crate) fn from_columns(bytes: Vec<u8>, starts: Vec<u32>) -> Self {
        debug_assert!(starts.is_sorted() && starts.last() == Some(&(bytes.len() as u32)));
        TokenTable { bytes: bytes.into(), starts: starts.into() }
    }

    pub(crate) fn put_into(&self, image: &mut Writer) {
        image.table(&self.bytes);
        image.table(&self.starts);
    }

    pub(crate) fn of(image: &mut Reader) -> Result<Self, TokenError> {
        let (bytes, starts): (Table<u8>, Table<u32>) = (image.table()?, image.table()?);
        let ends = starts.first().zip(starts.last()).map(|(&first, &last)| (first as usize, last as usize));
        let sound = ends == Some((0, bytes.len())) && starts.len() - 1 <= MAX_ID as usize + 1 && starts.is_sorted();
        sound.then_some(TokenTable { bytes, starts }).ok_or_else(|| image.damaged("tokens that overlap"))
    }

    fn from_slices(by_id: &[&[u8]]) -> Result<Self, TokenError> {
        let total: usize = by_id.iter().map(|token| token.len()).sum();
        if u32::try_from(total).is_err() {
            return Err(unreadable(format!("the tokens hold {total} bytes; {} are read", u32::MAX)));
        }
        let mut starts = Vec::with_capacity(by_id.len() + 1);
        let mut bytes = Vec::with_capacity(total);
        for token in by_id {
            starts.push(bytes.len() as u32);
            bytes.extend_from_slice(token);
        }
        starts.push(bytes.len() as u32);
        Ok(Self::from_columns(bytes, starts))
    }

    /// One more than the highest id.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no token at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a token; none for an id that stands for nothing or is out of range.
    #[inline]
    pub fn get(&self, id: TokenId) -> &[u8] {
        let index = id as usize;
        match (self.starts.get(index), self.starts.get(index + 1)) {
            (Some(&start), Some(&end)) => &self.bytes[start as usize..end as usize],
            _ => &[],
        }
    }

    /// Whether a token has the bytes of two others, one after the other.
    pub(crate) fn is_joined(&self, left: TokenId, right: TokenId, joined: TokenId) -> bool {
        let place = |id: TokenId| match self.starts.get(id as usize..) {
            Some(&[start, end, ..]) => (start as usize, (end - start) as usize),
            _ => (0, 0),
        };
        let ((left, left_len), (right, right_len), (joined, len)) = (place(left), place(right), place(joined));
        left_len != 0
            && right_len != 0
            && left_len + right_len == len
            && self.same_bytes(left, joined, left_len)
            && self.same_bytes(right, joined + left_len, right_len)
    }

    /// Compares by words: tokens are short, and there are many.
    #[inline]
    fn same_bytes(&self, a: usize, b: usize, len: usize) -> bool {
        let word =
            |at: usize| self.bytes.get(at..).and_then(|rest| rest.first_chunk()).map(|&word| u64::from_le_bytes(word));
        match (word(a), word(b)) {
            (Some(a), Some(b)) if len <= 8 => (a ^ b) << (64 - 8 * len) == 0,
            _ => self.bytes[a..a + len] == self.bytes[b..b + len],
        }
    }

    /// All tokens with bytes, by id.
    pub fn iter(&self) -> impl Iterator<Item = (TokenId, &[u8])> {
        (0..self.len() as TokenId).map(|id| (id, self.get(id))).filter(|(_, bytes)| !bytes.is_empty())
    }
}

fn unreadable(message: String) -> TokenError {
    TokenError::new(TokenError::UNREADABLE, message)
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
