//! Compiles the syntax tree to bytecode.

pub(crate) mod dump;
mod expr;
pub(crate) mod program;
mod stmt;
pub(crate) mod symbols;

use std::collections::HashMap;

use chattpl_syntax::ast::{Stmt, Template};
use chattpl_syntax::{Diagnostic, ErrorClass as SyntaxClass, Parsed, Severity, Span};

use self::program::{Constant, DelayedError, Function, FunctionId, Instr, LoopAttr, Program, Symbol};
use self::symbols::{Ident, Load, ScopeId, Scopes};
use crate::builtins::methods::Method;
use crate::error::ErrorClass;

impl Program {
    /// Compiles a template.
    ///
    /// # Errors
    /// The syntax error that Jinja2 would raise, with its place.
    pub fn compile(source: &str, name: Option<&str>) -> Result<Program, Box<Diagnostic>> {
        let parsed = chattpl_syntax::parse(source, name).map_err(Box::new)?;
        Program::from_parsed(parsed, name)
    }

    /// Compiles a parsed template.
    ///
    /// # Errors
    /// What Jinja2's compiler refuses: unknown filters and tests, `break` outside a loop.
    pub fn from_parsed(parsed: Parsed, name: Option<&str>) -> Result<Program, Box<Diagnostic>> {
        let mut compiler = Compiler::new(&parsed, name);
        compiler.template(&parsed.template)?;
        compiler.check_size()?;
        let Compiler {
            functions, constants, symbols, globals, keywords, places, errors, has_blocks, late_error, ..
        } = compiler;
        if let Some(error) = late_error {
            return Err(error);
        }
        Ok(Program {
            source: parsed.source,
            name: name.map(str::to_owned),
            functions,
            constants,
            symbols,
            globals,
            keywords,
            places,
            errors,
            has_blocks,
            forms: std::sync::OnceLock::new(),
        })
    }
}

type Compiled<T = ()> = Result<T, Box<Diagnostic>>;

/// The function being compiled.
struct FunctionState {
    id: FunctionId,
    /// Level of its outermost scope; variables of lower levels belong to functions around it.
    base_level: u32,
    slots: HashMap<Ident, u16>,
    loops: Vec<LoopState>,
    /// Captures and autoescape blocks open at this point.
    open: Vec<Open>,
}

struct LoopState {
    top: u32,
    /// Jumps to patch to the loop's end.
    breaks: Vec<usize>,
    /// How many of [`FunctionState::open`] were open when the loop began.
    open: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Open {
    Capture,
    Autoescape,
}

/// Where statements are compiled: the scope and what kind of frame it is.
#[derive(Clone, Copy)]
struct Frame {
    scope: ScopeId,
    /// Assignments are exported to the context.
    toplevel: bool,
    /// Inside an `if`: unknown filters raise only when reached.
    soft: bool,
}

impl Frame {
    fn inner(scope: ScopeId) -> Self {
        Frame { scope, toplevel: false, soft: false }
    }

    fn softened(self) -> Self {
        Frame { soft: true, ..self }
    }
}

struct Compiler<'a> {
    parsed: &'a Parsed,
    name: Option<&'a str>,
    scopes: Scopes,
    functions: Vec<Function>,
    stack: Vec<FunctionState>,
    constants: Vec<Constant>,
    strings: HashMap<(Box<str>, u32), u32>,
    symbols: Vec<Symbol>,
    symbol_ids: HashMap<Box<str>, u32>,
    globals: Vec<u32>,
    global_ids: HashMap<Box<str>, u32>,
    keywords: Vec<Box<[u32]>>,
    keyword_ids: HashMap<Box<[u32]>, u16>,
    /// A number of the program did not fit its field.
    overflowed: bool,
    places: Vec<Span>,
    errors: Vec<DelayedError>,
    has_blocks: bool,
    /// Something makes markup, so that printing early could miss an escape.
    makes_markup: bool,
    /// What Python refuses once Jinja2 has compiled the whole template.
    late_error: Option<Box<Diagnostic>>,
}

impl<'a> Compiler<'a> {
    fn new(parsed: &'a Parsed, name: Option<&'a str>) -> Self {
        Compiler {
            parsed,
            name,
            scopes: Scopes::default(),
            functions: Vec::new(),
            stack: Vec::new(),
            constants: Vec::new(),
            strings: HashMap::new(),
            symbols: Vec::new(),
            symbol_ids: HashMap::new(),
            globals: Vec::new(),
            global_ids: HashMap::new(),
            keywords: vec![Box::default()],
            keyword_ids: HashMap::from([(Box::default(), 0)]),
            overflowed: false,
            places: Vec::new(),
            errors: Vec::new(),
            has_blocks: contains_block(&parsed.template.body),
            makes_markup: makes_markup(&parsed.source.text),
            late_error: None,
        }
    }

