//! The names that templates can use, for tools that look at a template without running it.

use crate::builtins::filters::Filter;
use crate::builtins::functions::Function;
use crate::builtins::methods::Method;
use crate::builtins::tests::Test;
use crate::origin::COMPUTED;
use crate::value::dict::DictBuilder;
use crate::value::Value;

/// A built-in type, as far as an expression tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `str`.
    Text,
    /// `list`.
    List,
    /// `dict`.
    Mapping,
    /// `int`, `bool`.
    Integer,
}

impl Type {
    /// Its name in Python.
    pub fn name(self) -> &'static str {
        match self {
            Type::Text => "str",
            Type::List => "list",
            Type::Mapping => "dict",
            Type::Integer => "int",
        }
    }

    /// Whether its values have a method of that name.
    pub fn has_method(self, name: &str) -> bool {
        let arena = bumpalo::Bump::new();
        let value = match self {
            Type::Text => Value::str(""),
            Type::List => Value::list(&arena, &[], COMPUTED),
            Type::Mapping => Value::Dict(DictBuilder::new(&arena, 0).finish(COMPUTED)),
            Type::Integer => Value::int(0),
        };
        Method::by_name(name).is_some_and(|method| method.belongs_to(value))
    }
}

/// The filters, `parse_json` of our own among them.
pub fn filters() -> &'static [&'static str] {
    Filter::NAMES
}

/// The tests, those spelled as operators among them.
pub fn tests() -> &'static [&'static str] {
    Test::NAMES
}

/// The global functions.
pub fn functions() -> &'static [&'static str] {
    Function::NAMES
}

/// The methods of all built-in types.
pub fn methods() -> &'static [&'static str] {
    Method::NAMES
}

/// Whether a method of that name changes its object, which the sandbox forbids.
pub fn is_mutation(method: &str) -> bool {
    Method::by_name(method).is_some_and(Method::mutates)
}
