//! Runs a compiled template.

pub(crate) mod access;
pub(crate) mod call;
pub(crate) mod frame;
mod fused;
mod loops;
mod operators;
pub(crate) mod ops;
pub(crate) mod output;
mod printing;
mod variables;

use bumpalo::collections::Vec as BumpVec;
use bumpalo::Bump;

use self::frame::Activation;
use self::output::Output;
use crate::builtins::filters::Filter;
use crate::builtins::{filters, tests};
use crate::compile::program::{Function, FunctionId, Instr, Program};
use crate::error::{ErrorClass, RenderError, Result};
use crate::meter;
use crate::options::{Clock, Limits};
use crate::origin::{Nodes, Tag, GENERATION_END, GENERATION_START, TEMPLATE_BIT, UNUSED};
use crate::value::{Loop, Macro, Str, Value};

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

    fn delayed_error(&self, id: u32) -> RenderError {
        let error = &self.program.errors[id as usize];
        RenderError::new(error.class, error.message.clone())
    }
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
