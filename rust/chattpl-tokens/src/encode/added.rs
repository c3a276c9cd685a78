//! Finds added tokens in a text: leftmost first, and the longest of those that begin there.

use std::cell::RefCell;
use std::sync::LazyLock;

use fancy_regex::Regex;

use crate::error::TokenError;
use crate::vocabulary::AddedToken;

/// An added token where it stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// First byte, with the white space it takes.
    pub start: usize,
    /// One past the last byte, with the white space it takes.
    pub end: usize,
    /// Index into the added tokens of the vocabulary.
    pub token: usize,
}

/// What becomes of an added token that does not count where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// All of it is text, as in `tokenizers`.
    Text,
    /// A shorter one may begin there, and another inside it.
    LookInside,
}

/// A set of added tokens as a tree of their bytes.
#[derive(Debug, Clone)]
pub(crate) struct Finder {
    nodes: Vec<Node>,
    /// Which bytes a token begins with.
    first: Box<[bool; 256]>,
    /// The same, where there are at most three.
    few: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// The next nodes by byte, ascending.
    edges: Vec<(u8, u32)>,
    /// The token that ends here.
    token: Option<u32>,
}

impl Finder {
    /// Builds the tree; `text_of` gives what to look for, or `None` for a token that belongs elsewhere.
    pub fn new<'v>(added: &'v [AddedToken], text_of: impl Fn(&'v AddedToken) -> Option<String>) -> Self {
        let mut finder = Finder { nodes: vec![Node::default()], first: Box::new([false; 256]), few: None };
        for (index, token) in added.iter().enumerate() {
            if let Some(text) = text_of(token).filter(|text| !text.is_empty()) {
                finder.add(text.as_bytes(), index as u32);
            }
        }
        let first: Vec<u8> = (0..=255).filter(|&byte| finder.first[usize::from(byte)]).collect();
        finder.few = (first.len() <= 3).then_some(first);
        finder
    }

    fn add(&mut self, text: &[u8], token: u32) {
        self.first[usize::from(text[0])] = true;
        let mut node = 0;
        for &byte in text {
            let next = self.nodes.len() as u32;
            let edges = &mut self.nodes[node].edges;
            node = match edges.binary_search_by_key(&byte, |edge| edge.0) {
                Ok(at) => edges[at].1 as usize,
                Err(at) => {
                    edges.insert(at, (byte, next));
                    self.nodes.push(Node::default());
                    next as usize
                }
            };
        }
        // Two with one text: the first counts.
        self.nodes[node].token.get_or_insert(token);
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// The next place at or after `at` where a token may begin.
    fn next_start(&self, text: &[u8], at: usize) -> Option<usize> {
        let rest = text.get(at..)?;
        let found = match self.few.as_deref() {
            Some([]) => None,
            Some(&[a]) => memchr::memchr(a, rest),
            Some(&[a, b]) => memchr::memchr2(a, b, rest),
            Some(&[a, b, c]) => memchr::memchr3(a, b, c, rest),
            _ => rest.iter().position(|&byte| self.first[usize::from(byte)]),
        };
        found.map(|offset| at + offset)
    }

    /// The longest token at `start` that `admit` lets pass, and where it ends.
    fn longest(
        &self,
        text: &[u8],
        start: usize,
        admit: &impl Fn(usize, usize, usize) -> bool,
    ) -> Option<(usize, usize)> {
        let (mut node, mut best) = (&self.nodes[0], None);
        for (end, byte) in (start + 1..).zip(&text[start..]) {
            let Ok(edge) = node.edges.binary_search_by_key(byte, |edge| edge.0) else { break };
            node = &self.nodes[node.edges[edge].1 as usize];
            if let Some(token) = node.token.map(|token| token as usize).filter(|&token| admit(start, end, token)) {
                best = Some((end, token));
            }
        }
        best
    }

    /// Appends the tokens of `text[from..to]`, in order and apart, that `admit(start, end, token)` lets pass.
    pub fn find(
        &self,
        added: &[AddedToken],
        text: &str,
        (from, to): (usize, usize),
        admit: impl Fn(usize, usize, usize) -> bool,
        refused: Refused,
        found: &mut Vec<Found>,
    ) {
        let bytes = &text.as_bytes()[..to];
        let (mut at, mut last_end) = (from, from);
        while let Some(start) = self.next_start(bytes, at) {
            let counts = |start, end, token| refused == Refused::Text || admit(start, end, token);
            let Some((end, token)) = self.longest(bytes, start, &counts) else {
                at = start + 1;
                continue;
            };
            at = end;
            if refused == Refused::Text && !admit(start, end, token) {
                continue;
            }
            let about = &added[token];
            if about.single_word && (ends_in_word(&text[from..start]) || begins_with_word(&text[end..to])) {
                continue;
            }
            let mut hit = Found { start, end, token };
            if about.lstrip {
                hit.start = last_end.max(from + text[from..start].trim_end_matches(is_space).len()).min(end);
            }
            if about.rstrip {
                hit.end = to - text[end..to].trim_start_matches(is_space).len();
            }
            last_end = hit.end;
            found.push(hit);
        }
    }
}

impl Finder {
    /// Refuses a text in which `fault(start, end, token)` finds a token amiss.
    ///
    /// # Errors
    /// The first fault.
    pub fn refuse(
        &self,
        added: &[AddedToken],
        text: &str,
        fault: impl Fn(usize, usize, &AddedToken) -> Option<TokenError>,
    ) -> Result<(), TokenError> {
        let first = RefCell::new(None);
        let look = |start: usize, end: usize, token: usize| {
            if first.borrow().is_none() {
                *first.borrow_mut() = fault(start, end, &added[token]);
            }
            false
        };
        self.find(added, text, (0, text.len()), look, Refused::LookInside, &mut Vec::new());
        match first.into_inner() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// White space as the `regex` crate's `\s` has it, which is what `tokenizers` asks.
fn is_space(character: char) -> bool {
    character.is_whitespace()
}

/// A word character as the `regex` crate's `\w` has it, which is what `tokenizers` asks.
fn is_word(character: char) -> bool {
    static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\w").expect("a sound expression"));
    WORD.is_match(character.encode_utf8(&mut [0; 4])).expect("no way back to take")
}

fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_word)
}

fn begins_with_word(text: &str) -> bool {
    text.chars().next().is_some_and(is_word)
}
