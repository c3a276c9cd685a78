//! How an assistant's turns end: with a token of their own, with the marker of whoever speaks next, or not at all.

use super::markers::{closer_of, last_marker, markers};
use super::turn::{leading_marker, marker_start, Prompted};
use super::{common_prefix, shape, Ask, Printed};
use crate::context::Context;
use crate::rule::NotEvaluated;

/// How the turns of a template end that are not the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With this text of their own.
    Own(String),
    /// With the marker that opens another role's turn, such as `<|user|>`, at which the model stops.
    HandOver(String),
    /// Not at all, or with white space only.
    Open,
}

/// What is known of the ends of a template's turns.
#[derive(Debug)]
pub struct Endings {
    /// How an answer ends that is not the last message.
    pub answer: Ending,
    /// What follows an answer that is the last message.
    pub last: String,
    /// Whether the result of a call is part of the assistant's turn, so that the turn goes on behind the call.
    pub calls_go_on: bool,
}

/// What ends the turns of formats without an end token.
const EMPTY_LINE: &str = "\n\n";

/// Bytes behind the last turn from which on a conversation is a text that a prompt quotes, without turns of its own.
const QUOTED: usize = 200;

impl Endings {
    /// Reads the ends off the probe conversations; `None` where they show no turns.
    ///
    /// # Errors
    /// The template does not compile.
    pub fn of(context: &Context<'_>) -> Result<Option<Endings>, NotEvaluated> {
        let probes = context.probes()?;
        let cut = probes.get(Ask::whole(shape("multi-turn")).upto(2));
        let whole = probes.get(Ask::whole(shape("multi-turn")));
        let (Ok(cut), Ok(whole)) = (&*cut, &*whole) else {
            return Ok(None);
        };
        let Some(body) = cut.body_of(1).filter(|_| shows_turns(whole)) else {
            return Ok(None);
        };
        if cut.text.len() - body.end > QUOTED {
            return Ok(None);
        }
        let last = &cut.text[body.end..unasked_prompt(cut, whole, 1).unwrap_or(cut.text.len())];
        let answer = answer_ending(context, whole, last);
        Ok(Some(Endings { answer, last: last.trim().to_owned(), calls_go_on: calls_go_on(context)? }))
    }

    /// Whether an answer is followed by nothing that closes it.
    pub fn is_open(&self, printed: &Printed, message: usize) -> bool {
        if matches!(self.answer, Ending::HandOver(_)) || !printed.tail_of(message).trim().is_empty() {
            return false;
        }
        let Some(behind) = printed.between(message, message + 1) else {
            return true;
        };
        let closing = if let Ending::Own(own) = &self.answer { own } else { &self.last };
        closing.is_empty() || !behind.trim_start().starts_with(closing.as_str())
    }

    /// Whether a turn that calls tools is followed by nothing that closes it, in a template whose answers end with `usual`.
    pub fn is_call_open(&self, printed: &Printed, message: usize, usual: &str) -> bool {
        let Some(body) = printed.body_of(message).filter(|_| !self.calls_go_on) else {
            return false;
        };
        let token = last_marker(usual).unwrap_or(usual);
        let own = printed.tail_of(message);
        if printed.between(message, message + 1).unwrap_or(own).contains(token) {
            return false;
        }
        let start = message.checked_sub(1).and_then(|before| printed.body_of(before)).map_or(0, |before| before.end);
        let turn = printed.text.get(start..body.end).unwrap_or_default();
        let result = printed.between(message + 1, message + 2).unwrap_or_default();
        // Another token may close turns with calls; the ends of the calls, and the begin of a result, do not.
        markers(own).map(|range| &own[range]).all(|marker| is_pair(turn, marker) || is_pair(result, marker))
    }
}

/// Where a header is printed behind an assistant's last turn, though nobody asked for one: a byte of the cut conversation,
/// which ends with the turn; `whole` goes on with a user's.
pub fn unasked_prompt(cut: &Printed, whole: &Printed, message: usize) -> Option<usize> {
    let start = cut.body_of(message)?.end;
    let (behind, next) = (&cut.text[start..], whole.between(message, message + 1)?);
    let other = next.strip_prefix(whole.tail_of(message)).unwrap_or(next).trim_start();
    let mine = cut.head_of(message).trim_start();
    if !mine.is_empty() {
        // Up to the word in which it differs from a user's header: what follows may be the model's to write.
        let common = marker_start(mine, common_prefix(mine, other));
        let word = leading_marker(&mine[common..]).map_or_else(|| word_of(&mine[common..]), str::len);
        let key = &mine[..common + word];
        let at = behind.find(key).filter(|at| word > 0 && !next.contains(key) && may_open(&behind[..*at]))?;
        return Some(start + at);
    }
    // What closes the turn stands before a user's turn, too; what is left is for the end of a conversation alone.
    let left = marker_start(behind, common_prefix(behind, next));
    let extra = behind[left..].trim();
    let extra = leading_marker(extra).or(extra.lines().next()).unwrap_or_default();
    // A closing token that the end of a conversation has besides is no header.
    if extra.is_empty() || !whole.between(message - 1, message)?.contains(extra) || next.contains(extra) {
        return None;
    }
    Some(cut.range(cut.segments.index_at(start + left)).start.max(start))
}

