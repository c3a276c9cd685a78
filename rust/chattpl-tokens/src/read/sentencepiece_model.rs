//! A SentencePiece model as its file says, whatever its kind.

use super::protobuf::{Fields, Wire};
use super::{control_token, unreadable};
use crate::error::TokenError;
use crate::vocabulary::{AddedToken, TokenId};

/// What stands for a space in pieces.
pub const SPACE_MARK: char = '\u{2581}';

/// What of a model matters here; the defaults are those of `sentencepiece_model.proto`.
pub struct Model<'a> {
    /// By id.
    pub pieces: Vec<Piece<'a>>,
    pub method: Method,
    pub byte_fallback: bool,
    pub space_as_suffix: bool,
    begin_piece: &'a [u8],
    /// The rules of normalization, as SentencePiece compiles them; empty for none.
    pub rules: &'a [u8],
    pub has_rules_of_decoding: bool,
    pub add_dummy_prefix: bool,
    pub remove_extra_whitespaces: bool,
    pub escape_whitespaces: bool,
}

/// How text is cut into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By the best total score.
    Unigram,
    /// By joining neighbours.
    Bpe,
    /// At spaces.
    Word,
    /// Into characters.
    Char,
}

pub struct Piece<'a> {
    pub text: &'a str,
    pub score: f32,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

impl<'a> Model<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// [`TokenError::UNREADABLE`] with the byte offset or piece, for a damaged file.
    pub fn parse(file: &'a [u8]) -> Result<Self, TokenError> {
        let mut model = Model {
            pieces: Vec::new(),
            method: Method::Unigram,
            byte_fallback: false,
            space_as_suffix: false,
            begin_piece: b"<s>",
            rules: b"",
            has_rules_of_decoding: false,
            add_dummy_prefix: true,
            remove_extra_whitespaces: true,
            escape_whitespaces: true,
        };
        let mut fields = Fields::new(file, 0);
        while let Some((number, value, offset)) = fields.read()? {
            match (number, value) {
                (1, Wire::Bytes(piece)) => {
                    let piece = Piece::parse(piece, offset, model.pieces.len())?;
                    model.pieces.push(piece);
                }
                (2, Wire::Bytes(spec)) => model.parse_trainer(Fields::new(spec, offset))?,
                (3, Wire::Bytes(spec)) => model.parse_normalizer(Fields::new(spec, offset))?,
                (5, Wire::Bytes(spec)) => model.parse_denormalizer(Fields::new(spec, offset))?,
                _ => {}
            }
        }
        if model.pieces.is_empty() {
            return Err(unreadable("no pieces in the file", "pieces"));
        }
        Ok(model)
    }

    fn parse_trainer(&mut self, mut fields: Fields<'a>) -> Result<(), TokenError> {
        while let Some((number, value, _)) = fields.read()? {
            match (number, value) {
                (3, Wire::Varint(number)) => self.method = Method::from_number(number)?,
                (24, Wire::Varint(flag)) => self.space_as_suffix = flag != 0,
                (35, Wire::Varint(flag)) => self.byte_fallback = flag != 0,
                (46, Wire::Bytes(text)) => self.begin_piece = text,
                _ => {}
            }
        }
        Ok(())
    }

    fn parse_normalizer(&mut self, mut fields: Fields<'a>) -> Result<(), TokenError> {
        while let Some((number, value, _)) = fields.read()? {
            match (number, value) {
                (2, Wire::Bytes(rules)) => self.rules = rules,
                (3, Wire::Varint(flag)) => self.add_dummy_prefix = flag != 0,
                (4, Wire::Varint(flag)) => self.remove_extra_whitespaces = flag != 0,
                (5, Wire::Varint(flag)) => self.escape_whitespaces = flag != 0,
                _ => {}
            }
        }
        Ok(())
    }

    fn parse_denormalizer(&mut self, mut fields: Fields<'a>) -> Result<(), TokenError> {
        while let Some((number, value, _)) = fields.read()? {
            if let (2, Wire::Bytes(rules)) = (number, value) {
                self.has_rules_of_decoding = !rules.is_empty();
            }
        }
        Ok(())
    }

    /// The first piece of a kind.
    pub fn id_of_kind(&self, kind: Kind) -> Option<TokenId> {
        self.pieces.iter().position(|piece| piece.kind == kind).map(|index| index as TokenId)
    }

    /// The control token that begins a text.
    pub fn begin(&self) -> Option<TokenId> {
        let is_begin = |piece: &Piece| piece.kind == Kind::Control && piece.text.as_bytes() == self.begin_piece;
        self.pieces.iter().position(is_begin).map(|index| index as TokenId)
    }

    /// Control tokens, the unknown piece and user-defined symbols, by id.
    pub fn added(&self) -> Vec<AddedToken> {
        let pieces = (0..).zip(&self.pieces);
        let added = pieces.filter(|(_, piece)| matches!(piece.kind, Kind::Control | Kind::Unknown | Kind::UserDefined));
        added
            .map(|(id, piece)| AddedToken { special: piece.kind != Kind::UserDefined, ..control_token(id, piece.text) })
            .collect()
    }
}

impl<'a> Piece<'a> {
    fn parse(message: &'a [u8], offset: usize, id: usize) -> Result<Self, TokenError> {
        let mut piece = Piece { text: "", score: 0.0, kind: Kind::Normal };
        let mut fields = Fields::new(message, offset);
        let place = || format!("pieces[{id}]");
        while let Some((number, value, _)) = fields.read()? {
            match (number, value) {
                (1, Wire::Bytes(text)) => {
                    piece.text =
                        std::str::from_utf8(text).map_err(|_| unreadable("a piece that is no text", place()))?;
                }
                (2, Wire::Fixed32(score)) => piece.score = f32::from_le_bytes(score),
                (3, Wire::Varint(kind)) => {
                    piece.kind = Kind::from_number(kind)
                        .ok_or_else(|| unreadable(format!("a piece of unknown type {kind}"), place()))?;
                }
                _ => {}
            }
        }
        if piece.text.is_empty() || piece.score.is_nan() {
            return Err(unreadable("a piece without a text or a score", place()));
        }
        Ok(piece)
    }

    /// The byte that a piece such as `<0x0A>` names.
    pub fn byte(&self) -> Option<u8> {
        let digits = self.text.strip_prefix("<0x")?.strip_suffix('>')?;
        (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
    }
}

impl Method {
    fn from_number(number: u64) -> Result<Self, TokenError> {
        let methods = [Method::Unigram, Method::Bpe, Method::Word, Method::Char];
        let method = number.checked_sub(1).and_then(|index| methods.get(index as usize)).copied();
        method.ok_or_else(|| unreadable(format!("a model of unknown type {number}"), "trainer_spec.model_type"))
    }
}

impl Kind {
    fn from_number(number: u64) -> Option<Self> {
        let kinds = [Kind::Normal, Kind::Unknown, Kind::Control, Kind::UserDefined, Kind::Unused, Kind::Byte];
        kinds.get(usize::try_from(number.checked_sub(1)?).ok()?).copied()
    }
}