    fn template(&mut self, template: &Template) -> Compiled {
        let scope = self.scopes.add(None);
        self.scopes.visit_body(scope, &template.body);
        self.begin_function(None, 0);
        self.enter_scope(scope);
        self.body(&template.body, Frame { scope, toplevel: true, soft: false })?;
        self.emit(Instr::Return, Span::default());
        self.end_function();
        Ok(())
    }

    /// Refuses a template that has more names than the bytecode can number.
    fn check_size(&self) -> Compiled {
        if !self.overflowed && !self.scopes.overflowed() {
            return Ok(());
        }
        let span = Span::default();
        Err(Box::new(Diagnostic {
            code: chattpl_syntax::code::TOO_DEEP,
            severity: Severity::Error,
            jinja_message: None,
            message: "template too large: it has too many variables, or keyword arguments".to_owned(),
            error_class: SyntaxClass::TemplateSyntaxError,
            lineno: self.line(span),
            span,
            hint: Some("keep data in the arguments of the render, not in the template".to_owned()),
            name: self.name.map(Into::into),
        }))
    }

    // Functions and slots

    fn begin_function(&mut self, name: Option<&str>, base_level: u32) -> FunctionId {
        let id = self.functions.len() as FunctionId;
        self.functions.push(Function { name: name.map(Into::into), ..Function::default() });
        self.stack.push(FunctionState { id, base_level, slots: HashMap::new(), loops: Vec::new(), open: Vec::new() });
        id
    }

    fn end_function(&mut self) {
        let state = self.stack.pop().expect("a function is being compiled");
        self.functions[state.id as usize].thread_jumps();
        self.overflowed |= state.slots.len() > usize::from(u16::MAX);
        self.functions[state.id as usize].slots = state.slots.len() as u16;
    }

    fn state(&mut self) -> &mut FunctionState {
        self.stack.last_mut().expect("a function is being compiled")
    }

    fn function(&mut self) -> &mut Function {
        let id = self.state().id;
        &mut self.functions[id as usize]
    }

    /// The slot of a variable, and how many functions out it is.
    fn slot(&mut self, ident: &Ident) -> (u8, u16) {
        let last = self.stack.len() - 1;
        let owner = (0..=last).rev().find(|at| self.stack[*at].base_level <= ident.0).unwrap_or(0);
        let next = self.stack[owner].slots.len() as u16;
        let slot = *self.stack[owner].slots.entry(ident.clone()).or_insert(next);
        if slot == next {
            let name = self.symbol(&ident.1, Span::default());
            let id = self.stack[owner].id;
            self.functions[id as usize].slot_names.push(name);
        }
        if owner != last {
            for state in &self.stack[owner..last] {
                self.functions[state.id as usize].captured = true;
            }
        }
        ((last - owner) as u8, slot)
    }

    /// The slot of a variable of the function being compiled.
    fn own_slot(&mut self, ident: &Ident) -> u16 {
        let (depth, slot) = self.slot(ident);
        debug_assert_eq!(depth, 0, "scopes store into their own function");
        slot
    }

    // Scopes

    /// The context variable behind a name that nothing in its scope assigns.
    fn pure_global(&self, ident: &Ident, owner: ScopeId) -> Option<Box<str>> {
        let scope = self.scopes.get(owner);
        match self.scopes.find_load(owner, ident) {
            Some(Load::Resolve(name)) if !scope.stores.contains(name) => Some(name.clone()),
            _ => None,
        }
    }

    fn enter_scope(&mut self, scope: ScopeId) {
        for (ident, load) in self.scopes.get(scope).loads.clone() {
            match load {
                Load::Parameter => {}
                Load::Resolve(name) => {
                    if self.pure_global(&ident, scope).is_none() {
                        self.resolve_into(&ident, &name);
                    }
                }
                Load::Alias(from) => self.alias(scope, &ident, &from),
                Load::Undefined => {
                    let slot = self.own_slot(&ident);
                    self.emit(Instr::Clear { slot }, Span::default());
                }
            }
        }
    }

    fn resolve_into(&mut self, ident: &Ident, name: &str) {
        let slot = self.own_slot(ident);
        let global = self.global(name);
        self.emit(Instr::Resolve { slot, global }, Span::default());
    }

    fn alias(&mut self, scope: ScopeId, ident: &Ident, from: &Ident) {
        let parent = self.scopes.get(scope).parent;
        let owner = parent.and_then(|parent| self.scopes.find(parent, &from.1)).map(|(_, owner)| owner);
        if let Some(name) = owner.and_then(|owner| self.pure_global(from, owner)) {
            return self.resolve_into(ident, &name);
        }
        let (depth, from) = self.slot(from);
        let to = self.own_slot(ident);
        self.emit(Instr::Alias { depth, from, to }, Span::default());
    }

