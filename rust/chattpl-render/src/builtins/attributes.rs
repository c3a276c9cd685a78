//! Attributes of values that are not methods, and those that the sandbox hides.

use super::functions::Function;
use crate::error::Result;
use crate::value::{Undefined, Value, ViewKind};
use crate::vm::Vm;

/// Attributes of every Python object.
const OBJECT: [&str; 26] = [
    "__class__",
    "__delattr__",
    "__dir__",
    "__doc__",
    "__eq__",
    "__format__",
    "__ge__",
    "__getattribute__",
    "__getstate__",
    "__gt__",
    "__hash__",
    "__init__",
    "__init_subclass__",
    "__le__",
    "__lt__",
    "__ne__",
    "__new__",
    "__reduce__",
    "__reduce_ex__",
    "__repr__",
    "__setattr__",
    "__sizeof__",
    "__str__",
    "__subclasshook__",
    "__module__",
    "__dict__",
];

/// Whether `object` has the attribute and the sandbox does not let templates read it.
pub(crate) fn is_hidden(object: Value<'_>, name: &str) -> bool {
    if !name.starts_with('_') {
        return matches!(object, Value::Iter(iter) if iter.type_name == "generator")
            && matches!(name, "gi_frame" | "gi_code");
    }
    if matches!(object, Value::Namespace(_)) {
        return matches!(name, "__class__" | "_Namespace__attrs");
    }
    if OBJECT.contains(&name) {
        let own = matches!(name, "__module__" | "__dict__");
        return !own || has_instance_dict(object);
    }
    match object {
        Value::Str(_) | Value::Markup(_) => {
            matches!(
                name,
                "__add__"
                    | "__contains__"
                    | "__getitem__"
                    | "__getnewargs__"
                    | "__iter__"
                    | "__len__"
                    | "__mod__"
                    | "__mul__"
                    | "__rmod__"
                    | "__rmul__"
            ) || matches!(object, Value::Markup(_)) && matches!(name, "__html__" | "__html_format__" | "__radd__")
        }
        Value::List(_) => matches!(
            name,
            "__add__"
                | "__class_getitem__"
                | "__contains__"
                | "__delitem__"
                | "__getitem__"
                | "__iadd__"
                | "__imul__"
                | "__iter__"
                | "__len__"
                | "__mul__"
                | "__reversed__"
                | "__rmul__"
                | "__setitem__"
        ),
        Value::Tuple(_) => matches!(
            name,
            "__add__"
                | "__class_getitem__"
                | "__contains__"
                | "__getitem__"
                | "__getnewargs__"
                | "__iter__"
                | "__len__"
                | "__mul__"
                | "__rmul__"
        ),
        Value::Dict(_) => matches!(
            name,
            "__class_getitem__"
                | "__contains__"
                | "__delitem__"
                | "__getitem__"
                | "__ior__"
                | "__iter__"
                | "__len__"
                | "__or__"
                | "__reversed__"
                | "__ror__"
                | "__setitem__"
        ),
        Value::Int(..) | Value::Bool(..) | Value::BigInt(..) => is_number_dunder(name) || is_int_dunder(name),
        Value::Float(..) => is_number_dunder(name) || name == "__getformat__",
        Value::None(_) => name == "__bool__",
        Value::Iter(_) => matches!(name, "__iter__" | "__next__" | "__del__" | "__name__" | "__qualname__"),
        Value::Range(_) => {
            matches!(name, "__bool__" | "__contains__" | "__getitem__" | "__iter__" | "__len__" | "__reversed__")
        }
        Value::View(view) => {
            matches!(name, "__iter__" | "__len__" | "__reversed__")
                || view.kind != ViewKind::Values && is_set_dunder(name)
        }
        Value::Function(Function::SelfReference) => {
            matches!(name, "__getitem__" | "__weakref__" | "_TemplateReference__context")
        }
        Value::Function(Function::Cycler) => matches!(name, "__next__" | "__weakref__"),
        Value::Function(Function::Dict) => matches!(name, "__call__" | "__weakref__"),
        Value::Method(bound) if bound.type_name() == "builtin_function_or_method" => {
            matches!(name, "__call__" | "__module__" | "__name__" | "__qualname__" | "__self__" | "__text_signature__")
        }
        Value::Function(Function::DictFromKeys) => is_function_dunder(name) || matches!(name, "__func__" | "__self__"),
        Value::Method(bound) if bound.type_name() == "method" => {
            is_function_dunder(name) || matches!(name, "__func__" | "__self__")
        }
        Value::Function(_) | Value::Method(_) => is_function_dunder(name),
        Value::Macro(_) => matches!(
            name,
            "__call__"
                | "_environment"
                | "_func"
                | "_argument_count"
                | "_default_autoescape"
                | "_invoke"
                | "__weakref__"
        ),
        Value::Loop(_) => matches!(
            name,
            "__call__"
                | "__iter__"
                | "__len__"
                | "__next__"
                | "_iterable"
                | "_iterator"
                | "_undefined"
                | "_recurse"
                | "_length"
                | "_after"
                | "_current"
                | "_before"
                | "_last_changed_value"
                | "_peek_next"
                | "_to_iterator"
        ),
        Value::Undefined(_) | Value::Missing => is_undefined_dunder(name),
        Value::Cycler(_) => matches!(name, "__next__" | "__weakref__"),
        Value::Joiner(_) => matches!(name, "__call__" | "__weakref__"),
        Value::Namespace(_) => false,
    }
}

