//! What Python sees of chattpl's core.

mod arrow;
mod borrow;
mod buffer;
mod chat;
mod convert;
mod engines;
mod errors;
mod inspect;
mod json_rows;
mod lint;
mod notes;
mod options;
mod plain;
mod reading;
mod registry;
mod rendered;
mod rows;
mod template;
mod tokenizer;
mod vocabulary;
mod workers;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("IMAGE_VERSION", chattpl_tokens::image::VERSION)?;
    module.add_class::<template::Template>()?;
    module.add_class::<rendered::Rendered>()?;
    module.add_class::<rendered::Segment>()?;
    module.add_class::<buffer::Buffer>()?;
    module.add_class::<options::RenderOptions>()?;
    module.add_class::<options::EncodeOptions>()?;
    module.add_class::<chat::ChatEncoder>()?;
    module.add_class::<chat::EncodedRows>()?;
    module.add_class::<tokenizer::Tokenizer>()?;
    module.add_class::<tokenizer::DecodeStream>()?;
    module.add_class::<json_rows::JsonSplitter>()?;
    module.add_function(wrap_pyfunction!(inspect::emit_tree, module)?)?;
    module.add_function(wrap_pyfunction!(inspect::emit_bytecode, module)?)?;
    module.add_function(wrap_pyfunction!(registry::format_names, module)?)?;
    module.add_function(wrap_pyfunction!(registry::format_json, module)?)?;
    module.add_function(wrap_pyfunction!(registry::format_for_model_id, module)?)?;
    module.add_function(wrap_pyfunction!(lint::lint, module)?)?;
    module.add_function(wrap_pyfunction!(lint::lint_fix, module)?)?;
    module.add_function(wrap_pyfunction!(lint::lint_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(lint::lint_profile, module)?)?;
    module.add_function(wrap_pyfunction!(lint::lint_behaviour, module)?)?;
    module.add_function(wrap_pyfunction!(lint::lint_table_digest, module)?)?;
    module.add_function(wrap_pyfunction!(lint::lint_rules, module)?)?;
    module.add_function(wrap_pyfunction!(engines::lint_portability, module)?)?;
    module.add_function(wrap_pyfunction!(rows::read_row, module)?)?;
    module.add_function(wrap_pyfunction!(vocabulary::pack_of_ranks, module)?)?;
    module.add_function(wrap_pyfunction!(json_rows::count_lines, module)?)?;
    module.add_function(wrap_pyfunction!(tokenizer::tokenizer_outline, module)?)?;
    Ok(())
}
