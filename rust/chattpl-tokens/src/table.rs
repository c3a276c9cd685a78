//! Arrays that lie in memory of their own or in a mapped file.

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

/// Bytes that stay where they are and as they are while a reference to their owner is held, such as a mapped file.
pub type Map = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// What an array in a file may be made of.
///
/// # Safety
/// Every pattern of bits is a value, there are no bytes between or after the fields, and nothing is owned or borrowed.
pub unsafe trait Plain: Copy + Send + Sync + 'static {}

// SAFETY: integers.
unsafe impl Plain for u8 {}
// SAFETY: integers.
unsafe impl Plain for u32 {}
// SAFETY: integers.
unsafe impl Plain for u64 {}

/// An array that does not change: a vector, or part of a [`Map`].
pub struct Table<T: Plain> {
    items: NonNull<[T]>,
    /// Who owns the items; they are a box of their own where it is nobody.
    map: Option<Map>,
}

// SAFETY: a table is a shared slice and what keeps it alive, both of which may go to other threads.
unsafe impl<T: Plain> Send for Table<T> {}
// SAFETY: as above; nothing changes behind `&Table`.
unsafe impl<T: Plain> Sync for Table<T> {}

impl<T: Plain> Table<T> {
    /// The items that lie in `map[start..start + len_bytes]`; `None` for a place that is outside of it, is not
    /// aligned, or is no whole number of items.
    pub(crate) fn mapped(map: &Map, start: usize, len_bytes: usize) -> Option<Self> {
        let bytes = (**map).as_ref().get(start..start.checked_add(len_bytes)?)?;
        let data = bytes.as_ptr().cast::<T>();
        if !data.is_aligned() || len_bytes % size_of::<T>() != 0 {
            return None;
        }
        let items = std::ptr::slice_from_raw_parts(data, len_bytes / size_of::<T>());
        Some(Table { items: NonNull::new(items.cast_mut())?, map: Some(Arc::clone(map)) })
    }

    /// The items to change, in memory of their own from now on.
    pub(crate) fn make_mut(&mut self) -> &mut [T] {
        if self.map.is_some() {
            *self = self.to_vec().into();
        }
        // SAFETY: the items are a leaked box, see above, and this table, which has no other, is borrowed for changing.
        unsafe { self.items.as_mut() }
    }
}

impl<T: Plain> From<Vec<T>> for Table<T> {
    fn from(items: Vec<T>) -> Self {
        let items = NonNull::from(Box::leak(items.into_boxed_slice()));
        Table { items, map: None }
    }
}

impl<T: Plain> Deref for Table<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: the items are a leaked box that only `drop` takes back, or lie, aligned and in bounds, in bytes that
        // the reference in `map` keeps in place and unchanged: nobody can have `&mut` to what an `Arc` shares. Any bytes
        // are values of `T`.
        unsafe { self.items.as_ref() }
    }
}

impl<T: Plain> Drop for Table<T> {
    fn drop(&mut self) {
        if self.map.is_none() {
            // SAFETY: `from` leaked this box, and nobody but this table has it.
            drop(unsafe { Box::from_raw(self.items.as_ptr()) });
        }
    }
}

impl<T: Plain> Clone for Table<T> {
    fn clone(&self) -> Self {
        match &self.map {
            Some(map) => Table { items: self.items, map: Some(Arc::clone(map)) },
            None => self.to_vec().into(),
        }
    }
}

impl<T: Plain + PartialEq> PartialEq for Table<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Plain + Eq> Eq for Table<T> {}

impl<T: Plain + fmt::Debug> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The bytes of plain items, as they lie in memory.
pub(crate) fn bytes_of<T: Plain>(items: &[T]) -> &[u8] {
    // SAFETY: plain items have no bytes that are not part of a field, so all of them are initialized.
    unsafe { std::slice::from_raw_parts(items.as_ptr().cast(), size_of_val(items)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(bytes: &[u8]) -> Map {
        // Aligned for every item.
        let mut words = vec![0_u64; bytes.len() / 8 + 1];
        words.iter_mut().zip(bytes.chunks(8)).for_each(|(word, chunk)| {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_ne_bytes(bytes);
        });
        struct Words(Vec<u64>);
        impl AsRef<[u8]> for Words {
            fn as_ref(&self) -> &[u8] {
                bytes_of(&self.0)
            }
        }
        Arc::new(Words(words))
    }

    #[test]
    fn mapped_items_outlive_every_other_reference_to_the_map() {
        let items = [3_u32, 1, 4, 1, 5];
        let map = map(bytes_of(&items));
        let table = Table::<u32>::mapped(&map, 4, 12).expect("in bounds and aligned");
        drop(map);
        let copy = table.clone();
        drop(table);
        assert_eq!(*copy, [1, 4, 1]);
        assert_eq!(copy, Table::from(vec![1, 4, 1]));
        let mut changed = copy.clone();
        changed.make_mut()[1] = 7;
        assert_eq!((&*changed, &*copy), (&[1, 7, 1][..], &[1, 4, 1][..]));
    }

    #[test]
    fn places_that_are_odd_or_outside_are_refused() {
        let map = map(&[0; 32]);
        let fits = |start, len| Table::<u32>::mapped(&map, start, len).is_some();
        assert!(fits(0, 32) && fits(8, 0) && fits(28, 4));
        assert!(!fits(2, 4) && !fits(4, 6) && !fits(36, 8) && !fits(44, 0) && !fits(8, usize::MAX));
    }

    #[test]
    fn empty_tables_are_sound() {
        assert!(Table::<u64>::from(Vec::new()).clone().is_empty());
    }
}
