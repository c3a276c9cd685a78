//! Where blocks go: edits of the source that wrap what is sampled.

use chattpl_syntax::ast::{Expr, For, Stmt, StmtKind, Target};
use chattpl_syntax::{Control, Span, TokenKind};

use super::pieces::{literal_of, operands, Join};
use super::trace::{Class, Part, Seen, Trace};
use crate::context::Context;
use crate::fix::Edit;
use crate::rule::NotEvaluated;

/// What is done about a value that stood among texts and now stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// Nothing: a value that is no text is printed.
    None,
    /// A text is added to it, so that a value that is no text is refused, as it was among texts.
    Text,
}

/// Plans the edits; `None` where some piece cannot be wrapped.
pub(super) fn plan(context: &Context<'_>, trace: &Trace, guard: Guard) -> Result<Option<Vec<Edit>>, NotEvaluated> {
    let loops = context.nodes()?.message_loops().map(|(_, stmt, _)| stmt.span).collect();
    let mut planner = Planner { context, trace, guard, loops, edits: Vec::new(), stuck: false };
    planner.body(&context.parsed()?.template.body, None);
    Ok((!planner.stuck && !planner.edits.is_empty()).then_some(planner.edits))
}

struct Planner<'a, 's> {
    context: &'a Context<'s>,
    trace: &'a Trace,
    guard: Guard,
    /// The loops over messages.
    loops: Vec<Span>,
    edits: Vec<Edit>,
    /// Whether a piece was met that cannot be wrapped.
    stuck: bool,
}

/// What is done with a part, and the condition that it may depend on.
type Kind = (Class, Option<String>);

/// Statements side by side that go into one block.
struct Stretch<'t> {
    first: &'t Stmt,
    last: &'t Stmt,
}

impl Planner<'_, '_> {
    /// Plans for statements side by side; `role` is the test for an assistant's message.
    fn body(&mut self, body: &[Stmt], role: Option<&str>) {
        let mut open: Option<Stretch<'_>> = None;
        for stmt in body {
            let class = self.seen(stmt).class();
            let whole = class == Class::Inside && can_be_wrapped(stmt);
            if whole {
                open = Some(Stretch { first: open.map_or(stmt, |open| open.first), last: stmt });
                continue;
            }
            // What prints nothing may stay in a block; it ends where the last that prints does.
            if class == Class::Silent && can_be_wrapped(stmt) {
                continue;
            }
            self.close(open.take());
            if class != Class::Silent && class != Class::Outside {
                self.statement(stmt, role);
            }
        }
        self.close(open);
    }

    /// Plans inside of a statement.
    fn statement(&mut self, stmt: &Stmt, role: Option<&str>) {
        match &stmt.kind {
            StmtKind::Text(text) => self.text(stmt, text, role),
            StmtKind::Output(expr) => self.output(stmt, expr, role),
            StmtKind::For(node) => {
                let own = self.role_test(stmt, node);
                let role = own.as_deref().or(role);
                self.body(&node.body, role);
                self.body(&node.otherwise, role);
            }
            StmtKind::If(node) => {
                node.branches.iter().for_each(|branch| self.body(&branch.body, role));
                self.body(&node.otherwise, role);
            }
            StmtKind::With(node) => self.body(&node.body, role),
            StmtKind::Block(node) => self.body(&node.body, role),
            StmtKind::Autoescape(node) => self.body(&node.body, role),
            _ => self.stuck = true,
        }
    }

    /// The test of a loop over messages for one of the assistant, as the template writes it.
    fn role_test(&self, stmt: &Stmt, node: &For) -> Option<String> {
        let Target::Name(name) = &node.target else {
            return None;
        };
        let item = format!("{}['role']", name.text);
        let attribute = format!("{}.role", name.text);
        let read = if self.context.slice(stmt.span).contains(&item) { item } else { attribute };
        self.loops.contains(&stmt.span).then(|| format!("{read} == 'assistant'"))
    }

