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
pub(crate) fn sort_by_key<'r, T: Copy>(vm: &mut Vm<'r>, items: &mut Vec<Keyed<'r, T>>, reverse: bool) -> Result<()> {
    vm.charge(items.len() as u64 * 8)?;
    // Reversing twice keeps equal elements in order.
    if reverse {
        items.reverse();
    }
    sort_with(vm, items, less)?;
    if reverse {
        items.reverse();
    }
    Ok(())
}

/// Tells whether the first key goes before the second.
type Less<'r> = fn(&Vm<'r>, Value<'r>, Value<'r>) -> Result<bool>;

/// `a < b`.
pub(crate) fn less<'r>(vm: &Vm<'r>, a: Value<'r>, b: Value<'r>) -> Result<bool> {
    let order = compare(vm.arena, a, b, "<")?;
    Ok(order == Some(std::cmp::Ordering::Less))
}

struct Sorter<'a, 'r> {
    vm: &'a Vm<'r>,
    less: Less<'r>,
}

/// Sorts by keys in an order of one's own, stably.
///
/// # Errors
/// What `less` raises.
pub(crate) fn sort_with<'r, T: Copy>(vm: &Vm<'r>, items: &mut Vec<Keyed<'r, T>>, less: Less<'r>) -> Result<()> {
    Sorter { vm, less }.sort(items)
}

impl<'r> Sorter<'_, 'r> {
    fn before<T>(&self, a: &Keyed<'r, T>, b: &Keyed<'r, T>) -> Result<bool> {
        (self.less)(self.vm, a.0, b.0)
    }

    fn sort<T: Copy>(&self, items: &mut Vec<Keyed<'r, T>>) -> Result<()> {
        let sorted = self.first_run(items)?;
        if items.len() < SHORT {
            return self.insert_rest(items, sorted);
        }
        if sorted == items.len() {
            return Ok(());
        }
        let mut right = items.split_off(items.len() / 2);
        self.sort(items)?;
        self.sort(&mut right)?;
        *items = self.merge(items, &right)?;
        Ok(())
    }

    /// Finds the ascending or strictly descending run at the front, makes it ascending, and returns its length.
    fn first_run<T>(&self, items: &mut [Keyed<'r, T>]) -> Result<usize> {
        if items.len() < 2 {
            return Ok(items.len());
        }
        let descending = self.before(&items[1], &items[0])?;
        let mut length = 2;
        while length < items.len() && self.before(&items[length], &items[length - 1])? == descending {
            length += 1;
        }
        if descending {
            items[..length].reverse();
        }
        Ok(length)
    }

    fn insert_rest<T: Copy>(&self, items: &mut [Keyed<'r, T>], sorted: usize) -> Result<()> {
        for at in sorted..items.len() {
            let pivot = items[at];
            let (mut left, mut right) = (0, at);
            while left < right {
                let middle = left + (right - left) / 2;
                if self.before(&pivot, &items[middle])? {
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

    fn merge<T: Copy>(&self, left: &[Keyed<'r, T>], right: &[Keyed<'r, T>]) -> Result<Vec<Keyed<'r, T>>> {
        let mut merged = Vec::with_capacity(left.len() + right.len());
        let (mut l, mut r) = (0, 0);
        while l < left.len() && r < right.len() {
            if self.before(&right[r], &left[l])? {
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
}
