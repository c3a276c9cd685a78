//! Variables of running functions.

use std::cell::Cell;

use bumpalo::Bump;

use crate::value::Value;

/// The variables of one call, and of the function around it.
#[derive(Debug)]
pub(crate) struct Activation<'r> {
    slots: &'r [Cell<Value<'r>>],
    parent: Option<&'r Activation<'r>>,
}

impl<'r> Activation<'r> {
    /// Fresh variables, all unassigned.
    pub fn new(arena: &'r Bump, slots: usize, parent: Option<&'r Activation<'r>>) -> &'r Self {
        let slots = arena.alloc_slice_fill_with(slots, |_| Cell::new(Value::Missing));
        arena.alloc(Activation { slots, parent })
    }

    /// Makes all variables unassigned, for another call of the same function.
    pub fn reset(&self) {
        self.slots.iter().for_each(|slot| slot.set(Value::Missing));
    }

    pub fn parent(&self) -> Option<&'r Activation<'r>> {
        self.parent
    }

    pub fn get(&self, depth: u8, slot: u16) -> Value<'r> {
        let mut scope = self;
        for _ in 0..depth {
            scope = scope.parent.expect("the compiler counted the functions around this one");
        }
        scope.slots[slot as usize].get()
    }

    pub fn set(&self, slot: u16, value: Value<'r>) {
        self.slots[slot as usize].set(value);
    }
}
