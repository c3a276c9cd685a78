//! Prints a syntax tree, one node a line, children indented below.

use std::fmt::Write;

use crate::ast::{Args, Const, Expr, ExprKind, Load, Name, Signature, Stmt, StmtKind, Target, Template};
use crate::diagnostic::json_string;
use crate::span::Span;

/// Whether the dump names byte spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spans {
    /// Each node ends with `@start..end`.
    Show,
    /// Shapes only.
    Hide,
}

/// Prints the tree with spans.
pub fn dump(template: &Template) -> String {
    dump_with(template, Spans::Show)
}

/// Prints the tree with or without spans.
pub fn dump_with(template: &Template, spans: Spans) -> String {
    let mut printer = Printer { text: String::new(), depth: 0, spans };
    template.body.iter().for_each(|stmt| printer.stmt(stmt));
    printer.text
}

struct Printer {
    text: String,
    depth: usize,
    spans: Spans,
}

impl Printer {
    fn line(&mut self, words: &str, span: Option<Span>) {
        let indent = self.depth * 2;
        write!(self.text, "{:indent$}{words}", "").expect("writing to a string can't fail");
        if let (Spans::Show, Some(span)) = (self.spans, span) {
            write!(self.text, " @{}..{}", span.start, span.end).expect("writing to a string can't fail");
        }
        self.text.push('\n');
    }

    fn below(&mut self, print: impl FnOnce(&mut Self)) {
        self.depth += 1;
        print(self);
        self.depth -= 1;
    }

    fn part(&mut self, label: &str, print: impl FnOnce(&mut Self)) {
        self.line(label, None);
        self.below(print);
    }

    fn body(&mut self, label: &str, body: &[Stmt]) {
        if !body.is_empty() {
            self.part(label, |printer| body.iter().for_each(|stmt| printer.stmt(stmt)));
        }
    }

    fn expr_part(&mut self, label: &str, expr: Option<&Expr>) {
        if let Some(expr) = expr {
            self.part(label, |printer| printer.expr(expr));
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        self.line(&stmt_words(stmt), Some(stmt.span));
        self.below(|printer| printer.stmt_parts(stmt));
    }

    fn stmt_parts(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Text(_) | StmtKind::Break | StmtKind::Continue => {}
            StmtKind::Output(expr) => self.expr(expr),
            StmtKind::For(node) => {
                self.part("target", |printer| printer.target(&node.target));
                self.expr_part("iter", Some(&node.iter));
                self.expr_part("filter", node.filter.as_ref());
                self.body("body", &node.body);
                self.body("else", &node.otherwise);
            }
            StmtKind::If(node) => {
                for branch in &node.branches {
                    self.expr_part("test", Some(&branch.test));
                    self.body("body", &branch.body);
                }
                self.body("else", &node.otherwise);
            }
            StmtKind::Set { target, value } => {
                self.target(target);
                self.expr(value);
            }
            StmtKind::SetBlock(node) => {
                self.target(&node.target);
                self.expr_part("filter", node.filter.as_ref());
                self.body("body", &node.body);
            }
            StmtKind::Macro(node) => {
                self.signature(&node.signature);
                self.body("body", &node.body);
            }
            StmtKind::CallBlock(node) => {
                self.signature(&node.signature);
                self.expr_part("call", Some(&node.call));
                self.body("body", &node.body);
            }
            StmtKind::FilterBlock(node) => {
                self.expr_part("filter", Some(&node.filter));
                self.body("body", &node.body);
            }
            StmtKind::With(node) => {
                for (target, value) in &node.assignments {
                    self.target(target);
                    self.expr(value);
                }
                self.body("body", &node.body);
            }
            StmtKind::Block(node) => self.body("body", &node.body),
            StmtKind::Generation(body) => self.body("body", body),
            StmtKind::Autoescape(node) => {
                self.expr_part("enabled", Some(&node.enabled));
                self.body("body", &node.body);
            }
            StmtKind::Load(node) => self.expr(&node.template),
        }
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.line(&format!("bind {}", name.text), Some(name.span)),
            Target::Attribute { namespace, attribute } => {
                let words = format!("bind {}.{}", namespace.text, attribute.text);
                self.line(&words, Some(namespace.span.to(attribute.span)));
            }
            Target::Tuple(items, span) => {
                self.line("bind-tuple", Some(*span));
                self.below(|printer| items.iter().for_each(|item| printer.target(item)));
            }
        }
    }

    fn signature(&mut self, signature: &Signature) {
        let required = signature.params.len() - signature.defaults.len();
        for (index, param) in signature.params.iter().enumerate() {
            self.line(&format!("param {}", param.text), Some(param.span));
            let default = index.checked_sub(required).map(|index| &signature.defaults[index]);
            self.below(|printer| default.into_iter().for_each(|default| printer.expr(default)));
        }
    }

    fn expr(&mut self, expr: &Expr) {
        self.line(&expr_words(&expr.kind), Some(expr.span));
        self.below(|printer| printer.expr_parts(&expr.kind));
    }

    fn expr_parts(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::Const(_) | ExprKind::Name(_) => {}
            ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Concat(items) => {
                items.iter().for_each(|item| self.expr(item));
            }
            ExprKind::Dict(pairs) => {
                for (key, value) in pairs {
                    self.expr(key);
                    self.expr(value);
                }
            }
            ExprKind::Unary(_, operand) => self.expr(operand),
            ExprKind::Binary(_, left, right)
            | ExprKind::And(left, right)
            | ExprKind::Or(left, right)
            | ExprKind::Getitem(left, right) => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Compare(left, rest) => {
                self.expr(left);
                for (op, right) in rest {
                    self.part(&format!("{op:?}").to_lowercase(), |printer| printer.expr(right));
                }
            }
            ExprKind::Conditional { test, then, otherwise } => {
                self.expr_part("test", Some(test));
                self.expr_part("then", Some(then));
                self.expr_part("else", otherwise.as_deref());
            }
            ExprKind::Getattr(object, _) => self.expr(object),
            ExprKind::Slice { start, stop, step } => {
                self.expr_part("start", start.as_deref());
                self.expr_part("stop", stop.as_deref());
                self.expr_part("step", step.as_deref());
            }
            ExprKind::Call(callee, args) => {
                self.expr(callee);
                self.args(args);
            }
            ExprKind::Filter { input, args, .. } => {
                self.expr_part("input", input.as_deref());
                self.args(args);
            }
            ExprKind::Test { input, args, .. } => {
                self.expr_part("input", Some(input));
                self.args(args);
            }
        }
    }

    fn args(&mut self, args: &Args) {
        args.positional.iter().for_each(|value| self.expr_part("arg", Some(value)));
        for (name, value) in &args.keywords {
            self.line(&format!("keyword {}", name.text), Some(name.span));
            self.below(|printer| printer.expr(value));
        }
        self.expr_part("star", args.star.as_ref());
        self.expr_part("double-star", args.double_star.as_ref());
    }
}

