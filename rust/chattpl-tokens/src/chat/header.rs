//! Which part of an assistant's turn is written for it, and where what it samples ends.
//!
//! What the generation prompt supplies is not sampled; what follows the stop token is not either. Both are read off the
//! text: the prompt is what a conversation gains when `add_generation_prompt` is set.

use chattpl_render::{Origin, Segments};

use super::align::Span;
use super::prompt::{common_prefix, is_said, Headers};
use super::speaker::Speaker;
use super::train::{Part, Parts};
use crate::encode::{Region, Tokens};
use crate::vocabulary::TokenId;

/// One rendered conversation and its tokens.
pub(crate) struct Turns<'a> {
    pub text: &'a str,
    pub segments: &'a Segments,
    pub tokens: &'a Tokens,
    pub headers: &'a Headers,
    /// Who says the messages.
    pub speakers: &'a [Speaker],
    pub stop_tokens: &'a [TokenId],
    pub parts: Parts,
}

/// Segments in a row that belong to one message.
#[derive(Clone, Copy)]
struct Stretch {
    message: u32,
    first: usize,
    last: usize,
    /// Whether another message's text stands before, one that is not of a role that is learnt.
    after_others: bool,
    /// Whether that is a later message.
    after_later: bool,
    /// The first segment that holds what the message says.
    said: Option<usize>,
    /// Whether the template wrote any of it.
    written: bool,
}

