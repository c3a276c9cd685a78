//! Reads plain Python data without taking references: the fast way in.
//!
//! Only exact `str`, `dict`, `list`, `tuple`, `int`, `float`, `bool` and `None` are read here. None of the calls below
//! runs Python code, so nothing can change or free an object between the moment its text is borrowed and the end of
//! the render, which holds the interpreter lock throughout. Anything else makes the reader give up, and the careful
//! reader of `convert.rs` starts over.

use std::ffi::c_char;
use std::ptr;

use chattpl_render::rows::{is_row_field, place_of_field};
use chattpl_render::{Data, DictRoom, Input, ListRoom, Place, Slot, Step, LARGE_RUN, MAX_INPUT_DEPTH};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

/// The object is not plain data, or not readable in this way; the careful reader says what is wrong with it.
pub struct NotPlain;

/// Elements of lists and entries of mappings beyond which the careful reader takes over: room for them is made before
/// they are read, and a list that holds itself would get it once a level.
const MAX_ELEMENTS: usize = 1 << 20;

/// Reads plain data whose owner outlives the render.
pub struct PlainReader<'r, 'a, 'py> {
    py: Python<'py>,
    input: &'a Input<'r>,
    /// Strings so long that the text is better joined from them than copied through a buffer.
    pub large: Vec<Bound<'py, PyString>>,
    depth: u32,
    /// Elements and entries that room may still be made for.
    room: usize,
}

impl<'r, 'a, 'py> PlainReader<'r, 'a, 'py> {
    pub fn new(py: Python<'py>, input: &'a Input<'r>) -> Self {
        PlainReader { py, input, large: Vec::new(), depth: 0, room: MAX_ELEMENTS }
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
        unsafe { self.one(object.as_ptr(), place) }
    }

    /// Reads a row, a `dict`: the fields that the row reader looks at, and the names of the others that are not None.
    ///
    /// # Safety
    /// As [`PlainReader::list`]; `object` is a `dict`.
    #[allow(clippy::type_complexity)]
    pub unsafe fn row(
        &mut self,
        object: &Bound<'_, PyAny>,
    ) -> Result<(Vec<(&'r str, Data<'r>)>, Vec<&'r str>), NotPlain> {
        let (mut fields, mut unread) = (Vec::new(), Vec::new());
        let (mut position, mut key, mut value) = (0, ptr::null_mut(), ptr::null_mut());
        // SAFETY: `object` is a dict that nothing changes while its entries are read; they are borrowed from it.
        unsafe {
            while ffi::PyDict_Next(object.as_ptr(), &mut position, &mut key, &mut value) != 0 {
                if ffi::Py_TYPE(key) != &raw mut ffi::PyUnicode_Type {
                    return Err(NotPlain);
                }
                let name = self.text(key)?;
                if value == ffi::Py_None() {
                    continue;
                }
                if is_row_field(name) {
                    let place = place_of_field(self.input, name);
                    fields.push((name, self.one(value, place)?));
                } else {
                    unread.push(name);
                }
            }
        }
        Ok((fields, unread))
    }

