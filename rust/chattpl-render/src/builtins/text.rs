//! Changes strings while every piece keeps its origin.

use std::ops::Range;

use crate::error::Result;
use crate::meter;
use crate::origin::{Tag, UNUSED};
use crate::pytext::{self, CaseOp, Padding, Piece, Side};
use crate::value::build::StrBuilder;
use crate::value::{Str, Value};
use crate::vm::Vm;

/// Bytes that a slice of a string may take up until it is in a list.
pub(crate) const BYTES_PER_SLICE: usize = 112;

/// Puts a changed string together: text that stems from source bytes has their tag, inserted text the first of
/// `inserted`'s.
pub(crate) fn from_pieces<'r>(vm: &Vm<'r>, str: Str<'r>, pieces: &[Piece<'_>], inserted: Str<'r>) -> Str<'r> {
    let mut out = StrBuilder::new(vm.arena);
    for piece in pieces {
        push_piece(vm, &mut out, str, piece, inserted);
    }
    out.finish()
}

pub(crate) fn push_piece<'r>(
    vm: &Vm<'r>,
    out: &mut StrBuilder<'r>,
    str: Str<'r>,
    piece: &Piece<'_>,
    inserted: Str<'r>,
) {
    match piece {
        Piece::Source(range) => out.push_slice(str, range.clone()),
        Piece::Replaced { text, source } => out.push(text, range_tag(vm, str, source.clone())),
        // An inserted copy of a string keeps that string's runs.
        Piece::Inserted(text) if inserted.len() == text.len() => out.push_str(inserted),
        Piece::Inserted(text) => out.push(text, inserted.tag_at(vm.arena, 0)),
    }
}

/// The tag of what stems from the bytes `range`: the first data run in it, else its first run.
pub(crate) fn range_tag<'r>(vm: &Vm<'r>, str: Str<'r>, range: Range<usize>) -> Tag {
    let part = str.slice(vm.arena, range.start.min(str.len())..range.end.min(str.len()));
    let runs = part.runs(vm.arena);
    let data = runs.iter().find(|run| run.tag.is_data());
    data.or(runs.iter().find(|run| !run.is_marker())).map_or_else(|| str.tag_at(vm.arena, range.start), |run| run.tag)
}

/// The tag of text computed from a whole string: the first data run's, else the first run's.
pub(crate) fn whole_tag<'r>(vm: &Vm<'r>, str: Str<'r>) -> Tag {
    range_tag(vm, str, 0..str.len())
}

/// A string computed from a whole string.
pub(crate) fn derived_text<'r>(vm: &mut Vm<'r>, from: Str<'r>, text: &str) -> Result<Str<'r>> {
    vm.reserve(text.len())?;
    Ok(Str::tagged(vm.arena.alloc_str(text), whole_tag(vm, from)))
}

/// `upper`, `lower`, `title`, ...
pub(crate) fn change_case<'r>(vm: &mut Vm<'r>, str: Str<'r>, op: CaseOp) -> Result<Str<'r>> {
    let flat = str.flat(vm.arena);
    vm.reserve(flat.len() * 2)?;
    if let Str::Run(run) = str {
        return Ok(Str::tagged(vm.arena.alloc_str(&pytext::change_case(flat, op)), run.tag));
    }
    let mut out = StrBuilder::new(vm.arena);
    pytext::map_case(flat, op, &mut |piece| push_piece(vm, &mut out, str, &piece, Str::computed("")));
    Ok(out.finish())
}

