//! Steps of a decoder, each taking text as it comes and giving what no later token can change.

use crate::decode::{Broken, ByteRun};
use crate::error::TokenError;
use crate::read::ByteAlphabet;

/// Rewrites a token for the step of that number: its text, and whether it is the first; `None` drops the token.
pub type Rewrite<'a> = &'a dyn Fn(usize, &str, bool) -> Result<Option<String>, TokenError>;

/// One step of a decoder: takes the texts of tokens in order and gives texts of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeStep {
    /// Rewrites each token by itself, with [`Rewrite`]; a token may go away.
    Each,
    /// As `Each`, but of equal tokens in a row the first alone counts.
    EachOnce,
    /// Makes the bytes of tokens such as `<0x0A>` that follow one another characters.
    ByteFallback,
    /// Makes one token of all: of the bytes that its characters stand for, or of its text where one stands for none.
    ByteLevel,
    /// Makes one token of all.
    Join,
    /// Puts a space between tokens.
    Space,
    /// Takes a character away from the ends of each token, `start` and `stop` times at most.
    Strip { content: char, start: usize, stop: usize },
    /// Replaces a text, which is not empty, in each token.
    Replace { text: String, with: String },
    /// Replaces a text, which is not empty, by a space, and by nothing in the last token.
    Suffix { text: String },
    /// Replaces a character by a space, and by nothing in the first token if `drops_first`.
    Mark { mark: char, drops_first: bool },
}

/// Text of a token, and whether the token ends with it.
struct Piece {
    text: String,
    is_last: bool,
}

/// A step at work.
#[derive(Debug, Clone)]
pub(super) struct StepState {
    step: DecodeStep,
    /// Text of the token that is not given yet.
    held: String,
    /// Bytes that are not given yet.
    bytes: ByteRun,
    /// For `ByteLevel`.
    alphabet: Option<Box<ByteAlphabet>>,
    /// How many tokens have ended.
    tokens: usize,
    /// How many characters the token that has not ended lost at its start; `None` behind the first that stays.
    stripped: Option<usize>,
    /// The token before.
    before: Option<String>,
    /// Whether a run of bytes is open, and whether characters of it are given.
    is_in_run: bool,
    has_given: bool,
}

impl StepState {
    pub(super) fn new(step: DecodeStep) -> Self {
        StepState {
            step,
            held: String::new(),
            bytes: ByteRun::default(),
            alphabet: None,
            tokens: 0,
            stripped: Some(0),
            before: None,
            is_in_run: false,
            has_given: false,
        }
    }

    /// Takes a piece and gives pieces to `out`.
    fn push(&mut self, at: usize, rewrite: Rewrite<'_>, piece: Piece, out: &mut Vec<Piece>) -> Result<(), TokenError> {
        match &self.step {
            DecodeStep::Each | DecodeStep::EachOnce | DecodeStep::ByteFallback | DecodeStep::ByteLevel => {
                self.held.push_str(&piece.text);
                if piece.is_last {
                    let token = std::mem::take(&mut self.held);
                    self.token(at, rewrite, token, out)?;
                }
            }
            DecodeStep::Join => out.push(Piece { is_last: false, ..piece }),
            DecodeStep::Space => {
                let is_first_piece = self.stripped.take().is_some();
                let gap = if is_first_piece && self.tokens > 0 { " " } else { "" };
                out.push(Piece { text: format!("{gap}{}", piece.text), is_last: piece.is_last });
            }
            DecodeStep::Strip { content, start, stop } => {
                let (content, start, stop) = (*content, *start, *stop);
                self.strip(content, start, stop, piece.is_last, &piece.text, out);
            }
            DecodeStep::Replace { text, with } => {
                let given = replaced(&mut self.held, &piece.text, text, with, piece.is_last);
                out.push(Piece { text: given, is_last: piece.is_last });
            }
            DecodeStep::Suffix { text } => {
                // Whether the token is the last is known when another begins.
                if self.stripped.take().is_some() && self.tokens > 0 {
                    out.push(Piece { text: self.held.replace(text, " "), is_last: true });
                    self.held.clear();
                }
                self.held.push_str(&piece.text);
                // The rest of a token cannot make its end a suffix once the token is over.
                let open = if piece.is_last { 0 } else { partial(&self.held, text) };
                let keep = self.held.find(text.as_str()).unwrap_or(self.held.len() - open);
                let kept = self.held.split_off(keep);
                out.push(Piece { text: std::mem::replace(&mut self.held, kept), is_last: false });
            }
            DecodeStep::Mark { mark, drops_first } => {
                let with = if *drops_first && self.tokens == 0 { "" } else { " " };
                out.push(Piece { text: piece.text.replace(*mark, with), is_last: piece.is_last });
            }
        }
        if piece.is_last {
            self.tokens += 1;
            self.stripped = Some(0);
        }
        Ok(())
    }

    /// A whole token.
    fn token(
        &mut self,
        at: usize,
        rewrite: Rewrite<'_>,
        token: String,
        out: &mut Vec<Piece>,
    ) -> Result<(), TokenError> {
        match self.step {
            DecodeStep::EachOnce if self.before.as_ref() == Some(&token) => {}
            DecodeStep::ByteFallback => match byte_of(&token) {
                Some(byte) => self.byte(byte, out),
                None => {
                    self.end_run(out);
                    out.push(Piece { text: token, is_last: true });
                }
            },
            DecodeStep::ByteLevel => {
                let mut bytes = Vec::new();
                self.alphabet.get_or_insert_with(|| Box::new(ByteAlphabet::new())).append_bytes(&token, &mut bytes);
                out.push(Piece { text: self.bytes.push_lossy(&bytes, Broken::Together), is_last: false });
            }
            _ => {
                // Of tokens that count once, none is treated apart.
                let is_first = self.tokens == 0 || self.step == DecodeStep::EachOnce;
                let text = rewrite(at, &token, is_first)?;
                out.extend(text.map(|text| Piece { text, is_last: true }));
                self.before = Some(token);
            }
        }
        Ok(())
    }

