//! What renders of short conversations tell about a format: its generation prompts, stop tokens and structure.

use chattpl_render::Segments;

use super::prompt::{is_said, Headers};
use super::speaker::Speaker;
use super::written::Written;
use crate::encode::{Region, Tokens};
use crate::vocabulary::{AddedToken, TokenId};

/// Conversations with two turns of a user, the plainest first; the first one of which a template prints the answer is used.
pub(crate) const HISTORY: [&str; 4] = [
    r#"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]"#,
    r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"}], "tools": [{"type": "function", "function":
        {"name": "f", "description": "f", "parameters": {"type": "object", "properties": {}}}}]}"#,
    r#"[{"role": "system", "content": "s"}, {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]"#,
    r#"[{"role": "user", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
        {"role": "user", "content": [{"type": "text", "text": "c"}]}]"#,
];

/// A conversation with a system message.
pub(crate) const SYSTEM: &str = r#"[{"role": "system", "content": "s"}, {"role": "user", "content": "a"}]"#;

/// Conversations that end with an assistant's turn.
pub(crate) const ANSWERED: [&str; 3] = [
    r#"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]"#,
    r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        "tools": [{"type": "function", "function":
        {"name": "f", "description": "f", "parameters": {"type": "object", "properties": {}}}}]}"#,
    r#"[{"role": "user", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "b"}]}]"#,
];

/// A conversation with a tool.
pub(crate) const TOOLS: &str = r#"{"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function",
    "function": {"name": "f", "description": "f", "parameters": {"type": "object", "properties": {}}}}]}"#;

/// What is known of a format for one set of template arguments.
#[derive(Debug, Default)]
pub(crate) struct Probed {
    /// What stands before a turn.
    pub headers: Headers,
    /// Where sampling ends.
    pub stops: StopTokens,
    /// Added tokens not flagged special that the template writes at the start or the end of turns.
    pub structure: Vec<TokenId>,
}

/// The tokens at which sampling ends, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StopTokens {
    /// Their ids; empty where there are none.
    pub ids: Vec<TokenId>,
    /// Where they were found.
    pub source: StopSource,
}

/// Where stop tokens were found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StopSource {
    /// The format names them, and the template writes one of them where an assistant's turn ends.
    Format,
    /// The template writes them where an assistant's turn ends; none of those that the format names stands there.
    Template,
    /// Neither: the template writes no control token where an assistant's turn ends. The ids are those that the format
    /// names, if any.
    #[default]
    Nowhere,
}

/// A rendered probe with its tokens.
pub(crate) struct Probe<'a> {
    pub written: Written<'a>,
    pub tokens: &'a Tokens,
    pub added: &'a [AddedToken],
}

/// A control token of a probe.
#[derive(Clone, Copy)]
struct Mark {
    id: TokenId,
    is_special: bool,
    start: usize,
    end: usize,
}

/// Words in the names of tokens that stand around an assistant's thoughts.
const THOUGHTS: [&str; 3] = ["think", "thought", "reason"];

