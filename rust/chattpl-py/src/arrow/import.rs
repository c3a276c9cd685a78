//! Arrays of another library, taken over through the Arrow C data interface.

use std::ffi::CStr;

use arrow_array::ffi::{from_ffi, FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

/// What the caller's object handed over; nothing of it has been looked at.
pub enum Handed {
    Array(FFI_ArrowSchema, FFI_ArrowArray),
    Stream(FFI_ArrowArrayStream),
}

impl Handed {
    /// Asks an object for its data: `__arrow_c_stream__` if it has that, else `__arrow_c_array__`.
    pub fn by(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if object.hasattr("__arrow_c_stream__")? {
            let capsule = object.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
            return Ok(Handed::Stream(taken(&capsule, c"arrow_array_stream", FFI_ArrowArrayStream::empty())?));
        }
        let pair = object.call_method0("__arrow_c_array__")?.cast_into::<PyTuple>()?;
        let schema = pair.get_item(0)?.cast_into::<PyCapsule>()?;
        let array = pair.get_item(1)?.cast_into::<PyCapsule>()?;
        let schema = taken(&schema, c"arrow_schema", FFI_ArrowSchema::empty())?;
        Ok(Handed::Array(schema, taken(&array, c"arrow_array", FFI_ArrowArray::empty())?))
    }

    /// The arrays, one after the other; they share the caller's memory.
    ///
    /// A stream may call Python on its own, so this may run without the interpreter lock.
    ///
    /// # Errors
    /// What the stream says went wrong; types that `arrow` does not know.
    pub fn arrays(self) -> Result<Vec<ArrayData>, ArrowError> {
        match self {
            Handed::Array(schema, array) => Ok(vec![array_of(array, &schema)?]),
            Handed::Stream(stream) => drain(stream),
        }
    }
}

/// Moves a struct of the interface out of its capsule, which keeps `released`: one that there is nothing to free in.
fn taken<T>(capsule: &Bound<'_, PyCapsule>, name: &CStr, released: T) -> PyResult<T> {
    let pointer = capsule.pointer_checked(Some(name))?.cast::<T>();
    // SAFETY: a capsule of that name holds a valid struct of that kind, which belongs to whoever takes it: the
    // interface says so, and has no way to check it. Moving it is allowed, as long as the old place is marked released.
    Ok(unsafe { pointer.replace(released) })
}

fn drain(mut stream: FFI_ArrowArrayStream) -> Result<Vec<ArrayData>, ArrowError> {
    let (Some(get_schema), Some(get_next)) = (stream.get_schema, stream.get_next) else {
        return Err(ArrowError::CDataInterface("the stream was consumed before".to_owned()));
    };
    let mut schema = FFI_ArrowSchema::empty();
    // SAFETY: the stream has not been released, and the function is its own; so below.
    let status = unsafe { get_schema(&raw mut stream, &raw mut schema) };
    check(&mut stream, status)?;
    let mut arrays = Vec::new();
    loop {
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: as above.
        let status = unsafe { get_next(&raw mut stream, &raw mut array) };
        check(&mut stream, status)?;
        if array.is_released() {
            break;
        }
        arrays.push(array_of(array, &schema)?);
    }
    if arrays.is_empty() {
        arrays.push(ArrayData::new_empty(&DataType::try_from(&schema)?));
    }
    Ok(arrays)
}

fn array_of(mut array: FFI_ArrowArray, schema: &FFI_ArrowSchema) -> Result<ArrayData, ArrowError> {
    // SAFETY: array and schema come from one object, whose promise it is that they are valid and fit; nothing else uses
    // this copy.
    unsafe {
        take_buffers_from_nulls(&mut array, schema);
        from_ffi(array, schema)
    }
}

/// Makes arrays of the type null hold no buffer, as Arrow has it since 1.0: `polars` (2.1) gives them one, which `arrow`
/// refuses. Whoever frees an array knows what it holds from its private data.
///
/// # Safety
/// `array` is valid and of the type `schema`.
unsafe fn take_buffers_from_nulls(array: &mut FFI_ArrowArray, schema: &FFI_ArrowSchema) {
    if schema.format() == "n" {
        array.n_buffers = 0;
    }
    for (at, schema) in schema.children().enumerate().take(usize::try_from(array.n_children).unwrap_or(0)) {
        // SAFETY: there are as many children as `n_children` says, all valid and of the types of the schema's.
        unsafe { take_buffers_from_nulls(&mut **array.children.add(at), schema) };
    }
}

fn check(stream: &mut FFI_ArrowArrayStream, status: i32) -> Result<(), ArrowError> {
    if status == 0 {
        return Ok(());
    }
    // SAFETY: the stream has not been released; the text lives until its next call.
    let said = stream.get_last_error.and_then(|last_error| unsafe {
        let text = last_error(&raw mut *stream);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    });
    Err(ArrowError::CDataInterface(said.unwrap_or_else(|| format!("the stream ended with status {status}"))))
}