fn stmt_words(stmt: &Stmt) -> String {
    match &stmt.kind {
        StmtKind::Text(text) => format!("text {}", json_string(text)),
        StmtKind::Output(_) => "output".to_owned(),
        StmtKind::For(node) if node.recursive => "for recursive".to_owned(),
        StmtKind::For(_) => "for".to_owned(),
        StmtKind::If(_) => "if".to_owned(),
        StmtKind::Set { .. } => "set".to_owned(),
        StmtKind::SetBlock(_) => "set-block".to_owned(),
        StmtKind::Macro(node) => format!("macro {}", node.name.text),
        StmtKind::CallBlock(_) => "call-block".to_owned(),
        StmtKind::FilterBlock(_) => "filter-block".to_owned(),
        StmtKind::With(_) => "with".to_owned(),
        StmtKind::Block(node) => {
            let scoped = if node.scoped { " scoped" } else { "" };
            let required = if node.required { " required" } else { "" };
            format!("block {}{scoped}{required}", node.name.text)
        }
        StmtKind::Generation(_) => "generation".to_owned(),
        StmtKind::Autoescape(_) => "autoescape".to_owned(),
        StmtKind::Break => "break".to_owned(),
        StmtKind::Continue => "continue".to_owned(),
        StmtKind::Load(node) => load_words(node),
    }
}

fn load_words(node: &Load) -> String {
    let mut words = format!("{:?}", node.kind).to_lowercase();
    if node.ignore_missing {
        words.push_str(" ignore-missing");
    }
    for Name { text, .. } in &node.binds {
        words.push(' ');
        words.push_str(text);
    }
    words
}

fn expr_words(kind: &ExprKind) -> String {
    match kind {
        ExprKind::Const(value) => const_words(value),
        ExprKind::Name(name) => format!("name {name}"),
        ExprKind::List(_) => "list".to_owned(),
        ExprKind::Tuple(_) => "tuple".to_owned(),
        ExprKind::Dict(_) => "dict".to_owned(),
        ExprKind::Unary(op, _) => format!("{op:?}").to_lowercase(),
        ExprKind::Binary(op, ..) => format!("{op:?}").to_lowercase(),
        ExprKind::And(..) => "and".to_owned(),
        ExprKind::Or(..) => "or".to_owned(),
        ExprKind::Compare(..) => "compare".to_owned(),
        ExprKind::Concat(_) => "concat".to_owned(),
        ExprKind::Conditional { .. } => "conditional".to_owned(),
        ExprKind::Getattr(_, name) => format!("getattr {}", name.text),
        ExprKind::Getitem(..) => "getitem".to_owned(),
        ExprKind::Slice { .. } => "slice".to_owned(),
        ExprKind::Call(..) => "call".to_owned(),
        ExprKind::Filter { name, .. } => format!("filter {}", name.text),
        ExprKind::Test { name, .. } => format!("test {}", name.text),
    }
}

fn const_words(value: &Const) -> String {
    match value {
        Const::None => "none".to_owned(),
        Const::Bool(value) => value.to_string(),
        Const::Int(value) => format!("int {value}"),
        Const::BigInt(digits) => format!("int {digits}"),
        Const::Float(value) => format!("float {value:?}"),
        Const::Str(text) => format!("str {}", json_string(text)),
    }
}