impl Probe<'_> {
    /// The added tokens that the template wrote in `start..end`, in order; those of white space and thoughts are left out.
    fn marks(&self, start: usize, end: usize) -> impl Iterator<Item = Mark> + '_ {
        let regions = self.tokens.regions();
        let first = regions.partition_point(|region| region.start_byte < start);
        let inside = regions[first..].iter().take_while(move |region| region.end_byte <= end);
        inside.filter_map(|region| self.mark(region))
    }

    fn mark(&self, region: &Region) -> Option<Mark> {
        if !region.is_added() || !self.written.spells(region.start_byte, region.end_byte) {
            return None;
        }
        let id = self.tokens.ids[region.first_token];
        let token = self.added.iter().find(|token| token.id == id)?;
        let name = token.content.to_lowercase();
        let is_mark = !name.trim().is_empty() && !THOUGHTS.iter().any(|word| name.contains(word));
        let Region { start_byte: start, end_byte: end, .. } = *region;
        is_mark.then_some(Mark { id, is_special: token.special, start, end })
    }

    /// The bytes of what a message says, from its first segment of data to its last.
    fn said(&self, message: u32) -> Option<(usize, usize)> {
        let segments = self.written.segments;
        let is_of = |index: &usize| is_said(segments, *index) && segments.index_in_root(*index) == Some(message);
        self.bytes((0..segments.len()).filter(is_of))
    }

    fn bytes(&self, mut segments: impl Iterator<Item = usize>) -> Option<(usize, usize)> {
        let first = segments.next()?;
        let last = segments.last().unwrap_or(first);
        Some((self.written.start_of(first), self.written.segments.end(last)))
    }

    /// The bytes that a message's own text takes, from its first segment to its last.
    fn stretch(&self, message: u32) -> Option<(usize, usize)> {
        let segments = self.written.segments;
        self.bytes((0..segments.len()).filter(|&index| segments.message(index) == Some(message)))
    }

    /// Adds the ids of tokens not flagged special that begin or end a turn.
    ///
    /// Around what others than the assistant say, all tokens in a row at the outer ends count; around what it says, and
    /// in a generation prompt, the outermost one: what stands further inside is a part of what it samples.
    pub fn add_structure(&self, structure: &mut Vec<TokenId>) {
        let messages = || (0..).zip(self.written.speakers);
        // Tokens that end a call are a part of what is sampled.
        let has_call = self.written.speakers.iter().any(|speaker| speaker.after_tool || speaker.is_tool);
        for (message, speaker) in messages() {
            let (Some((start, end)), Some((said_start, said_end))) = (self.stretch(message), self.said(message)) else {
                continue;
            };
            let head = self.row(start, said_start.max(start), speaker.is_assistant);
            head.iter().for_each(|mark| add(structure, mark));
            // Tokens that close what no token opened are a part of the turn.
            let most = if speaker.is_assistant { usize::from(!has_call) } else { head.len().max(1) };
            self.row_at_end(said_end, end, most).iter().for_each(|mark| add(structure, mark));
        }
        let said = || messages().filter_map(|(message, _)| self.said(message));
        let first_said = said().map(|(start, _)| start).min().unwrap_or(0);
        self.row(0, first_said, false).iter().for_each(|mark| add(structure, mark));
        let ends = messages().filter_map(|(message, _)| self.stretch(message)).chain(said());
        let prompt_start = ends.map(|(_, end)| end).max().unwrap_or(0);
        self.row(prompt_start, self.written.text.len(), true).iter().for_each(|mark| add(structure, mark));
    }

    /// The marks of `start..end` with nothing but white space before and between them; one at most if `only_first`.
    fn row(&self, start: usize, end: usize, only_first: bool) -> Vec<Mark> {
        let mut at = start;
        let marks = self.marks(start, end).take(if only_first { 1 } else { usize::MAX });
        marks.take_while(|mark| self.is_blank(std::mem::replace(&mut at, mark.end), mark.start)).collect()
    }

    /// The last `most` marks of `start..end` with nothing but white space behind and between them.
    fn row_at_end(&self, start: usize, end: usize, most: usize) -> Vec<Mark> {
        let mut at = end;
        let marks: Vec<Mark> = self.marks(start, end.max(start)).collect();
        let last = marks.into_iter().rev().take(most);
        last.take_while(|mark| self.is_blank(mark.end, std::mem::replace(&mut at, mark.start))).collect()
    }

    fn is_blank(&self, start: usize, end: usize) -> bool {
        start <= end && self.written.text[start..end].trim().is_empty()
    }
}

fn add(structure: &mut Vec<TokenId>, mark: &Mark) {
    if !mark.is_special {
        if let Err(at) = structure.binary_search(&mark.id) {
            structure.insert(at, mark.id);
        }
    }
}

/// What a probe shows of the end of an assistant's turn.
#[derive(Debug)]
pub(crate) struct Ending {
    /// Control tokens between what the assistant says and what is said next, or the end of the text.
    all: Vec<TokenId>,
    /// The last of them that belongs to the assistant's message, or to the next one but is no header of it.
    own: Option<TokenId>,
    /// Whether that one is flagged special.
    is_special: bool,
    /// The first of them, where nothing but white space stands before it.
    next: Option<TokenId>,
}

