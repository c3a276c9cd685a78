//! Conditions on which it may depend whether a piece is sampled: what the template asks before it.

use std::collections::{HashMap, HashSet};

use chattpl_syntax::ast::{CompareOp, Const, Expr, ExprKind, Name, Stmt, StmtKind, Template, UnaryOp};
use chattpl_syntax::Span;

use super::pieces::operands;

/// How many of the nearest tests are tried.
const MAX_TESTS: usize = 12;

/// A condition that may be tested where a piece stands.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub test: Expr,
    /// As it is written in the template.
    pub source: String,
}

/// The conditions that may be tested at each of the pieces: tests of `if`s before it, values in the same output, whether
/// an inner loop has just begun, and whether an assistant's message comes before.
pub(super) fn conditions(template: &Template, text: &str, pieces: &HashSet<Span>) -> HashMap<Span, Vec<Condition>> {
    let mut finder = Finder { text, pieces, found: HashMap::new() };
    finder.body(&template.body, &mut Vec::new(), 0);
    finder.found
}

struct Finder<'t> {
    text: &'t str,
    pieces: &'t HashSet<Span>,
    found: HashMap<Span, Vec<Condition>>,
}

impl<'t> Finder<'t> {
    /// Looks at statements side by side; `tests` are those before them, `loops` how many loops are around.
    fn body(&mut self, body: &'t [Stmt], tests: &mut Vec<&'t Expr>, loops: u32) {
        let before = tests.len();
        for stmt in body {
            match &stmt.kind {
                StmtKind::Text(_) => self.piece(stmt.span, tests, &[], loops),
                StmtKind::Output(expr) => {
                    let (items, _) = operands(expr);
                    items.iter().for_each(|item| self.piece(item.span, tests, &items, loops));
                }
                StmtKind::For(node) => {
                    self.body(&node.body, tests, loops + 1);
                    self.body(&node.otherwise, tests, loops);
                }
                StmtKind::If(node) => {
                    node.branches.iter().for_each(|branch| self.body(&branch.body, tests, loops));
                    self.body(&node.otherwise, tests, loops);
                    tests.extend(node.branches.iter().map(|branch| &branch.test));
                }
                StmtKind::With(node) => self.body(&node.body, tests, loops),
                StmtKind::Block(node) => self.body(&node.body, tests, loops),
                StmtKind::Autoescape(node) => self.body(&node.body, tests, loops),
                _ => {}
            }
        }
        tests.truncate(before);
    }

    fn piece(&mut self, span: Span, tests: &[&'t Expr], beside: &[&'t Expr], loops: u32) {
        if !self.pieces.contains(&span) {
            return;
        }
        let is_value =
            |expr: &&&Expr| matches!(expr.kind, ExprKind::Name(_) | ExprKind::Getattr(..) | ExprKind::Getitem(..));
        let values = beside.iter().filter(is_value).copied();
        let nearest = values.chain(tests.iter().rev().take(MAX_TESTS).copied());
        let mut found: Vec<Condition> = nearest.map(|test| self.written(test)).collect();
        if loops > 1 {
            let later = not(loop_value(span, "first"), "not loop.first");
            let either = found.iter().map(|condition| either(condition, &later)).collect::<Vec<_>>();
            found.push(later);
            found.extend(either);
        }
        if loops == 1 {
            found.push(follows_assistant(span));
        }
        self.found.insert(span, found);
    }

    fn written(&self, test: &Expr) -> Condition {
        let source = &self.text[test.span.range()];
        let source = match test.kind {
            ExprKind::Conditional { .. } => format!("({source})"),
            _ => source.to_owned(),
        };
        Condition { test: test.clone(), source }
    }
}

/// A value of `loop`.
fn loop_value(span: Span, name: &str) -> Expr {
    let object = Expr { span, kind: ExprKind::Name("loop".into()) };
    attribute(object, name)
}

fn attribute(object: Expr, name: &str) -> Expr {
    let span = object.span;
    Expr { span, kind: ExprKind::Getattr(Box::new(object), Name { text: name.into(), span }) }
}

fn not(value: Expr, source: &str) -> Condition {
    let test = Expr { span: value.span, kind: ExprKind::Unary(UnaryOp::Not, Box::new(value)) };
    Condition { test, source: source.to_owned() }
}

/// Whether the element before is a message of an assistant, whose turn some formats end with the next one's first token.
fn follows_assistant(span: Span) -> Condition {
    let before = loop_value(span, "previtem");
    let text = Expr { span, kind: ExprKind::Const(Const::Str("assistant".into())) };
    let role = attribute(before.clone(), "role");
    let is_assistant = Expr { span, kind: ExprKind::Compare(Box::new(role), vec![(CompareOp::Eq, text)]) };
    Condition {
        test: Expr { span, kind: ExprKind::And(Box::new(before), Box::new(is_assistant)) },
        source: "loop.previtem and loop.previtem.role == 'assistant'".to_owned(),
    }
}

fn either(one: &Condition, other: &Condition) -> Condition {
    let kind = ExprKind::Or(Box::new(one.test.clone()), Box::new(other.test.clone()));
    Condition { test: Expr { span: one.test.span, kind }, source: format!("{} or {}", one.source, other.source) }
}
