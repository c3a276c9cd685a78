//! Token ids by their bytes, for the halves of merges.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::vocabulary::{TokenId, TokenTable, Units};

/// Finds the token that a half of a merge is.
///
/// Of several tokens with the same bytes the lowest id is found, and tokens of single bytes that stand beside
/// characters only where nothing else has their bytes.
pub struct Halves<'a> {
    tokens: &'a TokenTable,
    ids: HashTable<TokenId>,
    hashes: DefaultHashBuilder,
}

impl<'a> Halves<'a> {
    pub fn new(tokens: &'a TokenTable, units: &Units) -> Self {
        let mut halves =
            Halves { tokens, ids: HashTable::with_capacity(tokens.len()), hashes: DefaultHashBuilder::default() };
        let fallbacks = match units {
            Units::Chars { bytes: Some(ids), .. } => &ids[..],
            _ => &[],
        };
        let is_fallback = |token: &[u8], id| matches!(token, [byte] if fallbacks.get(*byte as usize) == Some(&id));
        tokens.iter().filter(|(id, token)| !is_fallback(token, *id)).for_each(|(id, token)| halves.insert(id, token));
        for &id in fallbacks.iter().filter(|&&id| !tokens.get(id).is_empty()) {
            halves.insert(id, tokens.get(id));
        }
        halves
    }

    pub fn find(&self, bytes: &[u8]) -> Option<TokenId> {
        self.ids.find(self.hash(bytes), |&id| self.tokens.get(id) == bytes).copied()
    }

    fn insert(&mut self, id: TokenId, token: &[u8]) {
        let tokens = self.tokens;
        let hash = self.hash(token);
        let same = |other: &TokenId| tokens.get(*other) == token;
        // The table was made large enough for every token.
        self.ids.entry(hash, same, |_| unreachable!("the table does not grow")).or_insert(id);
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.hashes.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}
