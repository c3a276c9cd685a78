//! From token priorities, as tiktoken and SentencePiece store them, to the pairs that join.
//!
//! Both join whichever neighbours spell a token, the first in priority first. What is inside a token joins the same
//! way wherever the token stands, so each token has one pair that ever makes it: the last two parts left when the
//! token is encoded by itself. A list of those pairs, in order of priority, joins exactly as the priorities do.

use hashbrown::HashMap;

use crate::error::TokenError;
use crate::vocabulary::{Merge, TokenId, TokenTable};

/// No vocabulary has a longer token; the time to find a token's pair grows with the square of its length.
pub const LONGEST_TOKEN_BYTES: usize = 1024;

/// The pair that makes each token, in the order of `by_priority`.
///
/// `split` appends the ids that a token is made of before anything joins, or returns `false` if it is made of none.
/// Tokens that nothing joins to are left out: they are reached only as whole pieces.
///
/// # Errors
/// [`TokenError::UNREADABLE`] for two ids with the same bytes; [`TokenError::UNSUPPORTED`] for a token longer than
/// [`LONGEST_TOKEN_BYTES`].
pub fn merges_of_ranks(
    tokens: &TokenTable,
    by_priority: &[TokenId],
    split: impl Fn(&[u8], &mut Vec<TokenId>) -> bool,
) -> Result<Vec<Merge>, TokenError> {
    let mut joins = Joins::with_capacity(by_priority.len());
    let mut by_bytes: Option<HashMap<&[u8], usize>> = None;
    let mut parts = Vec::new();
    for &id in by_priority {
        let token = tokens.get(id);
        check_length(id, token)?;
        parts.clear();
        if !split(token, &mut parts) || parts.len() < 2 {
            continue;
        }
        joins.join(&mut parts);
        match parts[..] {
            [left, right] => joins.add(Merge { left, right, merged: id }),
            // An earlier token has these bytes.
            [twin] => return Err(same_bytes(token, twin, id)),
            _ => {
                let by_bytes = by_bytes.get_or_insert_with(|| by_priority_of_bytes(tokens, by_priority));
                parts.clear();
                split(token, &mut parts);
                if let Some((left, right)) = last_join(tokens, by_priority, by_bytes, parts.clone()) {
                    joins.add(Merge { left, right, merged: id });
                }
            }
        }
    }
    Ok(joins.merges)
}

/// The pairs found so far.
struct Joins {
    merges: Vec<Merge>,
    index_of_pair: HashMap<u64, u32>,
    /// Bit `hash % 64` is set where a pair with that left half exists: most neighbours need no look into the map.
    rights_of_left: Vec<u64>,
}

impl Joins {
    fn with_capacity(tokens: usize) -> Self {
        Joins {
            merges: Vec::with_capacity(tokens),
            index_of_pair: HashMap::with_capacity(tokens),
            rights_of_left: Vec::new(),
        }
    }

    fn add(&mut self, merge: Merge) {
        self.index_of_pair.insert(key(merge.left, merge.right), self.merges.len() as u32);
        self.merges.push(merge);
        let left = merge.left as usize;
        if left >= self.rights_of_left.len() {
            self.rights_of_left.resize(left + 1, 0);
        }
        self.rights_of_left[left] |= bit(merge.right);
    }

    fn index(&self, left: TokenId, right: TokenId) -> u32 {
        match self.rights_of_left.get(left as usize) {
            Some(bits) if bits & bit(right) != 0 => {
                self.index_of_pair.get(&key(left, right)).copied().unwrap_or(u32::MAX)
            }
            _ => u32::MAX,
        }
    }

    /// Joins neighbours until no pair is left.
    fn join(&self, parts: &mut Vec<TokenId>) {
        let mut indexes: Vec<u32> = parts.windows(2).map(|pair| self.index(pair[0], pair[1])).collect();
        while let Some((at, &best)) = indexes.iter().enumerate().min_by_key(|(_, &index)| index) {
            if best == u32::MAX {
                return;
            }
            parts[at] = self.merges[best as usize].merged;
            parts.remove(at + 1);
            indexes.remove(at);
            if at > 0 {
                indexes[at - 1] = self.index(parts[at - 1], parts[at]);
            }
            if at < indexes.len() {
                indexes[at] = self.index(parts[at], parts[at + 1]);
            }
        }
    }
}

fn key(left: TokenId, right: TokenId) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

fn bit(right: TokenId) -> u64 {
    1 << (right.wrapping_mul(0x9e37_79b1) >> 26)
}

fn by_priority_of_bytes<'a>(tokens: &'a TokenTable, by_priority: &[TokenId]) -> HashMap<&'a [u8], usize> {
    by_priority.iter().enumerate().map(|(priority, &id)| (tokens.get(id), priority)).collect()
}

