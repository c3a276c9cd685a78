//! CT011: a branch that no conversation reaches.

use std::collections::HashSet;

use chattpl_syntax::ast::{CompareOp, Expr, ExprKind, If, Stmt, StmtKind, Target};
use chattpl_syntax::visit::{walk_stmt, walk_target, Visitor};
use chattpl_syntax::Span;

use super::constant_condition::truth;
use crate::context::Context;
use crate::declare_rule;
use crate::expr::{self, alike, comparison, conjuncts, differ, disjuncts, negated};
use crate::finding::Finding;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports branches whose condition cannot hold where they stand: an `elif` that asks what an earlier branch asked, a role
    /// tested inside the branch of another role, an `else` of conditions that leave nothing over, text behind `break`,
    /// `continue` or `raise_exception(...)`.
    ///
    /// ## Why
    /// What stands there is never printed, though the template reads as if it were.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role in ['system', 'developer'] -%}
    /// {{- 'system: ' + (message.content or '') + ';' -}}
    /// {%- elif message.role == 'developer' -%}
    /// {{- 'developer: ' + (message.content or '') + ';' -}}
    /// {%- else -%}
    /// {{- message.role + ': ' + (message.content or '') + ';' -}}
    /// {%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role == 'developer' -%}
    /// {{- 'developer: ' + (message.content or '') + ';' -}}
    /// {%- else -%}
    /// {{- message.role + ': ' + (message.content or '') + ';' -}}
    /// {%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT011",
    name: "unreachable-branch",
    family: Dialect,
    kind: Static,
    profiles: [Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let template = &context.parsed()?.template;
    let mut walk = Walk { facts: Vec::new(), found: Vec::new(), changed_by_macros: HashSet::new() };
    for (_, stmt) in context.nodes()?.stmts() {
        if matches!(stmt.kind, StmtKind::Macro(_) | StmtKind::CallBlock(_)) {
            walk.changed_by_macros.extend(assigned(std::slice::from_ref(stmt)));
        }
    }
    walk.body(&template.body);
    let found = walk.found.into_iter().map(|(span, reason)| Finding::new(rule, span, reason));
    Ok(found.collect())
}

/// Facts that are kept at most; real templates have a dozen.
const MAX_FACTS: usize = 300;

/// An expression whose truth is known at the place that the walk has come to.
type Fact<'t> = (&'t Expr, bool);

struct Walk<'t> {
    facts: Vec<Fact<'t>>,
    found: Vec<(Span, String)>,
    changed_by_macros: HashSet<&'t str>,
}

impl<'t> Walk<'t> {
    fn body(&mut self, body: &'t [Stmt]) {
        for (at, stmt) in body.iter().enumerate() {
            if let Some(word) = ends(stmt) {
                let rest = body[at + 1..].iter().find(|stmt| !is_blank(stmt));
                self.found.extend(rest.map(|rest| (rest.span, format!("nothing behind `{word}` is reached"))));
                return;
            }
            self.stmt(stmt);
            self.forget(&assigned(std::slice::from_ref(stmt)));
        }
    }

    fn stmt(&mut self, stmt: &'t Stmt) {
        match &stmt.kind {
            StmtKind::If(node) => self.conditional(node),
            StmtKind::For(node) => {
                // A later turn of the loop sees what this one assigned, and `loop` is another.
                let facts = self.facts.clone();
                self.forget(&assigned(std::slice::from_ref(stmt)));
                self.forget(&HashSet::from(["loop"]));
                self.body(&node.body);
                self.body(&node.otherwise);
                self.facts = facts;
            }
            // Macros and blocks may run anywhere.
            StmtKind::Macro(node) => self.apart(&node.body),
            StmtKind::CallBlock(node) => self.apart(&node.body),
            StmtKind::Block(node) => self.apart(&node.body),
            StmtKind::SetBlock(node) => self.within(&node.body),
            StmtKind::FilterBlock(node) => self.within(&node.body),
            StmtKind::Generation(body) => self.within(body),
            StmtKind::Autoescape(node) => self.within(&node.body),
            StmtKind::With(node) => {
                let facts = self.facts.clone();
                self.forget(&node.assignments.iter().flat_map(|(target, _)| names_of(target)).collect());
                self.body(&node.body);
                self.facts = facts;
            }
            _ => {}
        }
    }

    fn within(&mut self, body: &'t [Stmt]) {
        let facts = self.facts.clone();
        self.body(body);
        self.facts = facts;
    }

    fn apart(&mut self, body: &'t [Stmt]) {
        let facts = std::mem::take(&mut self.facts);
        self.body(body);
        self.facts = facts;
    }

    fn conditional(&mut self, node: &'t If) {
        let before = self.facts.clone();
        let mut decided = false;
        for branch in &node.branches {
            // A literal is another rule's matter.
            let holds = self.decide(&branch.test).filter(|_| truth(&branch.test).is_none());
            if decided || holds == Some(false) {
                let reason = "this branch is never reached: the conditions before or around it exclude it";
                self.found.push((branch.test.span, reason.to_owned()));
            } else {
                let outer = self.facts.clone();
                self.learn(&branch.test, true);
                self.body(&branch.body);
                self.facts = outer;
            }
            decided |= holds == Some(true);
            self.learn(&branch.test, false);
        }
        match node.otherwise.iter().find(|stmt| !is_blank(stmt)) {
            Some(first) if decided => {
                self.found.push((first.span, "this `else` is never reached: the conditions before it leave nothing over".to_owned()));
            }
            _ => self.body(&node.otherwise),
        }
        self.facts = before;
    }

