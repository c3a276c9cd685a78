//! What rows held that is worth a word, counted: strings that were not printed, fields that were not used, odd roles.

use std::collections::HashMap;

use chattpl_render::rows::RowReport;
use chattpl_render::{Change, PathStep, Segments};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// Names that a tally keeps apart; further ones are counted together.
const MAX_NAMES: usize = 200;

/// How often a name was met.
#[derive(Debug, Clone, Copy)]
struct Count {
    /// In how many rows.
    rows: usize,
    /// How often in all.
    times: usize,
    /// The first row.
    first: usize,
    /// The last row that was counted.
    last: usize,
}

/// Names with how often they were met.
#[derive(Debug, Default)]
struct Tally(HashMap<String, Count>);

impl Tally {
    fn add(&mut self, name: &str, row: usize) {
        let name = if self.0.len() < MAX_NAMES || self.0.contains_key(name) { name } else { "..." };
        match self.0.get_mut(name) {
            Some(count) => {
                count.rows += usize::from(count.last != row);
                count.times += 1;
                count.first = count.first.min(row);
                count.last = row;
            }
            None => drop(self.0.insert(name.to_owned(), Count { rows: 1, times: 1, first: row, last: row })),
        }
    }

    fn merge(&mut self, other: Tally) {
        for (name, count) in other.0 {
            let own = self.0.entry(name).or_insert(Count { rows: 0, times: 0, ..count });
            own.rows += count.rows;
            own.times += count.times;
            own.first = own.first.min(count.first);
        }
    }

    /// `(name, rows, times, number of the first row, from 1)`, in the order of the first rows.
    fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_by_key(|(name, count)| (count.first, name.as_str()));
        PyList::new(py, entries.into_iter().map(|(name, count)| (name, count.rows, count.times, count.first + 1)))
    }
}

/// What the rows of one call held.
#[derive(Debug, Default)]
pub struct Notes {
    unprinted: Tally,
    unused: Tally,
    flag_like: Tally,
    roles: Tally,
    empty: Tally,
    untrained: Tally,
    dialects: Tally,
    changes: Tally,
    without_stop: Tally,
}

/// Roles that every format may know.
const USUAL_ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

impl Notes {
    /// Counts what the reader found in a row; fields in `kept` travel with it.
    pub fn add_report(&mut self, row: usize, report: &RowReport<'_>, kept: &[String]) {
        for name in report.unused.iter().filter(|name| **name != "id" && !kept.iter().any(|kept| kept == *name)) {
            self.unused.add(name, row);
        }
        report.flag_like.iter().for_each(|name| self.flag_like.add(name, row));
        if report.dialect != chattpl_render::rows::Dialect::Messages {
            self.dialects.add(report.dialect.name(), row);
        }
    }

    /// Counts roles that not every format knows, and messages without one.
    pub fn add_roles<'r>(&mut self, row: usize, roles: impl Iterator<Item = Option<&'r str>>) {
        for role in roles {
            match role {
                Some(role) if USUAL_ROLES.contains(&role) => {}
                Some(role) => self.roles.add(role, row),
                None => self.roles.add("", row),
            }
        }
    }

    /// Counts what was changed to bring messages into the form that the template takes.
    pub fn add_changes(&mut self, row: usize, changes: &[Change]) {
        changes.iter().for_each(|change| self.changes.add(change, row));
    }

    /// Counts the strings of which nothing was printed.
    pub fn add_unprinted(&mut self, row: usize, segments: &Segments) {
        for path in segments.lost() {
            self.unprinted.add(&pattern(&path), row);
        }
    }

    /// Counts a row of a format whose stop token is not known.
    pub fn add_without_stop(&mut self, row: usize) {
        self.without_stop.add("", row);
    }

    /// Counts a row of which nothing is trained, or that has no tokens.
    pub fn add_tokens(&mut self, row: usize, tokens: usize, is_trained: bool) {
        if tokens == 0 {
            self.empty.add("", row);
        }
        if !is_trained {
            self.untrained.add("", row);
        }
    }

    /// Adds what another thread counted; no row is in both.
    pub fn merge(&mut self, other: Notes) {
        self.unprinted.merge(other.unprinted);
        self.unused.merge(other.unused);
        self.flag_like.merge(other.flag_like);
        self.roles.merge(other.roles);
        self.empty.merge(other.empty);
        self.untrained.merge(other.untrained);
        self.dialects.merge(other.dialects);
        self.changes.merge(other.changes);
        self.without_stop.merge(other.without_stop);
    }

    /// The tallies by name.
    pub fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let tallies = [
            ("unprinted", &self.unprinted),
            ("unused", &self.unused),
            ("flag_like", &self.flag_like),
            ("roles", &self.roles),
            ("empty", &self.empty),
            ("untrained", &self.untrained),
            ("dialects", &self.dialects),
            ("changes", &self.changes),
            ("without_stop", &self.without_stop),
        ];
        for (name, tally) in tallies {
            if !tally.0.is_empty() {
                dict.set_item(name, tally.list(py)?)?;
            }
        }
        Ok(dict)
    }
}

/// A path with its indices left out: `messages[].content[].text`.
fn pattern(path: &[PathStep<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            PathStep::Name(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            PathStep::Index(_) => text.push_str("[]"),
        }
    }
    text
}
