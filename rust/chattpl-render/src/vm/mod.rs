//! Runs a compiled template.

pub(crate) mod access;
pub(crate) mod call;
pub(crate) mod frame;
mod fused;
pub(crate) mod ops;
pub(crate) mod output;

use std::cmp::Ordering;

use bumpalo::collections::Vec as BumpVec;
use bumpalo::Bump;
use chattpl_syntax::ast::CompareOp;

use self::frame::Activation;
use self::output::{JsonOutput, Output};
use crate::builtins::filters::Filter;
use crate::builtins::tests::Test;
use crate::builtins::{filters, tests, tojson};
use crate::compile::program::{Constant, Function, FunctionId, Instr, Part, Program};
use crate::error::{type_error, ErrorClass, RenderError, Result};
use crate::meter;
use crate::options::{Clock, Limits};
use crate::origin::{Nodes, Tag, GENERATION_END, GENERATION_START, TEMPLATE_BIT, UNUSED};
use crate::value::cmp::{compare, equal};
use crate::value::dict::{same_text, DictBuilder};
use crate::value::iter::Generator;
use crate::value::{IterObject, IterState, Loop, Macro, Run, Str, Undefined, Value};

/// Instructions between two looks at the memory in use.
const FUEL_SLICE: u64 = 1024;

/// The state of one render.
pub(crate) struct Vm<'r> {
    pub arena: &'r Bump,
    pub program: &'r Program,
    pub nodes: &'r Nodes<'r>,
    pub clock: &'r Clock,
    pub output: Output<'r>,
    /// The message that the innermost running loop is bound to; [`UNUSED`] where there is none.
    pub message: u32,
    globals: BumpVec<'r, Value<'r>>,
    exports: Vec<(u32, Value<'r>)>,
    stack: BumpVec<'r, Value<'r>>,
    loops: BumpVec<'r, RunningLoop<'r>>,
    callers: Vec<Value<'r>>,
    autoescape: Vec<bool>,
    /// Variables of finished calls, by function, for reuse.
    spare: BumpVec<'r, BumpVec<'r, &'r Activation<'r>>>,
    /// Instructions left before the memory is looked at again.
    fuel: u64,
    /// Instructions left after those.
    stored_fuel: u64,
    depth: u32,
    limits: Limits,
    max_arena_bytes: usize,
}

#[derive(Clone, Copy)]
struct RunningLoop<'r> {
    this: &'r Loop<'r>,
    /// The message around the loop.
    outer_message: u32,
}

impl<'r> Vm<'r> {
    /// A machine ready to run `program`; `lookup` gives the context's value of a name.
    pub fn new(
        arena: &'r Bump,
        program: &'r Program,
        nodes: &'r Nodes<'r>,
        clock: &'r Clock,
        limits: Limits,
        output: Output<'r>,
        lookup: impl Fn(&str) -> Value<'r>,
    ) -> Self {
        let globals = program.globals.iter();
        let globals = globals.map(|symbol| lookup(&program.symbols[*symbol as usize].text));
        let globals = BumpVec::from_iter_in(globals, arena);
        Vm {
            arena,
            program,
            nodes,
            clock,
            output,
            message: UNUSED,
            globals,
            exports: Vec::new(),
            stack: BumpVec::with_capacity_in(32, arena),
            loops: BumpVec::with_capacity_in(4, arena),
            callers: Vec::new(),
            autoescape: Vec::new(),
            spare: BumpVec::from_iter_in(program.functions.iter().map(|_| BumpVec::new_in(arena)), arena),
            fuel: 0,
            stored_fuel: limits.max_instructions,
            depth: 0,
            limits,
            max_arena_bytes: meter::used_bytes(arena) + limits.max_memory_bytes,
        }
    }

    /// Runs the template's body.
    pub fn run_template(&mut self) -> Result<()> {
        let slots = self.program.functions[0].slots as usize;
        let scope = Activation::new(self.arena, slots, None);
        self.run(0, scope)
    }

