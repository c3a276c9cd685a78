//! SentencePiece `.model` files of the kind BPE.
//!
//! Control tokens and user-defined symbols become added tokens. The space in front that SentencePiece gives a text stands
//! at its very beginning alone: behind a control token a chat template prints it, and behind a user-defined symbol
//! SentencePiece itself puts none.

use hashbrown::HashMap;

use super::sentencepiece_model::{Kind, Method, Model, Piece, SPACE_MARK};
use super::{merges_of_ranks, unreadable, unsupported, Tokens};
use crate::error::TokenError;
use crate::vocabulary::{Decoder, Leading, Normalizer, TokenId, TrimOffsets, Units, Vocabulary};

/// Reads a SentencePiece model.
///
/// # Errors
/// [`TokenError::UNREADABLE`] with the byte offset or piece, for a damaged file; [`TokenError::UNSUPPORTED`] for models
/// other than BPE, normalization rules, and pieces of equal score that are no runs of one character.
pub fn sentencepiece(name: &str, file: &[u8]) -> Result<Vocabulary, TokenError> {
    let model = Model::parse(file)?;
    check_supported(&model)?;
    let mut tokens = Tokens::default();
    let mut byte_ids = Box::new([TokenId::MAX; 256]);
    for (id, piece) in (0..).zip(&model.pieces) {
        match piece.kind {
            Kind::Byte => {
                let byte = piece.byte().ok_or_else(|| bad_piece(id, "is no byte such as `<0x0A>`"))?;
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
        normalizers: normalizers(&model),
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

fn check_supported(model: &Model<'_>) -> Result<(), TokenError> {
    let faults = [
        (model.method != Method::Bpe, "a SentencePiece model that is not BPE", "trainer_spec.model_type"),
        (model.space_as_suffix, "spaces as suffixes", "trainer_spec.treat_whitespace_as_suffix"),
        (
            !model.rules.is_empty() || model.has_rules_of_decoding,
            "a table of normalization rules",
            "normalizer_spec.precompiled_charsmap",
        ),
        (model.remove_extra_whitespaces, "taking out spaces", "normalizer_spec.remove_extra_whitespaces"),
        (!model.escape_whitespaces, "spaces without marks", "normalizer_spec.escape_whitespaces"),
    ];
    match faults.into_iter().find(|(found, ..)| *found) {
        Some((_, part, place)) => Err(unsupported(part, place)),
        None => Ok(()),
    }
}

fn normalizers(model: &Model<'_>) -> Vec<Normalizer> {
    let prefix = model.add_dummy_prefix.then(|| Normalizer::PrependFirst(SPACE_MARK.to_string()));
    let marks = Normalizer::Replace { pattern: " ".to_owned(), content: SPACE_MARK.to_string() };
    prefix.into_iter().chain([marks]).collect()
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

fn place(id: TokenId) -> String {
    format!("pieces[{id}]")
}

fn bad_piece(id: TokenId, fault: &str) -> TokenError {
    unreadable(format!("piece {id} {fault}"), place(id))
}
