//! The pieces of a template, and the template with a mark before and after each of them.

use std::collections::HashMap;

use chattpl_syntax::ast::{BinaryOp, Const, Expr, ExprKind, Stmt, StmtKind};
use chattpl_syntax::{Parsed, Span};

use super::conditions::Condition;

/// Opens a mark; no chat template prints it.
const OPEN: char = '\u{f8f0}';
/// Ends the number of a piece.
const BEGIN: char = '\u{f8f1}';
/// Closes a mark.
const CLOSE: char = '\u{f8f2}';

/// What prints by itself.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Where it stands; no other piece stands there.
    pub span: Span,
    /// What it prints, if it always prints the same.
    pub literal: Option<String>,
}

/// One run of a piece: the bytes of the render that it printed.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub piece: usize,
    pub start: usize,
    pub end: usize,
    /// Whether each of the conditions of the piece held.
    pub held: Vec<bool>,
}

/// The operator that joins texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    Add,
    Concat,
}

impl Join {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Join::Add => " + ",
            Join::Concat => " ~ ",
        }
    }
}

/// The operands of an output: itself, or what it joins.
pub(super) fn operands(expr: &Expr) -> (Vec<&Expr>, Join) {
    let (mut found, join) = match &expr.kind {
        ExprKind::Concat(items) => (items.iter().collect(), Join::Concat),
        _ => {
            let mut found = Vec::new();
            added(expr, &mut found);
            (found, Join::Add)
        }
    };
    // Without a text among them they may be numbers.
    if join == Join::Add && !found.iter().any(|operand| literal_of(operand).is_some()) {
        found = vec![expr];
    }
    (found, join)
}

fn added<'e>(expr: &'e Expr, found: &mut Vec<&'e Expr>) {
    match &expr.kind {
        ExprKind::Binary(BinaryOp::Add, left, right) => {
            added(left, found);
            found.push(right);
        }
        _ => found.push(expr),
    }
}

/// The text of a literal.
pub(super) fn literal_of(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Const(Const::Str(text)) => Some(text),
        _ => None,
    }
}

/// The template with marks, and its pieces by their numbers in the marks; `conditions` are tested before their pieces.
pub(super) fn marked(parsed: &Parsed, conditions: &HashMap<Span, Vec<Condition>>) -> (Parsed, Vec<Piece>) {
    let mut marker = Marker { pieces: Vec::new(), conditions };
    let body = marker.body(&parsed.template.body);
    let mut marked = parsed.clone();
    marked.template.body = body;
    (marked, marker.pieces)
}

/// Takes the marks out of a render: the text without them, and the runs in order of their ends.
pub(super) fn unmarked(text: &str) -> Option<(String, Vec<Run>)> {
    let (mut plain, mut runs, mut open) = (String::with_capacity(text.len()), Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find([OPEN, CLOSE]) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix(CLOSE) {
            let (piece, start, held) = open.pop()?;
            runs.push(Run { piece, start, end: plain.len(), held });
            rest = after;
        } else {
            let (number, after) = rest[OPEN.len_utf8()..].split_once(BEGIN)?;
            let (number, held) = number.split_once(':')?;
            open.push((number.parse().ok()?, plain.len(), held.bytes().map(|held| held == b'1').collect()));
            rest = after;
        }
    }
    plain.push_str(rest);
    open.is_empty().then_some((plain, runs))
}

struct Marker<'c> {
    pieces: Vec<Piece>,
    conditions: &'c HashMap<Span, Vec<Condition>>,
}

impl Marker<'_> {
    fn body(&mut self, body: &[Stmt]) -> Vec<Stmt> {
        let mut marked = Vec::with_capacity(body.len() * 3);
        for stmt in body {
            match &stmt.kind {
                StmtKind::Text(text) => self.piece(stmt.span, Some(text), stmt.clone(), &mut marked),
                StmtKind::Output(expr) => {
                    for operand in operands(expr).0 {
                        let output = Stmt { span: stmt.span, kind: StmtKind::Output(operand.clone()) };
                        self.piece(operand.span, literal_of(operand), output, &mut marked);
                    }
                }
                StmtKind::CallBlock(_) | StmtKind::FilterBlock(_) => {
                    self.piece(stmt.span, None, stmt.clone(), &mut marked);
                }
                _ => marked.push(self.inside(stmt)),
            }
        }
        marked
    }

    /// A statement with marks in the bodies that print where they stand.
    fn inside(&mut self, stmt: &Stmt) -> Stmt {
        let mut stmt = stmt.clone();
        match &mut stmt.kind {
            StmtKind::For(node) => {
                node.body = self.body(&node.body);
                node.otherwise = self.body(&node.otherwise);
            }
            StmtKind::If(node) => {
                for branch in &mut node.branches {
                    branch.body = self.body(&branch.body);
                }
                node.otherwise = self.body(&node.otherwise);
            }
            StmtKind::With(node) => node.body = self.body(&node.body),
            StmtKind::Block(node) => node.body = self.body(&node.body),
            StmtKind::Autoescape(node) => node.body = self.body(&node.body),
            _ => {}
        }
        stmt
    }

    fn piece(&mut self, span: Span, literal: Option<&str>, prints: Stmt, marked: &mut Vec<Stmt>) {
        let mark = |text: String| Stmt { span: prints.span, kind: StmtKind::Text(text.into()) };
        marked.push(mark(format!("{OPEN}{}:", self.pieces.len())));
        let conditions = self.conditions.get(&span).into_iter().flatten();
        marked.extend(conditions.map(|condition| Stmt { span, kind: StmtKind::Output(digit(condition)) }));
        marked.push(mark(BEGIN.to_string()));
        let close = mark(CLOSE.to_string());
        marked.push(prints);
        marked.push(close);
        self.pieces.push(Piece { span, literal: literal.map(str::to_owned) });
    }
}

/// `1` where a condition holds, else `0`.
fn digit(condition: &Condition) -> Expr {
    let span = condition.test.span;
    let text = |text: &str| Box::new(Expr { span, kind: ExprKind::Const(Const::Str(text.into())) });
    let test = Box::new(condition.test.clone());
    Expr { span, kind: ExprKind::Conditional { test, then: text("1"), otherwise: Some(text("0")) } }
}
