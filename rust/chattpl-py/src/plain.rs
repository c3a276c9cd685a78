//! Reads plain Python data without taking references: the fast way in.
//!
//! Only exact `str`, `dict`, `list`, `tuple`, `int`, `float`, `bool` and `None` are read here. None of the calls below
//! runs Python code, so nothing can change or free an object between the moment its text is borrowed and the end of
//! the render, which holds the interpreter lock throughout. Anything else makes the reader give up, and the careful
//! reader of `convert.rs` starts over.

use std::ffi::c_char;
use std::ptr;

use chattpl_render::{Data, Input, Place, Step, LARGE_RUN, MAX_INPUT_DEPTH};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

/// The object is not plain data, or not readable in this way; the careful reader says what is wrong with it.
pub struct NotPlain;

/// Reads plain data whose owner outlives the render.
pub struct PlainReader<'r, 'a, 'py> {
    py: Python<'py>,
    input: &'a Input<'r>,
    /// Strings so long that the text is better joined from them than copied through a buffer.
    pub large: Vec<Bound<'py, PyString>>,
    depth: u32,
    /// Elements and entries of the containers that are open.
    items: Vec<Data<'r>>,
    entries: Vec<(Data<'r>, Data<'r>)>,
}

impl<'r, 'a, 'py> PlainReader<'r, 'a, 'py> {
    pub fn new(py: Python<'py>, input: &'a Input<'r>) -> Self {
        PlainReader { py, input, large: Vec::new(), depth: 0, items: Vec::new(), entries: Vec::new() }
    }

    /// Reads a list that belongs at `place`.
    ///
    /// # Safety
    /// `object` stays alive and unchanged for `'r`: the caller holds it and the interpreter lock, and runs no Python
    /// code before the last use of what is returned.
    pub unsafe fn list(&mut self, object: &Bound<'_, PyAny>, place: Place) -> Result<Data<'r>, NotPlain> {
        if !object.is_exact_instance_of::<PyList>() {
            return Err(NotPlain);
        }
        // SAFETY: a bound object is valid while the lock is held; the rest is the caller's promise.
        unsafe { self.read(object.as_ptr(), place) }
    }

    /// Reads a flag among the template arguments; absent is false.
    ///
    /// # Safety
    /// As [`PlainReader::list`].
    pub unsafe fn flag(&mut self, name: &'r str, object: Option<&Bound<'_, PyAny>>) -> Result<Data<'r>, NotPlain> {
        let place = self.input.place(Place::ARGUMENTS, Step::Name(name));
        match object {
            // SAFETY: as above.
            Some(object) => unsafe { self.read(object.as_ptr(), place) },
            None => Ok(self.input.bool(place, false)),
        }
    }

    /// Reads a `dict` of template arguments.
    ///
    /// # Safety
    /// As [`PlainReader::list`].
    pub unsafe fn arguments(
        &mut self,
        object: Option<&Bound<'_, PyAny>>,
    ) -> Result<Vec<(&'r str, Data<'r>)>, NotPlain> {
        let mut arguments = Vec::new();
        if let Some(object) = object {
            // SAFETY: keyword arguments are a `dict` with `str` keys; the rest is the caller's promise.
            unsafe {
                self.entries_of(object.as_ptr(), Place::ARGUMENTS, |_, name, _, value| {
                    arguments.push((name, value));
                })?;
            }
        }
        Ok(arguments)
    }