    fn leave_scope(&mut self, scope: ScopeId) {
        for (ident, load) in self.scopes.get(scope).loads.clone() {
            let unused = matches!(load, Load::Resolve(_)) && self.pure_global(&ident, scope).is_some();
            if !unused {
                let slot = self.own_slot(&ident);
                self.emit(Instr::Clear { slot }, Span::default());
            }
        }
    }

    // Tables

    fn place(&mut self, span: Span) -> u32 {
        if let Some(last) = self.places.last() {
            if *last == span {
                return self.places.len() as u32 - 1;
            }
        }
        self.places.push(span);
        self.places.len() as u32 - 1
    }

    fn string(&mut self, text: &str, span: Span) -> u32 {
        let key = (text.into(), span.start);
        if let Some(id) = self.strings.get(&key) {
            return *id;
        }
        let place = self.place(span);
        let id = self.constants.len() as u32;
        self.constants.push(Constant::Str { text: text.into(), place });
        self.strings.insert(key, id);
        id
    }

    fn constant(&mut self, constant: Constant) -> u32 {
        self.constants.push(constant);
        self.constants.len() as u32 - 1
    }

    fn symbol(&mut self, name: &str, span: Span) -> u32 {
        if let Some(id) = self.symbol_ids.get(name) {
            return *id;
        }
        let id = self.symbols.len() as u32;
        let place = self.place(span);
        self.symbols.push(Symbol {
            text: name.into(),
            method: Method::by_name(name),
            loop_attr: LoopAttr::by_name(name),
            of_dict: name.starts_with("__") || Method::by_name(name).is_some_and(Method::is_dict_method),
            place,
        });
        self.symbol_ids.insert(name.into(), id);
        id
    }

    fn global(&mut self, name: &str) -> u32 {
        if let Some(id) = self.global_ids.get(name) {
            return *id;
        }
        let symbol = self.symbol(name, Span::default());
        let id = self.globals.len() as u32;
        self.globals.push(symbol);
        self.global_ids.insert(name.into(), id);
        id
    }

    fn delayed_error(&mut self, class: ErrorClass, message: String) -> u32 {
        self.errors.push(DelayedError { class, message });
        self.errors.len() as u32 - 1
    }

    // Code

    fn emit(&mut self, instr: Instr, span: Span) -> usize {
        let place = self.place(span);
        let function = self.function();
        function.code.push(instr);
        function.places.push(place);
        function.code.len() - 1
    }

    fn here(&mut self) -> u32 {
        self.function().code.len() as u32
    }

    /// Points the jump at `at` to the next instruction.
    fn patch(&mut self, at: usize) {
        let here = self.here();
        self.function().last_target = here as usize;
        let instr = &mut self.function().code[at];
        *instr.target_mut().expect("only jumps are patched") = here;
    }

    fn line(&self, span: Span) -> u32 {
        self.parsed.source.lines().line(span.start)
    }

    fn fail<T>(&self, class: SyntaxClass, message: String, span: Span) -> Compiled<T> {
        Err(self.diagnostic(class, message, span))
    }

    /// Notes an error that Python's compiler finds in the code Jinja2 makes.
    fn fail_late(&mut self, message: String, span: Span) {
        if self.late_error.is_none() {
            self.late_error = Some(self.diagnostic(SyntaxClass::SyntaxError, message, span));
        }
    }

    fn diagnostic(&self, class: SyntaxClass, message: String, span: Span) -> Box<Diagnostic> {
        Box::new(Diagnostic {
            code: chattpl_syntax::code::NAME,
            severity: Severity::Error,
            jinja_message: Some(message.clone()),
            message,
            error_class: class,
            lineno: self.line(span),
            span,
            hint: None,
            name: self.name.map(Into::into),
        })
    }
}

/// Whether the template names anything that makes markup; a word in a comment counts, at the cost of speed alone.
fn makes_markup(text: &str) -> bool {
    let short = text.match_indices('e').any(|(at, _)| {
        let before = text[..at].trim_end().ends_with(['|', '\'', '"']);
        before && !text[at + 1..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
    });
    short || ["safe", "escape"].iter().any(|word| text.contains(word))
}

fn contains_block(body: &[Stmt]) -> bool {
    use chattpl_syntax::ast::StmtKind as Kind;
    body.iter().any(|stmt| match &stmt.kind {
        Kind::Block(_) => true,
        Kind::For(node) => contains_block(&node.body) || contains_block(&node.otherwise),
        Kind::If(node) => {
            node.branches.iter().any(|branch| contains_block(&branch.body)) || contains_block(&node.otherwise)
        }
        Kind::SetBlock(node) => contains_block(&node.body),
        Kind::Macro(node) => contains_block(&node.body),
        Kind::CallBlock(node) => contains_block(&node.body),
        Kind::FilterBlock(node) => contains_block(&node.body),
        Kind::With(node) => contains_block(&node.body),
        Kind::Generation(body) => contains_block(body),
        Kind::Autoescape(node) => contains_block(&node.body),
        _ => false,
    })
}
