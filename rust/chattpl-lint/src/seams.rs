//! Where printed texts meet: the newlines that alone keep two of them apart, read off the tree.

use std::collections::HashSet;

use chattpl_syntax::ast::{BinaryOp, Const, Expr, ExprKind, If, Stmt, StmtKind};
use chattpl_syntax::{Parsed, Span};

use crate::expr;

/// The texts of nothing but white space, with a newline, that some run needs: those that are all of a branch or loop, and
/// those without which two texts might stand on one line.
pub fn separators(parsed: &Parsed) -> HashSet<Span> {
    let mut found = HashSet::new();
    search(&parsed.template.body, Sides { before: false, after: false }, &mut found);
    found
}

/// Whether text may stand before and behind a body, with no newline between.
#[derive(Clone, Copy)]
struct Sides {
    before: bool,
    after: bool,
}

/// Nothing is known of what a macro or a `set` block is printed beside.
const UNKNOWN: Sides = Sides { before: true, after: true };

/// How what a piece prints begins, or ends.
#[derive(Clone, Copy)]
struct Edge {
    /// It may be text, with no newline before it.
    text: bool,
    /// It may be nothing, so that the neighbour counts.
    nothing: bool,
}

const NOTHING: Edge = Edge { text: false, nothing: true };
const TEXT: Edge = Edge { text: true, nothing: false };
/// A newline, or the end of the run.
const PARTED: Edge = Edge { text: false, nothing: false };

impl Edge {
    fn or(self, other: Edge) -> Edge {
        Edge { text: self.text || other.text, nothing: self.nothing || other.nothing }
    }

    /// Whether text may stand here, given whether it may stand beyond.
    fn reaches(self, beyond: bool) -> bool {
        self.text || self.nothing && beyond
    }
}

/// Which end of a piece is looked at.
#[derive(Clone, Copy, PartialEq)]
enum End {
    First,
    Last,
}

fn search(body: &[Stmt], outer: Sides, found: &mut HashSet<Span>) {
    for (index, stmt) in body.iter().enumerate() {
        let sides = || Sides {
            before: edge_of(&body[..index], End::Last).reaches(outer.before),
            after: edge_of(&body[index + 1..], End::First).reaches(outer.after),
        };
        match &stmt.kind {
            StmtKind::Text(text) if is_blank_line(text) => {
                let sides = sides();
                if sides.before && sides.after {
                    found.insert(stmt.span);
                }
            }
            StmtKind::If(node) => {
                let sides = sides();
                branches(node).for_each(|body| search_branch(body, sides, found));
            }
            StmtKind::For(node) => {
                let sides = sides();
                let around = Sides {
                    before: sides.before || edge_of(&node.body, End::Last).text,
                    after: sides.after || edge_of(&node.body, End::First).text,
                };
                search_branch(&node.body, around, found);
                search_branch(&node.otherwise, sides, found);
            }
            StmtKind::SetBlock(node) => search(&node.body, UNKNOWN, found),
            StmtKind::Macro(node) => search(&node.body, UNKNOWN, found),
            StmtKind::CallBlock(node) => search(&node.body, UNKNOWN, found),
            _ => {
                if let Some(inner) = plain_body(stmt) {
                    search(inner, sides(), found);
                }
            }
        }
    }
}

/// A body that runs under a condition: white space that is all of it is printed on purpose.
fn search_branch(body: &[Stmt], sides: Sides, found: &mut HashSet<Span>) {
    match body {
        [Stmt { kind: StmtKind::Text(text), span }] if is_blank_line(text) => {
            found.insert(*span);
        }
        _ => search(body, sides, found),
    }
}

fn is_blank_line(text: &str) -> bool {
    text.contains('\n') && text.trim().is_empty()
}

/// The bodies of an `if`, its `else` last.
fn branches(node: &If) -> impl Iterator<Item = &[Stmt]> {
    node.branches.iter().map(|branch| branch.body.as_slice()).chain([node.otherwise.as_slice()])
}

/// The body of a statement that prints it where it stands.
fn plain_body(stmt: &Stmt) -> Option<&[Stmt]> {
    match &stmt.kind {
        StmtKind::FilterBlock(node) => Some(&node.body),
        StmtKind::With(node) => Some(&node.body),
        StmtKind::Block(node) => Some(&node.body),
        StmtKind::Autoescape(node) => Some(&node.body),
        StmtKind::Generation(body) => Some(body),
        _ => None,
    }
}