/// Joins whatever neighbours spell a token, in order of priority; the last two parts if one token remains.
///
/// This is needed for a token whose halves come after it, which training never makes but files may hold.
fn last_join(
    tokens: &TokenTable,
    by_priority: &[TokenId],
    by_bytes: &HashMap<&[u8], usize>,
    mut parts: Vec<TokenId>,
) -> Option<(TokenId, TokenId)> {
    let mut joined = Vec::new();
    loop {
        let mut best = (usize::MAX, 0);
        for (at, pair) in parts.windows(2).enumerate() {
            joined.clear();
            joined.extend_from_slice(tokens.get(pair[0]));
            joined.extend_from_slice(tokens.get(pair[1]));
            if let Some(&priority) = by_bytes.get(joined.as_slice()) {
                best = best.min((priority, at));
            }
        }
        let (priority, at) = best;
        let id = *by_priority.get(priority)?;
        if parts.len() == 2 {
            return Some((parts[0], parts[1]));
        }
        parts[at] = id;
        parts.remove(at + 1);
    }
}

fn check_length(id: TokenId, token: &[u8]) -> Result<(), TokenError> {
    if token.len() <= LONGEST_TOKEN_BYTES {
        return Ok(());
    }
    let message = format!("token {id} has {} bytes; up to {LONGEST_TOKEN_BYTES} are read", token.len());
    Err(TokenError::new(TokenError::UNSUPPORTED, message))
}

fn same_bytes(token: &[u8], twin: TokenId, id: TokenId) -> TokenError {
    let message = format!("tokens {twin} and {id} are both {:?}", String::from_utf8_lossy(token));
    TokenError::new(TokenError::UNREADABLE, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joins as tiktoken does, straight from the priorities.
    fn encode_by_ranks(ranks: &[Vec<u8>], text: &[u8]) -> Vec<Vec<u8>> {
        let mut parts: Vec<Vec<u8>> = text.iter().map(|&byte| vec![byte]).collect();
        let rank = |bytes: &[u8]| ranks.iter().position(|token| token == bytes);
        loop {
            let found = (1..parts.len())
                .filter_map(|at| rank(&[&parts[at - 1][..], &parts[at][..]].concat()).map(|rank| (rank, at)))
                .min();
            let Some((_, at)) = found else { return parts };
            let right = parts.remove(at);
            parts[at - 1].extend(right);
        }
    }

    fn encode_by_merges(table: &TokenTable, merges: &[Merge], text: &[u8]) -> Vec<Vec<u8>> {
        let mut joins = Joins::with_capacity(merges.len());
        merges.iter().for_each(|&merge| joins.add(merge));
        let single = |byte: u8| table.iter().find(|(_, token)| *token == [byte]).expect("every letter is a token").0;
        let mut parts: Vec<TokenId> = text.iter().map(|&byte| single(byte)).collect();
        joins.join(&mut parts);
        parts.iter().map(|&id| table.get(id).to_vec()).collect()
    }

    /// Any texts over a small alphabet in any order: most such vocabularies could not come from training.
    fn random_ranks(random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
        let letters = b"abc";
        let mut ranks: Vec<Vec<u8>> = letters.iter().map(|&letter| vec![letter]).collect();
        for _ in 0..random.usize(1..14) {
            let token: Vec<u8> = (0..random.usize(2..6)).map(|_| letters[random.usize(..3)]).collect();
            if !ranks.contains(&token) {
                ranks.push(token);
            }
        }
        random.shuffle(&mut ranks);
        ranks
    }

    #[test]
    fn pairs_join_as_ranks_do() {
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..4000 {
            let ranks = random_ranks(&mut random);
            let table = TokenTable::from_pairs(ranks.iter().enumerate().map(|(id, token)| (id as TokenId, &token[..])))
                .expect("ids are distinct");
            let order: Vec<TokenId> = (0..ranks.len() as TokenId).collect();
            let single = |byte: &u8| ranks.iter().position(|token| token == &[*byte]).expect("a letter") as TokenId;
            let merges = merges_of_ranks(&table, &order, |token, parts| {
                parts.extend(token.iter().map(single));
                true
            })
            .expect("tokens are distinct");
            for _ in 0..20 {
                let text: Vec<u8> = (0..random.usize(0..16)).map(|_| b"abc"[random.usize(..3)]).collect();
                let (expected, found) = (encode_by_ranks(&ranks, &text), encode_by_merges(&table, &merges, &text));
                assert_eq!(found, expected, "ranks {ranks:?}, text {text:?}");
            }
        }
    }

    #[test]
    fn two_ids_of_the_same_bytes_are_refused() {
        let table = TokenTable::from_pairs([(0, &b"a"[..]), (1, b"aa"), (2, b"aa")]).expect("ids are distinct");
        let split = |token: &[u8], parts: &mut Vec<TokenId>| {
            parts.extend(token.iter().map(|_| 0));
            true
        };
        let error = merges_of_ranks(&table, &[0, 1, 2], split).expect_err("twins");
        assert_eq!((error.code, error.message.as_str()), (TokenError::UNREADABLE, "tokens 1 and 2 are both \"aa\""));
    }
}
