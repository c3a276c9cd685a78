//! Large tables that begin as zeroes: memory straight from the system.

use std::alloc::{handle_alloc_error, Layout};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use memmap2::{MmapMut, MmapOptions};

use crate::table::Plain;

/// Items that are all zeroes at first.
pub(crate) struct Zeroed<T: Plain> {
    /// None for no items.
    memory: Option<MmapMut>,
    items: PhantomData<T>,
}

/// From here on in bytes, look-ups all over a table would each miss the processor's table of small pages.
const LARGE: usize = 4 << 20;

impl<T: Plain> Zeroed<T> {
    pub fn new(count: usize) -> Self {
        // The system's pages are larger than any alignment of ours.
        const { assert!(align_of::<T>() <= 4096 && size_of::<T>() != 0) };
        if count == 0 {
            return Zeroed { memory: None, items: PhantomData };
        }
        let layout = Layout::array::<T>(count).expect("a table is a small part of the memory");
        // A table grows when it is half full, so each of its pages is soon touched: a small one has them all at once, and not
        // one by one at the worst of times.
        let is_large = layout.size() >= LARGE;
        let mut options = MmapOptions::new();
        options.len(layout.size());
        if !is_large {
            options.populate();
        }
        let Ok(memory) = options.map_anon() else { handle_alloc_error(layout) };
        #[cfg(target_os = "linux")]
        if is_large {
            // Where the system has no large pages, small ones do as well.
            let _ = memory.advise(memmap2::Advice::HugePage);
        }
        Zeroed { memory: Some(memory), items: PhantomData }
    }
}

impl<T: Plain> Deref for Zeroed<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        let Some(memory) = &self.memory else { return &[] };
        // SAFETY: the map begins at a page, so at a multiple of the alignment, has room for as many items as are counted
        // here, and belongs to this table alone; any bytes are values of `T`.
        unsafe { std::slice::from_raw_parts(memory.as_ptr().cast(), memory.len() / size_of::<T>()) }
    }
}

impl<T: Plain> DerefMut for Zeroed<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        let Some(memory) = &mut self.memory else { return &mut [] };
        let count = memory.len() / size_of::<T>();
        // SAFETY: as above, and the table is borrowed for changing.
        unsafe { std::slice::from_raw_parts_mut(memory.as_mut_ptr().cast(), count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_begin_as_zeroes_and_keep_what_is_put_there() {
        for count in [0, 1, 1000, LARGE / 4 + 1] {
            let mut table = Zeroed::<u32>::new(count);
            assert_eq!(table.len(), count);
            assert!(table.iter().all(|&item| item == 0));
            table.iter_mut().zip(1..).for_each(|(item, index)| *item = index);
            assert!(table.iter().zip(1..).all(|(&item, index)| item == index));
        }
    }
}
