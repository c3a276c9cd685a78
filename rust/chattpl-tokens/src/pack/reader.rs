//! Reads packs. Every number is checked before it is used: the checksum tells damage, not intent.

use xxhash_rust::xxh3::xxh3_64;

use super::halves::Halves;
use super::{EXPLICIT, HEADER_BYTES, MAGIC, MERGES_BY_ID, MERGES_BY_PRIORITY, NO_MERGE, VERSION};
use crate::error::TokenError;
use crate::table::Table;
use crate::vocabulary::{
    AddedToken, Decoder, Leading, Merge, Normalizer, Pattern, Prepend, Split, SplitBehavior, TokenId, TokenTable,
    TrimOffsets, Units, Vocabulary,
};

/// The vocabulary of a pack.
///
/// # Errors
/// [`TokenError::DAMAGED_PACK`] for a pack that is cut short, changed, or of another version.
pub fn read(pack: &[u8]) -> Result<Vocabulary, TokenError> {
    let mut body = Body { bytes: checked_body(pack)?, at: 0 };
    let name = body.text()?;
    let tokens = body.tokens()?;
    let units = body.units(&tokens)?;
    let ignore_merges = body.flag()?;
    let merges = body.merges(&tokens, &units)?.into();
    body.rest(Read { name, tokens, units, ignore_merges, merges })
}

/// The vocabulary of what `write_small` wrote, with tokens and merges that are sound.
pub fn read_small(bytes: &[u8], tokens: TokenTable, merges: Table<Merge>) -> Result<Vocabulary, TokenError> {
    let mut body = Body { bytes, at: 0 };
    let (name, units, ignore_merges) = (body.text()?, body.units(&tokens)?, body.flag()?);
    body.rest(Read { name, tokens, units, ignore_merges, merges })
}

/// What stands before added tokens.
struct Read {
    name: String,
    tokens: TokenTable,
    units: Units,
    ignore_merges: bool,
    merges: Table<Merge>,
}

fn checked_body(pack: &[u8]) -> Result<&[u8], TokenError> {
    let fault = |message: &str, at: usize| Err(damaged(message, at));
    let (Some(header), Some(body)) = (pack.get(..HEADER_BYTES), pack.get(HEADER_BYTES..)) else {
        return fault("it is cut short", pack.len());
    };
    let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    if &header[..8] != MAGIC {
        return fault("it does not begin as a pack does", 0);
    }
    if header[8..12] != VERSION.to_le_bytes() {
        return fault("it is of another version of chattpl", 8);
    }
    if number(12) != body.len() as u64 {
        return fault("it is not as long as it says", 12);
    }
    if number(20) != xxh3_64(body) {
        return fault("its checksum is wrong", 20);
    }
    Ok(body)
}

