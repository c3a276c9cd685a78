//! Where a render prints a message: the header, what the message holds, and what closes it.

use std::ops::Range;

use chattpl_render::Origin;

use super::markers::markers;
use super::{common_prefix, Ask, Printed, Probes, Shape};

/// Keys of a message that are printed in its header, if at all.
const HEADER_KEYS: [&str; 3] = ["role", "name", "tool_call_id"];

impl Printed {
    /// Where what a message holds is printed: from its first datum to its last, its role and its name aside.
    ///
    /// What other messages print of it, such as the name of a call beside its result, does not count. `None` where nothing
    /// is printed.
    pub fn body_of(&self, message: usize) -> Option<Range<usize>> {
        let held = self.run_of(message)?.filter(|index| self.holds(*index, message));
        let (mut seen, mut body) = (Vec::new(), None);
        for index in held {
            let path = self.path(index);
            if seen.last() != Some(&path) {
                // Said before: then the message is over and another one names what it answers.
                if seen.contains(&path) {
                    break;
                }
                seen.push(path);
            }
            let range = self.range(index);
            body = Some(body.map_or(range.start, |body: Range<usize>| body.start)..range.end);
        }
        body
    }

    /// What is printed for a message behind what it holds, up to where another message begins; empty where nothing of it is
    /// printed.
    pub fn tail_of(&self, message: usize) -> &str {
        match (self.run_of(message), self.body_of(message)) {
            (Some(run), Some(body)) => &self.text[body.end..self.range(run.end - 1).end],
            _ => "",
        }
    }

    /// What is printed for a message before what it holds; empty where nothing of it is printed, or where the template does
    /// not loop over messages.
    pub fn head_of(&self, message: usize) -> &str {
        let Some(body) = self.body_of(message) else {
            return "";
        };
        let first = self.segments.index_at(body.start);
        let own = |index: &usize| self.segments.message(*index) == Some(message as u32);
        let start = (0..first).rev().take_while(own).last().map_or(body.start, |index| self.range(index).start);
        &self.text[start..body.start]
    }

    /// What is printed between what two messages hold; `None` where one of them is not printed, or the later one first.
    pub fn between(&self, earlier: usize, later: usize) -> Option<&str> {
        self.text.get(self.body_of(earlier)?.end..self.body_of(later)?.start)
    }

    /// The first byte of what values at `path`, or inside it, were printed as.
    pub fn start_of(&self, path: &str) -> Option<usize> {
        let found = (0..self.segments.len()).find(|index| is_inside(&self.path(*index), path))?;
        Some(self.range(found).start)
    }

    /// The segments from the first that holds data of a message to the last before another message's.
    fn run_of(&self, message: usize) -> Option<Range<usize>> {
        let first = (0..self.segments.len()).find(|index| self.holds(*index, message))?;
        let other = |index: &usize| self.segments.message(*index).is_some_and(|found| found as usize != message);
        let end = (first..self.segments.len()).find(other).unwrap_or(self.segments.len());
        Some(first..end)
    }

    /// Whether a segment is data of a message and no part of its header.
    fn holds(&self, index: usize, message: usize) -> bool {
        self.segments.message(index) == Some(message as u32)
            && self.segments.origin_at(index) == Origin::Message
            && self.segments.name_at(index, 1).is_none_or(|key| !HEADER_KEYS.contains(&key))
    }
}

/// Whether a path is another, or lies below it.
pub fn is_inside(path: &str, around: &str) -> bool {
    path.strip_prefix(around).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The generation prompt beside the turn that answers it.
pub struct Opening<'p> {
    /// What both print behind the last message's body.
    pub shared: &'p str,
    /// What the prompt alone goes on with.
    pub prompt: &'p str,
    /// What the turn goes on with, up to what the message holds.
    pub turn: &'p str,
    /// Where the two part: a byte of the prompted text and of the turn's.
    pub at: usize,
}

