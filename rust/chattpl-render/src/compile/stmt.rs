//! Compiles statements.

use chattpl_syntax::ast::{
    Block, CallBlock, Expr, ExprKind, FilterBlock, For, If, Load, LoadKind, Macro, SetBlock, Signature, Stmt, StmtKind,
    Target, With,
};
use chattpl_syntax::{ErrorClass as SyntaxClass, Span};

use super::program::{FunctionId, Instr};
use super::symbols::{names_of, ScopeId};
use super::{Compiled, Compiler, Frame, LoopState, Open};
use crate::error::ErrorClass;

impl Compiler<'_> {
    pub(super) fn body(&mut self, body: &[Stmt], frame: Frame) -> Compiled {
        body.iter().try_for_each(|stmt| self.stmt(stmt, frame))
    }

    fn stmt(&mut self, stmt: &Stmt, frame: Frame) -> Compiled {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::Text(text) => {
                let text = self.string(text, span);
                self.emit(Instr::Text(text), span);
            }
            StmtKind::Output(expr) => {
                self.printed(expr, frame)?;
            }
            StmtKind::For(node) => self.for_loop(node, span, frame)?,
            StmtKind::If(node) => self.conditional_body(node, frame)?,
            StmtKind::Set { target, value } => self.set(target, value, span, frame)?,
            StmtKind::SetBlock(node) => self.set_block(node, span, frame)?,
            StmtKind::Macro(node) => self.macro_definition(node, span, frame)?,
            StmtKind::CallBlock(node) => self.call_block(node, span, frame)?,
            StmtKind::FilterBlock(node) => self.filter_block(node, span, frame)?,
            StmtKind::With(node) => self.with(node, span, frame)?,
            StmtKind::Block(node) => self.block(node, span)?,
            StmtKind::Generation(body) => {
                let function = self.subroutine(None, &Signature::default(), body, frame)?;
                self.emit(Instr::Generation { function }, span);
            }
            StmtKind::Autoescape(node) => {
                let scope = self.scopes.add(Some(frame.scope));
                self.scopes.visit_expr(scope, &node.enabled);
                self.scopes.visit_body(scope, &node.body);
                self.enter_scope(scope);
                self.expr(&node.enabled, Frame::inner(scope))?;
                self.emit(Instr::Autoescape, span);
                self.state().open.push(Open::Autoescape);
                self.body(&node.body, Frame::inner(scope))?;
                self.state().open.pop();
                self.emit(Instr::AutoescapeEnd, span);
                self.leave_scope(scope);
            }
            StmtKind::Break => self.leave_loop(span, "break")?,
            StmtKind::Continue => self.leave_loop(span, "continue")?,
            StmtKind::Load(node) => self.load(node, span),
        }
        Ok(())
    }

    fn conditional_body(&mut self, node: &If, frame: Frame) -> Compiled {
        let frame = frame.softened();
        let mut ends = Vec::new();
        for branch in &node.branches {
            let next = self.jumps_if_false(&branch.test, frame)?;
            self.body(&branch.body, frame)?;
            ends.push(self.emit(Instr::Jump(0), branch.test.span));
            next.into_iter().for_each(|jump| self.patch(jump));
        }
        self.body(&node.otherwise, frame)?;
        ends.into_iter().for_each(|end| self.patch(end));
        Ok(())
    }

    // Assignment

    fn set(&mut self, target: &Target, value: &Expr, span: Span, frame: Frame) -> Compiled {
        self.check_namespaces(target, span, frame);
        self.expr(value, frame)?;
        self.bind(target, span, frame);
        self.export(target, frame);
        Ok(())
    }

    fn check_namespaces(&mut self, target: &Target, span: Span, frame: Frame) {
        match target {
            Target::Name(_) => {}
            Target::Attribute { namespace, .. } => {
                self.name(&namespace.text, namespace.span, frame);
                self.emit(Instr::CheckNamespace, span);
            }
            Target::Tuple(items, _) => {
                items.iter().for_each(|item| self.check_namespaces(item, span, frame));
            }
        }
    }

    /// Stores the top value.
    fn bind(&mut self, target: &Target, span: Span, frame: Frame) {
        match target {
            Target::Name(name) => {
                let (ident, _) = self.scopes.find(frame.scope, &name.text).expect("targets were declared");
                let slot = self.own_slot(&ident);
                self.emit(Instr::Store { slot }, name.span);
            }
            Target::Attribute { namespace, attribute } => {
                self.name(&namespace.text, namespace.span, frame);
                let name = self.symbol(&attribute.text, attribute.span);
                self.emit(Instr::SetAttr(name), span);
            }
            Target::Tuple(items, tuple_span) => {
                self.emit(Instr::Unpack(items.len() as u32), *tuple_span);
                items.iter().for_each(|item| self.bind(item, span, frame));
            }
        }
    }

    /// Makes top-level names visible to blocks.
    fn export(&mut self, target: &Target, frame: Frame) {
        if !frame.toplevel || !self.has_blocks {
            return;
        }
        match target {
            Target::Name(name) => {
                let (ident, _) = self.scopes.find(frame.scope, &name.text).expect("targets were declared");
                let slot = self.own_slot(&ident);
                let name = self.symbol(&name.text, name.span);
                self.emit(Instr::Export { slot, name }, Span::default());
            }
            Target::Attribute { .. } => {}
            Target::Tuple(items, _) => items.iter().for_each(|item| self.export(item, frame)),
        }
    }

    fn set_block(&mut self, node: &SetBlock, span: Span, frame: Frame) -> Compiled {
        let scope = self.inner_scope(&node.body, frame);
        self.captured_body(&node.body, scope, span)?;
        if let Some(filter) = &node.filter {
            self.filter_chain(filter, Frame::inner(scope))?;
        }
        self.bind(&node.target, span, frame);
        self.export(&node.target, frame);
        self.leave_scope(scope);
        Ok(())
    }

    fn filter_block(&mut self, node: &FilterBlock, span: Span, frame: Frame) -> Compiled {
        let scope = self.inner_scope(&node.body, frame);
        self.scopes.visit_expr(scope, &node.filter);
        self.captured_body(&node.body, scope, span)?;
        self.filter_chain(&node.filter, Frame::inner(scope))?;
        let place = self.place(node.filter.span);
        self.emit(Instr::EmitText(place), span);
        self.leave_scope(scope);
        Ok(())
    }

    fn inner_scope(&mut self, body: &[Stmt], frame: Frame) -> ScopeId {
        let scope = self.scopes.add(Some(frame.scope));
        self.scopes.visit_body(scope, body);
        scope
    }

    fn captured_body(&mut self, body: &[Stmt], scope: ScopeId, span: Span) -> Compiled {
        self.enter_scope(scope);
        self.emit(Instr::CaptureStart, span);
        self.state().open.push(Open::Capture);
        self.body(body, Frame::inner(scope))?;
        self.state().open.pop();
        self.emit(Instr::CaptureEnd, span);
        Ok(())
    }

    /// Applies a chain of filters to the value on the stack, innermost first.
    fn filter_chain(&mut self, filter: &Expr, frame: Frame) -> Compiled {
        let mut names = Vec::new();
        names_of(filter, &mut names);
        for name in names {
            if self.scopes.find(frame.scope, name).is_none() {
                // The filter of a set block is not part of what Jinja2 declares for its scope.
                return self.fail(
                    SyntaxClass::AssertionError,
                    format!("Tried to resolve a name to a reference that was unknown to the frame ('{name}')"),
                    filter.span,
                );
            }
        }
        // The innermost filter has no input of its own: it works on the value on the stack.
        self.expr(filter, frame)
    }

    fn with(&mut self, node: &With, span: Span, frame: Frame) -> Compiled {
        let scope = self.scopes.add(Some(frame.scope));
        for (target, _) in &node.assignments {
            self.scopes.visit_target(scope, target, true);
        }
        self.scopes.visit_body(scope, &node.body);
        self.enter_scope(scope);
        let inner = Frame::inner(scope);
        for (target, value) in &node.assignments {
            self.expr(value, frame)?;
            self.bind(target, span, inner);
        }
        self.body(&node.body, inner)?;
        self.leave_scope(scope);
        Ok(())
    }

    // Loops

    fn for_loop(&mut self, node: &For, span: Span, frame: Frame) -> Compiled {
        let scope = self.scopes.add(Some(frame.scope));
        let extended = node.recursive || reads(&node.body, "loop") || has_scoped_block(&node.body);
        if extended {
            self.scopes.declare_parameter(scope, "loop");
        }
        self.scopes.visit_loop(scope, node, &node.body);
        let filter = match &node.filter {
            Some(filter) => Some(self.loop_filter(node, filter, frame)?),
            None => None,
        };
        if assigns_loop(&node.target) || body_assigns_loop(&node.body) || body_assigns_loop(&node.otherwise) {
            let message = "Can't assign to special loop variable in for-loop target".to_owned();
            return self.fail(SyntaxClass::TemplateAssertionError, message, span);
        }
        if !node.recursive {
            self.expr(&node.iter, frame)?;
            return self.loop_code(node, scope, extended, filter, span, frame);
        }
        let level = self.scopes.get(scope).level;
        let function = self.begin_function(Some("loop"), level);
        self.loop_code(node, scope, extended, filter, span, frame)?;
        self.emit(Instr::Return, span);
        self.end_function();
        self.expr(&node.iter, frame)?;
        self.emit(Instr::RecursiveLoop { function }, span);
        Ok(())
    }

    /// Compiles `if test` of a loop to a function that binds the target and returns the test's value.
    fn loop_filter(&mut self, node: &For, filter: &Expr, frame: Frame) -> Compiled<FunctionId> {
        let scope = self.scopes.add(Some(frame.scope));
        self.scopes.visit_target(scope, &node.target, true);
        self.scopes.visit_expr(scope, filter);
        let level = self.scopes.get(scope).level;
        let function = self.begin_function(None, level);
        let inner = Frame::inner(scope);
        self.enter_scope(scope);
        self.bind(&node.target, filter.span, inner);
        self.expr(filter, inner)?;
        self.emit(Instr::Return, filter.span);
        self.end_function();
        Ok(function)
    }

    /// Compiles a loop over the value on the stack.
    fn loop_code(
        &mut self,
        node: &For,
        scope: ScopeId,
        extended: bool,
        filter: Option<FunctionId>,
        span: Span,
        frame: Frame,
    ) -> Compiled {
        let level = self.scopes.get(scope).level;
        let indicator = (!node.otherwise.is_empty()).then(|| {
            let unique = format!("{}!else", span.start);
            self.own_slot(&(level, unique.into()))
        });
        match filter {
            Some(function) => {
                let recursive = node.recursive;
                self.emit(Instr::LoopStartFiltered { function, recursive }, node.iter.span)
            }
            None => self.emit(Instr::LoopStart { recursive: node.recursive }, node.iter.span),
        };
        if let Some(slot) = indicator {
            self.emit(Instr::True, span);
            self.emit(Instr::Store { slot }, span);
        }
        if extended {
            let slot = self.own_slot(&(level, "loop".into()));
            self.emit(Instr::LoopObject { slot }, span);
        }
        let top = self.here();
        let inner = Frame::inner(scope);
        let next = self.next_element(node, span, inner);
        self.enter_scope(scope);
        let open = self.state().open.len();
        self.state().loops.push(LoopState { top, breaks: Vec::new(), open });
        self.body(&node.body, inner)?;
        if let Some(slot) = indicator {
            self.emit(Instr::False, span);
            self.emit(Instr::Store { slot }, span);
        }
        self.emit(Instr::Jump(top), span);
        let state = self.state().loops.pop().expect("pushed above");
        self.patch(next);
        state.breaks.into_iter().for_each(|at| self.patch(at));
        self.emit(Instr::LoopEnd, span);
        self.leave_scope(scope);
        match indicator {
            Some(slot) => self.loop_else(node, slot, span, frame),
            None => Ok(()),
        }
    }

    /// Takes the next element to the loop's target; returns where the jump is that leaves the loop.
    fn next_element(&mut self, node: &For, span: Span, frame: Frame) -> usize {
        if let Target::Name(name) = &node.target {
            let (ident, _) = self.scopes.find(frame.scope, &name.text).expect("targets were declared");
            let slot = self.own_slot(&ident);
            return self.emit(Instr::LoopNextTo { slot, target: 0 }, node.iter.span);
        }
        let next = self.emit(Instr::LoopNext(0), node.iter.span);
        self.bind(&node.target, span, frame);
        next
    }

    fn loop_else(&mut self, node: &For, slot: u16, span: Span, frame: Frame) -> Compiled {
        let name = self.symbol("loop", span);
        self.emit(Instr::Slot { depth: 0, slot, name }, span);
        let skip = self.emit(Instr::JumpIfFalse(0), span);
        let scope = self.inner_scope(&node.otherwise, frame);
        self.enter_scope(scope);
        self.body(&node.otherwise, Frame::inner(scope))?;
        self.leave_scope(scope);
        self.patch(skip);
        Ok(())
    }

    fn leave_loop(&mut self, span: Span, word: &str) -> Compiled {
        let state = self.state();
        let Some(this) = state.loops.last() else {
            let message = match word {
                "break" => "'break' outside loop".to_owned(),
                _ => "'continue' not properly in loop".to_owned(),
            };
            self.fail_late(message, span);
            return Ok(());
        };
        let top = this.top;
        let open: Vec<Open> = state.open[this.open..].to_vec();
        for kind in open.into_iter().rev() {
            let instr = match kind {
                Open::Capture => Instr::CaptureDrop,
                Open::Autoescape => Instr::AutoescapeEnd,
            };
            self.emit(instr, span);
        }
        if word == "continue" {
            self.emit(Instr::Jump(top), span);
        } else {
            let jump = self.emit(Instr::Jump(0), span);
            self.state().loops.last_mut().expect("checked above").breaks.push(jump);
        }
        Ok(())
    }

    // Macros

    fn macro_definition(&mut self, node: &Macro, span: Span, frame: Frame) -> Compiled {
        let function = self.subroutine(Some(&node.name.text), &node.signature, &node.body, frame)?;
        let (ident, _) = self.scopes.find(frame.scope, &node.name.text).expect("macros were declared");
        let slot = self.own_slot(&ident);
        self.emit(Instr::Macro { function, slot }, span);
        if frame.toplevel && self.has_blocks {
            let name = self.symbol(&node.name.text, node.name.span);
            self.emit(Instr::Export { slot, name }, span);
        }
        Ok(())
    }

    fn call_block(&mut self, node: &CallBlock, span: Span, frame: Frame) -> Compiled {
        let function = self.subroutine(None, &node.signature, &node.body, frame)?;
        self.emit(Instr::CallBlock { function }, span);
        let ExprKind::Call(callee, args) = &node.call.kind else { unreachable!("the parser puts only calls here") };
        self.call(callee, args, node.call.span, frame, true)?;
        let place = self.place(node.call.span);
        self.emit(Instr::Emit(place), span);
        Ok(())
    }

    /// Compiles the body of a macro, call block or generation block.
    fn subroutine(
        &mut self,
        name: Option<&str>,
        signature: &Signature,
        body: &[Stmt],
        frame: Frame,
    ) -> Compiled<FunctionId> {
        let scope = self.scopes.add(Some(frame.scope));
        for param in &signature.params {
            self.scopes.declare_parameter(scope, &param.text);
        }
        for default in &signature.defaults {
            self.scopes.visit_expr(scope, default);
        }
        let special = ["caller", "kwargs", "varargs"].map(|name| reads(body, name));
        let given = |name: &str| signature.params.iter().any(|param| &*param.text == name);
        let explicit_caller = given("caller");
        for (name, read) in ["caller", "kwargs", "varargs"].into_iter().zip(special) {
            if read && !given(name) {
                self.scopes.declare_parameter(scope, name);
            }
        }
        if let Some(at) = signature.params.iter().position(|param| &*param.text == "caller") {
            if special[0] && at < signature.params.len() - signature.defaults.len() {
                let message = "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.";
                return self.fail(SyntaxClass::TemplateAssertionError, message.to_owned(), signature.params[at].span);
            }
        }
        self.scopes.visit_body(scope, body);

        let level = self.scopes.get(scope).level;
        let id = self.begin_function(name, level);
        self.declare_parameters(signature, level, special, explicit_caller);
        self.enter_scope(scope);
        let inner = Frame::inner(scope);
        self.default_arguments(signature, inner)?;
        self.body(body, inner)?;
        self.emit(Instr::Return, Span::default());
        self.end_function();
        Ok(id)
    }

    fn declare_parameters(
        &mut self,
        signature: &Signature,
        level: u32,
        [caller, kwargs, varargs]: [bool; 3],
        explicit_caller: bool,
    ) {
        let given = |name: &str| signature.params.iter().any(|param| &*param.text == name);
        let mut params = Vec::with_capacity(signature.params.len());
        for param in &signature.params {
            params.push((param.text.clone(), self.own_slot(&(level, param.text.clone()))));
        }
        let caller = (caller && !explicit_caller).then(|| self.own_slot(&(level, "caller".into())));
        let kwargs = (kwargs && !given("kwargs")).then(|| self.own_slot(&(level, "kwargs".into())));
        let varargs = (varargs && !given("varargs")).then(|| self.own_slot(&(level, "varargs".into())));
        let function = self.function();
        function.params = params;
        function.caller = caller;
        function.kwargs = kwargs;
        function.varargs = varargs;
        function.explicit_caller = explicit_caller;
    }

    fn default_arguments(&mut self, signature: &Signature, frame: Frame) -> Compiled {
        let required = signature.params.len() - signature.defaults.len().min(signature.params.len());
        for (at, param) in signature.params.iter().enumerate() {
            let (ident, _) = self.scopes.find(frame.scope, &param.text).expect("parameters were declared");
            let slot = self.own_slot(&ident);
            let given = self.emit(Instr::JumpIfGiven { slot, target: 0 }, param.span);
            match at.checked_sub(required).and_then(|at| signature.defaults.get(at)) {
                Some(default) => self.expr(default, frame)?,
                None => {
                    let hint = format!("parameter '{}' was not provided", param.text);
                    let hint = self.string(&hint, param.span);
                    self.emit(Instr::NoElse(hint), param.span);
                }
            }
            self.emit(Instr::Store { slot }, param.span);
            self.patch(given);
        }
        Ok(())
    }

    // Rare statements

    fn block(&mut self, node: &Block, span: Span) -> Compiled {
        let scope = self.scopes.add(None);
        self.scopes.visit_body(scope, &node.body);
        let outer = std::mem::take(&mut self.stack);
        let function = self.begin_function(Some(&node.name.text), 0);
        self.enter_scope(scope);
        let done = self.body(&node.body, Frame::inner(scope));
        self.emit(Instr::Return, span);
        self.end_function();
        self.stack = outer;
        done?;
        self.emit(Instr::Block { function }, span);
        Ok(())
    }

    fn load(&mut self, node: &Load, span: Span) {
        let message = "no loader for this environment specified".to_owned();
        let error = self.delayed_error(ErrorClass::TypeError, message);
        debug_assert!(matches!(
            node.kind,
            LoadKind::Include | LoadKind::Import | LoadKind::FromImport | LoadKind::Extends
        ));
        self.emit(Instr::Raise(error), span);
    }
}