    /// Takes note of a condition's truth, and of what follows for its parts.
    fn learn(&mut self, condition: &'t Expr, holds: bool) {
        if let Some(inner) = negated(condition) {
            return self.learn(inner, !holds);
        }
        let parts = if holds { conjuncts(condition) } else { disjuncts(condition) };
        if parts.len() > 1 {
            return parts.into_iter().for_each(|part| self.learn(part, holds));
        }
        let steady = !expr::any(condition, &mut |inner| is_fickle(inner, &self.changed_by_macros));
        if steady && self.facts.len() < MAX_FACTS {
            self.facts.push((condition, holds));
        }
    }

    /// Whether the facts decide a condition.
    fn decide(&self, condition: &Expr) -> Option<bool> {
        if let Some(inner) = negated(condition) {
            return self.decide(inner).map(|holds| !holds);
        }
        match &condition.kind {
            ExprKind::And(left, right) => match (self.decide(left), self.decide(right)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            ExprKind::Or(left, right) => match (self.decide(left), self.decide(right)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            _ => self.facts.iter().find_map(|fact| follows(*fact, condition)),
        }
    }

    fn forget(&mut self, names: &HashSet<&str>) {
        self.facts.retain(|(fact, _)| !names.iter().any(|name| expr::mentions(fact, name)));
    }
}

/// The truth of a condition, where a fact tells it.
fn follows((fact, holds): Fact<'_>, condition: &Expr) -> Option<bool> {
    if alike(fact, condition) {
        return Some(holds);
    }
    let ((known, fact_operator, fact_value), (asked, operator, value)) = (comparison(fact)?, comparison(condition)?);
    if !alike(known, asked) {
        return None;
    }
    let is_equal = match (fact_operator, holds) {
        (CompareOp::Eq, true) | (CompareOp::Ne, false) => true,
        (CompareOp::Eq, false) | (CompareOp::Ne, true) => false,
        (CompareOp::In, _) => return follows_from_list(holds, fact_value, operator, value),
        _ => return None,
    };
    let equals = match operator {
        CompareOp::Eq => true,
        CompareOp::Ne => false,
        CompareOp::In if is_equal => return contains(value, fact_value),
        CompareOp::NotIn if is_equal => return contains(value, fact_value).map(|found| !found),
        _ => return None,
    };
    if alike(fact_value, value) {
        return Some(is_equal == equals);
    }
    (is_equal && differ(fact_value, value)).then_some(!equals)
}

/// What `x in [...]` tells about `x == value`.
fn follows_from_list(holds: bool, list: &Expr, operator: CompareOp, value: &Expr) -> Option<bool> {
    let found = contains(list, value)?;
    match (operator, holds, found) {
        (CompareOp::Eq, true, false) | (CompareOp::Eq, false, true) => Some(false),
        (CompareOp::Ne, true, false) | (CompareOp::Ne, false, true) => Some(true),
        _ => None,
    }
}

/// Whether a list of literals holds a literal; `None` where that is not sure.
fn contains(list: &Expr, value: &Expr) -> Option<bool> {
    let (ExprKind::List(items) | ExprKind::Tuple(items)) = &list.kind else {
        return None;
    };
    if items.iter().any(|item| alike(item, value)) {
        return Some(true);
    }
    items.iter().all(|item| differ(item, value)).then_some(false)
}

/// Whether an expression may have another value the next time: calls of macros, of cyclers, and what macros assign.
fn is_fickle(expr: &Expr, changed_by_macros: &HashSet<&str>) -> bool {
    let called = expr::function_call(expr).is_some();
    let moves = expr::method_call(expr).is_some_and(|(_, name, _)| matches!(name, "next" | "changed"));
    called || moves || expr::name(expr).is_some_and(|name| changed_by_macros.contains(name))
}

/// The word that ends a body, where the statement always does.
fn ends(stmt: &Stmt) -> Option<&'static str> {
    match &stmt.kind {
        StmtKind::Break => Some("break"),
        StmtKind::Continue => Some("continue"),
        StmtKind::Output(expr) if expr::is_raise(expr) => Some("raise_exception"),
        _ => None,
    }
}

fn is_blank(stmt: &Stmt) -> bool {
    matches!(&stmt.kind, StmtKind::Text(text) if text.trim().is_empty())
}

/// The names that statements assign, those of namespaces among them.
fn assigned(body: &[Stmt]) -> HashSet<&str> {
    struct Names<'t>(HashSet<&'t str>);
    impl<'t> Visitor<'t> for Names<'t> {
        fn visit_stmt(&mut self, stmt: &'t Stmt) {
            if let StmtKind::Macro(node) = &stmt.kind {
                self.0.insert(&node.name.text);
            }
            walk_stmt(self, stmt);
        }

        fn visit_target(&mut self, target: &'t Target) {
            self.0.extend(names_of(target));
            walk_target(self, target);
        }
    }
    let mut names = Names(HashSet::new());
    body.iter().for_each(|stmt| names.visit_stmt(stmt));
    names.0
}

fn names_of(target: &Target) -> Vec<&str> {
    match target {
        Target::Name(name) => vec![&name.text],
        Target::Attribute { namespace, .. } => vec![&namespace.text],
        Target::Tuple(items, _) => items.iter().flat_map(names_of).collect(),
    }
}
