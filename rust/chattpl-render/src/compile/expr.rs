//! Compiles expressions.

use chattpl_syntax::ast::{Args, BinaryOp, CompareOp, Const, Expr, ExprKind, Name, UnaryOp};
use chattpl_syntax::{ErrorClass as SyntaxClass, Span};

use super::program::{Constant, Instr, Part};
use super::{Compiled, Compiler, Frame};
use crate::builtins::filters::Filter;
use crate::builtins::tests::{self, Test};
use crate::error::ErrorClass;

/// Index of the empty list of keywords.
const NO_KEYWORDS: u16 = 0;

impl Compiler<'_> {
    pub(super) fn expr(&mut self, expr: &Expr, frame: Frame) -> Compiled {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Const(value) => self.literal(value, span),
            ExprKind::Name(name) => self.name(name, span, frame),
            ExprKind::List(items) => {
                self.exprs(items, frame)?;
                self.emit(Instr::List(items.len() as u32), span);
            }
            ExprKind::Tuple(items) => {
                self.exprs(items, frame)?;
                self.emit(Instr::Tuple(items.len() as u32), span);
            }
            ExprKind::Dict(items) => {
                for (key, value) in items {
                    self.expr(key, frame)?;
                    self.expr(value, frame)?;
                }
                self.emit(Instr::Dict(items.len() as u32), span);
            }
            ExprKind::Unary(op, operand) => {
                self.expr(operand, frame)?;
                self.emit(unary(*op), span);
            }
            ExprKind::Binary(op, left, right) => {
                self.expr(left, frame)?;
                self.expr(right, frame)?;
                self.binary(*op, span);
            }
            // Jinja2 leaves out what a constant decides, unknown filters in it included.
            ExprKind::And(left, _) if constant_truth(left) == Some(false) => self.expr(left, frame)?,
            ExprKind::Or(left, _) if constant_truth(left) == Some(true) => self.expr(left, frame)?,
            ExprKind::And(left, right) => self.short_circuit(left, right, Instr::JumpIfFalseKeep(0), frame)?,
            ExprKind::Or(left, right) => self.short_circuit(left, right, Instr::JumpIfTrueKeep(0), frame)?,
            ExprKind::Compare(left, rest) => self.compare(left, rest, span, frame)?,
            ExprKind::Concat(items) => {
                self.exprs(items, frame)?;
                self.emit(Instr::Concat(items.len() as u32), span);
            }
            ExprKind::Conditional { test, then, otherwise } => {
                self.conditional(test, then, otherwise.as_deref(), span, frame)?;
            }
            ExprKind::Getattr(object, name) => {
                self.expr(object, frame)?;
                let name = self.symbol(&name.text, name.span);
                self.fused(name, span, |slot, name| Instr::SlotAttr { slot, name }, Instr::Attr);
            }
            ExprKind::Getitem(object, index) => self.item(object, index, span, frame)?,
            ExprKind::Slice { .. } => {
                let message = "invalid syntax".to_owned();
                return self.fail(SyntaxClass::SyntaxError, message, span);
            }
            ExprKind::Call(callee, args) => self.call(callee, args, span, frame, false)?,
            ExprKind::Filter { input, name, args } => self.filter(input.as_deref(), name, args, span, frame)?,
            ExprKind::Test { input, name, args } => self.test(input, name, args, span, frame)?,
        }
        Ok(())
    }

    /// Compiles an expression that is printed.
    pub(super) fn printed(&mut self, expr: &Expr, frame: Frame) -> Compiled {
        if self.makes_markup {
            self.expr(expr, frame)?;
        } else if self.printed_sum(expr, expr.span, frame)? {
            return Ok(());
        }
        let place = self.place(expr.span);
        self.print(Part::Whole, place, expr.span);
        Ok(())
    }

    /// Compiles an expression, or the left part of a sum, inside the printed expression at `whole`.
    ///
    /// Operands of a sum of strings are printed as they come, since an error further on discards all output. Returns
    /// whether the value is such a sum, and printed; otherwise it is left on the stack.
    fn printed_sum(&mut self, expr: &Expr, whole: Span, frame: Frame) -> Compiled<bool> {
        match &expr.kind {
            ExprKind::Const(Const::Str(text)) => {
                let text = self.string(text, expr.span);
                self.emit(Instr::Text(text), expr.span);
                Ok(true)
            }
            ExprKind::Binary(BinaryOp::Add, left, right) => {
                let left_printed = self.printed_sum(left, whole, frame)?;
                match &right.kind {
                    ExprKind::Const(Const::Str(text)) => {
                        if !left_printed {
                            let place = self.place(whole);
                            self.print(Part::First, place, expr.span);
                        }
                        let text = self.string(text, right.span);
                        self.emit(Instr::Text(text), right.span);
                        Ok(true)
                    }
                    _ if left_printed => {
                        self.expr(right, frame)?;
                        let place = self.place(whole);
                        self.print(Part::Later, place, expr.span);
                        Ok(true)
                    }
                    _ => {
                        self.expr(right, frame)?;
                        self.emit(Instr::AddPrinted, expr.span);
                        Ok(false)
                    }
                }
            }
            _ => {
                self.expr(expr, frame)?;
                Ok(false)
            }
        }
    }

    /// Prints the top value, in one step with what made it.
    fn print(&mut self, part: Part, place: u32, span: Span) {
        let function = self.function();
        let last = function.code.len().wrapping_sub(1);
        let made_by = function.code.get(last).copied().filter(|_| function.may_fuse());
        match (made_by, part) {
            (Some(Instr::Slot { depth: 0, slot, name }), _) => {
                function.code[last] = Instr::EmitSlot { part, slot, name, place };
            }
            (Some(Instr::SlotAttr { slot, name }), _) => {
                function.code[last] = Instr::EmitAttr { part, slot, name, place };
            }
            (Some(Instr::Filter { filter: Filter::ToJson, argc, keywords }), Part::Whole) => {
                function.code[last] = Instr::EmitJson { argc, keywords };
                function.places[last] = place;
            }
            (_, Part::Whole) => drop(self.emit(Instr::Emit(place), span)),
            _ => drop(self.emit(Instr::EmitPart { part, place }, span)),
        }
    }

    /// Applies an operator to the two top values, in one step with a small number.
    fn binary(&mut self, op: BinaryOp, span: Span) {
        let fused = match (op, self.last_to_fuse()) {
            (BinaryOp::Add, Some(Instr::Int(value))) => Instr::AddInt(value),
            (BinaryOp::Sub, Some(Instr::Int(value))) => Instr::SubInt(value),
            _ => {
                self.emit(binary(op), span);
                return;
            }
        };
        let place = self.place(span);
        let function = self.function();
        let last = function.code.len() - 1;
        (function.code[last], function.places[last]) = (fused, place);
    }

    fn exprs(&mut self, items: &[Expr], frame: Frame) -> Compiled {
        items.iter().try_for_each(|item| self.expr(item, frame))
    }

    fn literal(&mut self, value: &Const, span: Span) {
        let instr = match value {
            Const::None => Instr::None,
            Const::Bool(true) => Instr::True,
            Const::Bool(false) => Instr::False,
            Const::Int(value) => match i32::try_from(*value) {
                Ok(value) => Instr::Int(value),
                Err(_) => Instr::Const(self.constant(Constant::Int(*value))),
            },
            Const::BigInt(digits) => {
                let value = digits.parse().expect("the lexer checked the digits");
                Instr::Const(self.constant(Constant::BigInt(value)))
            }
            Const::Float(value) => Instr::Const(self.constant(Constant::Float(*value))),
            Const::Str(text) => Instr::Const(self.string(text, span)),
        };
        self.emit(instr, span);
    }

    pub(super) fn name(&mut self, name: &str, span: Span, frame: Frame) {
        let (ident, owner) = self.scopes.find(frame.scope, name).expect("every name was declared before code is made");
        if let Some(name) = self.pure_global(&ident, owner) {
            let global = self.global(&name);
            self.emit(Instr::Global { global }, span);
            return;
        }
        let symbol = self.symbol(name, span);
        let (depth, slot) = self.slot(&ident);
        self.emit(Instr::Slot { depth, slot, name: symbol }, span);
    }

    /// Reads an attribute or element of the top value, in one step with the variable it was just read from.
    fn fused(&mut self, name: u32, span: Span, of_slot: fn(u16, u32) -> Instr, of_top: fn(u32) -> Instr) {
        let function = self.function();
        if let (Some(Instr::Slot { depth: 0, slot, .. }), true) = (function.code.last().copied(), function.may_fuse()) {
            let last = function.code.len() - 1;
            function.code[last] = of_slot(slot, name);
            let place = self.place(span);
            self.function().places[last] = place;
            return;
        }
        self.emit(of_top(name), span);
    }

    /// Compiles a test whose value only matters as true or false.
    ///
    /// Code goes on where the test is true; the result are the jumps taken where it is false, to be patched.
    pub(super) fn jumps_if_false(&mut self, test: &Expr, frame: Frame) -> Compiled<Vec<usize>> {
        match &test.kind {
            ExprKind::And(left, right) => {
                let mut jumps = self.jumps_if_false(left, frame)?;
                jumps.extend(self.jumps_if_false(right, frame)?);
                Ok(jumps)
            }
            ExprKind::Or(left, right) => {
                let to_true = self.jumps_if_true(left, frame)?;
                let jumps = self.jumps_if_false(right, frame)?;
                to_true.into_iter().for_each(|jump| self.patch(jump));
                Ok(jumps)
            }
            ExprKind::Unary(UnaryOp::Not, operand) => self.jumps_if_true(operand, frame),
            _ => {
                self.expr(test, frame)?;
                Ok(vec![self.jump(false, test.span)])
            }
        }
    }

    /// The mirror of [`Compiler::jumps_if_false`]: code goes on where the test is false.
    fn jumps_if_true(&mut self, test: &Expr, frame: Frame) -> Compiled<Vec<usize>> {
        match &test.kind {
            ExprKind::Or(left, right) => {
                let mut jumps = self.jumps_if_true(left, frame)?;
                jumps.extend(self.jumps_if_true(right, frame)?);
                Ok(jumps)
            }
            ExprKind::And(left, right) => {
                let to_false = self.jumps_if_false(left, frame)?;
                let jumps = self.jumps_if_true(right, frame)?;
                to_false.into_iter().for_each(|jump| self.patch(jump));
                Ok(jumps)
            }
            ExprKind::Unary(UnaryOp::Not, operand) => self.jumps_if_false(operand, frame),
            _ => {
                self.expr(test, frame)?;
                Ok(vec![self.jump(true, test.span)])
            }
        }
    }

    /// Adds a jump on the truth of the top value, in one step with what made it.
    fn jump(&mut self, when: bool, span: Span) -> usize {
        let target = 0;
        let made_by = self.last_to_fuse();
        let fused = match made_by {
            Some(Instr::EqualsText(text)) if when => Instr::JumpIfText { text, target },
            Some(Instr::EqualsText(text)) => Instr::JumpUnlessText { text, target },
            Some(Instr::Compare(op)) => Instr::JumpCompare { when, op, target },
            Some(Instr::Test { test, argc: 0, keywords: NO_KEYWORDS }) if tests::is_by_kind(test) => {
                Instr::JumpTest { when, test, target }
            }
            Some(Instr::Slot { depth: 0, slot, .. }) => Instr::JumpSlot { when, slot, target },
            Some(Instr::SlotAttr { slot, name }) => Instr::JumpAttr { when, slot, name, target },
            _ if when => return self.emit(Instr::JumpIfTrue(target), span),
            _ => return self.emit(Instr::JumpIfFalse(target), span),
        };
        let function = self.function();
        let last = function.code.len() - 1;
        function.code[last] = fused;
        self.jump_on_attribute(last)
    }

    /// Puts the jump at `last` in one step with the attribute that it looks at; returns where it is then.
    fn jump_on_attribute(&mut self, last: usize) -> usize {
        let function = self.function();
        if last == 0 || function.last_target == last {
            return last;
        }
        let Instr::SlotAttr { slot, name } = function.code[last - 1] else {
            return last;
        };
        function.code[last - 1] = match function.code[last] {
            Instr::JumpIfText { text, target } => Instr::JumpAttrText { when: true, slot, name, text, target },
            Instr::JumpUnlessText { text, target } => Instr::JumpAttrText { when: false, slot, name, text, target },
            Instr::JumpTest { when, test, target } => Instr::JumpAttrTest { when, test, slot, name, target },
            _ => return last,
        };
        function.code.pop();
        function.places.pop();
        last - 1
    }

    /// The last instruction, if it can become part of the next.
    fn last_to_fuse(&mut self) -> Option<Instr> {
        let function = self.function();
        function.code.last().copied().filter(|_| function.may_fuse())
    }

    fn short_circuit(&mut self, left: &Expr, right: &Expr, jump: Instr, frame: Frame) -> Compiled {
        self.expr(left, frame)?;
        let jump = self.emit(jump, left.span);
        self.expr(right, frame)?;
        self.patch(jump);
        Ok(())
    }

    fn compare(&mut self, left: &Expr, rest: &[(CompareOp, Expr)], span: Span, frame: Frame) -> Compiled {
        self.expr(left, frame)?;
        let mut jumps = Vec::new();
        for (at, (op, right)) in rest.iter().enumerate() {
            if let (CompareOp::Eq, 1, ExprKind::Const(Const::Str(text))) = (op, rest.len(), &right.kind) {
                let text = self.string(text, right.span);
                self.emit(Instr::EqualsText(text), span);
                continue;
            }
            self.expr(right, frame)?;
            if at + 1 == rest.len() {
                self.emit(Instr::Compare(*op), span);
            } else {
                jumps.push(self.emit(Instr::CompareChain { op: *op, target: 0 }, span));
            }
        }
        jumps.into_iter().for_each(|jump| self.patch(jump));
        Ok(())
    }

    fn conditional(
        &mut self,
        test: &Expr,
        then: &Expr,
        otherwise: Option<&Expr>,
        span: Span,
        frame: Frame,
    ) -> Compiled {
        let frame = frame.softened();
        let to_else = self.jumps_if_false(test, frame)?;
        self.expr(then, frame)?;
        let to_end = self.emit(Instr::Jump(0), span);
        to_else.into_iter().for_each(|jump| self.patch(jump));
        match otherwise {
            Some(otherwise) => self.expr(otherwise, frame)?,
            None => {
                let line = self.line(span);
                let hint = format!(
                    "the inline if-expression on line {line} evaluated to false and no else section was defined."
                );
                let hint = self.string(&hint, span);
                self.emit(Instr::NoElse(hint), span);
            }
        }
        self.patch(to_end);
        Ok(())
    }

    fn item(&mut self, object: &Expr, index: &Expr, span: Span, frame: Frame) -> Compiled {
        self.expr(object, frame)?;
        if let ExprKind::Const(Const::Str(text)) = &index.kind {
            let symbol = self.symbol(text, index.span);
            self.fused(symbol, span, |slot, name| Instr::SlotItem { slot, name }, Instr::ItemStr);
            return Ok(());
        }
        if let ExprKind::Slice { start, stop, step } = &index.kind {
            for part in [start, stop, step] {
                match part {
                    Some(expr) => self.expr(expr, frame)?,
                    None => drop(self.emit(Instr::None, span)),
                }
            }
            self.emit(Instr::Slice, span);
            return Ok(());
        }
        self.expr(index, frame)?;
        self.emit(Instr::Item, span);
        Ok(())
    }

    /// Compiles a call; `with_caller` passes the call block on top of the stack as `caller`.
    pub(super) fn call(&mut self, callee: &Expr, args: &Args, span: Span, frame: Frame, with_caller: bool) -> Compiled {
        self.check_keywords(args, with_caller, span);
        let simple = is_simple(args);
        if let (ExprKind::Getattr(object, name), true, false) = (&callee.kind, simple, with_caller) {
            self.expr(object, frame)?;
            if !args.positional.iter().chain(args.keywords.iter().map(|(_, value)| value)).all(is_plain) {
                self.emit(Instr::CheckDefined, object.span);
            }
            let (argc, keywords) = self.arguments(args, frame, false)?;
            let name = self.symbol(&name.text, name.span);
            self.emit(Instr::CallMethod { name, argc, keywords }, span);
            return Ok(());
        }
        if with_caller {
            self.emit(Instr::KeepCaller, span);
        }
        self.expr(callee, frame)?;
        if simple {
            let (argc, keywords) = self.arguments(args, frame, with_caller)?;
            self.emit(Instr::Call { argc, keywords }, span);
        } else {
            self.spread(args, span, frame, with_caller)?;
            self.emit(Instr::CallSpread, span);
        }
        Ok(())
    }

    /// Refuses a keyword that is given twice, as Python's own compiler does.
    fn check_keywords(&mut self, args: &Args, with_caller: bool, span: Span) {
        let names: Vec<&str> = args.keywords.iter().map(|(name, _)| &*name.text).collect();
        let repeated = names
            .iter()
            .enumerate()
            .find(|(at, name)| names[..*at].contains(*name) || with_caller && **name == "caller");
        if let Some((_, name)) = repeated {
            self.fail_late(format!("keyword argument repeated: {name}"), span);
        }
    }

    /// Pushes arguments; returns how many are positional and the names of the others.
    fn arguments(&mut self, args: &Args, frame: Frame, with_caller: bool) -> Compiled<(u8, u16)> {
        self.exprs(&args.positional, frame)?;
        let mut names = Vec::with_capacity(args.keywords.len());
        for (name, value) in &args.keywords {
            self.expr(value, frame)?;
            names.push(self.symbol(&name.text, name.span));
        }
        if with_caller {
            self.emit(Instr::TakeCaller, Span::default());
            names.push(self.symbol("caller", Span::default()));
        }
        Ok((args.positional.len() as u8, self.keyword_list(names)))
    }

    fn keyword_list(&mut self, names: Vec<u32>) -> u16 {
        if names.is_empty() {
            return NO_KEYWORDS;
        }
        let names = names.into_boxed_slice();
        if let Some(at) = self.keyword_ids.get(&names) {
            return *at;
        }
        let Ok(at) = u16::try_from(self.keywords.len()) else {
            self.overflowed = true;
            return NO_KEYWORDS;
        };
        self.keyword_ids.insert(names.clone(), at);
        self.keywords.push(names);
        at
    }

    /// Pushes positional list, `*` value, keyword mapping and `**` value (`none` where absent).
    fn spread(&mut self, args: &Args, span: Span, frame: Frame, with_caller: bool) -> Compiled {
        self.exprs(&args.positional, frame)?;
        self.emit(Instr::List(args.positional.len() as u32), span);
        self.optional(args.star.as_ref(), span, frame)?;
        for (name, value) in &args.keywords {
            let key = self.string(&name.text, name.span);
            self.emit(Instr::Const(key), name.span);
            self.expr(value, frame)?;
        }
        if with_caller {
            let key = self.string("caller", Span::default());
            self.emit(Instr::Const(key), span);
            self.emit(Instr::TakeCaller, span);
        }
        let keywords = args.keywords.len() + usize::from(with_caller);
        self.emit(Instr::Dict(keywords as u32), span);
        self.optional(args.double_star.as_ref(), span, frame)
    }

    fn optional(&mut self, expr: Option<&Expr>, span: Span, frame: Frame) -> Compiled {
        match expr {
            Some(expr) => self.expr(expr, frame),
            None => {
                self.emit(Instr::Absent, span);
                Ok(())
            }
        }
    }

    /// Compiles a filter; without `input` it works on the value already on the stack.
    pub(super) fn filter(
        &mut self,
        input: Option<&Expr>,
        name: &Name,
        args: &Args,
        span: Span,
        frame: Frame,
    ) -> Compiled {
        self.check_keywords(args, false, span);
        let filter = Filter::by_name(&name.text);
        let unknown = match filter {
            Some(_) => None,
            None => Some(self.unknown("filter", name, frame)?),
        };
        if let Some(input) = input {
            self.expr(input, frame)?;
        }
        if !is_simple(args) {
            self.spread(args, span, frame, false)?;
            let instr = filter.map(Instr::FilterSpread).or(unknown.map(Instr::Unknown));
            self.emit(instr.expect("known or unknown"), span);
            return Ok(());
        }
        let (argc, keywords) = self.arguments(args, frame, false)?;
        let known = filter.map(|filter| Instr::Filter { filter, argc, keywords });
        self.emit(known.or(unknown.map(Instr::Unknown)).expect("known or unknown"), span);
        Ok(())
    }

    fn test(&mut self, input: &Expr, name: &Name, args: &Args, span: Span, frame: Frame) -> Compiled {
        self.check_keywords(args, false, span);
        let test = Test::by_name(&name.text);
        let unknown = match test {
            Some(_) => None,
            None => Some(self.unknown("test", name, frame)?),
        };
        self.expr(input, frame)?;
        if !is_simple(args) {
            self.spread(args, span, frame, false)?;
            let instr = test.map(Instr::TestSpread).or(unknown.map(Instr::Unknown));
            self.emit(instr.expect("known or unknown"), span);
            return Ok(());
        }
        let (argc, keywords) = self.arguments(args, frame, false)?;
        let known = test.map(|test| Instr::Test { test, argc, keywords });
        self.emit(known.or(unknown.map(Instr::Unknown)).expect("known or unknown"), span);
        Ok(())
    }

    /// Jinja2 refuses an unknown filter or test at once, unless it stands inside an `if`.
    fn unknown(&mut self, kind: &str, name: &Name, frame: Frame) -> Compiled<u32> {
        if !frame.soft {
            let message = format!("No {kind} named '{}'.", name.text);
            return self.fail(SyntaxClass::TemplateAssertionError, message, name.span);
        }
        let message = format!("No {kind} named '{}' found.", name.text);
        Ok(self.delayed_error(ErrorClass::TemplateRuntimeError, message))
    }
}