fn has_instance_dict(object: Value<'_>) -> bool {
    matches!(object, Value::Loop(_) | Value::Macro(_) | Value::Function(_) | Value::Cycler(_) | Value::Joiner(_))
}

fn is_set_dunder(name: &str) -> bool {
    matches!(
        name,
        "__and__"
            | "__contains__"
            | "__or__"
            | "__rand__"
            | "__ror__"
            | "__rsub__"
            | "__rxor__"
            | "__sub__"
            | "__xor__"
    )
}

fn is_function_dunder(name: &str) -> bool {
    matches!(
        name,
        "__annotations__"
            | "__builtins__"
            | "__call__"
            | "__closure__"
            | "__code__"
            | "__defaults__"
            | "__dict__"
            | "__get__"
            | "__globals__"
            | "__kwdefaults__"
            | "__module__"
            | "__name__"
            | "__qualname__"
            | "__wrapped__"
    )
}

fn is_number_dunder(name: &str) -> bool {
    matches!(
        name,
        "__abs__"
            | "__add__"
            | "__bool__"
            | "__ceil__"
            | "__divmod__"
            | "__float__"
            | "__floor__"
            | "__floordiv__"
            | "__getnewargs__"
            | "__int__"
            | "__mod__"
            | "__mul__"
            | "__neg__"
            | "__pos__"
            | "__pow__"
            | "__radd__"
            | "__rdivmod__"
            | "__rfloordiv__"
            | "__rmod__"
            | "__rmul__"
            | "__round__"
            | "__rpow__"
            | "__rsub__"
            | "__rtruediv__"
            | "__sub__"
            | "__truediv__"
            | "__trunc__"
    )
}

fn is_int_dunder(name: &str) -> bool {
    matches!(
        name,
        "__and__"
            | "__index__"
            | "__invert__"
            | "__lshift__"
            | "__or__"
            | "__rand__"
            | "__rlshift__"
            | "__ror__"
            | "__rrshift__"
            | "__rshift__"
            | "__rxor__"
            | "__xor__"
    )
}

fn is_undefined_dunder(name: &str) -> bool {
    name.starts_with("_undefined_")
        || name == "_fail_with_undefined_error"
        || matches!(
            name,
            "__add__"
                | "__radd__"
                | "__sub__"
                | "__rsub__"
                | "__mul__"
                | "__rmul__"
                | "__div__"
                | "__rdiv__"
                | "__truediv__"
                | "__rtruediv__"
                | "__floordiv__"
                | "__rfloordiv__"
                | "__mod__"
                | "__rmod__"
                | "__pos__"
                | "__neg__"
                | "__call__"
                | "__getitem__"
                | "__int__"
                | "__float__"
                | "__complex__"
                | "__pow__"
                | "__rpow__"
                | "__len__"
                | "__iter__"
                | "__aiter__"
                | "__bool__"
                | "__getattr__"
                | "__slots__"
                | "__module__"
        )
}

