//! Filters, tests, functions and methods.

pub(crate) mod attributes;
pub(crate) mod collections;
pub(crate) mod filters;
pub(crate) mod formatting;
pub(crate) mod functions;
pub(crate) mod methods;
pub(crate) mod order;
pub(crate) mod pprint;
pub(crate) mod signature;
pub(crate) mod tests;
pub(crate) mod text;
pub(crate) mod tojson;
