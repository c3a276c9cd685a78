//! Texts that come again and again, encoded once: the literals of a template.
//!
//! What stands beside a literal differs from time to time, so only what is sure is kept: tokens of stretches between two
//! *joints*, places at which text is parted whatever stands around the literal. A joint inside is the edge of an added
//! token, or lies behind a newline where the way of splitting promises so; the ends of the literal are joints where the text
//! around it makes them such. What lies outside the joints is encoded with its neighbours.

use serde::{Deserialize, Serialize};

use super::added::{Found, Refused};
use super::encoder::{Encoder, Scratch};
use super::walk::{Coordinates, Region, Tokens};
use crate::error::TokenError;
use crate::vocabulary::{AddedToken, Normalizer, TokenId, Vocabulary};

/// A text whose tokens are known, as far as they are sure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Literal {
    text: Box<str>,
    /// The first joint inside and the last; none for a text that is kept as a whole.
    joints: Option<(usize, usize)>,
    /// What stands before the first joint, between the two, and after the last; only the first for a whole text.
    parts: [Part; 3],
}

/// Tokens of a stretch between two joints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Part {
    start_byte: usize,
    end_byte: usize,
    ids: Vec<TokenId>,
    /// Places count from the beginning of the literal, tokens from that of the part.
    regions: Vec<Region>,
}

/// Text before `at` that has no tokens yet, from `from` on.
struct Open<'l> {
    from: usize,
    /// The end of a literal that stands there, if nothing else does.
    part: Option<&'l Part>,
}

impl Literal {
    /// The text that it stands for.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether all that is kept of it spells its text. Where it may be parted is taken on trust.
    pub fn is_sound(&self, vocabulary: &Vocabulary) -> bool {
        let len = self.text.len();
        let (first, last) = self.joints.unwrap_or((len, len));
        let bounds = [(0, first), (first, last), (last, len)];
        self.parts.iter().zip(bounds).all(|(part, bounds)| part.is_sound(bounds, &self.text, vocabulary))
    }
}

impl Part {
    fn is_sound(&self, (start, end): (usize, usize), text: &str, vocabulary: &Vocabulary) -> bool {
        let nexts = self.regions.iter().skip(1).map(|region| (region.start_byte, region.first_token));
        let ends = nexts.chain([(self.end_byte, self.ids.len())]);
        let is_sound = |(region, (end_byte, end_token)): (&Region, (usize, usize))| {
            let (text, ids) = (text.get(region.start_byte..end_byte), self.ids.get(region.first_token..end_token));
            region.end_byte == end_byte
                && text.zip(ids).is_some_and(|(text, ids)| spell(vocabulary, ids, region.coordinates, text))
        };
        let begins =
            self.regions.first().map_or((end, self.ids.len()), |region| (region.start_byte, region.first_token));
        (self.start_byte, self.end_byte) == (start, end)
            && begins == (start, 0)
            && self.regions.iter().zip(ends).all(is_sound)
    }

    /// Appends the tokens of the part in a literal that begins at `start`.
    fn push(&self, start: usize, tokens: &mut Tokens) {
        let first_token = tokens.ids.len();
        for region in &self.regions {
            let (start_byte, end_byte) = (start + region.start_byte, start + region.end_byte);
            tokens.begin_at(Region { start_byte, end_byte, first_token: first_token + region.first_token, ..*region });
        }
        tokens.ids.extend_from_slice(&self.ids);
    }
}

/// Whether tokens that lie in a text in this way spell it.
fn spell(vocabulary: &Vocabulary, ids: &[TokenId], coordinates: Coordinates, text: &str) -> bool {
    let bytes = || ids.iter().map(|&id| vocabulary.tokens.get(id));
    let spelt = |text: &str| {
        !text.is_empty() && bytes().all(|token| !token.is_empty()) && bytes().flatten().eq(text.as_bytes())
    };
    match (coordinates, ids) {
        (Coordinates::Added, &[id]) => vocabulary.added.iter().any(|token| token.id == id && token.content == text),
        (Coordinates::Same, _) => spelt(text),
        (Coordinates::Spaces { mark, prefixed }, _) => {
            let mark = mark.to_string();
            let marked = format!("{}{text}", if prefixed { " " } else { "" }).replace(' ', &mark);
            // A mark in parts would not count as the space that it stands for.
            let whole = bytes().map(|token| memchr::memmem::find_iter(token, &mark).count()).sum::<usize>();
            !text.is_empty() && !text.contains(&mark) && spelt(&marked) && whole == marked.matches(&mark).count()
        }
        _ => false,
    }
}

impl Encoder {
    /// Whether tokens of literals can be kept at all.
    pub(crate) fn keeps_literals(&self) -> bool {
        // An added token that takes white space, or looks at words, depends on what stands around it.
        let is_plain = |token: &AddedToken| !token.lstrip && !token.rstrip && !token.single_word;
        self.normalized.is_empty() && self.vocabulary().added.iter().all(is_plain)
    }

