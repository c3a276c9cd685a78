//! Global functions.

use crate::error::{type_error, value_error, ErrorClass, RenderError, Result};
use crate::origin::{CLOCK_ROOT, COMPUTED, UNUSED};
use crate::pytext;
use crate::value::dict::DictBuilder;
use crate::value::{Cycler, Joiner, Namespace, Range, Str, Value};
use crate::vm::call::Args;
use crate::vm::{check_namespace_name, Vm};

/// The longest range the sandbox allows.
const MAX_RANGE: i128 = 100_000;

macro_rules! globals {
    ($($variant:ident: $name:literal,)*) => {
        /// A global function.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub(crate) enum Function {
            $($variant,)*
            /// `dict.fromkeys`.
            DictFromKeys,
        }

        impl Function {
            /// Every name.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The global that Jinja2 and `transformers` define under `name`; `self` is the template.
            pub fn by_name(name: &str) -> Option<Function> {
                match name {
                    $($name => Some(Function::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

globals! {
    Range: "range",
    Dict: "dict",
    Lipsum: "lipsum",
    Cycler: "cycler",
    Joiner: "joiner",
    Namespace: "namespace",
    RaiseException: "raise_exception",
    StrftimeNow: "strftime_now",
    SelfReference: "self",
}

impl Function {
    /// `type(function).__name__`.
    pub fn type_name(self) -> &'static str {
        match self {
            Function::Dict => "TemplateDict",
            Function::Cycler | Function::Joiner | Function::Namespace => "type",
            Function::DictFromKeys => "method",
            Function::SelfReference => "TemplateReference",
            _ => "function",
        }
    }
}

/// `function(args)`.
pub(crate) fn call<'r>(vm: &mut Vm<'r>, function: Function, args: Args<'r>) -> Result<Value<'r>> {
    match function {
        Function::Range => range(vm, args),
        Function::Dict => dict(vm, args),
        Function::DictFromKeys => from_keys(vm, args),
        Function::Namespace => namespace(vm, args),
        Function::Cycler => {
            if let Some(name) = args.names.first() {
                return type_error(format!("Cycler.__init__() got an unexpected keyword argument '{name}'"));
            }
            if args.positional.is_empty() {
                return Err(RenderError::new(ErrorClass::RuntimeError, "at least one item has to be provided"));
            }
            Ok(Value::Cycler(vm.arena.alloc(Cycler { items: args.positional, position: 0.into() })))
        }
        Function::Joiner => {
            let [separator] = args.bind("Joiner.__init__", ["sep"], 0, 1)?;
            let separator = separator.unwrap_or(Value::str(", "));
            Ok(Value::Joiner(vm.arena.alloc(Joiner { separator, used: false.into() })))
        }
        Function::RaiseException => {
            let [message] = args.bind(&local("raise_exception"), ["message"], 1, 0)?;
            let message = message.expect("required").to_str(vm.arena).flat(vm.arena);
            Err(RenderError::new(ErrorClass::TemplateError, message))
        }
        Function::StrftimeNow => {
            let [format] = args.bind(&local("strftime_now"), ["format"], 1, 0)?;
            strftime_now(vm, format.expect("required"))
        }
        Function::SelfReference => type_error("'TemplateReference' object is not callable"),
        Function::Lipsum => Err(RenderError::own(
            crate::error::code::SHAPE,
            "`lipsum` makes random text, which no prompt can use",
            "write the text out",
        )),
    }
}

/// The name of a function that `transformers` defines, in messages about its arguments.
pub(crate) fn local(name: &str) -> String {
    format!("_cached_compile_jinja_template.<locals>.{name}")
}

fn range<'r>(vm: &mut Vm<'r>, args: Args<'r>) -> Result<Value<'r>> {
    if !args.values.is_empty() {
        return type_error("safe_range() got an unexpected keyword argument '".to_owned() + args.names[0] + "'");
    }
    let mut numbers = [0i64; 3];
    let given = args.positional.len();
    if given == 0 || given > 3 {
        let expected = if given == 0 { "at least 1 argument" } else { "at most 3 arguments" };
        return type_error(format!("range expected {expected}, got {given}"));
    }
    for (at, value) in args.positional.iter().enumerate() {
        numbers[at] = match value {
            Value::Int(value, _) => *value,
            Value::Bool(value, _) => (*value).into(),
            // Nearly every range with such a bound is too long to be counted.
            Value::BigInt(..) => return Err(uncountable()),
            Value::Undefined(_) => {
                return type_error("'Undefined' object cannot be interpreted as an integer");
            }
            other => {
                let name = other.type_name();
                return type_error(format!("'{name}' object cannot be interpreted as an integer"));
            }
        };
    }
    let (start, stop, step) = match given {
        1 => (0, numbers[0], 1),
        2 => (numbers[0], numbers[1], 1),
        _ => (numbers[0], numbers[1], numbers[2]),
    };
    if step == 0 {
        return value_error("range() arg 3 must not be zero");
    }
    let span = (i128::from(stop) - i128::from(start)) * i128::from(step.signum());
    let length = if span > 0 { (span - 1) / i128::from(step.unsigned_abs()) + 1 } else { 0 };
    if length > i128::from(i64::MAX) {
        return Err(uncountable());
    }
    if length > MAX_RANGE {
        return Err(too_big());
    }
    Ok(Value::Range(vm.arena.alloc(Range { start, stop, step })))
}

fn uncountable() -> RenderError {
    RenderError::new(ErrorClass::OverflowError, "Python int too large to convert to C ssize_t")
}

fn too_big() -> RenderError {
    RenderError::new(
        ErrorClass::OverflowError,
        "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).",
    )
}

/// Entries of `dict(...)`: a mapping or pairs, then keywords.
fn dict_entries<'r>(vm: &mut Vm<'r>, args: Args<'r>) -> Result<DictBuilder<'r>> {
    let mut dict = DictBuilder::new(vm.arena, 4);
    if args.positional.len() > 1 {
        let given = args.positional.len();
        return type_error(format!("dict expected at most 1 argument, got {given}"));
    }
    match args.positional.first() {
        None => {}
        Some(Value::Dict(other)) => other.entries.iter().for_each(|(key, value)| dict.insert(*key, *value)),
        Some(Value::Namespace(_)) => return type_error("'TemplateNamespace' object is not iterable"),
        Some(Value::Undefined(undefined)) => return Err(undefined.error(vm.arena)),
        Some(other) => {
            let mut iter = other.iterate()?;
            let mut at = 0;
            while let Some(pair) = iter.next(vm)? {
                let Ok(pair_iter) = pair.iterate() else {
                    return type_error(format!(
                        "cannot convert dictionary update sequence element #{at} to a sequence"
                    ));
                };
                let pair = pair_iter.collect(vm)?;
                if pair.len() != 2 {
                    let len = pair.len();
                    return value_error(format!(
                        "dictionary update sequence element #{at} has length {len}; 2 is required"
                    ));
                }
                vm.check_hashable(pair[0])?;
                dict.insert(pair[0], pair[1]);
                at += 1;
            }
        }
    }
    for (name, value) in args.keywords() {
        dict.insert(Value::str(name), value);
    }
    Ok(dict)
}

fn dict<'r>(vm: &mut Vm<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let source = args.positional.first().map_or(COMPUTED, |value| value.source(vm.arena));
    Ok(Value::Dict(dict_entries(vm, args)?.finish(source)))
}

fn from_keys<'r>(vm: &mut Vm<'r>, args: Args<'r>) -> Result<Value<'r>> {
    if !args.values.is_empty() {
        return type_error("dict.fromkeys() takes no keyword arguments");
    }
    let (keys, value) = match args.positional {
        [keys] => (keys, Value::NONE),
        [keys, value] => (keys, *value),
        [] => return type_error("fromkeys expected at least 1 argument, got 0"),
        more => return type_error(format!("fromkeys expected at most 2 arguments, got {}", more.len())),
    };
    let mut dict = DictBuilder::new(vm.arena, 4);
    let mut iter = keys.iterate()?;
    while let Some(key) = iter.next(vm)? {
        vm.charge(1)?;
        vm.check_hashable(key)?;
        dict.insert(key, value);
    }
    Ok(Value::Dict(dict.finish(keys.source(vm.arena))))
}

fn namespace<'r>(vm: &mut Vm<'r>, args: Args<'r>) -> Result<Value<'r>> {
    if args.positional.is_empty() {
        // The names of keyword arguments differ, so no mapping need sort them out.
        let mut attrs = bumpalo::collections::Vec::with_capacity_in(args.names.len(), vm.arena);
        for (name, value) in args.keywords() {
            check_namespace_name(name)?;
            attrs.push((Value::str(name), value));
        }
        return Ok(Value::Namespace(vm.arena.alloc(Namespace { attrs: attrs.into() })));
    }
    let entries = dict_entries(vm, args)?.finish(COMPUTED).entries;
    let mut attrs = bumpalo::collections::Vec::with_capacity_in(entries.len(), vm.arena);
    for (key, value) in entries {
        if let Some(name) = key.as_str() {
            check_namespace_name(name.flat(vm.arena))?;
        }
        attrs.push((*key, *value));
    }
    Ok(Value::Namespace(vm.arena.alloc(Namespace { attrs: attrs.into() })))
}

fn strftime_now<'r>(vm: &mut Vm<'r>, format: Value<'r>) -> Result<Value<'r>> {
    let Some(format) = format.as_str() else {
        let name = match format {
            Value::None(_) => "None",
            other => other.type_name(),
        };
        return type_error(format!("strftime() argument 1 must be str, not {name}"));
    };
    // The longest directives give about thirty characters for two.
    vm.reserve(format.len() * 16)?;
    let text = pytext::strftime(&vm.clock.now, format.flat(vm.arena))?;
    vm.reserve(text.len())?;
    let tag = crate::origin::Tag { source: CLOCK_ROOT, message: UNUSED };
    Ok(Value::Str(Str::tagged(vm.arena.alloc_str(&text), tag)))
}
