//! Cache of what is known of a format, from template arguments to what probes with them told.

use std::sync::{Arc, Mutex};

use chattpl_render::{Input, Options, Program};

use super::probe::Probed;

/// Sets of arguments that are kept; the oldest goes first.
const ENTRIES: usize = 16;

/// Longer arguments are not kept, in bytes.
const MAX_BYTES: usize = 1 << 16;

/// A key, and what probes with its arguments gave.
type Entry = (Box<[u8]>, Arc<Probed>);

/// What probes told, by the bytes of the arguments.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Vec<Entry>>);

impl Known {
    /// What was kept for these arguments.
    ///
    /// Never waits: where another thread, or one that a fork left behind, has the lock, nothing is found.
    pub fn get(&self, key: &[u8]) -> Option<Arc<Probed>> {
        let entries = self.0.try_lock().ok()?;
        entries.iter().find(|(known, _)| **known == *key).map(|(_, probed)| Arc::clone(probed))
    }

    /// Keeps what probes told, unless somebody else has the lock.
    pub fn put(&self, key: &[u8], probed: &Arc<Probed>) {
        let Ok(mut entries) = self.0.try_lock() else { return };
        if key.len() <= MAX_BYTES && !entries.iter().any(|(known, _)| **known == *key) {
            if entries.len() == ENTRIES {
                entries.remove(0);
            }
            entries.push((key.into(), Arc::clone(probed)));
        }
    }
}

/// How much of the clock a template can print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dates {
    /// Nothing.
    Never,
    /// Dates, unless an argument holds another format.
    Days,
    /// Times.
    Times,
}

impl Dates {
    /// Reads it off the formats in a template.
    pub fn of(program: &Program) -> Self {
        match program.uses_clock() {
            false => Dates::Never,
            true if program.literals().all(|(_, text)| is_of_days(text)) => Dates::Days,
            true => Dates::Times,
        }
    }
}

/// Whether a text, taken for a format of `strftime`, prints no more than a date.
fn is_of_days(text: &str) -> bool {
    let mut directives = text.split('%').skip(1);
    directives.all(|rest| {
        let directive = rest.trim_start_matches(['-', '_', '0', '^', '#']);
        directive
            .starts_with(['A', 'a', 'B', 'b', 'd', 'D', 'e', 'F', 'h', 'j', 'm', 'U', 'u', 'V', 'W', 'w', 'Y', 'y'])
    })
}

/// Writes all that the render of a probe depends on; returns whether all of it could be written.
pub(crate) fn write_key(input: &Input<'_>, dates: Dates, options: &Options<'_>, key: &mut Vec<u8>) -> bool {
    let Options { limits, clock, .. } = options;
    key.clear();
    for limit in [limits.max_instructions as usize, limits.max_output_bytes, limits.max_memory_bytes] {
        key.extend_from_slice(&limit.to_le_bytes());
    }
    key.extend_from_slice(&limits.max_depth.to_le_bytes());
    let is_whole = input.write_arguments(key);
    if dates != Dates::Never {
        let now = &clock.now;
        key.extend_from_slice(&now.year.to_le_bytes());
        key.extend([now.month, now.day]);
        // An argument may hold a format of its own.
        if dates == Dates::Times || memchr::memchr(b'%', key).is_some() {
            key.extend([now.hour, now.minute, now.second]);
            key.extend_from_slice(&now.microsecond.to_le_bytes());
        }
    }
    is_whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_dates_are_told_from_those_of_times() {
        for (format, is_of_days) in [
            ("%d %B %Y", true),
            ("%-d %b %Y, %A", true),
            ("no format", true),
            ("%H:%M", false),
            ("%Y-%m-%d %S", false),
            ("100%", false),
            ("%c", false),
            ("%%H", false),
        ] {
            assert_eq!(super::is_of_days(format), is_of_days, "{format}");
        }
    }

    #[test]
    fn the_oldest_arguments_go_first() {
        let known = Known::default();
        let probed = Arc::new(Probed::default());
        (0..ENTRIES as u8 + 1).for_each(|at| known.put(&[at], &probed));
        assert!(known.get(&[0]).is_none() && known.get(&[1]).is_some() && known.get(&[ENTRIES as u8]).is_some());
        let held = known.0.lock().expect("nobody else has it");
        assert!(known.get(&[1]).is_none());
        known.put(&[99], &probed);
        assert!(!held.iter().any(|(key, _)| **key == [99]));
    }
}