    /// Reads a flag among the template arguments; absent is false.
    ///
    /// # Safety
    /// As [`PlainReader::list`].
    pub unsafe fn flag(&mut self, name: &'r str, object: Option<&Bound<'_, PyAny>>) -> Result<Data<'r>, NotPlain> {
        let place = self.input.place(Place::ARGUMENTS, Step::Name(name));
        match object {
            // SAFETY: as above.
            Some(object) => unsafe { self.one(object.as_ptr(), place) },
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
                self.entries_of(object.as_ptr(), Place::ARGUMENTS, |reader, name, value, place| {
                    arguments.push((name, reader.one(value, place)?));
                    Ok(())
                })?;
            }
        }
        Ok(arguments)
    }

    /// # Safety
    /// As [`PlainReader::list`]; `object` is a valid pointer.
    unsafe fn one(&mut self, object: *mut ffi::PyObject, place: Place) -> Result<Data<'r>, NotPlain> {
        let mut data = self.input.none(place);
        // SAFETY: the caller's promise.
        unsafe { self.read(object, place, data.slot())? };
        Ok(data)
    }

    /// Reads a value to `slot`, rather than returning it: copied before it has settled in memory, it would stall.
    ///
    /// # Safety
    /// As [`PlainReader::list`]; `object` is a valid pointer.
    unsafe fn read(&mut self, object: *mut ffi::PyObject, place: Place, slot: Slot<'_, 'r>) -> Result<(), NotPlain> {
        // SAFETY: `object` is valid; type objects of built-in types live as long as the interpreter.
        unsafe {
            let kind = ffi::Py_TYPE(object);
            if kind == &raw mut ffi::PyUnicode_Type {
                let text = self.text(object)?;
                slot.fill(self.input.str(place, text));
            } else if kind == &raw mut ffi::PyDict_Type {
                let room = self.dict(object, place)?;
                slot.fill(self.input.dict_in(place, room));
            } else if kind == &raw mut ffi::PyList_Type {
                let room = self.sequence(object, ffi::PyList_Size(object), ffi::PyList_GetItem, place)?;
                slot.fill(self.input.list_in(place, room));
            } else if object == ffi::Py_None() {
                slot.fill(self.input.none(place));
            } else if kind == &raw mut ffi::PyBool_Type {
                slot.fill(self.input.bool(place, object == ffi::Py_True()));
            } else if kind == &raw mut ffi::PyLong_Type {
                let mut overflow = 0;
                let value = ffi::PyLong_AsLongLongAndOverflow(object, &mut overflow);
                if overflow != 0 {
                    return Err(NotPlain);
                }
                slot.fill(self.input.int(place, value));
            } else if kind == &raw mut ffi::PyFloat_Type {
                slot.fill(self.input.float(place, ffi::PyFloat_AsDouble(object)));
            } else if kind == &raw mut ffi::PyTuple_Type {
                let room = self.sequence(object, ffi::PyTuple_Size(object), ffi::PyTuple_GetItem, place)?;
                slot.fill(self.input.tuple_in(place, room));
            } else {
                return Err(NotPlain);
            }
        }
        Ok(())
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

    /// Steps into a container; returns how many elements or entries it has.
    fn enter(&mut self, size: ffi::Py_ssize_t) -> Result<usize, NotPlain> {
        let size = usize::try_from(size).map_err(|_| NotPlain)?;
        self.room = self.room.checked_sub(size).ok_or(NotPlain)?;
        self.depth += 1;
        if self.depth > MAX_INPUT_DEPTH {
            return Err(NotPlain);
        }
        Ok(size)
    }

    /// # Safety
    /// As [`PlainReader::read`]; `get` returns borrowed elements of `object`, which has `size` of them.
    unsafe fn sequence(
        &mut self,
        object: *mut ffi::PyObject,
        size: ffi::Py_ssize_t,
        get: unsafe extern "C" fn(*mut ffi::PyObject, ffi::Py_ssize_t) -> *mut ffi::PyObject,
        place: Place,
    ) -> Result<ListRoom<'r>, NotPlain> {
        let size = self.enter(size)?;
        let mut room = self.input.room_for_list(size);
        for index in 0..size {
            let item_place = self.input.place(place, Step::Index(index as u32));
            let slot = room.slot(index).ok_or(NotPlain)?;
            // SAFETY: the index is below the size, and nothing can shrink the container meanwhile.
            unsafe { self.read(get(object, index as ffi::Py_ssize_t), item_place, slot)? };
        }
        self.depth -= 1;
        Ok(room)
    }

    /// # Safety
    /// As [`PlainReader::read`]; `object` is a `dict`.
    unsafe fn dict(&mut self, object: *mut ffi::PyObject, place: Place) -> Result<DictRoom<'r>, NotPlain> {
        // SAFETY: `object` is a dict.
        let size = self.enter(unsafe { ffi::PyDict_Size(object) })?;
        let mut room = self.input.room_for_dict(size);
        let mut index = 0;
        // SAFETY: the caller's promise.
        unsafe {
            self.entries_of(object, place, |reader, name, value, place| {
                let (key_slot, value_slot) = room.slots(index).ok_or(NotPlain)?;
                index += 1;
                key_slot.fill(reader.input.key(place, name));
                reader.read(value, place, value_slot)
            })?;
        }
        self.depth -= 1;
        if index == size {
            Ok(room)
        } else {
            Err(NotPlain)
        }
    }

    /// Calls `entry` with each name, value and place of a mapping.
    ///
    /// # Safety
    /// As [`PlainReader::read`]; `object` is a `dict`.
    unsafe fn entries_of(
        &mut self,
        object: *mut ffi::PyObject,
        place: Place,
        mut entry: impl FnMut(&mut Self, &'r str, *mut ffi::PyObject, Place) -> Result<(), NotPlain>,
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
                entry(self, name, value, value_place)?;
            }
        }
        Ok(())
    }
}
