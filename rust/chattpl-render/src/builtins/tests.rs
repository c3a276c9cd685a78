//! `is` tests.

use chattpl_syntax::ast::CompareOp;
use num_integer::Integer;

use super::filters::{self, Filter};
use super::functions::Function;
use crate::error::Result;
use crate::meter;
use crate::pytext;
use crate::value::cmp::as_big;
use crate::value::Value;
use crate::vm::call::Args;
use crate::vm::{ops, Vm};

macro_rules! tests {
    ($($variant:ident: $($name:literal)|+,)*) => {
        /// A test by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, clippy::enum_variant_names)]
        pub(crate) enum Test { $($variant),* }

        impl Test {
            /// Every name.
            pub const NAMES: &[&str] = &[$($($name),+),*];

            /// The test that Jinja2 knows under `name`.
            pub fn by_name(name: &str) -> Option<Test> {
                match name {
                    $($($name)|+ => Some(Test::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

tests! {
    Odd: "odd",
    Even: "even",
    DivisibleBy: "divisibleby",
    Defined: "defined",
    Undefined: "undefined",
    Filter: "filter",
    Known: "test",
    None: "none",
    Boolean: "boolean",
    False: "false",
    True: "true",
    Integer: "integer",
    Float: "float",
    Lower: "lower",
    Upper: "upper",
    String: "string",
    Mapping: "mapping",
    Number: "number",
    Sequence: "sequence",
    Iterable: "iterable",
    Callable: "callable",
    SameAs: "sameas",
    Escaped: "escaped",
    In: "in",
    Eq: "==" | "eq" | "equalto",
    Ne: "!=" | "ne",
    Gt: ">" | "gt" | "greaterthan",
    Ge: ">=" | "ge",
    Lt: "<" | "lt" | "lessthan",
    Le: "<=" | "le",
}

/// `input is test(args)`.
pub(crate) fn apply<'r>(vm: &mut Vm<'r>, test: Test, input: Value<'r>, args: Args<'r>) -> Result<bool> {
    match test {
        Test::Eq => operator(vm, "eq", CompareOp::Eq, input, args),
        Test::Ne => operator(vm, "ne", CompareOp::Ne, input, args),
        Test::Gt => operator(vm, "gt", CompareOp::Gt, input, args),
        Test::Ge => operator(vm, "ge", CompareOp::Ge, input, args),
        Test::Lt => operator(vm, "lt", CompareOp::Lt, input, args),
        Test::Le => operator(vm, "le", CompareOp::Le, input, args),
        Test::In => {
            let [seq] = args.bind("test_in", ["seq"], 1, 1)?;
            ops::contains(vm, seq.expect("required"), input)
        }
        Test::SameAs => {
            let [other] = args.bind("test_sameas", ["other"], 1, 1)?;
            Ok(same(input, other.expect("required")))
        }
        Test::DivisibleBy => {
            let [num] = args.bind("test_divisibleby", ["num"], 1, 1)?;
            remainder_is(vm, input, num.expect("required"), 0)
        }
        Test::Callable => {
            filters::c_function("callable", args)?;
            plain(vm, test, input)
        }
        _ => {
            let looked_up = matches!(test, Test::Filter | Test::Known);
            let skipped = if looked_up { 2 } else { 1 };
            if !args.is_empty() {
                let [] = args.bind(&format!("test_{}", name(test)), [], 0, skipped)?;
            }
            if looked_up {
                vm.check_hashable(input)?;
            }
            plain(vm, test, input)
        }
    }
}

/// The function behind a test, as Python names it where `**` is given no mapping.
pub(crate) fn function_name(test: Test) -> String {
    match test {
        Test::Callable => "callable()".to_owned(),
        Test::Eq | Test::Ne | Test::Gt | Test::Ge | Test::Lt | Test::Le => {
            format!("_operator.{}()", name(test))
        }
        _ => format!("jinja2.tests.test_{}()", name(test)),
    }
}

/// Whether the test only looks at the kind of value.
pub(crate) fn is_by_kind(test: Test) -> bool {
    by_kind(test, &Value::NONE).is_some()
}

/// The tests that only look at the kind of value; `None` for any other test.
#[inline]
pub(crate) fn by_kind(test: Test, input: &Value<'_>) -> Option<bool> {
    Some(match test {
        Test::Defined => !matches!(input, Value::Undefined(_) | Value::Missing),
        Test::Undefined => matches!(input, Value::Undefined(_) | Value::Missing),
        Test::None => matches!(input, Value::None(_)),
        Test::Boolean => matches!(input, Value::Bool(..)),
        Test::True => matches!(input, Value::Bool(true, _)),
        Test::False => matches!(input, Value::Bool(false, _)),
        Test::Integer => matches!(input, Value::Int(..) | Value::BigInt(..)),
        Test::Float => matches!(input, Value::Float(..)),
        Test::String => matches!(input, Value::Str(_) | Value::Markup(_)),
        Test::Mapping => matches!(input, Value::Dict(_)),
        Test::Escaped => matches!(input, Value::Markup(_)),
        Test::Number => {
            matches!(input, Value::Int(..) | Value::BigInt(..) | Value::Float(..) | Value::Bool(..))
        }
        _ => return None,
    })
}

fn name(test: Test) -> String {
    if test == Test::Known {
        return "test".to_owned();
    }
    format!("{test:?}").to_lowercase()
}

fn operator<'r>(vm: &mut Vm<'r>, name: &str, op: CompareOp, input: Value<'r>, args: Args<'r>) -> Result<bool> {
    let given = args.positional.len() + 1;
    match args.positional {
        [other] if args.values.is_empty() => vm.compare(op, input, *other),
        _ if !args.values.is_empty() => {
            crate::error::type_error(format!("_operator.{name}() takes no keyword arguments"))
        }
        _ => crate::error::type_error(format!("{name} expected 2 arguments, got {given}")),
    }
}

fn plain<'r>(vm: &mut Vm<'r>, test: Test, input: Value<'r>) -> Result<bool> {
    if let Some(holds) = by_kind(test, &input) {
        return Ok(holds);
    }
    Ok(match test {
        Test::Sequence => {
            matches!(
                input,
                Value::Str(_) | Value::Markup(_) | Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Range(_)
            ) || input.is_undefined()
        }
        Test::Iterable => {
            matches!(input, Value::Loop(_) | Value::Function(Function::SelfReference)) || input.iterate().is_ok()
        }
        Test::Callable => {
            !matches!(input, Value::Function(Function::SelfReference))
                && matches!(
                    input,
                    Value::Macro(_)
                        | Value::Function(_)
                        | Value::Method(_)
                        | Value::Loop(_)
                        | Value::Joiner(_)
                        | Value::Undefined(_)
                )
        }
        Test::Lower => pytext::islower(read_text(vm, input)),
        Test::Upper => pytext::isupper(read_text(vm, input)),
        Test::Odd => remainder_is(vm, input, Value::int(2), 1)?,
        Test::Even => remainder_is(vm, input, Value::int(2), 0)?,
        Test::Filter => input.as_str().is_some_and(|str| Filter::by_name(str.flat(vm.arena)).is_some()),
        Test::Known => input.as_str().is_some_and(|str| Test::by_name(str.flat(vm.arena)).is_some()),
        _ => unreachable!("tests with arguments are applied by `apply`"),
    })
}

/// `str(value)`, to be looked at from end to end.
fn read_text<'r>(vm: &Vm<'r>, value: Value<'r>) -> &'r str {
    let str = value.to_str(vm.arena);
    meter::read(str.len() * 8);
    str.flat(vm.arena)
}

/// `value % num == wanted`.
fn remainder_is<'r>(vm: &mut Vm<'r>, value: Value<'r>, num: Value<'r>, wanted: i64) -> Result<bool> {
    if let (Some(a), Some(b)) = (as_big(value), as_big(num)) {
        if b != 0.into() {
            return Ok(a.mod_floor(&b) == wanted.into());
        }
    }
    let remainder = ops::modulo(vm, value, num)?;
    vm.compare(CompareOp::Eq, remainder, Value::int(wanted))
}

/// `a is b`, as far as identity can be told: CPython shares small integers and the template's constants.
fn same<'r>(a: Value<'r>, b: Value<'r>) -> bool {
    match (a, b) {
        (Value::None(_), Value::None(_)) => true,
        (Value::Bool(a, _), Value::Bool(b, _)) => a == b,
        (Value::Int(a, _), Value::Int(b, _)) => a == b && (-5..=256).contains(&a),
        (Value::Str(crate::value::Str::Run(a)), Value::Str(crate::value::Str::Run(b))) => {
            std::ptr::eq(a.text, b.text) || a.text.len() < 2 && a.text == b.text
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => std::ptr::eq(a, b),
        (Value::Dict(a), Value::Dict(b)) => std::ptr::eq(a, b),
        (Value::Namespace(a), Value::Namespace(b)) => std::ptr::eq(a, b),
        (Value::Undefined(a), Value::Undefined(b)) => std::ptr::eq(a, b),
        _ => false,
    }
}