    /// All that was seen of a statement.
    fn seen(&self, stmt: &Stmt) -> Seen {
        let piece = |span: Span| {
            let parts = self.trace.get(&span).map(Vec::as_slice).unwrap_or_default();
            parts.iter().fold(Seen::default(), |seen, part| seen.with(part.seen))
        };
        let all = |body: &[Stmt]| body.iter().fold(Seen::default(), |seen, stmt| seen.with(self.seen(stmt)));
        match &stmt.kind {
            StmtKind::Output(expr) => {
                operands(expr).0.iter().fold(Seen::default(), |seen, operand| seen.with(piece(operand.span)))
            }
            StmtKind::For(node) => all(&node.body).with(all(&node.otherwise)),
            StmtKind::If(node) => {
                let branches = node.branches.iter().map(|branch| all(&branch.body));
                branches.fold(all(&node.otherwise), Seen::with)
            }
            StmtKind::With(node) => all(&node.body),
            StmtKind::Block(node) => all(&node.body),
            StmtKind::Autoescape(node) => all(&node.body),
            _ => piece(stmt.span),
        }
    }

    /// Puts tags around statements.
    fn close(&mut self, stretch: Option<Stretch<'_>>) {
        let Some(Stretch { first, last }) = stretch else {
            return;
        };
        let is_text = |stmt: &Stmt| matches!(stmt.kind, StmtKind::Text(_));
        let (left, inner) = (self.left(first), if is_text(first) { "+" } else { "" });
        self.edits.push(Edit::insert(first.span.start, format!("{{%{left} generation {inner}%}}")));
        let (offset, inner) = if is_text(last) { self.behind_text(last.span.end) } else { (last.span.end, "") };
        let right = if is_text(last) { "+" } else { self.right(last) };
        self.edits.push(Edit::insert(offset, format!("{{%{inner} endgeneration {right}%}}")));
    }