    /// # Safety
    /// As [`PlainReader::list`]; `object` is a valid pointer.
    unsafe fn read(&mut self, object: *mut ffi::PyObject, place: Place) -> Result<Data<'r>, NotPlain> {
        // SAFETY: `object` is valid; type objects of built-in types live as long as the interpreter.
        unsafe {
            let kind = ffi::Py_TYPE(object);
            if kind == &raw mut ffi::PyUnicode_Type {
                let text = self.text(object)?;
                return Ok(self.input.str(place, text));
            }
            if kind == &raw mut ffi::PyDict_Type {
                return self.dict(object, place);
            }
            if kind == &raw mut ffi::PyList_Type {
                let size = ffi::PyList_Size(object);
                return self.sequence(object, size, ffi::PyList_GetItem, place, Input::list);
            }
            if object == ffi::Py_None() {
                return Ok(self.input.none(place));
            }
            if kind == &raw mut ffi::PyBool_Type {
                return Ok(self.input.bool(place, object == ffi::Py_True()));
            }
            if kind == &raw mut ffi::PyLong_Type {
                let mut overflow = 0;
                let value = ffi::PyLong_AsLongLongAndOverflow(object, &mut overflow);
                return if overflow == 0 { Ok(self.input.int(place, value)) } else { Err(NotPlain) };
            }
            if kind == &raw mut ffi::PyFloat_Type {
                return Ok(self.input.float(place, ffi::PyFloat_AsDouble(object)));
            }
            if kind == &raw mut ffi::PyTuple_Type {
                let size = ffi::PyTuple_Size(object);
                return self.sequence(object, size, ffi::PyTuple_GetItem, place, Input::tuple);
            }
        }
        Err(NotPlain)
    }

    /// # Safety
    /// As [`PlainReader::read`]; `object` is a `str`.
    unsafe fn text(&mut self, object: *mut ffi::PyObject) -> Result<&'r str, NotPlain> {
        let mut size = 0;
        // SAFETY: `object` is a `str`; its UTF-8 buffer is valid UTF-8, immutable, and lives as long as the object.
        unsafe {
            let text: *const c_char = ffi::PyUnicode_AsUTF8AndSize(object, &mut size);
            if text.is_null() {
                ffi::PyErr_Clear();
                return Err(NotPlain);
            }
            if size as usize >= LARGE_RUN {
                self.large.push(Bound::from_borrowed_ptr(self.py, object).cast_into_unchecked());
            }
            let bytes = std::slice::from_raw_parts(text.cast::<u8>(), size as usize);
            Ok(std::str::from_utf8_unchecked(bytes))
        }
    }

    fn enter(&mut self) -> Result<(), NotPlain> {
        self.depth += 1;
        if self.depth > MAX_INPUT_DEPTH {
            return Err(NotPlain);
        }
        Ok(())
    }

    /// # Safety
    /// As [`PlainReader::read`]; `get` returns borrowed elements of `object`, which has `size` of them.
    unsafe fn sequence(
        &mut self,
        object: *mut ffi::PyObject,
        size: ffi::Py_ssize_t,
        get: unsafe extern "C" fn(*mut ffi::PyObject, ffi::Py_ssize_t) -> *mut ffi::PyObject,
        place: Place,
        finish: fn(&Input<'r>, Place, &[Data<'r>]) -> Data<'r>,
    ) -> Result<Data<'r>, NotPlain> {
        self.enter()?;
        let base = self.items.len();
        for index in 0..size {
            let item_place = self.input.place(place, Step::Index(index as u32));
            // SAFETY: the index is below the size, and nothing can shrink the container meanwhile.
            let item = unsafe { self.read(get(object, index), item_place)? };
            self.items.push(item);
        }
        self.depth -= 1;
        let data = finish(self.input, place, &self.items[base..]);
        self.items.truncate(base);
        Ok(data)
    }

    /// # Safety
    /// As [`PlainReader::read`]; `object` is a `dict`.
    unsafe fn dict(&mut self, object: *mut ffi::PyObject, place: Place) -> Result<Data<'r>, NotPlain> {
        self.enter()?;
        let base = self.entries.len();
        // SAFETY: the caller's promise.
        unsafe {
            self.entries_of(object, place, |reader, name, place, value| {
                reader.entries.push((reader.input.str(place, name), value));
            })?;
        }
        self.depth -= 1;
        let data = self.input.dict(place, &self.entries[base..]);
        self.entries.truncate(base);
        Ok(data)
    }

    /// Calls `entry` with each name, place and value of a mapping.
    ///
    /// # Safety
    /// As [`PlainReader::read`]; `object` is a `dict`.
    unsafe fn entries_of(
        &mut self,
        object: *mut ffi::PyObject,
        place: Place,
        mut entry: impl FnMut(&mut Self, &'r str, Place, Data<'r>),
    ) -> Result<(), NotPlain> {
        let (mut position, mut key, mut value) = (0, ptr::null_mut(), ptr::null_mut());
        // SAFETY: `object` is a dict that nothing changes while its entries are read; they are borrowed from it.
        unsafe {
            while ffi::PyDict_Next(object, &mut position, &mut key, &mut value) != 0 {
                if ffi::Py_TYPE(key) != &raw mut ffi::PyUnicode_Type {
                    return Err(NotPlain);
                }
                let name = self.text(key)?;
                let value_place = self.input.place(place, Step::Name(name));
                let value = self.read(value, value_place)?;
                entry(self, name, value_place, value);
            }
        }
        Ok(())
    }
}
