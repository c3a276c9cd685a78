//! Which part of an assistant's turn is written for it, and where what it samples ends.
//!
//! What the generation prompt supplies is not sampled; what follows the stop token is not either. Both are read off the
//! text: the prompt is what a conversation gains when `add_generation_prompt` is set.

use chattpl_render::Origin;

use super::align::Span;
use super::prompt::{common_prefix, is_said, Header, Headers};
use super::speaker::Speaker;
use super::train::{Part, Parts};
use super::written::Written;
use crate::encode::{Region, Tokens};
use crate::vocabulary::TokenId;

/// One rendered conversation and its tokens.
pub(crate) struct Turns<'a> {
    pub written: Written<'a>,
    pub tokens: &'a Tokens,
    pub headers: &'a Headers,
    pub stop_tokens: &'a [TokenId],
    pub parts: Parts,
}

/// Segments in a row that belong to one message.
#[derive(Clone, Copy)]
struct Stretch {
    message: u32,
    first: usize,
    last: usize,
    /// Whether another message's text stands before, one that is not of a role that is trained.
    after_others: bool,
    /// Whether that is a later message.
    after_later: bool,
    /// The first segment that holds what the message says.
    said: Option<usize>,
    /// Whether the template wrote any of it.
    written: bool,
}

impl Turns<'_> {
    /// Finds the sampled spans of trained messages from the text alone; `begun` is scratch.
    pub fn spans(&self, begun: &mut Vec<bool>, spans: &mut Vec<Span>) {
        spans.clear();
        begun.clear();
        begun.resize(self.written.speakers.len(), false);
        let mut before = None;
        let mut index = 0;
        while index < self.written.segments.len() {
            let Some(message) = self.written.segments.message(index) else {
                index += 1;
                continue;
            };
            let stretch = self.stretch(message, index, before);
            index = stretch.last;
            before = Some(message);
            let at = message as usize;
            if self.is(message, |speaker| speaker.is_trained) && self.is_sampled(&stretch, begun[at]) {
                self.turn(&stretch, begun[at], spans);
                begun[at] = true;
            }
        }
    }

    /// Whether there is such a message, and it is as asked.
    fn is(&self, message: u32, asked: impl Fn(&Speaker) -> bool) -> bool {
        self.written.speakers.get(message as usize).is_some_and(asked)
    }

    /// The stretch of a message from the segment `first` on; text of no message inside it is part of it.
    fn stretch(&self, message: u32, first: usize, before: Option<u32>) -> Stretch {
        let (mut last, mut said, mut written) = (first, None, false);
        let after_others = before.is_some_and(|before| !self.is(before, |speaker| speaker.of_role));
        let after_later = before.is_some_and(|before| before > message);
        for index in first..self.written.segments.len() {
            match self.written.segments.message(index) {
                Some(owner) if owner == message => {
                    last = index + 1;
                    said = said.or_else(|| is_said(self.written.segments, index).then_some(index));
                    written |= self.written.segments.origin_at(index) != Origin::Message;
                }
                Some(_) => break,
                None => {}
            }
        }
        Stretch { message, first, last, after_others, after_later, said, written }
    }

    /// Whether a stretch holds what a model samples, rather than what other messages quote of it or put around theirs.
    fn is_sampled(&self, stretch: &Stretch, begun: bool) -> bool {
        let quoted = !stretch.written && stretch.after_others && stretch.after_later;
        let around = begun && self.quotes_next(stretch);
        let empty = stretch.said.is_none() && (begun && stretch.after_others || self.says_more(stretch));
        !quoted && !around && !empty
    }

    /// Whether a stretch is followed by data of a later message that it goes on around.
    fn quotes_next(&self, stretch: &Stretch) -> bool {
        let mut rest = stretch.last..self.written.segments.len();
        let is_data = |index: usize| self.written.segments.origin_at(index) == Origin::Message;
        let is_own = |index: usize| self.written.segments.message(index) == Some(stretch.message);
        rest.find(|&index| is_own(index) || !is_data(index)).is_some_and(|index| index > stretch.last && is_own(index))
    }

    /// Whether the message of a stretch that says nothing says something behind what it quotes of others.
    fn says_more(&self, stretch: &Stretch) -> bool {
        let mut after_others = false;
        for index in stretch.last..self.written.segments.len() {
            match self.written.segments.message(index) {
                Some(owner) if owner == stretch.message && is_said(self.written.segments, index) => {
                    return after_others
                }
                Some(owner) if owner != stretch.message && !self.is(owner, |speaker| speaker.of_role) => {
                    if owner > stretch.message {
                        return false;
                    }
                    after_others = true;
                }
                _ => {}
            }
        }
        false
    }

    /// What `{% generation %}` blocks, which are given in order, printed in the messages that are trained.
    pub fn marked_spans(&self, marked: &[(u32, u32)], spans: &mut Vec<Span>) {
        spans.clear();
        let mut done = 0;
        for &(start, end) in marked {
            let (start, end) = ((start as usize).max(done), end as usize);
            if start >= end {
                continue;
            }
            done = end;
            self.marked_span((start, end), spans);
        }
    }

    /// What a `{% generation %}` block printed, less the messages in it that are not trained.
    fn marked_span(&self, (start, end): (usize, usize), spans: &mut Vec<Span>) {
        let segments = self.written.segments;
        let (first, last) = (segments.index_at(start), segments.index_at(end - 1) + 1);
        // The weight of each message's text, 0 where it is not trained; none for text of no message.
        let weight = |index: usize| segments.message(index).map(|message| self.weight(message));
        let Some(trained) = (first..last).filter_map(weight).find(|&weight| weight != 0.0) else { return };
        let mut index = first;
        let mut current = trained;
        while index < last {
            let from = index;
            // Text of no message is trained as what stands before it is.
            let nobodys = if current == 0.0 { trained } else { current };
            current = weight(from).unwrap_or(nobodys);
            let goes_on = |index: usize| weight(index).map_or(current != 0.0, |weight| weight == current);
            while index < last && (index == from || goes_on(index)) {
                index += 1;
            }
            if current != 0.0 {
                let span = (self.written.start_of(from).max(start), segments.end(index - 1).min(end));
                self.push((from, index), span, current, spans);
            }
        }
    }

    /// The factor for the weight of a message's tokens; 0 where it is not trained.
    fn weight(&self, message: u32) -> f32 {
        let speaker = self.written.speakers.get(message as usize).filter(|speaker| speaker.is_trained);
        speaker.map_or(0.0, |speaker| speaker.weight)
    }

    /// Adds what is sampled of a stretch; `begun` if another of the same message came before.
    fn turn(&self, stretch: &Stretch, begun: bool, spans: &mut Vec<Span>) {
        let &Stretch { first, last, said, .. } = stretch;
        let (start, end) = (self.written.start_of(first), self.written.segments.end(last - 1));
        let data_start = said.map_or(end, |index| self.written.start_of(index));
        let start_byte = match begun {
            // The text before the data is what somebody else's ends with.
            true if stretch.after_others => data_start,
            true => start,
            false => match self.sampled_from_lead(stretch, start) {
                Some(lead) => lead,
                None => self.sampled_from(stretch, start, end, data_start),
            },
        };
        let start_byte = start_byte.max(spans.last().map_or(0, |span| span.end_byte));
        let end_byte = self.stop(start_byte, end);
        if start_byte < end_byte {
            let first = first.min(self.written.segments.index_at(start_byte));
            let last = last.max(self.written.segments.index_at(end_byte - 1) + 1);
            self.push((first, last), (start_byte, end_byte), self.weight(stretch.message), spans);
        }
    }

    /// Where a turn begins in text of no message that stands before its stretch, if a prompt ends in there.
    ///
    /// Templates that print from lists of their own making leave such text.
    fn sampled_from_lead(&self, stretch: &Stretch, start: usize) -> Option<usize> {
        let is_nobodys = |index: &usize| self.written.segments.message(*index).is_none();
        let lead = (0..stretch.first).rev().take_while(is_nobodys).last()?;
        let lead_start = self.written.start_of(lead);
        let after_tool = self.is(stretch.message, |speaker| speaker.after_tool);
        let headers = || self.headers.of_turn(after_tool);
        let tail = headers().take(1).map(|header| header.tail.as_str());
        let text = &self.written.text.as_bytes()[..start];
        let end_of = |header: &str| {
            let first = lead_start.saturating_sub(header.len());
            let is_header =
                |at: usize| text[at..].starts_with(header.as_bytes()) && self.written.is_written(at, at + header.len());
            let at = (first..start).rev().find(|&at| is_header(at))?;
            Some(at + header.len()).filter(|&end| end >= lead_start)
        };
        let exact = tail.chain(headers().map(|header| header.prompt.as_str()));
        let found = exact.filter(|header| !header.is_empty()).find_map(end_of);
        let core = |header: &Header| end_of(header.core()).map(|end| self.after_space(header, end, start));
        found.or_else(|| headers().filter(|header| !header.core().is_empty()).find_map(core))
    }

    /// Where the turn in `start..end` goes on from what the generation prompt supplies.
    fn sampled_from(&self, stretch: &Stretch, start: usize, end: usize, data_start: usize) -> usize {
        let after_tool = self.is(stretch.message, |speaker| speaker.after_tool);
        let headers = || self.headers.of_turn(after_tool);
        let with_core = || headers().filter(|header| !header.core().is_empty());
        let tail_end = headers().take(1).find_map(|header| self.end_across(&header.tail, start, data_start));
        let prompts = || headers().map(|header| header.prompt.as_str()).filter(|prompt| !prompt.is_empty());
        let exact = || prompts().find_map(|prompt| self.prompt_end(prompt, start, end, data_start));
        let loose = || {
            let found = with_core().find_map(|header| self.loose_end(header, start, data_start));
            let bare = || headers().take(1).filter(|header| header.core().is_empty());
            found.or_else(|| bare().find_map(|header| self.loose_end(header, start, data_start)))
        };
        if let Some(header_end) = tail_end.or_else(exact).or_else(loose) {
            return header_end;
        }
        if let Some(header_end) =
            with_core().find_map(|header| self.renamed_end(header, stretch, (start, end), data_start))
        {
            return header_end;
        }
        if self.headers.is_empty(after_tool) {
            return start;
        }
        let open = |prompt: &str| self.shared_until(prompt.as_bytes(), start, data_start);
        let starts = |header: &Header| {
            let (whole, bare) = (&header.prompt[..], header.prompt.trim_start());
            open(whole).max(if whole.len() == bare.len() { (0, start) } else { open(bare) })
        };
        with_core().map(starts).max_by_key(|&(len, _)| len).map_or(start, |(_, end)| end)
    }

    /// Where a prompt ends that stands at the start of the turn, or reaches into it, or stands before its data.
    fn prompt_end(&self, prompt: &str, start: usize, end: usize, data_start: usize) -> Option<usize> {
        // The end of a prompt, such as `<think>`, may stand in the content.
        let at_start = || self.text_starts_with(prompt, start, end);
        if at_start() {
            return Some(start + prompt.len());
        }
        // Some templates end the turn before at the start of this one.
        let inside = || self.first_written(prompt, start, data_start);
        self.end_across(prompt, start, data_start).or_else(|| inside().map(|at| at + prompt.len()))
    }

    /// Whether the turn in `start..end` begins with a prompt that the template wrote, or the template and the turn itself.
    fn text_starts_with(&self, prompt: &str, start: usize, end: usize) -> bool {
        let segments = self.written.segments;
        let message = segments.message(segments.index_at(start));
        let is_own =
            |index: usize| segments.origin_at(index) == Origin::Message && segments.index_in_root(index) == message;
        self.written.text[start..end].starts_with(prompt)
            && self.written.written_until(start, start + 1) > start
            && self
                .written
                .under(start, start + prompt.len())
                .all(|index| self.written.is_structure(index) || is_own(index))
    }

    /// Where a header ends that stands across the start of the turn.
    fn end_across(&self, header: &str, start: usize, data_start: usize) -> Option<usize> {
        let first = (start + 1).saturating_sub(header.len());
        // At the start itself only if it follows data, as in the conversation it is from.
        let last = start + usize::from(self.follows_data(start));
        let at = self.first_written(header, first, data_start.min((last + header.len()).saturating_sub(1)))?;
        Some(at + header.len()).filter(|&header_end| header_end > start)
    }

    /// Whether the byte before `at` is data of a message.
    fn follows_data(&self, at: usize) -> bool {
        let segments = self.written.segments;
        at > 0 && segments.origin_at(segments.index_at(at - 1)) == Origin::Message
    }

    /// Where a prompt ends of which only the white space is not as in this turn; of a format without one, where all ends
    /// that stands between two turns.
    fn loose_end(&self, header: &Header, start: usize, data_start: usize) -> Option<usize> {
        let (core, places_end) = match header.core() {
            "" => (header.tail.trim_end(), start + usize::from(self.follows_data(start))),
            core => (core, data_start),
        };
        let &first = core.as_bytes().first()?;
        let from = start.saturating_sub(core.len() + MOST_SPACE);
        let text = &self.written.text[..data_start];
        let places = memchr::memchr_iter(first, text.as_bytes().get(from..)?).map(|offset| from + offset);
        let end = places.take_while(|&at| at < places_end).find_map(|at| {
            let end = at + loose_len(&text[at..], core)?;
            (end > start && self.written.is_written(at, end)).then_some(end)
        })?;
        Some(self.after_space(header, end, data_start))
    }

    /// Where a prompt ends in which the role of this turn stands in place of the assistant's.
    fn renamed_end(
        &self,
        header: &Header,
        stretch: &Stretch,
        (start, end): (usize, usize),
        data_start: usize,
    ) -> Option<usize> {
        let role = (stretch.first..stretch.last).find(|&index| self.written.is_role(index))?;
        let role = &self.written.text[self.written.start_of(role)..self.written.segments.end(role)];
        let renamed = header.prompt.replacen(ASSISTANT, role, 1);
        (renamed != header.prompt).then(|| self.prompt_end(&renamed, start, end, data_start)).flatten()
    }

    /// Where a turn begins after the core of a prompt that ends at `end`: white space that the prompt supplies, too, is
    /// passed over, and all of it where the turn has other white space than the prompt.
    fn after_space(&self, header: &Header, end: usize, data_start: usize) -> usize {
        let supplied = header.trailing_space().as_bytes();
        let text = &self.written.text[end..data_start.max(end)];
        let blank = self.written_prefix(end, text.len() - text.trim_start().len());
        let shared = common_prefix(supplied, &text.as_bytes()[..blank]);
        end + if shared == supplied.len() { shared } else { blank }
    }

    /// The first place from `start` on where a header, which is not empty, stands whole before `end`, in no data.
    fn first_written(&self, header: &str, start: usize, end: usize) -> Option<usize> {
        let text = &self.written.text.as_bytes()[..end];
        let (&first, rest) = header.as_bytes().split_first()?;
        let places = memchr::memchr_iter(first, text.get(start..)?).map(|offset| start + offset);
        places
            .into_iter()
            .find(|&at| text[at + 1..].starts_with(rest) && self.written.is_written(at, at + header.len()))
    }

    /// How much the text before `data_start` has of a prompt that it does not have whole, and where the two part.
    fn shared_until(&self, header: &[u8], start: usize, data_start: usize) -> (usize, usize) {
        let text = &self.written.text.as_bytes()[..data_start];
        let mut best = (0, start);
        for from in start..data_start {
            let shared = self.written_prefix(from, common_prefix(&text[from..], header));
            // Back to a place where the two surely go on apart: after a control token or a line, or where data begins.
            let ends_well = |&len: &usize| {
                let at = from + len;
                let in_blank = text[at - 1] == b'\n' && header.get(len) == Some(&b'\n');
                let region = self.region_before(at);
                let is_open = text[at - 1] == b'\n' || (from == start && at == data_start);
                (is_open && !in_blank) || region.is_some_and(|it| it.is_added() && it.end_byte == at)
            };
            if let Some(len) = (best.0 + 1..=shared).rev().find(ends_well) {
                best = (len, from + len);
            }
        }
        best
    }

    /// How many of the `len` bytes from `start` on stand before data.
    fn written_prefix(&self, start: usize, len: usize) -> usize {
        match len {
            0 => 0,
            _ => self.written.written_until(start, start + len) - start,
        }
    }

    /// The region that the byte before `at` lies in.
    fn region_before(&self, at: usize) -> Option<&Region> {
        let regions = self.tokens.regions();
        let index = regions.partition_point(|region| region.start_byte < at);
        index.checked_sub(1).map(|index| &regions[index])
    }

    /// Where sampling ends in a turn: after its last stop token, or after one that follows at once.
    fn stop(&self, start: usize, end: usize) -> usize {
        let regions = self.tokens.regions();
        let is_stop = |index: usize| self.is_stop(&regions[index]);
        let from = regions.partition_point(|region| region.start_byte < start);
        let to = regions.partition_point(|region| region.start_byte < end);
        if let Some(last) = (from..to).rev().find(|&index| is_stop(index)) {
            return regions[last].end_byte;
        }
        let next = (to..regions.len()).find(|&index| regions[index].is_added());
        match next.filter(|&index| is_stop(index)).map(|index| &regions[index]) {
            Some(next) if self.is_gap(end, next.start_byte) => next.end_byte,
            _ => end,
        }
    }

    /// Whether a region is a stop token that is no part of the data.
    fn is_stop(&self, region: &Region) -> bool {
        region.is_added()
            && self.stop_tokens.contains(&self.tokens.ids[region.first_token])
            && self.written.is_written(region.start_byte, region.end_byte)
    }

    /// Whether `start..end` is white space of the template's.
    fn is_gap(&self, start: usize, end: usize) -> bool {
        let (first, last) = (self.written.segments.index_at(start), self.written.segments.index_at(end));
        self.written.text[start..end].trim_ascii().is_empty()
            && (first..last).all(|index| self.written.segments.origin_at(index) != Origin::Message)
    }

    /// Adds a span of the segments `first..last` with a factor for its weight, apart by part where parts count differently.
    fn push(&self, (first, last): (usize, usize), (start, end): (usize, usize), factor: f32, spans: &mut Vec<Span>) {
        if start >= end {
            return;
        }
        if self.parts.all() {
            spans.push(Span { start_byte: start, end_byte: end, weight: factor });
            return;
        }
        let regions = self.tokens.regions();
        let inside = regions.partition_point(|region| region.start_byte < start)
            ..regions.partition_point(|region| region.start_byte < end);
        let stop = regions[inside].iter().rfind(|region| self.is_stop(region));
        let stop_start = stop.map_or(end, |region| region.start_byte);
        let mut part_before = None;
        let mut at = start;
        for index in first..last {
            let segment_end = self.written.segments.end(index).min(stop_start);
            if segment_end <= at {
                continue;
            }
            let own = self.part(index);
            let next = || (index..last).find_map(|index| self.part(index));
            // Text of the template between two parts belongs to the one that is not plain content.
            let part = own.unwrap_or_else(|| match (part_before, next()) {
                (None | Some(Part::Content), Some(next)) => next,
                (Some(before), _) => before,
                (None, None) => Part::Content,
            });
            part_before = own.or(part_before);
            spans.push(Span { start_byte: at, end_byte: segment_end, weight: factor * self.parts.weight(part) });
            at = segment_end;
        }
        spans.push(Span { start_byte: stop_start.max(at), end_byte: end, weight: factor * self.parts.end_of_turn });
    }

    /// The part that a segment of data belongs to; `None` for the template's own text.
    fn part(&self, index: usize) -> Option<Part> {
        (self.written.segments.origin_at(index) == Origin::Message)
            .then(|| self.written.segments.name_at(index, 1).map(Part::of_field))
            .flatten()
    }
}

/// The role that a generation prompt names.
const ASSISTANT: &str = "assistant";

/// White space that a turn may have more of than the prompt, in bytes.
const MOST_SPACE: usize = 64;

/// How many bytes a text begins with that are those of a header, which ends with none, but for white space.
fn loose_len(text: &str, header: &str) -> Option<usize> {
    let mut rest = text.char_indices().filter(|(_, character)| !character.is_whitespace());
    let mut len = 0;
    for character in header.chars().filter(|character| !character.is_whitespace()) {
        let (at, found) = rest.next()?;
        if found != character {
            return None;
        }
        len = at + character.len_utf8();
    }
    Some(len)
}
