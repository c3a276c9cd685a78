//! Calls: macros, functions, methods, recursive loops, and how arguments are bound.

use super::frame::Activation;
use super::Vm;
use crate::builtins::text::wrap;
use crate::builtins::{functions, methods};
use crate::compile::program::FunctionId;
use crate::error::{type_error, Result};
use crate::origin::COMPUTED;
use crate::value::dict::DictBuilder;
use crate::value::{Macro, Str, Undefined, Value};

/// Arguments of a call. `values` go with `names`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Args<'r> {
    pub positional: &'r [Value<'r>],
    pub names: &'r [&'r str],
    pub values: &'r [Value<'r>],
}

impl<'r> Args<'r> {
    pub const NONE: Self = Args { positional: &[], names: &[], values: &[] };

    pub fn is_empty(&self) -> bool {
        self.positional.is_empty() && self.values.is_empty()
    }

    /// Keyword arguments in order.
    pub fn keywords(&self) -> impl Iterator<Item = (&'r str, Value<'r>)> {
        self.names.iter().copied().zip(self.values.iter().copied())
    }

    /// Binds the arguments to the parameters of `function`, the first `required` of which must be given.
    ///
    /// `skipped` parameters stand before them in Python's signature: they count in its messages.
    ///
    /// # Errors
    /// Python's `TypeError` for missing, unexpected or repeated arguments.
    pub fn bind<const N: usize>(
        &self,
        function: &str,
        params: [&str; N],
        required: usize,
        skipped: usize,
    ) -> Result<[Option<Value<'r>>; N]> {
        let mut bound = [None; N];
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(*value);
        }
        for (name, value) in self.keywords() {
            let Some(at) = params.iter().position(|param| *param == name) else {
                return type_error(format!("{function}() got an unexpected keyword argument '{name}'"));
            };
            if bound[at].is_some() {
                return type_error(format!("{function}() got multiple values for argument '{name}'"));
            }
            bound[at] = Some(value);
        }
        if self.positional.len() > N {
            return type_error(too_many(function, self.positional.len(), N, required, skipped));
        }
        let missing: Vec<&str> =
            params[..required].iter().zip(&bound).filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
        if missing.is_empty() {
            Ok(bound)
        } else {
            type_error(missing_message(function, &missing))
        }
    }
}

fn too_many(function: &str, given: usize, params: usize, required: usize, skipped: usize) -> String {
    let (given, params, required) = (given + skipped, params + skipped, required + skipped);
    let were = if given == 1 { "was" } else { "were" };
    if params == required {
        let plural = if params == 1 { "" } else { "s" };
        format!("{function}() takes {params} positional argument{plural} but {given} {were} given")
    } else {
        format!("{function}() takes from {required} to {params} positional arguments but {given} {were} given")
    }
}

fn missing_message(function: &str, missing: &[&str]) -> String {
    let quoted: Vec<String> = missing.iter().map(|name| format!("'{name}'")).collect();
    let (last, first) = quoted.split_last().expect("something is missing");
    let names = match first.len() {
        0 => last.clone(),
        1 => format!("{} and {last}", first[0]),
        _ => format!("{}, and {last}", first.join(", ")),
    };
    let plural = if missing.len() == 1 { "" } else { "s" };
    format!("{function}() missing {} required positional argument{plural}: {names}", missing.len())
}

