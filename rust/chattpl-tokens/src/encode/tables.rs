//! The large tables of an encoder: built from a vocabulary, or opened in an image.

use super::by_bytes::ByBytes;
use super::chars::merges_ascend;
use super::cuts::Cuts;
use super::encoder::Encoder;
use super::pairs::PairTable;
use super::spaces::Spaces;
use super::units::UnitTable;
use crate::error::TokenError;
use crate::image::{Reader, Writer};
use crate::vocabulary::Vocabulary;

/// What is looked up in for each piece that is not known.
pub(super) struct Tables {
    pub pairs: PairTable,
    /// Whether every merge comes later than those that make its halves.
    pub merges_ascend: bool,
    pub cuts: Cuts,
    pub units: UnitTable,
    /// Tokens by their bytes; only where a whole piece may be a token against the merges.
    pub whole: Option<ByBytes>,
}

impl Tables {
    /// `spaces` says how spaces are marked where nothing else is done to a text.
    pub fn new(vocabulary: &Vocabulary, spaces: Option<&Spaces>) -> Result<Self, TokenError> {
        let units = UnitTable::new(vocabulary, spaces.map(|spaces| spaces.mark_char))?;
        Ok(Tables {
            pairs: PairTable::new(&vocabulary.merges),
            merges_ascend: merges_ascend(&vocabulary.merges, vocabulary.tokens.len()),
            cuts: Cuts::new(&vocabulary.tokens, spaces.filter(|spaces| units.has(spaces.mark_char))),
            units,
            whole: vocabulary.ignore_merges.then(|| ByBytes::new(vocabulary)),
        })
    }

    pub fn of(image: &mut Reader, vocabulary: &Vocabulary, spaces: Option<&Spaces>) -> Result<Self, TokenError> {
        Ok(Tables {
            pairs: PairTable::of(image, &vocabulary.merges)?,
            merges_ascend: image.number()? != 0,
            cuts: Cuts::of(image)?,
            units: UnitTable::of(image, vocabulary, spaces.map(|spaces| spaces.mark_char))?,
            whole: if vocabulary.ignore_merges { Some(ByBytes::of(image)?) } else { None },
        })
    }
}

impl Encoder {
    pub(super) fn put_tables_into(&self, image: &mut Writer) {
        self.pairs.put_into(image);
        image.number(u64::from(self.merges_ascend));
        self.cuts.put_into(image);
        self.units.put_into(image);
        if let Some(whole) = &self.whole {
            whole.put_into(image);
        }
    }
}