/// `replace`: at most `count` times where given.
pub(crate) fn replace<'r>(
    vm: &mut Vm<'r>,
    str: Str<'r>,
    old: Str<'r>,
    new: Str<'r>,
    count: Option<usize>,
) -> Result<Str<'r>> {
    let (flat, old, new_text) = (str.flat(vm.arena), old.flat(vm.arena), new.flat(vm.arena));
    let times = if old.is_empty() {
        flat.len() + 1
    } else {
        memchr::memmem::find_iter(flat.as_bytes(), old.as_bytes()).count()
    };
    if times == 0 {
        vm.charge(flat.len() as u64 / 256)?;
        return Ok(str);
    }
    let times = times.min(count.unwrap_or(usize::MAX));
    vm.reserve(flat.len().saturating_add(times.saturating_mul(new_text.len() + 64)))?;
    let mut out = StrBuilder::new(vm.arena);
    for piece in pytext::replace(flat, old, new_text, count) {
        match piece {
            Piece::Source(range) => out.push_slice(str, range),
            Piece::Replaced { .. } | Piece::Inserted(_) => out.push_str(new),
        }
    }
    Ok(out.finish())
}

/// The bytes that `strip` leaves.
pub(crate) fn strip<'r>(vm: &mut Vm<'r>, str: Str<'r>, chars: Option<&str>, side: Side) -> Result<Range<usize>> {
    let flat = str.flat(vm.arena);
    let per_char = 1 + chars.map_or(0, str::len) / 16;
    vm.charge((flat.len() / 256).saturating_mul(per_char) as u64)?;
    let kept = pytext::strip_range(flat, chars, side);
    vm.charge((flat.len() - kept.len()) as u64 / 16)?;
    Ok(kept)
}

/// Text between spaces on both sides; the spaces are the string's own.
pub(crate) fn pad<'r>(vm: &mut Vm<'r>, str: Str<'r>, padding: Padding, fill: Str<'r>) -> Result<Str<'r>> {
    if padding.left + padding.right == 0 {
        return Ok(str);
    }
    vm.reserve(str.len() + (padding.left + padding.right).saturating_mul(fill.len()) * 2)?;
    let tag = fill.tag_at(vm.arena, 0);
    let fill = fill.flat(vm.arena);
    let mut out = StrBuilder::new(vm.arena);
    out.push(&fill.repeat(padding.left), tag);
    out.push_str(str);
    out.push(&fill.repeat(padding.right), tag);
    Ok(out.finish())
}

/// A list of the given byte ranges of a string.
pub(crate) fn slices<'r>(vm: &mut Vm<'r>, str: Str<'r>, markup: bool, ranges: &[Range<usize>]) -> Result<Value<'r>> {
    vm.reserve(ranges.len() * BYTES_PER_SLICE)?;
    let parts: Vec<Value<'r>> = ranges.iter().map(|range| wrap(markup, str.slice(vm.arena, range.clone()))).collect();
    let source = str.data_source(vm.arena);
    Ok(vm.list_from(&parts, source))
}

/// A string, or markup.
pub(crate) fn wrap(markup: bool, str: Str<'_>) -> Value<'_> {
    if markup {
        Value::Markup(str)
    } else {
        Value::Str(str)
    }
}

/// Joins strings.
pub(crate) fn join<'r>(vm: &mut Vm<'r>, separator: Str<'r>, items: &[Str<'r>]) -> Result<Str<'r>> {
    let separators = separator.len().saturating_mul(items.len().saturating_sub(1));
    vm.reserve(items.len() * 32)?;
    meter::joined_len(separators, 0);
    let mut out = StrBuilder::new(vm.arena);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(separator);
        }
        out.push_str(*item);
    }
    Ok(out.finish())
}

/// `text[::-1]`.
pub(crate) fn reverse<'r>(vm: &mut Vm<'r>, str: Str<'r>) -> Result<Str<'r>> {
    vm.reserve(str.len())?;
    let mut out = StrBuilder::new(vm.arena);
    for run in str.runs(vm.arena).iter().rev() {
        let reversed: String = run.text.chars().rev().collect();
        out.push(&reversed, run.tag);
    }
    Ok(out.finish())
}

/// A tag for text that a filter or method adds by itself.
pub(crate) const ADDED: Tag = Tag { source: crate::origin::COMPUTED, message: UNUSED };