impl<'p> Opening<'p> {
    /// What of the header a prompt leaves out that ends too soon; empty for nothing.
    ///
    /// A turn may go on with what the model is to write itself, such as a channel or a thought. The rest of a word belongs to
    /// the header, and so does what stands at the end of a user's header as well.
    pub fn left_out(&self, user_header: &str) -> &'p str {
        let turn = self.turn;
        if turn.starts_with(char::is_alphanumeric) {
            return &turn[..turn.find(['<', '[']).unwrap_or(turn.len())];
        }
        // Behind a word a newline is the header's, behind a marker it may be the model's.
        let behind_word = self.shared.ends_with(char::is_alphanumeric);
        let ends = turn.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
        let shared = ends.map(|end| &turn[..end]).find(|start| user_header.ends_with(start)).unwrap_or_default();
        // Spaces before a text merge with it into one token, so prompts leave them out.
        let is_part = !shared.trim_matches(' ').is_empty() && (behind_word || shared.len() == turn.len());
        if is_part {
            shared
        } else {
            ""
        }
    }

    /// Whether prompt and turn go on with different headers, and not only with different thoughts.
    pub fn is_other_header(&self) -> bool {
        let (said, wanted) = (leading_marker(self.prompt.trim_start()), leading_marker(self.turn.trim_start()));
        let is_thought = |marker: &&str| {
            let marker = marker.to_lowercase();
            ["think", "thought", "reason"].iter().any(|word| marker.contains(word))
        };
        let other_marker = said.is_some() && wanted.is_some() && !said.iter().chain(&wanted).any(is_thought);
        self.turn.starts_with(char::is_alphanumeric) || other_marker
    }
}

/// The renders that an [`Opening`] is read from.
pub struct Prompted {
    /// The messages before the turn, with the prompt.
    pub prompted: std::rc::Rc<super::Outcome>,
    /// The same without it.
    pub unprompted: std::rc::Rc<super::Outcome>,
    /// With the turn.
    pub whole: std::rc::Rc<super::Outcome>,
    /// The index of the turn's message.
    pub message: usize,
}

impl Prompted {
    /// Renders of a shape around the message at index `message`, an assistant's.
    pub fn of(probes: &Probes<'_>, shape: &'static Shape, message: usize) -> Prompted {
        let before = Ask::whole(shape).upto(message);
        let upto = Ask::whole(shape).upto(message + 1);
        let whole = if message + 1 == shape.messages().len() { Ask::whole(shape) } else { upto };
        let (prompted, unprompted) = (probes.get(before.prompted()), probes.get(before));
        Prompted { prompted, unprompted, whole: probes.get(whole), message }
    }

    /// The three texts; `None` where one of them does not render.
    pub fn texts(&self) -> Option<(&Printed, &Printed, &Printed)> {
        match (&*self.prompted, &*self.unprompted, &*self.whole) {
            (Ok(prompted), Ok(unprompted), Ok(whole)) => Some((prompted, unprompted, whole)),
            _ => None,
        }
    }

    /// How the prompt and the turn begin; `None` where a render fails, where the flag changes nothing, where the turn is
    /// not printed, and where the two differ before either begins.
    pub fn opening(&self) -> Option<Opening<'_>> {
        let (prompted, unprompted, whole) = self.texts()?;
        if prompted.text == unprompted.text {
            return None;
        }
        let question = prompted.body_of(self.message - 1)?;
        let answer = whole.body_of(self.message)?;
        let common = common_prefix(&prompted.text, &whole.text).min(answer.start);
        let asked_for = common_prefix(&prompted.text, &unprompted.text);
        if common < question.end.max(marker_start(&prompted.text, asked_for)) {
            return None;
        }
        let at = marker_start(&whole.text[..answer.start], common).max(question.end);
        Some(Opening {
            shared: &prompted.text[question.end..at],
            prompt: &prompted.text[at..],
            turn: &whole.text[at..answer.start],
            at,
        })
    }
}

/// The marker that a text begins with.
pub fn leading_marker(text: &str) -> Option<&str> {
    markers(text).next().filter(|range| range.start == 0).map(|range| &text[range])
}

/// The start of the marker, such as `<think>` or `[INST]`, that an offset lies in; else the offset.
pub fn marker_start(text: &str, at: usize) -> usize {
    let opening = text[..at].rfind(['<', '[']).filter(|opening| !text[*opening..at].contains(['>', ']', ' ', '\n']));
    opening.unwrap_or(at)
}

/// A text as messages show it: without newlines, and cut where it is long.
pub fn shown(text: &str) -> String {
    const MAX_SHOWN: usize = 40;
    let short: String = text.chars().take(MAX_SHOWN).collect();
    let dots = if short.len() < text.len() { "..." } else { "" };
    format!("`{}{dots}`", short.replace('\n', "\\n"))
}