/// Whether the header of an assistant's message opens a turn while the one before it is still open: the marker that it
/// begins with has a closing one in the template, which is missing in between.
pub fn is_reopened(context: &Context<'_>, printed: &Printed, message: usize) -> bool {
    let (Some(body), Some(behind)) = (printed.body_of(message), printed.between(message - 1, message)) else {
        return false;
    };
    let start = body.start - behind.len();
    let opening = markers(behind).find_map(|range| {
        let closers = closer_of(&behind[range.clone()]);
        Some((range, closers.into_iter().find(|closer| context.text().contains(closer))?))
    });
    opening.is_some_and(|(range, closer)| {
        let before = &printed.text[..start + range.start];
        before.rfind(&behind[range]) > before.rfind(&closer)
    })
}

/// Whether each turn ends with the same empty line, a user's, an assistant's and the last one alike: then that line is the
/// end of a turn, as in RWKV's format.
///
/// # Errors
/// The template does not compile.
pub fn ends_in_empty_lines(context: &Context<'_>) -> Result<bool, NotEvaluated> {
    let probes = context.probes()?;
    let outcome = probes.get(Ask::whole(shape("plain")));
    let whole = probes.get(Ask::whole(shape("multi-turn")));
    let (Ok(plain), Ok(whole)) = (&*outcome, &*whole) else {
        return Ok(false);
    };
    let mut ends = [plain.tail_of(1), whole.tail_of(0), whole.tail_of(1)].into_iter();
    Ok(ends.all(|end| end == EMPTY_LINE))
}

/// Whether a header may stand behind a text: at its start, on a new line, or behind a marker.
fn may_open(before: &str) -> bool {
    let before = before.trim_end_matches(' ');
    before.is_empty() || before.ends_with(['\n', '>', ']'])
}

/// Bytes of the word that a text begins with.
fn word_of(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len())
}

/// Whether more is printed between two messages than white space: else there are no turns that could be closed.
fn shows_turns(printed: &Printed) -> bool {
    printed.between(0, 1).is_some_and(|between| !between.trim().is_empty()) || !printed.tail_of(0).trim().is_empty()
}

/// How the first answer of a conversation ends that goes on; `last` is what follows it where it does not.
fn answer_ending(context: &Context<'_>, printed: &Printed, last: &str) -> Ending {
    let (Some(next), Some(header)) = (printed.between(1, 2), printed.between(0, 1)) else {
        return Ending::Open;
    };
    // Where the loop is not over messages, the text behind a turn has parts of the next one's header.
    let shared = next[..marker_start(next, common_prefix(next, last))].trim();
    let own =
        [shared, printed.tail_of(1).trim()].into_iter().filter(|text| !text.is_empty()).min_by_key(|text| text.len());
    if let Some(own) = own {
        return Ending::Own(own.to_owned());
    }
    let Some(marker) = leading_marker(next.trim_start()) else {
        return Ending::Open;
    };
    if header.contains(marker) {
        return Ending::Open;
    }
    let first_header = &printed.text[..printed.body_of(0).map_or(0, |body| body.start)];
    if !first_header.contains(marker) {
        return Ending::Own(marker.to_owned());
    }
    // The marker of a user's turn is a stop only where users' turns end in the same way, and, if it looks like one token,
    // where it is one and stands right behind the answer.
    let vocabulary = context.encoder().ok().map(|encoder| encoder.vocabulary());
    let is_token = vocabulary.is_none_or(|vocabulary| vocabulary.id_of(marker).is_some());
    let is_stop = !marker.starts_with("<|") || is_token && next.starts_with(marker);
    match is_stop && last.trim().is_empty() && printed.tail_of(0).trim().is_empty() {
        true => Ending::HandOver(marker.to_owned()),
        false => Ending::Open,
    }
}

/// Whether an answer behind a tool's result has no header of its own, while other answers have one.
fn calls_go_on(context: &Context<'_>) -> Result<bool, NotEvaluated> {
    let probes = context.probes()?;
    let plain = Prompted::of(probes, shape("plain"), 1);
    let answered = probes.get(Ask::whole(shape("tool-answer")));
    let (Some(opening), Ok(answered)) = (plain.opening(), &*answered) else {
        return Ok(false);
    };
    let Some((_, unprompted, _)) = plain.texts() else {
        return Ok(false);
    };
    let question = unprompted.body_of(0).map_or(0, |body| body.end);
    let closed = common_prefix(opening.shared, &unprompted.text[question..]);
    let header = opening.shared[closed..].trim().lines().next().unwrap_or_default();
    let between = answered.between(2, 3);
    Ok(!header.is_empty() && between.is_some_and(|between| !between.contains(header)))
}

/// Whether a text has the other end of what a marker opens or closes: `<tool_call>` for `</tool_call>`.
fn is_pair(text: &str, marker: &str) -> bool {
    markers(text).map(|range| &text[range]).any(|other| other != marker && name_of(other) == name_of(marker))
}

/// A marker's letters up to its value, without the words that tell its beginning from its end.
fn name_of(marker: &str) -> String {
    let name = marker.split('=').next().unwrap_or(marker);
    let letters: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    ["begin", "start", "end", "close", "open"].into_iter().fold(letters, |name, word| name.replace(word, ""))
}