    /// Takes `amount` instructions from the budget.
    pub fn charge(&mut self, amount: u64) -> Result<()> {
        match self.fuel.checked_sub(amount) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => self.refuel(amount),
        }
    }

    /// Takes the next slice of the budget, having looked at what the values made so far take up.
    #[cold]
    fn refuel(&mut self, amount: u64) -> Result<()> {
        let due = amount - self.fuel;
        let Some(left) = self.stored_fuel.checked_sub(due) else {
            return Err(meter::too_many_steps(self.limits.max_instructions));
        };
        self.fuel = left.min(FUEL_SLICE);
        self.stored_fuel = left - self.fuel;
        self.check_memory(0)
    }

    /// Checks that `bytes` more may be allocated, and charges for writing them.
    pub fn reserve(&mut self, bytes: usize) -> Result<()> {
        self.check_memory(bytes)?;
        self.charge(bytes as u64 / 64)
    }

    fn check_memory(&self, bytes: usize) -> Result<()> {
        let used = meter::used_bytes(self.arena) + self.output.held_bytes();
        if used.saturating_add(bytes) > self.max_arena_bytes {
            return Err(meter::too_much_memory(self.limits.max_memory_bytes));
        }
        Ok(())
    }

    pub(crate) fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > self.limits.max_depth {
            return Err(meter::too_deep());
        }
        self.reserve(0)
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    pub(crate) fn escaping(&self) -> bool {
        self.autoescape.last().copied().unwrap_or(false)
    }

    fn pop(&mut self) -> Value<'r> {
        self.stack.pop().expect("the compiler balances the stack")
    }

    /// The last `count` values, in order.
    fn take(&mut self, count: usize) -> &'r [Value<'r>] {
        let base = self.stack.len() - count;
        let items = self.arena.alloc_slice_copy(&self.stack[base..]);
        self.stack.truncate(base);
        items
    }

    /// Makes the text belong to the current message, as its first use does.
    ///
    /// Outside every loop that is bound to a message the text stays unused: it gets a message when such a loop uses it.
    pub fn used(&self, str: Str<'r>) -> Str<'r> {
        if self.message == UNUSED {
            return str;
        }
        str.used_by(self.arena, self.nodes, self.message)
    }

    /// The tag of text that an expression at `place` computed.
    pub fn place_tag(place: u32) -> Tag {
        Tag { source: TEMPLATE_BIT | place, message: UNUSED }
    }

    fn run(&mut self, id: FunctionId, scope: &'r Activation<'r>) -> Result<()> {
        let function = &self.program.functions[id as usize];
        self.charge(function.code.len() as u64)?;
        let mut next = 0;
        let done = meter::catch(|| self.execute(function, scope, &mut next));
        done.map_err(|error| {
            let place = function.places[next - 1];
            error.at(self.program.places[place as usize])
        })
    }

    #[inline(never)]
    fn execute(&mut self, function: &'r Function, scope: &'r Activation<'r>, next: &mut usize) -> Result<()> {
        let code = function.code.as_slice();
        // The position lives in a register; it is written back for the error's place alone.
        let mut pc = *next;
        loop {
            let instr = &code[pc];
            pc += 1;
            *next = pc;
            match *instr {
                Instr::Text(id) => self.print_constant(id)?,
                Instr::Emit(place) => self.print(place)?,
                Instr::EmitPart { part, place } => self.print_part(part, place)?,
                Instr::EmitSlot { part, slot, name, place } => self.print_slot(scope, slot, name, part, place)?,
                Instr::EmitAttr { part, slot, name, place } => {
                    self.print_attr(function, scope, slot, name, part, place)?;
                }
                Instr::EmitText(place) => self.print_text(place)?,
                Instr::EmitJson { argc, keywords } => {
                    let args = self.arguments(argc, keywords);
                    self.print_json(args, function.places[pc - 1])?;
                }
                Instr::Const(id) => self.push_constant(id),
                Instr::Int(value) => self.stack.push(Value::int(value.into())),
                Instr::True => self.stack.push(Value::bool(true)),
                Instr::False => self.stack.push(Value::bool(false)),
                Instr::None => self.stack.push(Value::NONE),
                Instr::Slot { depth, slot, name } => self.push_slot(scope.get(depth, slot), name),
                Instr::SlotAttr { slot, name } => self.push_attr(function, scope, slot, name)?,
                Instr::SlotItem { slot, name } => {
                    let entry = match scope.get(0, slot) {
                        Value::Dict(dict) => dict.entry(self.arena, &self.program.symbols[name as usize].text),
                        _ => None,
                    };
                    match entry {
                        Some(value) => self.stack.push(*value),
                        None => {
                            let object = match scope.get(0, slot) {
                                Value::Missing => self.undefined_name(function.slot_names[slot as usize]),
                                object => object,
                            };
                            let value = self.get_item_str(object, name)?;
                            self.stack.push(value);
                        }
                    }
                }
                Instr::Global { global } => self.push_global(global),
                Instr::Store { slot } => {
                    let value = self.pop();
                    scope.set(slot, value);
                }
                Instr::JumpIfGiven { slot, target } => {
                    if !matches!(scope.get(0, slot), Value::Missing) {
                        pc = target as usize;
                    }
                }
                Instr::Alias { depth, from, to } => scope.set(to, scope.get(depth, from)),
                Instr::Resolve { slot, global } => scope.set(slot, self.resolve(global)),
                Instr::Clear { slot } => scope.set(slot, Value::Missing),
                Instr::Export { slot, name } => self.exports.push((name, scope.get(0, slot))),
                Instr::Attr(name) => {
                    let object = self.pop();
                    let value = self.get_attr(object, name)?;
                    self.stack.push(value);
                }
                Instr::Item if self.picks_item() => {}
                Instr::Item => {
                    let key = self.pop();
                    let object = self.pop();
                    let value = self.get_item(object, key)?;
                    self.stack.push(value);
                }
                Instr::ItemStr(name) => {
                    let object = self.pop();
                    let value = self.get_item_str(object, name)?;
                    self.stack.push(value);
                }
                Instr::Slice => {
                    let [start, stop, step] = [self.pop(), self.pop(), self.pop()];
                    let object = self.pop();
                    let value = self.get_slice(object, step, stop, start)?;
                    self.stack.push(value);
                }
                Instr::List(count) => {
                    let items = self.take(count as usize);
                    self.stack.push(Value::list(self.arena, items, crate::origin::COMPUTED));
                }
                Instr::Tuple(count) => {
                    let items = self.take(count as usize);
                    self.stack.push(Value::tuple(self.arena, items, crate::origin::COMPUTED));
                }
                Instr::Dict(count) => self.push_dict(count as usize)?,
                Instr::Not => {
                    let truth = self.pop_truth();
                    self.stack.push(Value::bool(!truth));
                }
                Instr::Neg | Instr::Pos => {
                    let value = self.pop();
                    let value = ops::sign(self, value, *instr == Instr::Neg)?;
                    self.stack.push(value);
                }
                Instr::Add => {
                    if !self.small_ints(i64::checked_add) {
                        self.binary(ops::add)?;
                    }
                }
                Instr::Sub => {
                    if !self.small_ints(i64::checked_sub) {
                        self.binary(ops::sub)?;
                    }
                }
                Instr::AddInt(value) => {
                    if !self.small_int(i64::checked_add, value) {
                        self.stack.push(Value::int(value.into()));
                        self.binary(ops::add)?;
                    }
                }
                Instr::SubInt(value) => {
                    if !self.small_int(i64::checked_sub, value) {
                        self.stack.push(Value::int(value.into()));
                        self.binary(ops::sub)?;
                    }
                }
                Instr::Mul => self.binary(ops::mul)?,
                Instr::Div => self.binary(ops::div)?,
                Instr::FloorDiv => self.binary(ops::floor_div)?,
                Instr::Mod => self.binary(ops::modulo)?,
                Instr::Pow => self.binary(ops::pow)?,
                Instr::Compare(op) if self.compares_ints(op) => {}
                Instr::Compare(op) => {
                    let right = self.pop();
                    let left = self.pop();
                    let holds = self.compare(op, left, right)?;
                    self.stack.push(Value::bool(holds));
                }
                Instr::EqualsText(id) => {
                    let holds = self.pop_equals_text(id);
                    self.stack.push(Value::bool(holds));
                }
                Instr::AddPrinted => self.add_printed()?,
                Instr::CompareChain { op, target } => {
                    let right = self.pop();
                    let left = self.pop();
                    if self.compare(op, left, right)? {
                        self.stack.push(right);
                    } else {
                        self.stack.push(Value::bool(false));
                        pc = target as usize;
                    }
                }
                Instr::Concat(count) => self.concat(count as usize)?,
                Instr::Jump(target) => pc = target as usize,
                Instr::JumpIfFalse(target) => {
                    if !self.pop_truth() {
                        pc = target as usize;
                    }
                }
                Instr::JumpIfTrue(target) => {
                    if self.pop_truth() {
                        pc = target as usize;
                    }
                }
                Instr::JumpUnlessText { text, target } => {
                    if !self.pop_equals_text(text) {
                        pc = target as usize;
                    }
                }
                Instr::JumpIfText { text, target } => {
                    if self.pop_equals_text(text) {
                        pc = target as usize;
                    }
                }
                Instr::JumpCompare { when, op, target } => {
                    if self.pop_compares(op)? == when {
                        pc = target as usize;
                    }
                }
                Instr::JumpTest { when, test, target } => {
                    if self.pop_is(test) == when {
                        pc = target as usize;
                    }
                }
                Instr::JumpSlot { when, slot, target } => {
                    if scope.get(0, slot).truthy() == when {
                        pc = target as usize;
                    }
                }
                Instr::JumpAttr { when, slot, name, target } => {
                    if self.attr_truth(function, scope, slot, name)? == when {
                        pc = target as usize;
                    }
                }
                Instr::JumpAttrText { when, slot, name, text, target } => {
                    if self.attr_equals_text(function, scope, slot, name, text)? == when {
                        pc = target as usize;
                    }
                }
                Instr::JumpAttrTest { when, test, slot, name, target } => {
                    if self.attr_is(function, scope, slot, name, test)? == when {
                        pc = target as usize;
                    }
                }
                Instr::JumpIfFalseKeep(target) => {
                    if self.keeps(false) {
                        pc = target as usize;
                    }
                }
                Instr::JumpIfTrueKeep(target) => {
                    if self.keeps(true) {
                        pc = target as usize;
                    }
                }
                Instr::NoElse(hint) => self.push_hint(hint),
                Instr::Call { argc, keywords } => {
                    let args = self.arguments(argc, keywords);
                    let callee = self.pop();
                    let value = self.call(callee, args)?;
                    self.stack.push(value);
                }
                Instr::CallMethod { name, argc, keywords } => {
                    let args = self.arguments(argc, keywords);
                    let object = self.pop();
                    let value = self.call_method(object, name, args)?;
                    self.stack.push(value);
                }
                Instr::CallSpread => {
                    let function = "jinja2.sandbox.SandboxedEnvironment.call()";
                    let (callee, args) = self.spread_arguments(function)?;
                    let value = self.call(callee, args)?;
                    self.stack.push(value);
                }
                Instr::Filter { filter: Filter::Length, argc: 0, keywords: 0 } if self.counts_items() => {}
                Instr::Filter { filter, argc, keywords } => {
                    let args = self.arguments(argc, keywords);
                    let input = self.pop();
                    let value = filters::apply(self, filter, input, args)?;
                    self.stack.push(value);
                }
                Instr::FilterSpread(filter) => {
                    let function = filters::function_name(filter);
                    let (input, args) = self.spread_arguments(&function)?;
                    let value = filters::apply(self, filter, input, args)?;
                    self.stack.push(value);
                }
                Instr::Test { test, argc, keywords } => {
                    let holds = match (argc, keywords, tests::by_kind(test, self.top())) {
                        (0, 0, Some(holds)) => {
                            self.drop_top();
                            holds
                        }
                        _ => {
                            let args = self.arguments(argc, keywords);
                            let input = self.pop();
                            tests::apply(self, test, input, args)?
                        }
                    };
                    self.stack.push(Value::bool(holds));
                }
                Instr::TestSpread(test) => {
                    let function = tests::function_name(test);
                    let (input, args) = self.spread_arguments(&function)?;
                    let holds = tests::apply(self, test, input, args)?;
                    self.stack.push(Value::bool(holds));
                }
                Instr::Unknown(error) | Instr::Raise(error) => return Err(self.delayed_error(error)),
                Instr::LoopStart { recursive } => self.start_loop(recursive, scope)?,
                Instr::LoopStartFiltered { function, recursive } => {
                    self.start_filtered_loop(function, recursive, scope)?;
                }
                Instr::LoopNext(target) => {
                    // One pass of the body at most; what it calls is charged by itself.
                    self.charge(u64::from(target).saturating_sub(pc as u64) + 1)?;
                    match self.advance_loop()? {
                        Some(item) => self.stack.push(item),
                        None => pc = target as usize,
                    }
                }
                Instr::LoopNextTo { slot, target } => {
                    self.charge(u64::from(target).saturating_sub(pc as u64) + 1)?;
                    match self.advance_loop()? {
                        Some(item) => scope.set(slot, item),
                        None => pc = target as usize,
                    }
                }
                Instr::LoopObject { slot } => {
                    let this = self.loops.last().expect("inside a loop").this;
                    scope.set(slot, Value::Loop(this));
                }
                Instr::LoopEnd => {
                    let ended = self.loops.pop().expect("inside a loop");
                    self.message = ended.outer_message;
                }
                Instr::Unpack(count) => self.unpack(count as usize)?,
                Instr::CheckNamespace => {
                    if !matches!(self.pop(), Value::Namespace(_)) {
                        return Err(not_a_namespace());
                    }
                }
                Instr::CheckDefined => {
                    if let Some(Value::Undefined(undefined)) = self.stack.last() {
                        return Err(undefined.error(self.arena));
                    }
                }
                Instr::SetAttr(name) => self.set_attr(name)?,
                Instr::CaptureStart => self.output.start_capture(),
                Instr::CaptureEnd => {
                    let str = self.output.end_capture(self.arena);
                    self.stack.push(if self.escaping() { Value::Markup(str) } else { Value::Str(str) });
                }
                Instr::CaptureDrop => self.output.drop_capture(),
                Instr::KeepCaller => {
                    let caller = self.pop();
                    self.callers.push(caller);
                }
                Instr::TakeCaller => {
                    let caller = self.callers.pop().expect("set aside before the call");
                    self.stack.push(caller);
                }
                Instr::Absent => self.stack.push(Value::Missing),
                Instr::Macro { function, slot } => {
                    let value = self.macro_value(function, scope);
                    scope.set(slot, value);
                }
                Instr::CallBlock { function } => {
                    let value = self.macro_value(function, scope);
                    self.stack.push(value);
                }
                Instr::Generation { function } => {
                    self.output.push_marker(GENERATION_START);
                    self.run_inline(function, Some(scope))?;
                    self.output.push_marker(GENERATION_END);
                }
                Instr::RecursiveLoop { function } => {
                    let iterable = self.pop();
                    let text = self.run_loop_body(function, scope, iterable, 0)?;
                    self.output.push(text, self.message, crate::origin::COMPUTED)?;
                }
                Instr::Block { function } => self.run_inline(function, None)?,
                Instr::Autoescape => {
                    let enabled = self.pop().truthy();
                    self.autoescape.push(enabled);
                }
                Instr::AutoescapeEnd => drop(self.autoescape.pop()),
                Instr::Return => return Ok(()),
            }
        }
    }

    fn macro_value(&self, function: FunctionId, scope: &'r Activation<'r>) -> Value<'r> {
        let name = self.program.functions[function as usize].name.as_deref();
        Value::Macro(self.arena.alloc(Macro { function, name, scope }))
    }

    // Constants, variables, output

    fn constant_run(&self, id: u32) -> Run<'r> {
        match &self.program.constants[id as usize] {
            Constant::Str { text, place } => Run { text, tag: Self::place_tag(*place) },
            other => unreachable!("only strings are printed as they stand, not {other:?}"),
        }
    }

    fn print_constant(&mut self, id: u32) -> Result<()> {
        let run = self.constant_run(id);
        self.output.push_run(run, self.message, run.tag.source)
    }

    fn push_constant(&mut self, id: u32) {
        let value = match &self.program.constants[id as usize] {
            Constant::Str { .. } => Value::Str(Str::Run(self.constant_run(id))),
            Constant::Int(value) => Value::int(*value),
            Constant::BigInt(value) => Value::big(self.arena, value.clone(), crate::origin::COMPUTED),
            Constant::Float(value) => Value::Float(*value, crate::origin::COMPUTED),
        };
        self.stack.push(value);
    }

    fn push_hint(&mut self, id: u32) {
        let hint = self.constant_run(id).text;
        self.stack.push(Value::Undefined(self.arena.alloc(Undefined::Hint(hint))));
    }

    fn push_slot(&mut self, value: Value<'r>, name: u32) {
        let value = match value {
            Value::Missing => self.undefined_name(name),
            value => value,
        };
        self.stack.push(value);
    }

    fn push_global(&mut self, global: u32) {
        let value = match self.resolve(global) {
            Value::Missing => self.undefined_name(self.program.globals[global as usize]),
            value => value,
        };
        self.stack.push(value);
    }

    fn resolve(&self, global: u32) -> Value<'r> {
        if self.program.has_blocks {
            let symbol = self.program.globals[global as usize];
            if let Some((_, value)) = self.exports.iter().rev().find(|(name, _)| *name == symbol) {
                return *value;
            }
        }
        self.globals[global as usize]
    }

    fn undefined_name(&self, symbol: u32) -> Value<'r> {
        let name = &self.program.symbols[symbol as usize].text;
        Value::Undefined(self.arena.alloc(Undefined::Name(name)))
    }

    /// Prints the top value; Jinja2 does not convert the result of a filter block.
    fn print_text(&mut self, place: u32) -> Result<()> {
        let value = self.stack.last().copied().unwrap_or(Value::Missing);
        if value.as_str().is_none() {
            return type_error(format!("sequence item 0: expected str instance, {} found", value.type_name()));
        }
        self.print(place)
    }

    /// Prints an operand of a sum; what is no string makes the sum fail.
    fn print_part(&mut self, part: Part, place: u32) -> Result<()> {
        if let (Value::Str(str), false) = (*self.top(), self.escaping()) {
            self.drop_top();
            return self.output.push(str, self.message, TEMPLATE_BIT | place);
        }
        let string = Value::str("");
        let value = self.pop();
        let printed = match part {
            Part::Whole => value,
            Part::First => ops::add(self, value, string).map_err(|error| self.error_at(error, place))?,
            Part::Later => ops::add(self, string, value).map_err(|error| self.error_at(error, place))?,
        };
        self.stack.push(printed);
        self.print(place)
    }

    fn error_at(&self, error: RenderError, place: u32) -> RenderError {
        error.at(self.program.places[place as usize])
    }

    /// Prints the top value.
    fn print(&mut self, place: u32) -> Result<()> {
        let value = self.pop();
        self.settle(value)?;
        let mut str = value.to_str(self.arena);
        if self.escaping() && !matches!(value, Value::Markup(_)) {
            str = filters::escape_str(self, str);
        }
        self.output.push(str, self.message, TEMPLATE_BIT | place)
    }

    /// Counts the elements of a loop that is about to be printed, which shows their number.
    fn settle(&mut self, value: Value<'r>) -> Result<()> {
        match value {
            Value::Loop(this) => this.len(self).map(drop),
            _ => Ok(()),
        }
    }

    /// Prints the top value as JSON, straight into the text where that is where it goes.
    fn print_json(&mut self, args: call::Args<'r>, place: u32) -> Result<()> {
        let value = self.pop();
        if self.output.is_capturing() || self.escaping() {
            let json = filters::apply(self, Filter::ToJson, value, args)?;
            self.stack.push(json);
            return self.print(place);
        }
        self.charge(2)?;
        let mut output = std::mem::replace(&mut self.output, Output::new(Default::default(), 0, self.nodes));
        let mut sink = JsonOutput::new(&mut output, self.message, TEMPLATE_BIT | place);
        let done = tojson::write(self, value, args, &mut sink);
        let printed = sink.finish();
        self.output = output;
        printed.and(done)
    }

    /// Keeps the top value if its truth is `wanted`, and takes it otherwise.
    fn keeps(&mut self, wanted: bool) -> bool {
        let keeps = self.top().truthy() == wanted;
        if !keeps {
            self.drop_top();
        }
        keeps
    }

    fn push_dict(&mut self, count: usize) -> Result<()> {
        let parts = self.take(count * 2);
        let mut dict = DictBuilder::new(self.arena, count);
        for pair in parts.chunks_exact(2) {
            self.check_hashable(pair[0])?;
            dict.insert(pair[0], pair[1]);
        }
        self.stack.push(Value::Dict(dict.finish(crate::origin::COMPUTED)));
        Ok(())
    }

    // Operators

    /// Replaces two integers on the stack by the result of `op`, if both are small and so is the result.
    #[inline]
    fn small_ints(&mut self, op: fn(i64, i64) -> Option<i64>) -> bool {
        let at = self.stack.len() - 2;
        let (Value::Int(a, a_source), Value::Int(b, b_source)) = (&self.stack[at], &self.stack[at + 1]) else {
            return false;
        };
        let Some(value) = op(*a, *b) else { return false };
        let source = crate::origin::derived(*a_source, *b_source);
        self.drop_top();
        self.stack[at] = Value::Int(value, source);
        true
    }

    /// Replaces the integer on the stack by the result of `op` with `value`, if both it and the result are small.
    #[inline]
    fn small_int(&mut self, op: fn(i64, i64) -> Option<i64>, value: i32) -> bool {
        let at = self.stack.len() - 1;
        let Value::Int(number, source) = &mut self.stack[at] else {
            return false;
        };
        let Some(result) = op(*number, value.into()) else { return false };
        *number = result;
        *source = crate::origin::derived(*source, crate::origin::COMPUTED);
        true
    }

    /// Replaces two integers on the stack by how they compare, if both are small.
    #[inline]
    fn compares_ints(&mut self, op: CompareOp) -> bool {
        let at = self.stack.len() - 2;
        let (Value::Int(a, _), Value::Int(b, _)) = (&self.stack[at], &self.stack[at + 1]) else {
            return false;
        };
        let holds = match op {
            CompareOp::Eq => a == b,
            CompareOp::Ne => a != b,
            CompareOp::Lt => a < b,
            CompareOp::Le => a <= b,
            CompareOp::Gt => a > b,
            CompareOp::Ge => a >= b,
            CompareOp::In | CompareOp::NotIn => return false,
        };
        self.drop_top();
        self.stack[at] = Value::bool(holds);
        true
    }

    /// Replaces a list or mapping on the stack by its length.
    #[inline]
    fn counts_items(&mut self) -> bool {
        let at = self.stack.len() - 1;
        let (count, source) = match &self.stack[at] {
            Value::List(seq) => (seq.items.len(), seq.source),
            Value::Dict(dict) => (dict.entries.len(), dict.source),
            _ => return false,
        };
        self.stack[at] = Value::Int(count as i64, source);
        true
    }

    fn binary(&mut self, op: fn(&mut Vm<'r>, Value<'r>, Value<'r>) -> Result<Value<'r>>) -> Result<()> {
        let right = self.pop();
        let left = self.pop();
        let value = op(self, left, right)?;
        self.stack.push(value);
        Ok(())
    }

    fn concat(&mut self, count: usize) -> Result<()> {
        let items = self.take(count);
        let escaping = self.escaping() && items.iter().any(|item| matches!(item, Value::Markup(_)));
        let mut out = Str::computed("");
        for item in items {
            self.settle(*item)?;
            let mut str = item.to_str(self.arena);
            if escaping && !matches!(item, Value::Markup(_)) {
                str = filters::escape_str(self, str);
            }
            out = out.concat(self.arena, self.used(str));
        }
        self.stack.push(if escaping { Value::Markup(out) } else { Value::Str(out) });
        Ok(())
    }

    pub(crate) fn compare(&mut self, op: CompareOp, left: Value<'r>, right: Value<'r>) -> Result<bool> {
        let arena = self.arena;
        let order = |symbol| compare(arena, left, right, symbol);
        Ok(match op {
            CompareOp::Eq => equal(arena, left, right),
            CompareOp::Ne => !equal(arena, left, right),
            CompareOp::Lt => order("<")? == Some(Ordering::Less),
            CompareOp::Gt => order(">")? == Some(Ordering::Greater),
            CompareOp::Le => matches!(order("<=")?, Some(Ordering::Less | Ordering::Equal)),
            CompareOp::Ge => matches!(order(">=")?, Some(Ordering::Greater | Ordering::Equal)),
            CompareOp::In => ops::contains(self, right, left)?,
            CompareOp::NotIn => !ops::contains(self, right, left)?,
        })
    }

    /// Takes the top value and compares it with a string of the template.
    fn pop_equals_text(&mut self, id: u32) -> bool {
        let equal = self.equals_text(self.top(), id);
        self.drop_top();
        equal
    }

    fn equals_text(&self, value: &Value<'r>, id: u32) -> bool {
        let text = self.constant_run(id).text;
        match value {
            Value::Str(Str::Run(run)) => same_text(run.text, text),
            value => value.as_str().is_some_and(|str| str.len() == text.len() && str.flat(self.arena) == text),
        }
    }

    /// Takes the top value and looks at its kind.
    fn pop_is(&mut self, test: Test) -> bool {
        let holds = tests::by_kind(test, self.top()).expect("the compiler looked at the test");
        self.drop_top();
        holds
    }

    /// Takes the two top values and compares them.
    fn pop_compares(&mut self, op: CompareOp) -> Result<bool> {
        if self.compares_ints(op) {
            return Ok(self.pop_truth());
        }
        let right = self.pop();
        let left = self.pop();
        self.compare(op, left, right)
    }

    /// Replaces a list and an index on the stack by the element there, if there is one.
    fn picks_item(&mut self) -> bool {
        let at = self.stack.len() - 2;
        let (Value::List(seq), Value::Int(index, _)) = (&self.stack[at], &self.stack[at + 1]) else {
            return false;
        };
        let index = if *index < 0 { *index + seq.items.len() as i64 } else { *index };
        let Some(item) = usize::try_from(index).ok().and_then(|index| seq.items.get(index)) else {
            return false;
        };
        self.drop_top();
        self.stack[at] = *item;
        true
    }

    /// Takes the top value for its truth alone.
    fn pop_truth(&mut self) -> bool {
        let truth = self.top().truthy();
        self.drop_top();
        truth
    }

    /// The top value, looked at in place: moving it just after it was written would stall.
    fn top(&self) -> &Value<'r> {
        self.stack.last().expect("the compiler balances the stack")
    }

    fn drop_top(&mut self) {
        self.stack.truncate(self.stack.len() - 1);
    }

    /// Adds two values of a sum that is printed next.
    fn add_printed(&mut self) -> Result<()> {
        let right = self.pop();
        let left = self.pop();
        if let (Value::Str(left), Value::Str(_)) = (left, right) {
            if !self.escaping() {
                self.output.push(left, self.message, crate::origin::COMPUTED)?;
                self.stack.push(right);
                return Ok(());
            }
        }
        let sum = ops::add(self, left, right)?;
        self.stack.push(sum);
        Ok(())
    }

    // Loops

    fn start_loop(&mut self, recursive: bool, scope: &'r Activation<'r>) -> Result<()> {
        let iterable = self.pop();
        let iter = iterable.iterate()?;
        let mut this = Loop::new(iterable, iter);
        if recursive {
            self.make_recursive(&mut this, scope);
        }
        self.push_loop(this);
        Ok(())
    }

    fn start_filtered_loop(&mut self, function: FunctionId, recursive: bool, scope: &'r Activation<'r>) -> Result<()> {
        let iterable = self.pop();
        let input = iterable.iterate()?;
        let around = if recursive { enclosing(scope) } else { scope };
        let generator = Generator::LoopFilter { input, function, scope: around };
        let source = iterable.source(self.arena);
        let object = self.arena.alloc(IterObject::generator("", source, generator));
        let mut this = Loop::new(Value::Iter(object), IterState::Object(object));
        if recursive {
            self.make_recursive(&mut this, scope);
        }
        self.push_loop(this);
        Ok(())
    }

    /// Takes what `run_loop_body` pushed below the iterable.
    fn make_recursive(&mut self, this: &mut Loop<'r>, scope: &'r Activation<'r>) {
        let (depth0, function) = (self.pop(), self.pop());
        let (Value::Int(depth0, _), Value::Int(function, _)) = (depth0, function) else {
            unreachable!("pushed by `run_loop_body`")
        };
        this.recurse = Some((function as FunctionId, enclosing(scope)));
        this.depth0 = depth0;
    }

    fn push_loop(&mut self, this: Loop<'r>) {
        let this = self.arena.alloc(this);
        self.loops.push(RunningLoop { this, outer_message: self.message });
    }

    /// The next element, if there is one.
    #[inline(always)]
    fn advance_loop(&mut self) -> Result<Option<Value<'r>>> {
        let RunningLoop { this, outer_message } = *self.loops.last().expect("inside a loop");
        let item = match this.items {
            Some(items) => match this.next_of(items) {
                Some(item) => *item,
                None => return Ok(None),
            },
            None => match this.next(self)? {
                Some(item) => item,
                None => return Ok(None),
            },
        };
        self.message = match self.nodes.message(item.source(self.arena)) {
            UNUSED => outer_message,
            message => message,
        };
        Ok(Some(item))
    }

    fn unpack(&mut self, count: usize) -> Result<()> {
        let value = self.pop();
        if let Value::List(seq) | Value::Tuple(seq) = value {
            if seq.items.len() == count {
                self.stack.extend(seq.items.iter().rev().copied());
                return Ok(());
            }
        }
        let Ok(mut iter) = value.iterate() else {
            return type_error(format!("cannot unpack non-iterable {} object", value.type_name()));
        };
        let mut items = Vec::with_capacity(count);
        while let Some(item) = iter.next(self)? {
            if items.len() == count {
                let message = format!("too many values to unpack (expected {count})");
                return Err(RenderError::new(ErrorClass::ValueError, message));
            }
            items.push(item);
        }
        if items.len() < count {
            let got = items.len();
            let message = format!("not enough values to unpack (expected {count}, got {got})");
            return Err(RenderError::new(ErrorClass::ValueError, message));
        }
        self.stack.extend(items.iter().rev().copied());
        Ok(())
    }

    /// `key, value = pair`.
    pub(crate) fn unpack_pair(&mut self, pair: Value<'r>) -> Result<(Value<'r>, Value<'r>)> {
        self.stack.push(pair);
        self.unpack(2)?;
        Ok((self.pop(), self.pop()))
    }

    // Attributes of namespaces

    fn set_attr(&mut self, name: u32) -> Result<()> {
        let namespace = self.pop();
        let value = self.pop();
        let symbol = &self.program.symbols[name as usize];
        let Value::Namespace(namespace) = namespace else {
            return Err(not_a_namespace());
        };
        check_namespace_name(&symbol.text)?;
        let key = Str::tagged(&symbol.text, Self::place_tag(symbol.place));
        namespace.set(self.arena, key, value);
        Ok(())
    }

    fn delayed_error(&self, id: u32) -> RenderError {
        let error = &self.program.errors[id as usize];
        RenderError::new(error.class, error.message.clone())
    }
}

fn enclosing<'r>(scope: &'r Activation<'r>) -> &'r Activation<'r> {
    scope.parent().expect("a recursive loop runs in its own function")
}

fn not_a_namespace() -> RenderError {
    RenderError::new(ErrorClass::TemplateRuntimeError, "cannot assign attribute on non-namespace object")
}

/// The restriction that `transformers` puts on attributes of namespaces.
pub(crate) fn check_namespace_name(name: &str) -> Result<()> {
    if !name.starts_with('_') {
        return Ok(());
    }
    let name = crate::pytext::repr_str(name);
    Err(RenderError::new(
        ErrorClass::SecurityError,
        format!(
            "Chat templates cannot store underscore-prefixed attributes on a namespace, but got {name}. Please rename the attribute."
        ),
    ))
}