/// The value of a plain attribute; `None` where the type has none of that name.
pub(crate) fn get<'r>(vm: &mut Vm<'r>, object: Value<'r>, name: &str) -> Result<Option<Value<'r>>> {
    Ok(match object {
        Value::Namespace(namespace) => namespace.get(vm.arena, name),
        Value::Undefined(undefined) if !(name.starts_with("__") && name.ends_with("__")) => {
            return Err(undefined.error(vm.arena));
        }
        Value::Loop(this) => return of_loop(vm, this, name),
        Value::Macro(this) => {
            let program = vm.program;
            let function = &program.functions[this.function as usize];
            match name {
                "name" => Some(function.name.as_deref().map_or(Value::NONE, Value::str)),
                "arguments" => {
                    let names: Vec<Value<'r>> = function.params.iter().map(|(name, _)| Value::str(name)).collect();
                    Some(Value::tuple(vm.arena, vm.arena.alloc_slice_copy(&names), crate::origin::COMPUTED))
                }
                "catch_kwargs" => Some(Value::bool(function.kwargs.is_some())),
                "catch_varargs" => Some(Value::bool(function.varargs.is_some())),
                "caller" => Some(Value::bool(function.caller.is_some())),
                "explicit_caller" => Some(Value::bool(function.explicit_caller)),
                _ => None,
            }
        }
        Value::Int(..) | Value::BigInt(..) | Value::Bool(..) => {
            let big = crate::value::cmp::as_big(object).expect("an integer");
            let source = object.source(vm.arena);
            match name {
                "real" | "numerator" => Some(Value::big(vm.arena, big, source)),
                "imag" => Some(Value::Int(0, source)),
                "denominator" => Some(Value::Int(1, source)),
                _ => None,
            }
        }
        Value::Float(value, source) => match name {
            "real" => Some(Value::Float(value, source)),
            "imag" => Some(Value::Float(0.0, source)),
            _ => None,
        },
        Value::Cycler(this) => match name {
            "current" => Some(this.items[this.position.get()]),
            "items" => Some(Value::tuple(vm.arena, this.items, crate::origin::COMPUTED)),
            "pos" => Some(Value::int(this.position.get() as i64)),
            _ => None,
        },
        Value::Joiner(this) => match name {
            "sep" => Some(this.separator),
            "used" => Some(Value::bool(this.used.get())),
            _ => None,
        },
        Value::Range(range) => match name {
            "start" => Some(Value::int(range.start)),
            "stop" => Some(Value::int(range.stop)),
            "step" => Some(Value::int(range.step)),
            _ => None,
        },
        Value::Tuple(seq) if seq.grouped => match name {
            "grouper" => Some(seq.items[0]),
            "list" => Some(seq.items[1]),
            _ => None,
        },
        Value::Function(Function::Dict) if name == "fromkeys" => Some(Value::Function(Function::DictFromKeys)),
        _ => None,
    })
}

/// An attribute of `loop`; `None` where it has none of that name.
pub(crate) fn of_loop<'r>(vm: &mut Vm<'r>, this: &'r crate::value::Loop<'r>, name: &str) -> Result<Option<Value<'r>>> {
    let index0 = this.index0.get();
    Ok(Some(match name {
        "index0" => Value::int(index0),
        "index" => Value::int(index0 + 1),
        "first" => Value::bool(index0 == 0),
        "last" => Value::bool(this.peek(vm)?.is_none()),
        "length" => Value::int(this.len(vm)?),
        "revindex0" => Value::int(this.len(vm)? - index0 - 1),
        "revindex" => Value::int(this.len(vm)? - index0),
        "depth0" => Value::int(this.depth0),
        "depth" => Value::int(this.depth0 + 1),
        "previtem" if index0 == 0 => no_item(vm, "there is no previous item"),
        "previtem" => this.previous(),
        "nextitem" => this.peek(vm)?.unwrap_or_else(|| no_item(vm, "there is no next item")),
        _ => return Ok(None),
    }))
}

fn no_item<'r>(vm: &Vm<'r>, hint: &'static str) -> Value<'r> {
    Value::Undefined(vm.arena.alloc(Undefined::Hint(hint)))
}
