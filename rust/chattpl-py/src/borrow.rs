//! Borrows the text of Python strings without copying it.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Keeps Python strings alive while their text is borrowed.
#[derive(Default)]
pub struct Keeper {
    held: RefCell<Vec<Py<PyString>>>,
}

impl Keeper {
    /// The string's text as UTF-8, borrowed for as long as the keeper lives.
    ///
    /// # Errors
    /// Python's `UnicodeEncodeError` where the string holds a lone surrogate.
    pub fn text<'k>(&'k self, string: &Bound<'_, PyString>) -> PyResult<&'k str> {
        let text: *const str = string.to_str()?;
        self.held.borrow_mut().push(string.clone().unbind());
        // SAFETY: a Python string is immutable and its UTF-8 buffer lives and stays in place as long as the object
        // does; the keeper owns a reference to the object until it is dropped, and hands out nothing longer than
        // its own borrow.
        Ok(unsafe { &*text })
    }
}

/// Carries a value into a call that runs without the interpreter lock on this same thread.
pub struct SameThread<T>(T);

// SAFETY: `Python::detach` runs its closure on the thread that called it, so nothing moves between threads; the
// closures given to it here read borrowed text and call nothing of the interpreter.
unsafe impl<T> Send for SameThread<T> {}

impl<T> SameThread<T> {
    /// Wraps a value for one call of [`Python::detach`].
    pub fn new(value: T) -> Self {
        SameThread(value)
    }

    /// The value; taking it through a method makes a closure capture the wrapper, not the field.
    pub fn into_inner(self) -> T {
        self.0
    }
}