/// Whether the arguments can be counted in the instruction itself.
fn is_simple(args: &Args) -> bool {
    args.star.is_none() && args.double_star.is_none() && args.positional.len() < 250
}

/// Whether evaluating the expression can neither fail nor change anything.
fn is_plain(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Const(_) | ExprKind::Name(_))
}

/// The truth of a literal.
fn constant_truth(expr: &Expr) -> Option<bool> {
    let ExprKind::Const(value) = &expr.kind else {
        return None;
    };
    Some(match value {
        Const::None => false,
        Const::Bool(value) => *value,
        Const::Int(value) => *value != 0,
        Const::BigInt(_) => true,
        Const::Float(value) => *value != 0.0,
        Const::Str(text) => !text.is_empty(),
    })
}

fn unary(op: UnaryOp) -> Instr {
    match op {
        UnaryOp::Not => Instr::Not,
        UnaryOp::Neg => Instr::Neg,
        UnaryOp::Pos => Instr::Pos,
    }
}

fn binary(op: BinaryOp) -> Instr {
    match op {
        BinaryOp::Add => Instr::Add,
        BinaryOp::Sub => Instr::Sub,
        BinaryOp::Mul => Instr::Mul,
        BinaryOp::Div => Instr::Div,
        BinaryOp::FloorDiv => Instr::FloorDiv,
        BinaryOp::Mod => Instr::Mod,
        BinaryOp::Pow => Instr::Pow,
    }
}