    /// Encodes a text once and for all, as far as that is exact; `None` if nothing of it is.
    pub(crate) fn literal(&self, scratch: &mut Scratch, text: &str) -> Option<Literal> {
        if text.is_empty() || !self.keeps_literals() || self.may_reach_across(text) {
            return None;
        }
        let mut found = Vec::new();
        let added = &self.vocabulary().added;
        self.raw.find(added, text, (0, text.len()), |_, _, _| true, Refused::LookInside, &mut found);
        let joints = self.joints(text, &found);
        let (first, last) = joints.unwrap_or((text.len(), text.len()));
        let bounds = [(0, first), (first, last), (last, text.len())];
        let parts = bounds.map(|bounds| self.part(scratch, text, bounds));
        let [Some(head), Some(core), Some(tail)] = parts else { return None };
        let literal = Literal { text: text.into(), joints, parts: [head, core, tail] };
        literal.is_sound(self.vocabulary()).then_some(literal)
    }

    /// Whether an added token may begin in what stands before a text, or end in what stands behind.
    fn may_reach_across(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let ends_of = |token: &[u8]| {
            let holds = |part: &[u8], byte: Option<&u8>| byte.is_some_and(|&byte| memchr::memchr(byte, part).is_some());
            holds(&token[1..], text.first()) || holds(&token[..token.len() - 1], text.last())
        };
        let tokens = self.vocabulary().added.iter().map(|token| token.content.as_bytes());
        tokens.filter(|token| !token.is_empty() && ends_of(token)).any(|token| {
            (1..token.len()).any(|at| {
                let (before, after) = token.split_at(at);
                after.starts_with(text) || text.starts_with(after) || before.ends_with(text) || text.ends_with(before)
            })
        })
    }

    /// The first and the last joint inside a text with these added tokens.
    fn joints(&self, text: &str, found: &[Found]) -> Option<(usize, usize)> {
        let is_inside = |at: usize| found.iter().any(|hit| hit.start < at && at < hit.end);
        let newlines = (1..text.len()).filter(|&at| self.is_parted_at(text, at) && !is_inside(at));
        let edges = found.iter().flat_map(|hit| [hit.start, hit.end]);
        let joints: Vec<usize> = edges.chain(newlines).collect();
        Some((*joints.iter().min()?, *joints.iter().max()?))
    }

    /// Whether a text between added tokens is parted behind a newline, so that both sides can be encoded apart.
    fn is_parted_at(&self, text: &str, at: usize) -> bool {
        // Composition does not go past a newline.
        let is_plain = |step: &Normalizer| *step == Normalizer::Nfc;
        self.pretokenizer.parts_at(text.as_bytes(), at) && self.vocabulary().normalizers.iter().all(is_plain)
    }

    /// Encodes what stands between two joints; `None` where its places cannot be moved.
    fn part(&self, scratch: &mut Scratch, text: &str, (start, end): (usize, usize)) -> Option<Part> {
        // A text that begins elsewhere than at 0 may be encoded in another way, so this one does, too.
        let padded = format!("\n{}", &text[..end]);
        let mut tokens = Tokens::default();
        self.encode_between(scratch, &padded, (start + 1, end + 1), &|_, _, _| true, Refused::LookInside, &mut tokens);
        let regions = tokens.regions().iter().map(|region| {
            let is_movable = !matches!(region.coordinates, Coordinates::Table(_));
            let (start_byte, end_byte) = (region.start_byte - 1, region.end_byte - 1);
            is_movable.then_some(Region { start_byte, end_byte, ..*region })
        });
        let regions = regions.collect::<Option<_>>()?;
        Some(Part { start_byte: start, end_byte: end, ids: tokens.ids, regions })
    }

    /// As [`Encoder::encode_admitting`] for a text in which `literals` stand, each with its first byte; in them, all added
    /// tokens count.
    ///
    /// # Errors
    /// [`TokenError::OUT_OF_RANGE`] for a text of 4 GiB and more.
    pub(crate) fn encode_with_literals<'l>(
        &self,
        scratch: &mut Scratch,
        text: &str,
        literals: impl Iterator<Item = (usize, &'l Literal)>,
        admit: impl Fn(usize, usize, &AddedToken) -> bool,
        tokens: &mut Tokens,
    ) -> Result<(), TokenError> {
        self.check_len(text)?;
        let mut open = Open { from: 0, part: None };
        let mut close = |open: &Open<'l>, to: usize, tokens: &mut Tokens| match open.part {
            _ if open.from == to => {}
            Some(part) if part.end_byte - part.start_byte == to - open.from => {
                part.push(open.from - part.start_byte, tokens);
            }
            _ => self.encode_between(scratch, text, (open.from, to), &admit, Refused::LookInside, tokens),
        };
        for (start, literal) in literals {
            let end = start + literal.text.len();
            let [head, core, tail] = &literal.parts;
            // At 0, text may get a mark in front.
            let is_begun = start > 0 && (open.from == start || self.is_parted_at(text, start));
            match (literal.joints, is_begun) {
                (None, false) => open.part = None,
                (None, true) => {
                    close(&open, start, tokens);
                    open = Open { from: start, part: Some(head) };
                }
                (Some((_, last)), true) => {
                    close(&open, start, tokens);
                    head.push(start, tokens);
                    core.push(start, tokens);
                    open = Open { from: start + last, part: Some(tail) };
                }
                (Some((first, last)), false) => {
                    if first > 0 {
                        open.part = None;
                    }
                    close(&open, start + first, tokens);
                    core.push(start, tokens);
                    open = Open { from: start + last, part: Some(tail) };
                }
            }
            if open.part.is_some() && self.is_parted_at(text, end) {
                close(&open, end, tokens);
                open = Open { from: end, part: None };
            }
        }
        close(&open, text.len(), tokens);
        Ok(())
    }
}
