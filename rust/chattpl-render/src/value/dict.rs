//! Ordered mappings.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use bumpalo::collections::Vec as BumpVec;
use bumpalo::Bump;

use super::cmp::equal;
use super::key::HashKey;
use super::{Str, Value};
use crate::meter;

/// Mappings up to this size are searched from the front.
const LINEAR: usize = 8;

/// A mapping in insertion order.
#[derive(Debug)]
pub(crate) struct Dict<'r> {
    pub entries: &'r [(Value<'r>, Value<'r>)],
    pub source: u32,
    index: Cell<Option<&'r Index<'r>>>,
}

/// Positions of the keys of a large mapping, by hash; `u32::MAX` marks a free slot.
#[derive(Debug)]
struct Index<'r> {
    hasher: RandomState,
    slots: &'r [u32],
}

impl<'r> Dict<'r> {
    pub fn new(entries: &'r [(Value<'r>, Value<'r>)], source: u32) -> Self {
        Dict { entries, source, index: Cell::new(None) }
    }

    /// The value under a string key.
    pub fn get_str(&self, arena: &'r Bump, name: &str) -> Option<Value<'r>> {
        self.entry(arena, name).copied()
    }

    /// The value under a string key, where it stands.
    #[inline]
    pub fn entry(&self, arena: &'r Bump, name: &str) -> Option<&'r Value<'r>> {
        if self.entries.len() <= LINEAR {
            return self.entries.iter().find(|(key, _)| is_key(arena, key, name)).map(|(_, value)| value);
        }
        meter::read(name.len());
        self.look_up(arena, HashKey::Str(name), |key| is_key(arena, &key, name))
    }

    /// Looks a hashed key up in the index.
    fn look_up(
        &self,
        arena: &'r Bump,
        hashed: HashKey<'_>,
        is_key: impl Fn(Value<'r>) -> bool,
    ) -> Option<&'r Value<'r>> {
        let index = self.index(arena);
        let mask = index.slots.len() - 1;
        let mut slot = index.hasher.hash_one(hashed) as usize & mask;
        while index.slots[slot] != u32::MAX {
            let (key, value) = &self.entries[index.slots[slot] as usize];
            if is_key(*key) {
                return Some(value);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    /// The value under any key.
    pub fn get(&self, arena: &'r Bump, key: Value<'r>) -> Option<Value<'r>> {
        if let Some(str) = key.as_str() {
            return self.get_str(arena, str.flat(arena));
        }
        match HashKey::of(arena, key) {
            Some(hashed) if self.entries.len() > LINEAR => {
                self.look_up(arena, hashed, |other| equal(arena, other, key)).copied()
            }
            _ => {
                meter::steps(self.entries.len() / LINEAR);
                self.entries.iter().find(|(other, _)| equal(arena, *other, key)).map(|(_, value)| *value)
            }
        }
    }

    fn index(&self, arena: &'r Bump) -> &'r Index<'r> {
        if let Some(index) = self.index.get() {
            return index;
        }
        let size = (self.entries.len() * 2).next_power_of_two();
        meter::write(arena, size * 4);
        let slots = arena.alloc_slice_fill_copy(size, u32::MAX);
        let hasher = RandomState::new();
        for (position, (key, _)) in self.entries.iter().enumerate() {
            let Some(hashed) = HashKey::of(arena, *key) else {
                continue;
            };
            let mut slot = hasher.hash_one(hashed) as usize & (size - 1);
            while slots[slot] != u32::MAX {
                slot = (slot + 1) & (size - 1);
            }
            slots[slot] = position as u32;
        }
        let index: &'r Index<'r> = arena.alloc(Index { hasher, slots });
        self.index.set(Some(index));
        index
    }
}

#[inline(always)]
fn is_key<'r>(arena: &'r Bump, key: &Value<'r>, name: &str) -> bool {
    match key {
        Value::Str(Str::Run(run)) => same_text(run.text, name),
        _ => key.as_str().is_some_and(|str| str.flat(arena) == name),
    }
}

/// Whether two texts are the same; names and roles are short, and compared without a call.
#[inline]
pub(crate) fn same_text(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        4..=8 => a.first_chunk::<4>() == b.first_chunk() && a.last_chunk::<4>() == b.last_chunk(),
        9..=16 => a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk(),
        _ => a == b,
    }
}

/// Builds a mapping where a later value replaces an earlier one in place, as Python does.
pub(crate) struct DictBuilder<'r> {
    arena: &'r Bump,
    entries: BumpVec<'r, (Value<'r>, Value<'r>)>,
    positions: Option<std::collections::HashMap<HashKey<'r>, usize>>,
}

impl<'r> DictBuilder<'r> {
    pub fn new(arena: &'r Bump, capacity: usize) -> Self {
        DictBuilder { arena, entries: BumpVec::with_capacity_in(capacity, arena), positions: None }
    }

    /// Adds or replaces an entry.
    pub fn insert(&mut self, key: Value<'r>, value: Value<'r>) {
        match self.position(key) {
            Some(position) => self.entries[position].1 = value,
            None => {
                if let (Some(positions), Some(key)) = (&mut self.positions, HashKey::of(self.arena, key)) {
                    positions.insert(key, self.entries.len());
                }
                if self.entries.len() == self.entries.capacity() {
                    // The table of positions takes about as much again.
                    let bytes = self.entries.len() * 4 * std::mem::size_of::<(Value<'_>, Value<'_>)>();
                    meter::write(self.arena, bytes);
                }
                self.entries.push((key, value));
            }
        }
    }

    fn position(&mut self, key: Value<'r>) -> Option<usize> {
        let (arena, entries) = (self.arena, &self.entries);
        if let Some(hashed) = HashKey::of(arena, key) {
            if entries.len() > LINEAR || self.positions.is_some() {
                let positions = self.positions.get_or_insert_with(|| {
                    let keys = entries.iter().enumerate();
                    keys.filter_map(|(at, (key, _))| HashKey::of(arena, *key).map(|key| (key, at))).collect()
                });
                return positions.get(&hashed).copied();
            }
        }
        meter::steps(entries.len() / LINEAR);
        entries.iter().position(|(other, _)| equal(arena, *other, key))
    }

    /// The finished mapping.
    pub fn finish(self, source: u32) -> &'r Dict<'r> {
        let entries = self.entries.into_bump_slice();
        self.arena.alloc(Dict::new(entries, source))
    }
}
