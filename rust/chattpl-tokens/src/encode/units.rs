//! The tokens of what a piece is made of: its bytes, or its characters.

use crate::error::TokenError;
use crate::image::{Reader, Writer};
use crate::table::{Plain, Table};
use crate::vocabulary::{TokenId, TokenTable, Units, Vocabulary};

/// The tokens of what a piece is made of.
pub(super) enum UnitTable {
    Bytes(Box<[TokenId; 256]>),
    Chars { by_char: ByChar, bytes: Box<[TokenId; 256]> },
}

impl UnitTable {
    /// `mark` is what a space is the same as, if it is a unit.
    pub fn new(vocabulary: &Vocabulary, mark: Option<char>) -> Result<Self, TokenError> {
        let incomplete = |what: &str| {
            let hint = "give the `tokenizer.json` of the model: all kinds of it are read";
            Err(TokenError::new(TokenError::UNSUPPORTED, format!("no token for {what}")).hint(hint))
        };
        match &vocabulary.units {
            Units::Bytes { ids } => match ids.iter().position(|&id| id == TokenId::MAX) {
                Some(byte) => incomplete(&format!("the byte {byte:#04x}")),
                None => Ok(UnitTable::Bytes(ids.clone())),
            },
            Units::Chars { bytes, .. } => {
                let Some(bytes) = bytes.as_ref().filter(|bytes| !bytes.contains(&TokenId::MAX)) else {
                    return incomplete("characters outside the vocabulary (no byte fallback)");
                };
                if !are_bytes(bytes, &vocabulary.tokens) {
                    return incomplete("single bytes that decodes to them");
                }
                let single = |text: &str| text.chars().next().filter(|first| first.len_utf8() == text.len());
                let text_tokens =
                    vocabulary.model_tokens().filter_map(|(id, token)| Some((std::str::from_utf8(token).ok()?, id)));
                let units: Vec<_> = text_tokens.filter_map(|(text, id)| Some((single(text)?, id))).collect();
                Ok(UnitTable::Chars { by_char: ByChar::new(&units, mark), bytes: bytes.clone() })
            }
        }
    }

    pub fn put_into(&self, image: &mut Writer) {
        if let UnitTable::Chars { by_char, .. } = self {
            image.table(&by_char.slots);
        }
    }

    pub fn of(image: &mut Reader, vocabulary: &Vocabulary, mark: Option<char>) -> Result<Self, TokenError> {
        let tokens = &vocabulary.tokens;
        match &vocabulary.units {
            Units::Bytes { ids } if are_bytes(ids, tokens) => Ok(UnitTable::Bytes(ids.clone())),
            Units::Chars { bytes: Some(bytes), .. } if are_bytes(bytes, tokens) => {
                Ok(UnitTable::Chars { by_char: ByChar::of(image, tokens, mark)?, bytes: bytes.clone() })
            }
            _ => Err(image.damaged("bytes that are no tokens")),
        }
    }

    /// Whether a character is a unit.
    pub fn has(&self, character: char) -> bool {
        match self {
            UnitTable::Bytes(_) => false,
            UnitTable::Chars { by_char, .. } => by_char.get(character).is_some(),
        }
    }

    /// The units of a piece.
    pub fn split(&self, piece: &[u8], units: &mut Vec<TokenId>) {
        units.clear();
        match self {
            UnitTable::Bytes(ids) => units.extend(piece.iter().map(|&byte| ids[usize::from(byte)])),
            UnitTable::Chars { by_char, bytes } => {
                for chunk in piece.utf8_chunks() {
                    for character in chunk.valid().chars() {
                        match by_char.get(character) {
                            Some(id) => units.push(id),
                            None => {
                                let encoded = character.encode_utf8(&mut [0; 4]).as_bytes().to_owned();
                                units.extend(encoded.iter().map(|&byte| bytes[usize::from(byte)]));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Whether each byte's token is that byte.
fn are_bytes(ids: &[TokenId; 256], tokens: &TokenTable) -> bool {
    (0..=255_u8).zip(ids).all(|(byte, &id)| *tokens.get(id) == [byte])
}

/// Tokens of single characters: an open-addressed table.
pub(super) struct ByChar {
    slots: Table<Slot>,
    shift: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Slot {
    code: u32,
    id: TokenId,
}

// SAFETY: two numbers of four bytes each, one after the other.
unsafe impl Plain for Slot {}

const EMPTY: Slot = Slot { code: u32::MAX, id: 0 };

impl ByChar {
    /// Of two tokens of one character the last counts; a space is the same as its `mark`, if that is a unit.
    fn new(units: &[(char, TokenId)], mark: Option<char>) -> Self {
        let capacity = (units.len() * 2 + 2).next_power_of_two();
        let mut table = ByChar { slots: vec![EMPTY; capacity].into(), shift: 32 - capacity.trailing_zeros() };
        for &(character, id) in units {
            table.set(character, id);
        }
        if let Some(id) = mark.and_then(|mark| table.get(mark)) {
            table.set(' ', id);
        }
        table
    }

    /// Characters that these tokens are.
    fn of(image: &mut Reader, tokens: &TokenTable, mark: Option<char>) -> Result<Self, TokenError> {
        let slots: Table<Slot> = image.table()?;
        let is_sound = |slot: &Slot| {
            let text = |character: char| character.encode_utf8(&mut [0; 4]).as_bytes() == tokens.get(slot.id);
            char::from_u32(slot.code).is_some_and(|character| match character {
                ' ' => mark.map_or(text(' '), text),
                _ => text(character),
            })
        };
        let mut taken = slots.iter().filter(|slot| slot.code != EMPTY.code);
        // A look-up ends at a slot that is free.
        let has_room = slots.len().is_power_of_two() && slots.len() > 1 && taken.clone().count() < slots.len();
        match has_room && taken.all(is_sound) {
            true => Ok(ByChar { shift: 32 - slots.len().trailing_zeros(), slots }),
            false => Err(image.damaged("characters that are no tokens")),
        }
    }

    fn set(&mut self, character: char, id: TokenId) {
        let slot = self.slot(character.into());
        self.slots.make_mut()[slot] = Slot { code: character.into(), id };
    }

    #[inline]
    fn get(&self, character: char) -> Option<TokenId> {
        let Slot { code, id } = self.slots[self.slot(character.into())];
        (code != EMPTY.code).then_some(id)
    }

    /// Where a character stands, or would.
    #[inline]
    fn slot(&self, code: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = (code.wrapping_mul(0x9E37_79B1) >> self.shift) as usize & mask;
        while self.slots[slot].code != code && self.slots[slot].code != EMPTY.code {
            slot = (slot + 1) & mask;
        }
        slot
    }
}
