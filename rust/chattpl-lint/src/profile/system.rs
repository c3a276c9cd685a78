//! Where a system message may stand, and whether it has a turn of its own.

use std::ops::Range;

use serde_json::{json, Value};

use super::fate::{judge, Fate};
use crate::probe::markers::markers;
use crate::probe::{shape, Printed, Probes};

/// Where a system message may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// As the first message.
    pub first: Fate,
    /// After other messages.
    pub midway: Fate,
    /// Twice, one after the other.
    pub several: Fate,
}

impl System {
    pub(super) fn to_json(&self) -> Value {
        json!({ "first": self.first.to_json(), "midway": self.midway.to_json(), "several": self.several.to_json() })
    }
}

pub(super) fn of(probes: &Probes<'_>) -> System {
    let alone = probes.natural(shape("single-user"));
    let header = alone.as_ref().as_ref().ok().and_then(|printed| header_of(printed, 0));
    let of_pair = |name: &str, system: usize| {
        judge(&probes.natural(shape(name)), |printed| match between(printed, system, system + 1) {
            None => Fate::Dropped,
            Some(between) => own_turn(between, header.as_deref()),
        })
    };
    let midway =
        judge(&probes.natural(shape("system-midway")), |printed| match (content(printed, 1), content(printed, 2)) {
            (Some(earlier), Some(system)) if system.start < earlier.start => Fate::Moved,
            _ => of_pair("system-midway", 2),
        });
    let several = judge(&probes.natural(shape("two-systems")), |printed| match between(printed, 0, 1) {
        None => Fate::Dropped,
        Some(between) => own_turn(between, header_of(printed, 0).as_deref()),
    });
    System { first: of_pair("system-user", 0), midway, several }
}

/// Whether the text between two contents begins a new turn, as one header of the format does.
fn own_turn(between: &str, header: Option<&str>) -> Fate {
    match header {
        Some(header) if !between.contains(header) => Fate::Merged,
        _ => Fate::Accepted,
    }
}

/// What a header has right before a content: its last marker, or its last line; `None` where nothing stands there.
fn header_of(printed: &Printed, message: usize) -> Option<String> {
    let start = printed.pieces_of(&format!("/messages/{message}/content")).next()?.start;
    let before = &printed.text[..start];
    let marker = markers(before).last().map(|range| before[range].to_owned());
    let line = before.trim_end().rsplit('\n').next().unwrap_or_default().trim();
    marker.or_else(|| (!line.is_empty()).then(|| line.to_owned()))
}

/// The text between the contents of two messages; `None` where one is missing, or they are printed in the other order.
fn between(printed: &Printed, left: usize, right: usize) -> Option<&str> {
    printed.text.get(content(printed, left)?.end..content(printed, right)?.start)
}

/// Where the content of a message is printed.
fn content(printed: &Printed, message: usize) -> Option<Range<usize>> {
    let path = format!("/messages/{message}/content");
    let mut pieces = printed.pieces_of(&path);
    let first = pieces.next()?;
    let end = pieces.last().map_or(first.end, |last| last.end);
    Some(first.start..end)
}