impl Probe<'_> {
    /// The end of the turn of the assistant's last message.
    pub fn ending(&self) -> Option<Ending> {
        let message = self.written.speakers.iter().rposition(|speaker| speaker.is_assistant)? as u32;
        // What the next message quotes of this one is no part of the turn.
        let next_start = self.stretch(message + 1).map_or(usize::MAX, |(start, _)| start);
        let segments = self.written.segments;
        let before = || (0..segments.len()).take_while(|&index| self.written.start_of(index) < next_start);
        let is_of = |index: &usize| is_said(segments, *index) && segments.index_in_root(*index) == Some(message);
        let (_, said_end) = self.bytes(before().filter(is_of))?;
        let own = before().filter(|&index| segments.message(index) == Some(message));
        let turn_end = self.bytes(own).map_or(said_end, |(_, end)| end.max(said_end));
        let next_said = self.said(message + 1).map_or(self.written.text.len(), |(start, _)| start.max(said_end));
        let marks: Vec<Mark> = self.marks(said_end, next_said).collect();
        let (owned, others) = marks.split_at(marks.partition_point(|mark| mark.start < turn_end));
        let own = owned.iter().rfind(|mark| mark.is_special).or(owned.last());
        // What stands before the first message, too, is the header of the next turn.
        let first_said = (0..message).filter_map(|earlier| self.said(earlier)).map(|(start, _)| start).min();
        let is_header = |id: TokenId| self.marks(0, first_said.unwrap_or(0)).any(|mark| mark.id == id);
        let own = own.or_else(|| others.iter().find(|mark| !is_header(mark.id)));
        let next = marks.first().filter(|mark| self.is_blank(said_end, mark.start)).map(|mark| mark.id);
        Some(Ending {
            all: marks.iter().map(|mark| mark.id).collect(),
            own: own.map(|mark| mark.id),
            is_special: own.is_some_and(|mark| mark.is_special),
            next,
        })
    }
}

/// How an assistant's turn ends: where others follow, at the end of a conversation, and where it calls a tool.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    pub history: Option<Ending>,
    pub last: Option<Ending>,
    pub call: Option<Ending>,
}

impl StopTokens {
    /// The stop tokens that the format names, if the template writes one of them where a turn ends; else those that it
    /// writes there.
    pub(crate) fn of(named: &[TokenId], endings: &Endings) -> Self {
        let Endings { history, last, call } = endings;
        let has_named = |ending: &Option<Ending>| {
            ending.as_ref().is_some_and(|ending| ending.all.iter().any(|id| named.contains(id)))
        };
        let own = |ending: &Option<Ending>| ending.as_ref().and_then(|ending| ending.own);
        let of = |source: StopSource, ids: Vec<TokenId>| StopTokens { ids, source };
        if has_named(history) {
            return of(StopSource::Format, named.to_vec());
        }
        let Some(stop) = own(history) else {
            if has_named(last) {
                return of(StopSource::Format, named.to_vec());
            }
            let next = || history.as_ref().and_then(|ending| ending.next);
            return match own(last).or_else(next) {
                Some(stop) => of(StopSource::Template, vec![stop]),
                None => of(StopSource::Nowhere, named.to_vec()),
            };
        };
        let mut ids = vec![stop];
        // The end of a conversation, or of a call, may have one of its own in place of this one.
        for (index, ending) in [last, call].into_iter().enumerate() {
            let Some(ending) = ending.as_ref().filter(|ending| !ending.all.contains(&stop)) else { continue };
            let other = ending.all.iter().copied().find(|id| named.contains(id));
            ids.extend(other.or_else(|| ending.own.filter(|_| index == 0 || ending.is_special)));
        }
        of(StopSource::Template, ids)
    }
}

/// A render of a probe.
pub(crate) struct Printed {
    pub text: String,
    pub segments: Segments,
    pub speakers: Vec<Speaker>,
}
