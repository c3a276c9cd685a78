//! Sorts as Python does: the same comparisons in the same order, so that the first one that fails is the same.

use crate::error::Result;
use crate::value::cmp::compare;
use crate::value::Value;
use crate::vm::Vm;

/// Below this length CPython sorts by binary insertion alone.
const SHORT: usize = 64;

/// A key and what is sorted by it.
type Keyed<'r, T> = (Value<'r>, T);

/// Sorts by keys, stably.
///
/// # Errors
/// Python's `TypeError` for keys that cannot be compared.
pub(crate) fn sort_by_key<'r, T: Copy>(
    vm: &mut Vm<'r>,
    items: &mut Vec<Keyed<'r, T>>,
    reverse: bool,
) -> Result<()> {
    vm.charge(items.len() as u64 * 8)?;
    // Reversing twice keeps equal elements in order.
    if reverse {
        items.reverse();
    }
    sort(vm, items)?;
    if reverse {
        items.reverse();
    }
    Ok(())
}

fn less<'r, T>(vm: &Vm<'r>, a: &Keyed<'r, T>, b: &Keyed<'r, T>) -> Result<bool> {
    let order = compare(vm.arena, a.0, b.0, "<")?;
    Ok(order == Some(std::cmp::Ordering::Less))
}

fn sort<'r, T: Copy>(vm: &Vm<'r>, items: &mut Vec<Keyed<'r, T>>) -> Result<()> {
    let sorted = first_run(vm, items)?;
    if items.len() < SHORT {
        return insert_rest(vm, items, sorted);
    }
    if sorted == items.len() {
        return Ok(());
    }
    let mut right = items.split_off(items.len() / 2);
    sort(vm, items)?;
    sort(vm, &mut right)?;
    *items = merge(vm, items, &right)?;
    Ok(())
}

/// Finds the ascending or strictly descending run at the front, makes it ascending, and returns its length.
fn first_run<'r, T>(vm: &Vm<'r>, items: &mut [Keyed<'r, T>]) -> Result<usize> {
    if items.len() < 2 {
        return Ok(items.len());
    }
    let descending = less(vm, &items[1], &items[0])?;
    let mut length = 2;
    while length < items.len() && less(vm, &items[length], &items[length - 1])? == descending {
        length += 1;
    }
    if descending {
        items[..length].reverse();
    }
    Ok(length)
}

fn insert_rest<'r, T: Copy>(vm: &Vm<'r>, items: &mut [Keyed<'r, T>], sorted: usize) -> Result<()> {
    for at in sorted..items.len() {
        let pivot = items[at];
        let (mut left, mut right) = (0, at);
        while left < right {
            let middle = left + (right - left) / 2;
            if less(vm, &pivot, &items[middle])? {
                right = middle;
            } else {
                left = middle + 1;
            }
        }
        items.copy_within(left..at, left + 1);
        items[left] = pivot;
    }
    Ok(())
}

fn merge<'r, T: Copy>(
    vm: &Vm<'r>,
    left: &[Keyed<'r, T>],
    right: &[Keyed<'r, T>],
) -> Result<Vec<Keyed<'r, T>>> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        if less(vm, &right[r], &left[l])? {
            merged.push(right[r]);
            r += 1;
        } else {
            merged.push(left[l]);
            l += 1;
        }
    }
    merged.extend_from_slice(&left[l..]);
    merged.extend_from_slice(&right[r..]);
    Ok(merged)
}
