//! Ids with what is needed to say which stretch of the text each of them stands for.

use serde::{Deserialize, Serialize};

use crate::vocabulary::{TokenId, TokenTable};

/// Tokens of a text, and the regions of the text that they were made from.
///
/// Regions ascend and do not overlap; a region begins where the one before ends, or after white space that an added token took.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// One id for each token, in text order.
    pub ids: Vec<TokenId>,
    regions: Vec<Region>,
    /// For normalized regions: the byte of the text that each of their bytes came from.
    origins: Vec<u32>,
}

/// A stretch of text that was encoded by itself: an added token, or what stands between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// First byte.
    pub start_byte: usize,
    /// One past the last byte.
    pub end_byte: usize,
    /// Index of its first token.
    pub first_token: usize,
    /// How the bytes of its tokens lie in the text.
    pub(crate) coordinates: Coordinates,
}

/// How the bytes of a region's tokens lie in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Coordinates {
    /// The region is one added token.
    Added,
    /// The region is one token, whatever its bytes are.
    One,
    /// Byte by byte.
    Same,
    /// Byte by byte, but each mark stands for a space; the first of a `prefixed` region for nothing.
    Spaces { mark: char, prefixed: bool },
    /// As the table says that begins at this index.
    Table(usize),
}

impl Tokens {
    /// Forgets everything but the room.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.regions.clear();
        self.origins.clear();
    }

    /// The regions in order.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The tokens of a region, as indices.
    pub fn tokens_of(&self, region: usize) -> std::ops::Range<usize> {
        let end = self.regions.get(region + 1).map_or(self.ids.len(), |next| next.first_token);
        self.regions[region].first_token..end
    }

    pub(crate) fn begin(&mut self, region: Region) {
        self.regions.push(Region { first_token: self.ids.len(), ..region });
    }

    /// Adds a region whose first token is known.
    pub(crate) fn begin_at(&mut self, region: Region) {
        self.regions.push(region);
    }

    pub(crate) fn push_added(&mut self, id: TokenId, start_byte: usize, end_byte: usize) {
        self.begin(Region { start_byte, end_byte, coordinates: Coordinates::Added, first_token: 0 });
        self.ids.push(id);
    }

    /// Adds a token whose place is known, as other libraries give it.
    pub(crate) fn push_one(&mut self, id: TokenId, start_byte: usize, end_byte: usize) {
        self.begin(Region { start_byte, end_byte, coordinates: Coordinates::One, first_token: 0 });
        self.ids.push(id);
    }

    /// Keeps a table of origins, which count from `base` on.
    pub(crate) fn keep(&mut self, origins: &[u32], base: usize) -> Coordinates {
        let first = self.origins.len();
        self.origins.extend(origins.iter().map(|&at| at + base as u32));
        Coordinates::Table(first)
    }

    /// Puts what `parts(id, start_byte)` gives in the place of tokens that are not added ones; `start_byte` is that of the
    /// region. The parts of a token have its bytes.
    pub(crate) fn replace<'p>(&mut self, mut parts: impl FnMut(TokenId, usize) -> Option<&'p [TokenId]>) {
        let mut replaced: Option<Vec<TokenId>> = None;
        for index in 0..self.regions.len() {
            let range = self.tokens_of(index);
            let region = &self.regions[index];
            let (is_added, start_byte) = (region.is_added(), region.start_byte);
            let first_token = replaced.as_ref().map_or(range.start, |ids| ids.len());
            for at in range {
                let id = self.ids[at];
                match if is_added { None } else { parts(id, start_byte) } {
                    Some(parts) => replaced.get_or_insert_with(|| self.ids[..at].to_vec()).extend_from_slice(parts),
                    None => {
                        if let Some(ids) = &mut replaced {
                            ids.push(id);
                        }
                    }
                }
            }
            self.regions[index].first_token = first_token;
        }
        if let Some(ids) = replaced {
            self.ids = ids;
        }
    }

    /// Calls `each(token, place)` for the tokens of one region in order, while it returns true.
    ///
    /// A token that holds part of a character begins or ends inside it. In text that normalization changed, bounds are
    /// those of the original characters.
    pub fn places(
        &self,
        tokens: &TokenTable,
        region: usize,
        mut each: impl FnMut(usize, std::ops::Range<usize>) -> bool,
    ) {
        let about = self.regions[region];
        let range = self.tokens_of(region);
        let len = |token: usize| tokens.get(self.ids[token]).len();
        match about.coordinates {
            Coordinates::Added | Coordinates::One => {
                each(range.start, about.start_byte..about.end_byte);
            }
            Coordinates::Same => {
                let mut at = about.start_byte;
                for token in range {
                    let end = at + len(token);
                    if !each(token, at..end) {
                        return;
                    }
                    at = end;
                }
            }
            Coordinates::Spaces { mark, prefixed } => {
                let mark = mark.encode_utf8(&mut [0; 4]).to_owned();
                let finder = memchr::memmem::Finder::new(mark.as_bytes());
                let mut at = about.start_byte;
                for token in range.clone() {
                    let bytes = tokens.get(self.ids[token]);
                    let marks = finder.find_iter(bytes).count();
                    let in_front = usize::from(prefixed && token == range.start && marks != 0);
                    let end = at + bytes.len() - marks * (mark.len() - 1) - in_front;
                    if !each(token, at..end) {
                        return;
                    }
                    at = end;
                }
            }
            Coordinates::Table(first) => {
                let mut at = first;
                for token in range {
                    let end = at + len(token);
                    if !each(token, self.origins[at] as usize..self.origins[end] as usize) {
                        return;
                    }
                    at = end;
                }
            }
        }
    }
}

impl Region {
    /// Whether it is one added token.
    pub fn is_added(&self) -> bool {
        self.coordinates == Coordinates::Added
    }
}