    /// A byte of a run, which is one token if it is all characters, and else one for each byte.
    fn byte(&mut self, byte: u8, out: &mut Vec<Piece>) {
        let was_spoilt = self.bytes.is_spoilt();
        let text = self.bytes.push(byte);
        match self.bytes.is_spoilt() {
            true => self.broken(&text, was_spoilt, out),
            false => {
                self.has_given |= !text.is_empty();
                self.is_in_run = true;
                out.push(Piece { text, is_last: false });
            }
        }
    }

    fn end_run(&mut self, out: &mut Vec<Piece>) {
        let was_spoilt = self.bytes.is_spoilt();
        let rest = self.bytes.finish();
        match rest.is_empty() && !was_spoilt {
            true if self.is_in_run => out.push(Piece { text: String::new(), is_last: true }),
            true => {}
            false => self.broken(&rest, was_spoilt, out),
        }
        (self.is_in_run, self.has_given) = (false, false);
    }

    /// Bytes that are no characters; the characters before them are a token if some were given.
    fn broken(&mut self, text: &str, was_spoilt: bool, out: &mut Vec<Piece>) {
        if self.has_given && !was_spoilt {
            out.push(Piece { text: String::new(), is_last: true });
        }
        out.extend(text.chars().map(|character| Piece { text: character.to_string(), is_last: true }));
    }

    fn strip(&mut self, content: char, start: usize, stop: usize, is_last: bool, text: &str, out: &mut Vec<Piece>) {
        let mut rest = text;
        while let Some(count) = self.stripped {
            match rest.strip_prefix(content) {
                Some(behind) if count < start => {
                    rest = behind;
                    self.stripped = Some(count + 1);
                }
                None if rest.is_empty() => break,
                _ => self.stripped = None,
            }
        }
        self.held.push_str(rest);
        // The last characters may yet be the end of the token.
        let tail = self.held.chars().rev().take(stop).take_while(|character| *character == content).count();
        let kept = self.held.split_off(self.held.len() - tail * content.len_utf8());
        let text = std::mem::replace(&mut self.held, kept);
        if is_last {
            self.held.clear();
        }
        out.push(Piece { text, is_last });
    }

    /// Ends the text: gives what is held.
    fn finish(&mut self, at: usize, rewrite: Rewrite<'_>, out: &mut Vec<Piece>) -> Result<(), TokenError> {
        match &self.step {
            DecodeStep::ByteFallback => self.end_run(out),
            DecodeStep::ByteLevel => out.push(Piece { text: self.bytes.finish_lossy(Broken::Together), is_last: true }),
            DecodeStep::Join => out.push(Piece { text: String::new(), is_last: true }),
            DecodeStep::Suffix { text } => out.push(Piece { text: self.held.replace(text, ""), is_last: true }),
            _ if !self.held.is_empty() => {
                self.push(at, rewrite, Piece { text: String::new(), is_last: true }, out)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The steps of a decoder at work, one behind the other.
#[derive(Debug, Clone)]
pub(super) struct Steps(Vec<StepState>);

impl Steps {
    pub(super) fn new(steps: &[DecodeStep]) -> Self {
        Steps(steps.iter().cloned().map(StepState::new).collect())
    }

    /// The text that is certain with this token.
    pub(super) fn push(&mut self, rewrite: Rewrite<'_>, token: String) -> Result<String, TokenError> {
        self.run(rewrite, 0, vec![Piece { text: token, is_last: true }])
    }

    /// What is held; the steps must not be used again.
    pub(super) fn finish(&mut self, rewrite: Rewrite<'_>) -> Result<String, TokenError> {
        let mut text = String::new();
        for at in 0..self.0.len() {
            let mut pieces = Vec::new();
            self.0[at].finish(at, rewrite, &mut pieces)?;
            text.push_str(&self.run(rewrite, at + 1, pieces)?);
        }
        Ok(text)
    }

    fn run(&mut self, rewrite: Rewrite<'_>, from: usize, mut pieces: Vec<Piece>) -> Result<String, TokenError> {
        for at in from..self.0.len() {
            let mut out = Vec::new();
            for piece in pieces {
                self.0[at].push(at, rewrite, piece, &mut out)?;
            }
            pieces = out;
        }
        Ok(pieces.into_iter().map(|piece| piece.text).collect())
    }
}

/// The byte that a token such as `<0x0A>` stands for, as `tokenizers` reads it.
fn byte_of(token: &str) -> Option<u8> {
    let hex = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (hex.len() == 2).then(|| u8::from_str_radix(hex, 16).ok()).flatten()
}

/// Replaces `text` in what is held and `new` behind it; an end that may begin `text` stays held unless the token ends.
fn replaced(held: &mut String, new: &str, text: &str, with: &str, is_last: bool) -> String {
    held.push_str(new);
    let mut given = String::new();
    let mut start = 0;
    while let Some(offset) = held[start..].find(text) {
        given.push_str(&held[start..start + offset]);
        given.push_str(with);
        start += offset + text.len();
    }
    let end = if is_last { held.len() } else { held.len() - partial(&held[start..], text) };
    given.push_str(&held[start..end]);
    held.drain(..end);
    given
}

/// How many bytes at the end of `held` are the beginning of `text`, but not all of it.
fn partial(held: &str, text: &str) -> usize {
    let mut starts = text.char_indices().map(|(at, _)| at).rev().filter(|at| *at > 0);
    starts.find(|&len| held.ends_with(&text[..len])).unwrap_or(0)
}