struct Body<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Body<'a> {
    fn damaged(&self, message: &str) -> TokenError {
        damaged(message, HEADER_BYTES + self.at)
    }

    /// What comes after the merges, up to the end.
    fn rest(mut self, read: Read) -> Result<Vocabulary, TokenError> {
        let Read { name, tokens, units, ignore_merges, merges } = read;
        let vocabulary = Vocabulary {
            name,
            merges,
            units,
            ignore_merges,
            added: self.added(&tokens)?,
            normalizers: self.list(Body::normalizer)?,
            splits: self.list(Body::split)?,
            prefix: self.list(|body| body.id(&tokens))?,
            suffix: self.list(|body| body.id(&tokens))?,
            decoder: self.decoder()?,
            trim_offsets: self.trim_offsets()?,
            tokens,
        };
        match self.at == self.bytes.len() {
            true => Ok(vocabulary),
            false => Err(self.damaged("more bytes than it says")),
        }
    }

    fn byte(&mut self) -> Result<u8, TokenError> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], TokenError> {
        let end = self.at.checked_add(len).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| self.damaged("it is cut short"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    #[inline]
    fn number(&mut self) -> Result<u64, TokenError> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<u64, TokenError> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number is too long"))
    }

    /// A number of things of at least one byte each.
    fn count(&mut self) -> Result<usize, TokenError> {
        let count = self.number()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.bytes.len() - self.at => Ok(count),
            _ => Err(self.damaged("a list is longer than the rest")),
        }
    }

    fn step(&mut self, from: TokenId) -> Result<TokenId, TokenError> {
        let step = self.number()?;
        let step = (step >> 1) as i64 ^ -((step & 1) as i64);
        TokenId::try_from(i64::from(from).wrapping_add(step)).map_err(|_| self.damaged("an id is out of range"))
    }

    fn id(&mut self, tokens: &TokenTable) -> Result<TokenId, TokenError> {
        let id = self.number()?;
        self.existing(TokenId::try_from(id).unwrap_or(TokenId::MAX), tokens)
    }

    fn existing(&self, id: TokenId, tokens: &TokenTable) -> Result<TokenId, TokenError> {
        match tokens.get(id) {
            [] => Err(self.damaged("an id stands for nothing")),
            _ => Ok(id),
        }
    }

    fn flag(&mut self) -> Result<bool, TokenError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.damaged("a flag is neither 0 nor 1")),
        }
    }

    fn text(&mut self) -> Result<String, TokenError> {
        let len = self.count()?;
        let text = std::str::from_utf8(self.take(len)?).map(str::to_owned);
        text.map_err(|_| self.damaged("a text is not UTF-8"))
    }

    fn character(&mut self) -> Result<char, TokenError> {
        let number = self.number()?;
        let found = u32::try_from(number).ok().and_then(char::from_u32);
        found.ok_or_else(|| self.damaged("a character does not exist"))
    }

    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, TokenError>) -> Result<Vec<T>, TokenError> {
        let count = self.count()?;
        (0..count).map(|_| read(self)).collect()
    }

    fn tokens(&mut self) -> Result<TokenTable, TokenError> {
        let count = self.count()?;
        let mut starts = Vec::with_capacity(count + 1);
        let mut end = 0_u64;
        for _ in 0..count {
            starts.push(end as u32);
            end = end.saturating_add(self.number()?);
            if end > self.bytes.len() as u64 || u32::try_from(end).is_err() {
                return Err(self.damaged("the tokens are longer than the rest"));
            }
        }
        starts.push(end as u32);
        Ok(TokenTable::from_columns(self.take(end as usize)?.to_vec(), starts))
    }

    fn units(&mut self, tokens: &TokenTable) -> Result<Units, TokenError> {
        match self.number()? {
            0 => Ok(Units::Bytes { ids: self.ids_of_bytes(tokens)? }),
            kind @ 1..=2 => {
                let bytes = if kind == 2 { Some(self.ids_of_bytes(tokens)?) } else { None };
                let unknown = match self.number()? {
                    0 => None,
                    next => Some(self.existing(TokenId::try_from(next - 1).unwrap_or(TokenId::MAX), tokens)?),
                };
                Ok(Units::Chars { bytes, unknown, fuse_unknown: self.flag()? })
            }
            _ => Err(self.damaged("units of an unknown kind")),
        }
    }

    fn ids_of_bytes(&mut self, tokens: &TokenTable) -> Result<Box<[TokenId; 256]>, TokenError> {
        let mut ids = Box::new([0; 256]);
        let mut from = 0;
        for id in ids.iter_mut() {
            from = self.step(from)?;
            *id = if from == TokenId::MAX { from } else { self.existing(from, tokens)? };
        }
        Ok(ids)
    }

    fn merges(&mut self, tokens: &TokenTable, units: &Units) -> Result<Vec<Merge>, TokenError> {
        let (merged, splits) = match self.byte()? {
            MERGES_BY_ID => {
                let by_id = self.take(tokens.len())?;
                let made = |(_, split): &(TokenId, u8)| *split != NO_MERGE;
                (0..).zip(by_id.iter().copied()).filter(made).unzip()
            }
            MERGES_BY_PRIORITY => {
                let count = self.count()?;
                let mut merged: Vec<TokenId> = Vec::with_capacity(count);
                for index in 0..count {
                    let from = index.checked_sub(1).map_or(0, |before| merged[before]);
                    merged.push(self.step(from)?);
                }
                (merged, self.take(count)?.to_vec())
            }
            _ => return Err(self.damaged("merges of an unknown kind")),
        };
        let explicit = self.list(|body| Ok((body.id(tokens)?, body.id(tokens)?)))?;
        self.joined(tokens, units, &merged, &splits, &explicit)
    }

    fn joined(
        &self,
        tokens: &TokenTable,
        units: &Units,
        merged: &[TokenId],
        splits: &[u8],
        explicit: &[(TokenId, TokenId)],
    ) -> Result<Vec<Merge>, TokenError> {
        let halves = Halves::new(tokens, units);
        let mut explicit = explicit.iter();
        let mut merges = Vec::with_capacity(merged.len());
        for (&merged, &split) in merged.iter().zip(splits) {
            let token = tokens.get(merged);
            let pair = match split {
                EXPLICIT => explicit.next().copied().filter(|&(left, right)| {
                    token.split_at_checked(tokens.get(left).len()) == Some((tokens.get(left), tokens.get(right)))
                }),
                _ => token
                    .split_at_checked(usize::from(split))
                    .and_then(|(left, right)| Some((halves.find(left)?, halves.find(right)?))),
            };
            let (left, right) = pair.ok_or_else(|| self.damaged("a merge of tokens that do not exist"))?;
            merges.push(Merge { left, right, merged });
        }
        Ok(merges)
    }

    fn added(&mut self, tokens: &TokenTable) -> Result<Vec<AddedToken>, TokenError> {
        let count = self.count()?;
        let mut ids = Vec::with_capacity(count);
        let mut from = 0;
        for _ in 0..count {
            from = self.step(from)?;
            ids.push(self.existing(from, tokens)?);
        }
        let flags = self.take(count)?;
        ids.into_iter().zip(flags).map(|(id, &flags)| self.added_token(id, flags)).collect()
    }

    fn added_token(&mut self, id: TokenId, flags: u8) -> Result<AddedToken, TokenError> {
        if flags > 0x3f {
            return Err(self.damaged("an added token with unknown flags"));
        }
        let flag = |bit: u8| flags >> bit & 1 == 1;
        let content = self.text()?;
        Ok(AddedToken {
            id,
            content,
            special: flag(0),
            lstrip: flag(1),
            rstrip: flag(2),
            single_word: flag(3),
            normalized: flag(4),
            in_model: flag(5),
        })
    }

    fn normalizer(&mut self) -> Result<Normalizer, TokenError> {
        match self.number()? {
            0 => Ok(Normalizer::Nfc),
            1 => Ok(Normalizer::Prepend(self.text()?)),
            2 => match (self.text()?, self.text()?) {
                (pattern, _) if pattern.is_empty() => Err(self.damaged("an empty text to replace")),
                (pattern, content) => Ok(Normalizer::Replace { pattern, content }),
            },
            3 => Ok(Normalizer::Metaspace { replacement: self.character()?, prepend: self.prepend()? }),
            4 => Ok(Normalizer::PrependFirst(self.text()?)),
            _ => Err(self.damaged("a normalizer of an unknown kind")),
        }
    }

    fn prepend(&mut self) -> Result<Prepend, TokenError> {
        match self.number()? {
            0 => Ok(Prepend::Never),
            1 => Ok(Prepend::First),
            2 => Ok(Prepend::Always),
            _ => Err(self.damaged("a space mark in an unknown place")),
        }
    }

    fn split(&mut self) -> Result<Split, TokenError> {
        let pattern = match self.number()? {
            0 => Pattern::Regex(self.text()?),
            1 => Pattern::Text(self.text()?),
            _ => return Err(self.damaged("a pattern of an unknown kind")),
        };
        let behavior = match self.number()? {
            0 => SplitBehavior::Isolated,
            1 => SplitBehavior::Removed,
            2 => SplitBehavior::MergedWithPrevious,
            3 => SplitBehavior::MergedWithNext,
            4 => SplitBehavior::Contiguous,
            _ => return Err(self.damaged("a split of an unknown kind")),
        };
        Ok(Split { pattern, behavior, invert: self.flag()? })
    }

    fn decoder(&mut self) -> Result<Decoder, TokenError> {
        match self.number()? {
            0 => Ok(Decoder::Bytes),
            1 => Ok(Decoder::Metaspace { replacement: self.character()?, leading: self.leading()? }),
            _ => Err(self.damaged("a decoder of an unknown kind")),
        }
    }

    fn leading(&mut self) -> Result<Leading, TokenError> {
        match self.number()? {
            0 => Ok(Leading::Nothing),
            1 => Ok(Leading::OneSpace),
            2 => Ok(Leading::Marks),
            _ => Err(self.damaged("a text begins in an unknown way")),
        }
    }

    fn trim_offsets(&mut self) -> Result<TrimOffsets, TokenError> {
        if self.at == self.bytes.len() {
            return Ok(TrimOffsets::Never);
        }
        match self.number()? {
            1 => Ok(TrimOffsets::Spaces),
            2 => Ok(TrimOffsets::SpacesButFirst),
            _ => Err(self.damaged("offsets of an unknown kind")),
        }
    }
}

fn damaged(message: &str, at: usize) -> TokenError {
    TokenError::new(TokenError::DAMAGED_PACK, format!("the pack is damaged: {message}"))
        .at(format!("byte {at}"))
        .hint("delete the file; a shipped vocabulary is unpacked again, another one is made by `chattpl compile`")
}