/// Whether the body reads `name` before it assigns it, the way Jinja2 looks for `loop`, `caller`, ...
fn reads(body: &[Stmt], name: &str) -> bool {
    let mut finder = Finder { name, found: false, hidden: false };
    finder.body(body);
    finder.found
}

struct Finder<'a> {
    name: &'a str,
    found: bool,
    /// The name was assigned first.
    hidden: bool,
}

impl Finder<'_> {
    fn body(&mut self, body: &[Stmt]) {
        body.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn expr(&mut self, expr: &Expr) {
        if self.hidden || self.found {
            return;
        }
        let mut names = Vec::new();
        names_of(expr, &mut names);
        self.found = names.contains(&self.name);
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.hidden |= !self.found && &*name.text == self.name,
            Target::Attribute { .. } => {}
            Target::Tuple(items, _) => items.iter().for_each(|item| self.target(item)),
        }
    }

    fn signature(&mut self, signature: &Signature) {
        for param in &signature.params {
            self.hidden |= !self.found && &*param.text == self.name;
        }
        signature.defaults.iter().for_each(|expr| self.expr(expr));
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Text(_) | StmtKind::Break | StmtKind::Continue | StmtKind::Block(_) => {}
            StmtKind::Output(expr) => self.expr(expr),
            StmtKind::For(node) => {
                self.target(&node.target);
                self.expr(&node.iter);
                self.body(&node.body);
                self.body(&node.otherwise);
                node.filter.iter().for_each(|expr| self.expr(expr));
            }
            StmtKind::If(node) => {
                for branch in &node.branches {
                    self.expr(&branch.test);
                    self.body(&branch.body);
                }
                self.body(&node.otherwise);
            }
            StmtKind::Set { target, value } => {
                self.target(target);
                self.expr(value);
            }
            StmtKind::SetBlock(node) => {
                self.target(&node.target);
                node.filter.iter().for_each(|expr| self.expr(expr));
                self.body(&node.body);
            }
            StmtKind::Macro(node) => {
                self.signature(&node.signature);
                self.body(&node.body);
            }
            StmtKind::CallBlock(node) => {
                self.expr(&node.call);
                self.signature(&node.signature);
                self.body(&node.body);
            }
            StmtKind::FilterBlock(node) => {
                self.body(&node.body);
                self.expr(&node.filter);
            }
            StmtKind::With(node) => {
                node.assignments.iter().for_each(|(target, _)| self.target(target));
                node.assignments.iter().for_each(|(_, value)| self.expr(value));
                self.body(&node.body);
            }
            StmtKind::Generation(body) => self.body(body),
            StmtKind::Autoescape(node) => {
                self.expr(&node.enabled);
                self.body(&node.body);
            }
            StmtKind::Load(node) => self.expr(&node.template),
        }
    }
}