impl Turns<'_> {
    /// What the model samples in the messages that are learnt, from the text alone; `begun` is room to work in.
    pub fn spans(&self, begun: &mut Vec<bool>, spans: &mut Vec<Span>) {
        spans.clear();
        begun.clear();
        begun.resize(self.speakers.len(), false);
        let mut before = None;
        let mut index = 0;
        while index < self.segments.len() {
            let Some(message) = self.segments.message(index) else {
                index += 1;
                continue;
            };
            let stretch = self.stretch(message, index, before);
            index = stretch.last;
            before = Some(message);
            let at = message as usize;
            if self.is(message, |speaker| speaker.is_learnt) && self.is_sampled(&stretch, begun[at]) {
                self.turn(&stretch, begun[at], spans);
                begun[at] = true;
            }
        }
    }

    /// Whether there is such a message, and it is as asked.
    fn is(&self, message: u32, asked: impl Fn(&Speaker) -> bool) -> bool {
        self.speakers.get(message as usize).is_some_and(asked)
    }

    /// The stretch of a message from the segment `first` on; text of no message inside it is part of it.
    fn stretch(&self, message: u32, first: usize, before: Option<u32>) -> Stretch {
        let (mut last, mut said, mut written) = (first, None, false);
        let after_others = before.is_some_and(|before| !self.is(before, |speaker| speaker.of_role));
        let after_later = before.is_some_and(|before| before > message);
        for index in first..self.segments.len() {
            match self.segments.message(index) {
                Some(owner) if owner == message => {
                    last = index + 1;
                    said = said.or_else(|| is_said(self.segments, index).then_some(index));
                    written |= self.segments.origin_at(index) != Origin::Message;
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
        let mut rest = stretch.last..self.segments.len();
        let is_data = |index: usize| self.segments.origin_at(index) == Origin::Message;
        let is_own = |index: usize| self.segments.message(index) == Some(stretch.message);
        rest.find(|&index| is_own(index) || !is_data(index)).is_some_and(|index| index > stretch.last && is_own(index))
    }

    /// Whether the message of a stretch that says nothing says something behind what it quotes of others.
    fn says_more(&self, stretch: &Stretch) -> bool {
        let mut after_others = false;
        for index in stretch.last..self.segments.len() {
            match self.segments.message(index) {
                Some(owner) if owner == stretch.message && is_said(self.segments, index) => return after_others,
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

    /// What `{% generation %}` blocks, which are given in order, printed in the messages that are learnt.
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

    /// What a `{% generation %}` block printed, less the messages in it that are not learnt.
    fn marked_span(&self, (start, end): (usize, usize), spans: &mut Vec<Span>) {
        let is_learnt = |message: u32| self.is(message, |speaker| speaker.is_learnt);
        let (first, last) = (self.segments.index_at(start), self.segments.index_at(end - 1) + 1);
        if !(first..last).filter_map(|index| self.segments.message(index)).any(is_learnt) {
            return;
        }
        let mut index = first;
        while index < last {
            let is_others = |index: usize| self.segments.message(index).is_some_and(|message| !is_learnt(message));
            let from = index;
            while index < last && is_others(index) == is_others(from) {
                index += 1;
            }
            if !is_others(from) {
                let span = (self.start_of(from).max(start), self.segments.end(index - 1).min(end));
                self.push((from, index), span, spans);
            }
        }
    }

    /// Adds what is sampled of a stretch; `begun` if another of the same message came before.
    fn turn(&self, stretch: &Stretch, begun: bool, spans: &mut Vec<Span>) {
        let &Stretch { first, last, said, .. } = stretch;
        let (start, end) = (self.start_of(first), self.segments.end(last - 1));
        let data_start = said.map_or(end, |index| self.start_of(index));
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
            let first = first.min(self.segments.index_at(start_byte));
            let last = last.max(self.segments.index_at(end_byte - 1) + 1);
            self.push((first, last), (start_byte, end_byte), spans);
        }
    }

    fn start_of(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.segments.end(before))
    }

    /// Where a turn begins in text of no message that stands before its stretch, if a prompt ends in there.
    ///
    /// Templates that print from lists of their own making leave such text.
    fn sampled_from_lead(&self, stretch: &Stretch, start: usize) -> Option<usize> {
        let is_nobodys = |index: &usize| self.segments.message(*index).is_none();
        let lead = (0..stretch.first).rev().take_while(is_nobodys).last()?;
        let lead_start = self.start_of(lead);
        let after_tool = self.is(stretch.message, |speaker| speaker.after_tool);
        let headers = || self.headers.of_turn(after_tool);
        let tail = headers().take(1).map(|header| header.tail.as_str());
        let text = &self.text.as_bytes()[..start];
        let end_of = |header: &str| {
            let first = lead_start.saturating_sub(header.len());
            let at = (first..start).rev().find(|&at| text[at..].starts_with(header.as_bytes()))?;
            Some(at + header.len()).filter(|&end| end >= lead_start)
        };
        tail.chain(headers().map(|header| header.prompt.as_str())).filter(|header| !header.is_empty()).find_map(end_of)
    }

    /// Where the turn in `start..end` goes on from what the generation prompt supplies.
    fn sampled_from(&self, stretch: &Stretch, start: usize, end: usize, data_start: usize) -> usize {
        let after_tool = self.is(stretch.message, |speaker| speaker.after_tool);
        let headers = || self.headers.of_turn(after_tool);
        let prompts = || headers().map(|header| header.prompt.as_str()).filter(|prompt| !prompt.is_empty());
        let tail_end = headers().take(1).find_map(|header| self.end_across(&header.tail, start, data_start));
        let found = tail_end.or_else(|| prompts().find_map(|prompt| self.prompt_end(prompt, start, end, data_start)));
        if let Some(header_end) = found {
            return header_end;
        }
        if self.headers.is_empty(after_tool) {
            return start;
        }
        let headers = prompts();
        let shared = headers.map(|prompt| self.shared_until(prompt.as_bytes(), start, data_start));
        shared.max_by_key(|&(len, _)| len).map_or(start, |(_, end)| end)
    }

    /// Where a prompt ends that stands at the start of the turn, or reaches into it, or stands before its data.
    fn prompt_end(&self, prompt: &str, start: usize, end: usize, data_start: usize) -> Option<usize> {
        if self.text[start..end].starts_with(prompt) {
            return Some(start + prompt.len());
        }
        let text = &self.text.as_bytes()[..data_start];
        // Some templates end the turn before at the start of this one.
        let inside = || first_of(prompt.as_bytes(), text, start);
        self.end_across(prompt, start, data_start).or_else(|| inside().map(|at| at + prompt.len()))
    }

    /// Where a header ends that stands across the start of the turn.
    fn end_across(&self, header: &str, start: usize, data_start: usize) -> Option<usize> {
        let text = &self.text.as_bytes()[..data_start];
        let first = (start + 1).saturating_sub(header.len());
        // At the start itself only if it follows data, as in the conversation it is from.
        let follows_data = start > 0 && self.segments.origin_at(self.segments.index_at(start - 1)) == Origin::Message;
        let places = first..start + usize::from(follows_data);
        let at =
            first_of(header.as_bytes(), &text[..text.len().min((places.end + header.len()).saturating_sub(1))], first)?;
        Some(at + header.len()).filter(|&header_end| header_end > start)
    }

    /// How much the text before `data_start` has of a prompt that it does not have whole, and where the two part.
    fn shared_until(&self, header: &[u8], start: usize, data_start: usize) -> (usize, usize) {
        let text = &self.text.as_bytes()[..data_start];
        let mut best = (0, start);
        for from in start..data_start {
            let shared = common_prefix(&text[from..], header);
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

    /// The region that the byte before `at` lies in.
    fn region_before(&self, at: usize) -> Option<&Region> {
        let regions = self.tokens.regions();
        let index = regions.partition_point(|region| region.start_byte < at);
        index.checked_sub(1).map(|index| &regions[index])
    }

    /// Where sampling ends in a turn: after its last stop token, or after one that follows at once.
    fn stop(&self, start: usize, end: usize) -> usize {
        let regions = self.tokens.regions();
        let is_stop = |index: usize| {
            let region = &regions[index];
            region.is_added()
                && self.stop_tokens.contains(&self.tokens.ids[region.first_token])
                && self.segments.origin_at(self.segments.index_at(region.start_byte)) != Origin::Message
        };
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

    /// Whether `start..end` is white space of the template's.
    fn is_gap(&self, start: usize, end: usize) -> bool {
        let (first, last) = (self.segments.index_at(start), self.segments.index_at(end));
        self.text[start..end].trim_ascii().is_empty()
            && (first..last).all(|index| self.segments.origin_at(index) != Origin::Message)
    }

    /// Adds a span of the segments `first..last`, apart by part where parts count differently.
    fn push(&self, (first, last): (usize, usize), (start, end): (usize, usize), spans: &mut Vec<Span>) {
        if start >= end {
            return;
        }
        if self.parts.all() {
            spans.push(Span { start_byte: start, end_byte: end, weight: 1.0 });
            return;
        }
        let stop_start = match self.region_before(end) {
            Some(region) if region.is_added() && self.stop_tokens.contains(&self.tokens.ids[region.first_token]) => {
                region.start_byte
            }
            _ => end,
        };
        let mut part_before = None;
        let mut at = start;
        for index in first..last {
            let segment_end = self.segments.end(index).min(stop_start);
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
            spans.push(Span { start_byte: at, end_byte: segment_end, weight: self.parts.weight(part) });
            at = segment_end;
        }
        spans.push(Span { start_byte: stop_start.max(at), end_byte: end, weight: self.parts.end_of_turn });
    }

    /// The part that a segment of data belongs to; `None` for the template's own text.
    fn part(&self, index: usize) -> Option<Part> {
        (self.segments.origin_at(index) == Origin::Message)
            .then(|| self.segments.name_at(index, 1).map(Part::of_field))
            .flatten()
    }
}

/// The first place from `start` on where a header stands whole, which is not empty.
fn first_of(header: &[u8], text: &[u8], start: usize) -> Option<usize> {
    let (&first, rest) = header.split_first()?;
    let places = memchr::memchr_iter(first, text.get(start..)?).map(|offset| start + offset);
    places.into_iter().find(|&at| text[at + 1..].starts_with(rest))
}