impl<'r> Vm<'r> {
    /// Takes the arguments of a call off the stack.
    pub(super) fn arguments(&mut self, argc: u8, keywords: u16) -> Args<'r> {
        if argc == 0 && keywords == 0 {
            return Args::NONE;
        }
        let names = &self.program.keywords[keywords as usize];
        let values = if names.is_empty() { &[][..] } else { self.take(names.len()) };
        let program = self.program;
        let names: &'r [&'r str] = if names.is_empty() {
            &[]
        } else {
            let texts = names.iter().map(|name| &*program.symbols[*name as usize].text);
            bumpalo::collections::Vec::from_iter_in(texts, self.arena).into_bump_slice()
        };
        Args { positional: self.take(argc as usize), names, values }
    }

    /// Takes callee and arguments of a call with `*` or `**` off the stack.
    ///
    /// `function` is what Python calls the callee in its messages.
    pub(super) fn spread_arguments(&mut self, function: &str) -> Result<(Value<'r>, Args<'r>)> {
        let double_star = self.pop();
        let keywords = self.pop();
        let star = self.pop();
        let positional = self.pop();
        let callee = self.pop();
        let Value::List(seq) = positional else { unreachable!("the compiler pushes a list") };
        let mut items = bumpalo::collections::Vec::from_iter_in(seq.items.iter().copied(), self.arena);
        if !matches!(star, Value::Missing) {
            let Ok(iter) = star.iterate() else {
                let name = star.type_name();
                return type_error(format!("Value after * must be an iterable, not {name}"));
            };
            items.extend(iter.collect(self)?);
        }
        let mut names = bumpalo::collections::Vec::new_in(self.arena);
        let mut values = bumpalo::collections::Vec::new_in(self.arena);
        for source in [keywords, double_star] {
            match source {
                Value::Missing => {}
                Value::Undefined(undefined) => return Err(undefined.error(self.arena)),
                Value::Dict(dict) => {
                    for (key, value) in dict.entries {
                        let Some(key) = key.as_str() else {
                            return type_error("keywords must be strings");
                        };
                        let key = key.flat(self.arena);
                        if names.contains(&key) {
                            return type_error(format!("{function} got multiple values for keyword argument '{key}'"));
                        }
                        names.push(key);
                        values.push(*value);
                    }
                }
                other => {
                    let name = other.type_name();
                    return type_error(format!("{function} argument after ** must be a mapping, not {name}"));
                }
            }
        }
        let args = Args {
            positional: items.into_bump_slice(),
            names: names.into_bump_slice(),
            values: values.into_bump_slice(),
        };
        Ok((callee, args))
    }

    /// `callee(args)`.
    pub(crate) fn call(&mut self, callee: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
        self.charge(2)?;
        match callee {
            Value::Macro(this) => self.call_macro(this, args),
            Value::Function(function) => functions::call(self, function, args),
            Value::Method(bound) => methods::call(self, bound.object, bound.method, args),
            Value::Undefined(undefined) => Err(undefined.error(self.arena)),
            Value::Loop(this) => {
                let [iterable] = args.bind("LoopContext.__call__", ["iterable"], 1, 1)?;
                let Some((function, scope)) = this.recurse else {
                    return type_error("The loop must have the 'recursive' marker to be called recursively.");
                };
                let iterable = iterable.expect("required");
                let text = self.run_loop_body(function, scope, iterable, this.depth0 + 1)?;
                Ok(wrap(self.escaping(), text))
            }
            Value::Joiner(this) => {
                if this.used.replace(true) {
                    Ok(this.separator)
                } else {
                    Ok(Value::str(""))
                }
            }
            _ => type_error(format!("'{}' object is not callable", callee.type_name())),
        }
    }

    /// `object.name(args)`.
    pub(super) fn call_method(&mut self, object: Value<'r>, name: u32, args: Args<'r>) -> Result<Value<'r>> {
        if let Some(method) = self.program.symbols[name as usize].method {
            if method.belongs_to(object) && !method.mutates() {
                self.charge(2)?;
                return methods::call(self, object, method, args);
            }
        }
        let callee = self.get_attr(object, name)?;
        self.call(callee, args)
    }

    /// Calls a macro; its text is captured.
    pub(crate) fn call_macro(&mut self, this: &'r Macro<'r>, args: Args<'r>) -> Result<Value<'r>> {
        let program = self.program;
        let function = &program.functions[this.function as usize];
        let scope = self.variables(this.function, Some(this.scope));
        self.bind_macro(function, scope, args)?;
        self.output.start_capture();
        self.enter()?;
        self.run(this.function, scope)?;
        self.leave();
        let text = self.output.end_capture(self.arena);
        self.release(this.function, scope);
        Ok(if self.escaping() { Value::Markup(text) } else { Value::Str(text) })
    }

    fn variables(&mut self, function: FunctionId, parent: Option<&'r Activation<'r>>) -> &'r Activation<'r> {
        let slots = self.program.functions[function as usize].slots;
        crate::meter::steps(usize::from(slots) / 8);
        let spare = &mut self.spare[function as usize];
        // A variable frame belongs to one place in the chain of scopes; another parent needs another frame.
        let reusable = spare.iter().rposition(|scope| match (scope.parent(), parent) {
            (Some(a), Some(b)) => std::ptr::eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        });
        match reusable {
            Some(at) => {
                let scope = spare.swap_remove(at);
                scope.reset();
                scope
            }
            None => Activation::new(self.arena, slots.into(), parent),
        }
    }

    /// Gives variables back for the next call, unless a function inside may still look at them.
    fn release(&mut self, function: FunctionId, scope: &'r Activation<'r>) {
        if !self.program.functions[function as usize].captured && self.spare[function as usize].len() < 4 {
            self.spare[function as usize].push(scope);
        }
    }

    /// Binds arguments as `jinja2.runtime.Macro` does.
    fn bind_macro(
        &mut self,
        function: &'r crate::compile::program::Function,
        scope: &'r Activation<'r>,
        args: Args<'r>,
    ) -> Result<()> {
        let mut used = vec![false; args.names.len()];
        let mut found_caller = function.explicit_caller && args.positional.len() >= function.params.len();
        for (at, (name, slot)) in function.params.iter().enumerate() {
            if let Some(value) = args.positional.get(at) {
                scope.set(*slot, *value);
                continue;
            }
            found_caller |= &**name == "caller";
            if let Some(at) = args.names.iter().position(|given| *given == &**name) {
                used[at] = true;
                scope.set(*slot, args.values[at]);
            }
        }
        if let (Some(slot), false) = (function.caller, found_caller) {
            let given = args.names.iter().position(|name| *name == "caller");
            let value = match given {
                Some(at) => {
                    used[at] = true;
                    args.values[at]
                }
                None => Value::Undefined(self.arena.alloc(Undefined::Hint("No caller defined"))),
            };
            scope.set(slot, value);
        }
        self.bind_rest(function, scope, args, &used)
    }

    fn bind_rest(
        &mut self,
        function: &'r crate::compile::program::Function,
        scope: &'r Activation<'r>,
        args: Args<'r>,
        used: &[bool],
    ) -> Result<()> {
        let name = || match &function.name {
            Some(name) => format!("'{name}'"),
            None => "None".to_owned(),
        };
        let left = || args.keywords().zip(used).filter(|(_, used)| !**used).map(|(keyword, _)| keyword);
        if let Some(slot) = function.kwargs {
            let mut dict = DictBuilder::new(self.arena, args.names.len());
            left().for_each(|(name, value)| dict.insert(Value::str(name), value));
            scope.set(slot, Value::Dict(dict.finish(COMPUTED)));
        } else if left().any(|(name, _)| name == "caller") {
            let name = name();
            return type_error(format!(
                "macro {name} was invoked with two values for the special caller argument. This is most likely a bug."
            ));
        } else if let Some((keyword, _)) = left().next() {
            let keyword = crate::pytext::repr_str(keyword);
            let name = name();
            return type_error(format!("macro {name} takes no keyword argument {keyword}"));
        }
        let extra = args.positional.get(function.params.len()..).unwrap_or(&[]);
        if let Some(slot) = function.varargs {
            scope.set(slot, Value::tuple(self.arena, extra, COMPUTED));
        } else if !extra.is_empty() {
            let (name, count) = (name(), function.params.len());
            return type_error(format!("macro {name} takes not more than {count} argument(s)"));
        }
        Ok(())
    }

    /// Runs a function that prints straight to the current output.
    pub(super) fn run_inline(&mut self, function: FunctionId, parent: Option<&'r Activation<'r>>) -> Result<()> {
        let scope = self.variables(function, parent);
        // To Jinja2 a generation block is a macro that is called without arguments.
        let program = self.program;
        self.bind_macro(&program.functions[function as usize], scope, Args::NONE)?;
        self.enter()?;
        self.run(function, scope)?;
        self.leave();
        self.release(function, scope);
        Ok(())
    }

    /// Runs the body function of a recursive loop over `iterable`.
    pub(super) fn run_loop_body(
        &mut self,
        function: FunctionId,
        parent: &'r Activation<'r>,
        iterable: Value<'r>,
        depth0: i64,
    ) -> Result<Str<'r>> {
        let slots = self.program.functions[function as usize].slots as usize;
        crate::meter::steps(slots / 8);
        let scope = Activation::new(self.arena, slots, Some(parent));
        self.stack.extend([Value::int(function.into()), Value::int(depth0), iterable]);
        self.output.start_capture();
        self.enter()?;
        self.run(function, scope)?;
        self.leave();
        Ok(self.output.end_capture(self.arena))
    }

    /// Evaluates the `if` of a loop for one element.
    pub(crate) fn call_loop_filter(
        &mut self,
        function: FunctionId,
        parent: &'r Activation<'r>,
        item: Value<'r>,
    ) -> Result<Value<'r>> {
        let scope = self.variables(function, Some(parent));
        self.stack.push(item);
        self.enter()?;
        self.run(function, scope)?;
        self.leave();
        self.release(function, scope);
        Ok(self.pop())
    }
}