fn assigns_loop(target: &Target) -> bool {
    match target {
        Target::Name(name) => &*name.text == "loop",
        Target::Attribute { .. } => false,
        Target::Tuple(items, _) => items.iter().any(assigns_loop),
    }
}

fn body_assigns_loop(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Set { target, .. } => assigns_loop(target),
        StmtKind::SetBlock(node) => assigns_loop(&node.target) || body_assigns_loop(&node.body),
        StmtKind::For(node) => {
            assigns_loop(&node.target) || body_assigns_loop(&node.body) || body_assigns_loop(&node.otherwise)
        }
        StmtKind::If(node) => {
            node.branches.iter().any(|branch| body_assigns_loop(&branch.body)) || body_assigns_loop(&node.otherwise)
        }
        StmtKind::Macro(node) => body_assigns_loop(&node.body),
        StmtKind::CallBlock(node) => body_assigns_loop(&node.body),
        StmtKind::FilterBlock(node) => body_assigns_loop(&node.body),
        StmtKind::With(node) => body_assigns_loop(&node.body),
        StmtKind::Generation(body) => body_assigns_loop(body),
        StmtKind::Autoescape(node) => body_assigns_loop(&node.body),
        StmtKind::Block(node) => body_assigns_loop(&node.body),
        _ => false,
    })
}

fn has_scoped_block(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Block(node) => node.scoped || has_scoped_block(&node.body),
        StmtKind::If(node) => {
            node.branches.iter().any(|branch| has_scoped_block(&branch.body)) || has_scoped_block(&node.otherwise)
        }
        StmtKind::For(node) => has_scoped_block(&node.body),
        _ => false,
    })
}
