//! Arrays that leave without a copy: Python's buffer protocol over a vector.

use std::ffi::{c_int, c_void, CStr};

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

/// What an array holds.
pub trait Item: Copy + Send + Sync + 'static {
    /// Its letter in Python's `struct` module.
    const FORMAT: &'static CStr;
}

impl Item for i32 {
    const FORMAT: &'static CStr = c"i";
}

/// Ids of tokens, which are far below 2^31: the same bytes as `i32`.
impl Item for u32 {
    const FORMAT: &'static CStr = c"i";
}

impl Item for i64 {
    const FORMAT: &'static CStr = c"q";
}

impl Item for u8 {
    const FORMAT: &'static CStr = c"B";
}

impl Item for f32 {
    const FORMAT: &'static CStr = c"f";
}

/// One array. Whoever wraps it (`numpy.frombuffer`) owns it and may write to it.
#[pyclass(frozen, module = "chattpl._core")]
pub struct Buffer {
    data: *mut c_void,
    len: usize,
    item_size: usize,
    format: &'static CStr,
    /// Gives the memory back.
    free: unsafe fn(*mut c_void, usize),
}

// SAFETY: the memory belongs to this object alone and Rust does not touch it between `new` and `drop`; Python guards
// its own reads and writes through the interpreter lock, as with every writable buffer.
unsafe impl Send for Buffer {}
// SAFETY: see above; nothing is done through `&Buffer` but to hand out the address.
unsafe impl Sync for Buffer {}

/// # Safety
/// `data` and `len` are those of a boxed slice of `T` that nothing else owns.
unsafe fn free<T>(data: *mut c_void, len: usize) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(data.cast::<T>(), len)) });
}

impl<T: Item> From<Vec<T>> for Buffer {
    fn from(items: Vec<T>) -> Self {
        let items = items.into_boxed_slice();
        let len = items.len();
        let data = Box::into_raw(items).cast::<c_void>();
        Buffer { data, len, item_size: size_of::<T>(), format: T::FORMAT, free: free::<T> }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: `new` took the slice apart, and it is put together once, here. A view keeps the object alive.
        unsafe { (self.free)(self.data, self.len) };
    }
}

/// Bytes of a Python object, held for as long as they are looked at.
pub enum ReadOnly<'py> {
    Bytes(Bound<'py, PyBytes>),
    View(PyBuffer<u8>),
    Copy(Vec<u8>),
}

impl<'py> ReadOnly<'py> {
    /// The bytes of `bytes` or of a file that is mapped to be read; what else there is may be written to, and is copied.
    pub fn of(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(ReadOnly::Bytes(bytes.clone()));
        }
        let view = PyBuffer::<u8>::get(object)?;
        match view.readonly() && view.is_c_contiguous() && is_lasting(object)? {
            true => Ok(ReadOnly::View(view)),
            false => Ok(ReadOnly::Copy(view.to_vec(object.py())?)),
        }
    }

    pub fn as_slice(&self) -> &[u8] {
        match self {
            ReadOnly::Bytes(bytes) => bytes.as_bytes(),
            // SAFETY: the view is contiguous and holds the memory until it is dropped; nobody writes to it, see `is_lasting`.
            ReadOnly::View(view) => unsafe { std::slice::from_raw_parts(view.buf_ptr().cast(), view.len_bytes()) },
            ReadOnly::Copy(bytes) => bytes,
        }
    }
}

/// Whether nobody can write to the memory of an object that gives out views to read only: it is that of `bytes` or of a
/// mapped file, by itself or under a `memoryview`. A view to read of other things may lie on what is written to.
fn is_lasting(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    let owner = match object.cast::<PyMemoryView>() {
        Ok(view) => view.getattr("obj")?,
        Err(_) => object.clone(),
    };
    Ok(owner.is_instance_of::<PyBytes>() || owner.is_instance(&py.import("mmap")?.getattr("mmap")?)?)
}

#[pymethods]
impl Buffer {
    fn __len__(&self) -> usize {
        self.len
    }

    /// # Safety
    /// Python calls this with a view to fill.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, _flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let this = slf.get();
        // SAFETY: `view` is valid for writing. Shape and strides point into the view itself or are absent, the format
        // lives forever, and the reference in `obj` keeps the memory alive until the view is released.
        unsafe {
            (*view).buf = this.data;
            (*view).len = (this.len * this.item_size) as isize;
            (*view).readonly = 0;
            (*view).itemsize = this.item_size as isize;
            (*view).format = this.format.as_ptr().cast_mut();
            (*view).ndim = 1;
            (*view).shape = std::ptr::null_mut();
            (*view).strides = std::ptr::null_mut();
            (*view).suboffsets = std::ptr::null_mut();
            // As `PyBuffer_FillInfo` does for one-dimensional bytes: the length in items, kept in the view.
            (*view).internal = this.len as *mut c_void;
            (*view).shape = std::ptr::addr_of_mut!((*view).internal).cast();
            (*view).strides = std::ptr::addr_of_mut!((*view).itemsize);
            (*view).obj = slf.into_any().into_ptr();
        }
        Ok(())
    }
}
