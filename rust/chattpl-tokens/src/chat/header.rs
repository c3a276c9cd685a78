//! Which part of an assistant's turn is written for it, and where what it samples ends.
//!
//! What the generation prompt supplies is not sampled; what follows the stop token is not either. Both are read off the
//! text: the prompt is what a conversation gains when `add_generation_prompt` is set.

use chattpl_render::{Origin, Segments};

use super::align::Span;
use super::train::{Part, Parts};
use crate::encode::{Region, Tokens};
use crate::vocabulary::TokenId;

/// What generation prompts of a format look like for one set of arguments, the longest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Headers(Vec<String>);

impl Headers {
    /// Takes renders without and with the prompt.
    pub fn new(renders: impl IntoIterator<Item = (String, String)>) -> Self {
        let prompt = |(without, with): (String, String)| {
            let shared = common_prefix(without.as_bytes(), with.as_bytes());
            let start = (0..=shared).rev().find(|&at| with.is_char_boundary(at)).unwrap_or(0);
            with[start..].to_owned()
        };
        let mut prompts: Vec<String> = renders.into_iter().map(prompt).collect();
        prompts.sort_by_key(|prompt| std::cmp::Reverse(prompt.len()));
        prompts.dedup();
        Headers(prompts)
    }
}

/// One rendered conversation and its tokens.
pub(crate) struct Turns<'a> {
    pub text: &'a str,
    pub segments: &'a Segments,
    pub tokens: &'a Tokens,
    pub headers: &'a Headers,
    pub stop_tokens: &'a [TokenId],
    pub parts: Parts,
}

impl Turns<'_> {
    /// What the model samples in the messages that are learnt, from the text alone.
    pub fn spans(&self, learnt: &[bool], spans: &mut Vec<Span>) {
        spans.clear();
        let mut index = 0;
        while index < self.segments.len() {
            let message = self.segments.message(index);
            let is_learnt = message.is_some_and(|message| learnt.get(message as usize) == Some(&true));
            let first = index;
            while index < self.segments.len() && self.segments.message(index) == message {
                index += 1;
            }
            if is_learnt {
                self.turn(first, index, spans);
            }
        }
    }

    /// What `{% generation %}` blocks printed in the messages that are learnt.
    pub fn marked_spans(&self, marked: &[(u32, u32)], learnt: &[bool], spans: &mut Vec<Span>) {
        spans.clear();
        let mut marked: Vec<(u32, u32)> = marked.to_vec();
        marked.sort_unstable();
        let mut done = 0;
        for (start, end) in marked {
            let (start, end) = ((start as usize).max(done), end as usize);
            if start >= end {
                continue;
            }
            done = end;
            let (first, last) = (self.segments.index_at(start), self.segments.index_at(end - 1) + 1);
            let is_learnt = |message: u32| learnt.get(message as usize) == Some(&true);
            if (first..last).filter_map(|index| self.segments.message(index)).any(is_learnt) {
                self.push((first, last), (start, end), spans);
            }
        }
    }

    /// The turn in the segments `first..last`.
    fn turn(&self, first: usize, last: usize, spans: &mut Vec<Span>) {
        let start = if first == 0 { 0 } else { self.segments.end(first - 1) };
        let end = self.segments.end(last - 1);
        let start_byte = start + self.header_len(first, last, start, end);
        let end_byte = self.stop(start_byte, end);
        self.push((first, last), (start_byte, end_byte), spans);
    }

    /// How much of the turn the generation prompt supplies, in bytes.
    fn header_len(&self, first: usize, last: usize, start: usize, end: usize) -> usize {
        let turn = &self.text[start..end];
        if let Some(header) = self.headers.0.iter().find(|header| turn.starts_with(header.as_str())) {
            return header.len();
        }
        let shared = |header: &String| common_prefix(turn.as_bytes(), header.as_bytes());
        let shared = self.headers.0.iter().map(shared).max().unwrap_or(0);
        let data = (first..last).find(|&index| self.is_said(index));
        let data_start = data.map_or(end, |index| if index == 0 { 0 } else { self.segments.end(index - 1) });
        let limit = shared.min(data_start - start);
        // Back to a place where the two surely go on apart: after a control token or a line, or where data begins.
        let ends_well = |len: usize| {
            let at = start + len;
            let region = self.region_before(at);
            len == 0
                || at == data_start
                || turn.as_bytes()[len - 1] == b'\n'
                || region.is_some_and(|region| region.is_added() && region.end_byte == at)
        };
        (0..=limit).rev().find(|&len| turn.is_char_boundary(len) && ends_well(len)).unwrap_or(0)
    }

    /// Whether a segment is what a message says, as opposed to who says it.
    fn is_said(&self, index: usize) -> bool {
        self.segments.origin_at(index) == Origin::Message
            && self.segments.name_at(index, 1).is_some_and(|name| name != "role" && name != "name")
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
            regions[index].is_added() && self.stop_tokens.contains(&self.tokens.ids[regions[index].first_token])
        };
        let from = regions.partition_point(|region| region.start_byte < start);
        let to = regions.partition_point(|region| region.start_byte < end);
        if let Some(last) = (from..to).rev().find(|&index| is_stop(index)) {
            return regions[last].end_byte;
        }
        match regions.get(to) {
            Some(next) if next.start_byte == end && is_stop(to) => next.end_byte,
            _ => end,
        }
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

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