    /// The marker that a tag before a statement needs.
    fn left(&self, stmt: &Stmt) -> &'static str {
        match (self.context.slice(stmt.span).as_bytes(), &stmt.kind) {
            (_, StmtKind::Text(_)) => "+",
            ([b'{', _, b'-', ..], _) => "-",
            ([b'{', b'%', b'+', ..], _) | ([b'{', b'{', ..], _) => "+",
            _ => "",
        }
    }

    /// The marker that a tag behind a statement needs.
    fn right(&self, stmt: &Stmt) -> &'static str {
        match self.context.slice(stmt.span).as_bytes() {
            [.., b'-', _, b'}'] => "-",
            [.., b'+', _, b'}'] | [.., b'}', b'}'] => "+",
            _ => "",
        }
    }

    /// Where a tag behind text goes, and its marker: past white space that the tag after it removes.
    fn behind_text(&self, end: u32) -> (u32, &'static str) {
        let tokens = self.context.parsed().map(|parsed| parsed.tokens.as_slice()).unwrap_or_default();
        let after = tokens.partition_point(|token| token.span.start < end);
        let removed = tokens.get(after).filter(|token| token.kind == TokenKind::Trimmed && token.span.start == end);
        let next = tokens.get(after + 1).map(|token| token.kind);
        match (removed, next) {
            (Some(removed), Some(TokenKind::BlockBegin(Control::Default))) => (removed.span.end, ""),
            _ => (end, "+"),
        }
    }

    /// Wraps parts of a text.
    fn text(&mut self, stmt: &Stmt, text: &str, role: Option<&str>) {
        let parts = self.trace.get(&stmt.span).cloned().unwrap_or_default();
        // In the source a text stands as it is printed, apart from `{% raw %}`.
        if self.context.slice(stmt.span) != text {
            self.stuck = true;
            return;
        }
        for part in parts {
            let range = part.range.clone().unwrap_or(0..text.len());
            let span = Span::new(stmt.span.start + range.start as u32, stmt.span.start + range.end as u32);
            match part.seen.class() {
                Class::Silent | Class::Outside => {}
                Class::Inside => {
                    self.edits.push(Edit::insert(span.start, "{%+ generation +%}"));
                    let (end, left) = self.behind_text(span.end);
                    self.edits.push(Edit::insert(end, format!("{{%{left} endgeneration +%}}")));
                }
                class => {
                    let kind = (class, part.condition.clone());
                    let Some(group) = self.group(&kind, &quoted(&text[range]), role) else {
                        self.stuck = true;
                        return;
                    };
                    self.edits.push(Edit::replace(span, with_markers(&group, "+", "+")));
                }
            }
        }
    }

    /// Writes an output anew, as one output or block for each group of operands.
    fn output(&mut self, stmt: &Stmt, expr: &Expr, role: Option<&str>) {
        let slice = self.context.slice(stmt.span);
        if !slice.starts_with("{{") {
            self.stuck = true;
            return;
        }
        let (items, join) = operands(expr);
        let mut groups: Vec<(Kind, Vec<String>)> = Vec::new();
        for operand in items {
            for part in self.trace.get(&operand.span).into_iter().flatten() {
                let kind = match part.seen.class() {
                    // What prints nothing goes with what is beside it.
                    Class::Silent => groups.last().map_or((Class::Outside, None), |group| group.0.clone()),
                    class => (class, part.condition.clone()),
                };
                let source = self.source_of(operand, part);
                match groups.last_mut().filter(|group| group.0 == kind) {
                    Some(group) => group.1.push(source),
                    None => groups.push((kind, vec![source])),
                }
            }
        }
        let guarded = |sources: &[String]| match sources {
            [only] if join == Join::Add && self.guard == Guard::Text && !only.starts_with(['\'', '"']) => {
                format!("'' + {only}")
            }
            _ => sources.join(join.symbol()),
        };
        let written: Option<String> =
            groups.iter().map(|(kind, sources)| self.group(kind, &guarded(sources), role)).collect();
        match written {
            Some(written) => {
                let text = with_markers(&written, self.left(stmt), self.right(stmt));
                self.edits.push(Edit::replace(stmt.span, text));
            }
            None => self.stuck = true,
        }
    }

    /// The source of a part of an operand.
    fn source_of(&self, operand: &Expr, part: &Part) -> String {
        match (literal_of(operand), &part.range) {
            (Some(text), Some(range)) if *range != (0..text.len()) => quoted(&text[range.clone()]),
            _ => self.context.slice(operand.span).to_owned(),
        }
    }

    /// An expression as an output, in a block where it is sampled.
    fn group(&self, (class, condition): &Kind, expr: &str, role: Option<&str>) -> Option<String> {
        let output = format!("{{{{ {expr} }}}}");
        let block = format!("{{% generation %}}{output}{{% endgeneration %}}");
        let choice = |test: &str| format!("{{% if {test} %}}{block}{{% else %}}{output}{{% endif %}}");
        match class {
            Class::Silent | Class::Outside => Some(output.clone()),
            Class::Inside => Some(block.clone()),
            Class::ByRole => role.map(choice),
            Class::Mixed => condition.as_deref().map(choice),
        }
    }
}

/// Tags with markers at their outer ends.
fn with_markers(tags: &str, left: &str, right: &str) -> String {
    let left = if tags.starts_with("{%") || left == "-" { left } else { "" };
    let right = if tags.ends_with("%}") || right == "-" { right } else { "" };
    format!("{}{left}{}{right}{}", &tags[..2], &tags[2..tags.len() - 2], &tags[tags.len() - 2..])
}

/// A text as a literal of the template language.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|c| {
            let escape = match c {
                '\\' => "\\\\",
                '\'' => "\\'",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                _ => return vec![c],
            };
            escape.chars().collect()
        })
        .collect();
    format!("'{escaped}'")
}

/// Whether a statement means the same inside of a block, which has names of its own.
fn can_be_wrapped(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Set { target, .. } => matches!(target, Target::Attribute { .. }),
        StmtKind::SetBlock(node) => matches!(node.target, Target::Attribute { .. }),
        StmtKind::Macro(_) | StmtKind::Break | StmtKind::Continue | StmtKind::Load(_) | StmtKind::Generation(_) => {
            false
        }
        StmtKind::If(node) => {
            let mut bodies = node.branches.iter().map(|branch| &branch.body).chain([&node.otherwise]);
            bodies.all(|body| body.iter().all(can_be_wrapped))
        }
        _ => true,
    }
}