fn edge_of(body: &[Stmt], end: End) -> Edge {
    in_turn(body, end, edge_of_stmt)
}

/// The edge of pieces that are printed one behind the other.
fn in_turn<'t, T>(pieces: &'t [T], end: End, edge: fn(&'t T, End) -> Edge) -> Edge {
    let mut so_far = NOTHING;
    for at in 0..pieces.len() {
        let piece = &pieces[if end == End::First { at } else { pieces.len() - 1 - at }];
        let next = edge(piece, end);
        so_far = Edge { text: so_far.text || next.text, nothing: next.nothing };
        if !so_far.nothing {
            break;
        }
    }
    so_far
}

fn edge_of_stmt(stmt: &Stmt, end: End) -> Edge {
    match &stmt.kind {
        StmtKind::Text(text) => edge_of_text(text, end),
        StmtKind::Output(expr) => edge_of_expr(expr, end),
        StmtKind::If(node) => branches(node).map(|body| edge_of(body, end)).reduce(Edge::or).unwrap_or(NOTHING),
        // A loop may run over nothing; what stands for nothing may be missing.
        StmtKind::For(node) => edge_of(&node.body, end).or(edge_of(&node.otherwise, end)).or(NOTHING),
        StmtKind::CallBlock(_) => TEXT,
        _ => plain_body(stmt).map_or(NOTHING, |body| edge_of(body, end)),
    }
}

fn edge_of_text(text: &str, end: End) -> Edge {
    let rest = match end {
        End::First => text.trim_start_matches([' ', '\t']).chars().next(),
        End::Last => text.trim_end_matches([' ', '\t']).chars().next_back(),
    };
    match rest {
        None => NOTHING,
        Some('\n') => PARTED,
        Some(_) => TEXT,
    }
}

fn edge_of_expr(expr: &Expr, end: End) -> Edge {
    match &expr.kind {
        ExprKind::Const(Const::Str(text)) => edge_of_text(text, end),
        ExprKind::Binary(BinaryOp::Add, left, right) => {
            in_turn(&[&**left, &**right], end, |part, end| edge_of_expr(part, end))
        }
        ExprKind::Concat(parts) => in_turn(parts, end, edge_of_expr),
        ExprKind::Conditional { then, otherwise, .. } => {
            edge_of_expr(then, end).or(otherwise.as_ref().map_or(NOTHING, |other| edge_of_expr(other, end)))
        }
        _ if expr::is_raise(expr) => PARTED,
        // The caller's data may be empty, but need not.
        _ => TEXT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many newlines of a template part two texts.
    fn count(source: &str) -> usize {
        separators(&chattpl_syntax::parse(source, None).expect("valid")).len()
    }

    #[test]
    fn a_newline_between_texts_is_a_separator() {
        assert_eq!(count("a{% if x %}{% endif %}\n\n{% if y %}{% endif %}b"), 1);
        assert_eq!(count("{% if x %}a{% endif %}\n\n{% if y %}b{% endif %}"), 1);
        assert_eq!(count("{% for x in y %}{{ x }}{% if z %}{% endif %}\n\n{% if z %}{% endif %}{% endfor %}"), 1);
    }

    #[test]
    fn a_newline_beside_another_is_none() {
        assert_eq!(count("{{ 'a\\n' }}{% if x %}{% endif %}\n\n{% if y %}{% endif %}b"), 0);
        assert_eq!(count("a{% if x %}{% endif %}\n\n{% if y %}{% endif %}{{ '\\n' + y }}"), 0);
        assert_eq!(count("{% if x %}{% endif %}\n\n{% if y %}{% endif %}b"), 0);
    }

    #[test]
    fn a_branch_of_one_newline_is_printed_on_purpose() {
        assert_eq!(count("{{ 'a\\n' }}{% if x %}\n\n{% endif %}{{ '\\n' }}"), 1);
        assert_eq!(count("{{ 'a\\n' }}{% if x %}b\n{% else %}\n\n{% endif %}{{ '\\n' }}"), 1);
    }
}
