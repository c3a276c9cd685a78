//! Finds the roles that a template knows: the strings that it compares roles with.

use std::collections::BTreeSet;

use chattpl_syntax::ast::{Const, Expr, ExprKind, Name, Stmt, StmtKind, Target};
use chattpl_syntax::visit::{walk_expr, walk_stmt, walk_template, Visitor};

use crate::compile::program::Program;

impl Program {
    /// The strings that the template compares the `role` of a message with, or looks it up among, ascending.
    pub fn compared_roles(&self) -> Vec<String> {
        let Ok(parsed) = chattpl_syntax::parse(&self.source.text, None) else { return Vec::new() };
        let mut names = Names::default();
        // Variables may be set from others, which may be set further down.
        for _ in 0..ROUNDS {
            let known = names.roles.len();
            walk_template(&mut names, &parsed.template);
            if names.roles.len() == known {
                break;
            }
        }
        let mut found = Compared { names: &names, roles: BTreeSet::new() };
        walk_template(&mut found, &parsed.template);
        found.roles.into_iter().map(str::to_owned).collect()
    }
}

/// Walks that look for variables which hold roles.
const ROUNDS: usize = 4;

/// Variables that hold a role, and those that hold a string, mapping or list of the template.
#[derive(Default)]
struct Names<'t> {
    roles: BTreeSet<&'t str>,
    tables: Vec<(&'t str, &'t Expr)>,
}

impl<'t> Visitor<'t> for Names<'t> {
    fn visit_stmt(&mut self, stmt: &'t Stmt) {
        if let StmtKind::Set { target, value } = &stmt.kind {
            let name: Option<&'t str> = match target {
                Target::Name(name) => Some(&name.text),
                Target::Attribute { attribute, .. } => Some(&attribute.text),
                Target::Tuple(..) => None,
            };
            if let Some(name) = name {
                if self.is_role(value) {
                    self.roles.insert(name);
                }
                use ExprKind::{Const, Dict, List, Tuple};
                if matches!(value.kind, Const(_) | Dict(_) | List(_) | Tuple(_)) {
                    self.tables.push((name, value));
                }
            }
        }
        walk_stmt(self, stmt);
    }
}

impl Names<'_> {
    /// Whether an expression is the role of a message, whatever is done to its case and white space.
    fn is_role(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Name(name) => &**name == "role" || self.roles.contains(&**name),
            ExprKind::Getattr(_, name) => &*name.text == "role" || self.roles.contains(&*name.text),
            ExprKind::Getitem(_, index) => is_text(index, "role"),
            ExprKind::Filter { input: Some(input), .. } => self.is_role(input),
            ExprKind::Call(callee, args) => match &callee.kind {
                ExprKind::Getattr(object, method) if &*method.text == "get" => {
                    args.positional.first().is_some_and(|key| is_text(key, "role")) || self.is_role(object)
                }
                ExprKind::Getattr(object, _) => self.is_role(object),
                _ => false,
            },
            ExprKind::Conditional { then, otherwise, .. } => {
                self.is_role(then) || otherwise.as_ref().is_some_and(|value| self.is_role(value))
            }
            ExprKind::Or(left, right) => self.is_role(left) || self.is_role(right),
            _ => false,
        }
    }
}

/// Collects the strings that roles are compared with.
struct Compared<'n, 't> {
    names: &'n Names<'t>,
    roles: BTreeSet<&'t str>,
}

impl<'t> Visitor<'t> for Compared<'_, 't> {
    fn visit_expr(&mut self, expr: &'t Expr) {
        match &expr.kind {
            ExprKind::Compare(left, rest) => {
                let operands = || [&**left].into_iter().chain(rest.iter().map(|(_, operand)| operand));
                if operands().any(|operand| self.names.is_role(operand)) {
                    operands().for_each(|operand| self.add(operand));
                }
            }
            ExprKind::Getitem(table, index) if self.names.is_role(index) => self.add(table),
            ExprKind::Call(callee, args) => {
                if let ExprKind::Getattr(table, method) = &callee.kind {
                    let key = args.positional.first();
                    if &*method.text == "get" && key.is_some_and(|key| self.names.is_role(key)) {
                        self.add(table);
                    }
                }
            }
            ExprKind::Test { input, args, .. } if self.names.is_role(input) => self.add_all(&args.positional),
            // `selectattr('role', 'equalto', 'user')` and its like.
            ExprKind::Filter { args, .. } if args.positional.first().is_some_and(|key| is_text(key, "role")) => {
                self.add_all(args.positional.get(2..).unwrap_or_default());
            }
            _ => {}
        }
        walk_expr(self, expr);
    }
}

impl<'t> Compared<'_, 't> {
    fn add_all(&mut self, exprs: &'t [Expr]) {
        exprs.iter().for_each(|expr| self.add(expr));
    }

    /// Adds the strings of a literal, or of the variable that holds one.
    fn add(&mut self, expr: &'t Expr) {
        match &expr.kind {
            ExprKind::Name(name) | ExprKind::Getattr(_, Name { text: name, .. }) => {
                let names = self.names;
                let tables = names.tables.iter().filter(|(table, _)| *table == &**name);
                tables.for_each(|(_, table)| self.add_literal(table));
            }
            _ => self.add_literal(expr),
        }
    }

    /// Adds the strings of a literal: itself, its elements, or its keys.
    fn add_literal(&mut self, expr: &'t Expr) {
        match &expr.kind {
            ExprKind::Const(Const::Str(text)) => {
                self.roles.insert(text);
            }
            ExprKind::List(items) | ExprKind::Tuple(items) => items.iter().for_each(|item| self.add_literal(item)),
            ExprKind::Dict(pairs) => pairs.iter().for_each(|(key, _)| self.add_literal(key)),
            _ => {}
        }
    }
}

fn is_text(expr: &Expr, text: &str) -> bool {
    matches!(&expr.kind, ExprKind::Const(Const::Str(found)) if **found == *text)
}
