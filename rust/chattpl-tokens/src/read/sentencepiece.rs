//! SentencePiece `.model` files of the kind BPE.
//!
//! Control tokens and user-defined symbols become added tokens. The space in front that SentencePiece gives a text stands
//! at its very beginning alone: behind a control token a chat template prints it, and behind a user-defined symbol
//! SentencePiece itself puts none.

use hashbrown::HashMap;

use super::protobuf::{Fields, Wire};
use super::{control_token, merges_of_ranks, unreadable, unsupported, Tokens};
use crate::error::TokenError;
use crate::vocabulary::{AddedToken, Decoder, Leading, Normalizer, TokenId, TrimOffsets, Units, Vocabulary};

const SPACE_MARK: char = '\u{2581}';

/// Reads a SentencePiece model.
///
/// # Errors
/// [`TokenError::UNREADABLE`] with the byte offset or piece, for a damaged file; [`TokenError::UNSUPPORTED`] for models
/// other than BPE, normalization rules, and pieces of equal score that are no runs of one character.
pub fn sentencepiece(name: &str, file: &[u8]) -> Result<Vocabulary, TokenError> {
    let model = Model::parse(file)?;
    model.check_supported()?;
    let mut tokens = Tokens::default();
    let mut byte_ids = Box::new([TokenId::MAX; 256]);
    for (id, piece) in (0..).zip(&model.pieces) {
        match piece.kind {
            Kind::Byte => {
                let byte = byte_of(piece.text).ok_or_else(|| bad_piece(id, "is no byte such as `<0x0A>`"))?;
                if std::mem::replace(&mut byte_ids[byte as usize], id) != TokenId::MAX {
                    return Err(bad_piece(id, "is there twice"));
                }
                tokens.push(id, &[byte]);
            }
            Kind::Unused => return Err(unsupported("a piece of the type UNUSED", place(id))),
            _ => tokens.push(id, piece.text.as_bytes()),
        }
    }
    let bytes = match byte_ids.iter().filter(|&&id| id == TokenId::MAX).count() {
        0 => Some(byte_ids),
        256 => None,
        missing => return Err(unreadable(format!("{missing} of the 256 byte pieces are missing"), "pieces")),
    };
    let table = tokens.table()?;
    let by_priority = by_priority(&model.pieces)?;
    let characters: HashMap<&str, TokenId> = by_priority
        .iter()
        .map(|&id| (model.pieces[id as usize].text, id))
        .filter(|(text, _)| text.chars().nth(1).is_none())
        .collect();
    let merges = merges_of_ranks(&table, &by_priority, |token, parts| {
        let text = std::str::from_utf8(token).expect("normal pieces are text");
        let ends = text.char_indices().map(|(start, character)| &text[start..start + character.len_utf8()]);
        ends.map_while(|character| characters.get(character)).for_each(|&id| parts.push(id));
        parts.len() == text.chars().count()
    })?;
    Ok(Vocabulary {
        name: name.to_owned(),
        tokens: table,
        merges: merges.into(),
        units: Units::Chars { bytes, unknown: model.id_of_kind(Kind::Unknown), fuse_unknown: true },
        ignore_merges: false,
        added: model.added(),
        normalizers: model.normalizers(),
        splits: Vec::new(),
        prefix: model.begin().into_iter().collect(),
        suffix: Vec::new(),
        decoder: Decoder::Metaspace {
            replacement: SPACE_MARK,
            leading: if model.add_dummy_prefix { Leading::OneSpace } else { Leading::Nothing },
        },
        trim_offsets: TrimOffsets::Never,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

struct Piece<'a> {
    text: &'a str,
    score: f32,
    kind: Kind,
}

/// What of a model matters here; the defaults are those of `sentencepiece_model.proto`.
struct Model<'a> {
    pieces: Vec<Piece<'a>>,
    is_bpe: bool,
    space_as_suffix: bool,
    begin_piece: &'a [u8],
    has_rules: bool,
    add_dummy_prefix: bool,
    remove_extra_whitespaces: bool,
    escape_whitespaces: bool,
}

impl<'a> Model<'a> {
    fn parse(file: &'a [u8]) -> Result<Self, TokenError> {
        let mut model = Model {
            pieces: Vec::new(),
            is_bpe: false,
            space_as_suffix: false,
            begin_piece: b"<s>",
            has_rules: false,
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
                (3, Wire::Varint(kind)) => self.is_bpe = kind == 2,
                (24, Wire::Varint(flag)) => self.space_as_suffix = flag != 0,
                (46, Wire::Bytes(text)) => self.begin_piece = text,
                _ => {}
            }
        }
        Ok(())
    }

    fn parse_normalizer(&mut self, mut fields: Fields<'a>) -> Result<(), TokenError> {
        while let Some((number, value, _)) = fields.read()? {
            match (number, value) {
                (2, Wire::Bytes(rules)) => self.has_rules |= !rules.is_empty(),
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
                self.has_rules |= !rules.is_empty();
            }
        }
        Ok(())
    }

    fn check_supported(&self) -> Result<(), TokenError> {
        let faults = [
            (!self.is_bpe, "a SentencePiece model that is not BPE", "trainer_spec.model_type"),
            (self.space_as_suffix, "spaces as suffixes", "trainer_spec.treat_whitespace_as_suffix"),
            (self.has_rules, "a table of normalization rules", "normalizer_spec.precompiled_charsmap"),
            (self.remove_extra_whitespaces, "taking out spaces", "normalizer_spec.remove_extra_whitespaces"),
            (!self.escape_whitespaces, "spaces without marks", "normalizer_spec.escape_whitespaces"),
        ];
        match faults.into_iter().find(|(found, ..)| *found) {
            Some((_, part, place)) => Err(unsupported(part, place)),
            None => Ok(()),
        }
    }

    fn id_of_kind(&self, kind: Kind) -> Option<TokenId> {
        self.pieces.iter().position(|piece| piece.kind == kind).map(|index| index as TokenId)
    }

    fn begin(&self) -> Option<TokenId> {
        let is_begin = |piece: &Piece| piece.kind == Kind::Control && piece.text.as_bytes() == self.begin_piece;
        self.pieces.iter().position(is_begin).map(|index| index as TokenId)
    }

    fn added(&self) -> Vec<AddedToken> {
        let pieces = (0..).zip(&self.pieces);
        let added = pieces.filter(|(_, piece)| matches!(piece.kind, Kind::Control | Kind::Unknown | Kind::UserDefined));
        added
            .map(|(id, piece)| AddedToken { special: piece.kind != Kind::UserDefined, ..control_token(id, piece.text) })
            .collect()
    }

    fn normalizers(&self) -> Vec<Normalizer> {
        let prefix = self.add_dummy_prefix.then(|| Normalizer::PrependFirst(SPACE_MARK.to_string()));
        let marks = Normalizer::Replace { pattern: " ".to_owned(), content: SPACE_MARK.to_string() };
        prefix.into_iter().chain([marks]).collect()
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
}

impl Kind {
    fn from_number(number: u64) -> Option<Self> {
        let kinds = [Kind::Normal, Kind::Unknown, Kind::Control, Kind::UserDefined, Kind::Unused, Kind::Byte];
        kinds.get(usize::try_from(number.checked_sub(1)?).ok()?).copied()
    }
}

/// The normal pieces, best score first.
///
/// Where scores are equal, SentencePiece joins the leftmost pair whatever piece it makes. For runs of one character
/// (Mistral and Llama have such pieces of 2 to 16 spaces) that is the same as joining to the longest run first.
fn by_priority(pieces: &[Piece]) -> Result<Vec<TokenId>, TokenError> {
    let mut ids: Vec<TokenId> =
        (0..).zip(pieces).filter(|(_, piece)| piece.kind == Kind::Normal).map(|(id, _)| id).collect();
    let piece = |id: TokenId| &pieces[id as usize];
    ids.sort_by(|&a, &b| {
        let longest_first = || piece(b).text.len().cmp(&piece(a).text.len());
        piece(b).score.total_cmp(&piece(a).score).then_with(longest_first)
    });
    let joined: Vec<TokenId> = ids.iter().copied().filter(|&id| piece(id).text.chars().nth(1).is_some()).collect();
    for group in joined.chunk_by(|&a, &b| piece(a).score == piece(b).score).filter(|group| group.len() > 1) {
        let character = piece(group[0]).text.chars().next();
        if let Some(&id) = group.iter().find(|&&id| piece(id).text.chars().any(|other| Some(other) != character)) {
            return Err(unsupported("a piece of the same score as another", place(id)));
        }
    }
    Ok(ids)
}

fn byte_of(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

fn place(id: TokenId) -> String {
    format!("pieces[{id}]")
}

fn bad_piece(id: TokenId, fault: &str) -> TokenError {
    unreadable(format!("piece {id} {fault}"), place(id))
}
