//! Names: where they are bound, where they are read, and which binding a read sees.
//!
//! The scoping is Jinja2's. `for`, its `else`, `macro`, `call`, `with`, `filter`, `set` blocks, `block`, `generation` and
//! `autoescape` open a scope, whose assignments are gone after it; `if` does not. A read sees the nearest scope around
//! it that binds the name before the read; a body that runs later (macro, call, block) sees all bindings around it.

use std::collections::HashMap;

use chattpl_syntax::ast::{Expr, ExprKind, For, If, Macro, Name, Signature, Stmt, StmtKind, Target, Template, With};
use chattpl_syntax::Span;

/// Index of a scope.
pub type ScopeId = usize;

/// What opens a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeKind {
    /// The template.
    Root,
    /// The body of a loop.
    For,
    /// The `else` of a loop.
    ForElse,
    /// A macro.
    Macro,
    /// The body that `caller` renders.
    CallBlock,
    /// `with`.
    With,
    /// `filter`.
    Filter,
    /// The body of a `set` block.
    SetBlock,
    /// `block`.
    Block,
    /// `generation`.
    Generation,
    /// `autoescape`.
    Autoescape,
}

impl ScopeKind {
    /// Whether the body runs at another time than where it stands.
    fn runs_later(self) -> bool {
        matches!(self, ScopeKind::Macro | ScopeKind::CallBlock | ScopeKind::Block | ScopeKind::Generation)
    }
}

/// A stretch of the template with names of its own.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// What opens it.
    pub kind: ScopeKind,
    /// The scope around it.
    pub parent: Option<ScopeId>,
    /// The statement that opens it; empty for the root.
    pub span: Span,
}

/// What binds a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingKind {
    /// `{% set %}`.
    Set,
    /// `{% set %}...{% endset %}`.
    SetBlock,
    /// A loop.
    LoopVariable,
    /// A parameter of a macro or call block.
    Parameter,
    /// `{% with %}`.
    With,
    /// `{% macro %}`.
    Macro,
    /// `import`, which no chat template can use.
    Import,
}

/// A name that gets a value.
#[derive(Debug, Clone)]
pub struct Binding<'t> {
    /// The name.
    pub name: &'t str,
    /// Where it stands.
    pub span: Span,
    /// The scope that it is bound in.
    pub scope: ScopeId,
    /// What binds it.
    pub kind: BindingKind,
    /// What it is set to, where one expression says so (for a loop: what it runs over).
    pub value: Option<&'t Expr>,
    /// Position among all bindings and reads, in order of evaluation.
    pub order: u32,
    /// The branches of `if` statements that it stands in, the outermost first.
    branches: Vec<(u32, u32)>,
}

/// A name that is read.
#[derive(Debug, Clone)]
pub struct Use<'t> {
    /// The name.
    pub name: &'t str,
    /// Where it stands.
    pub span: Span,
    /// The scope that it is read in.
    pub scope: ScopeId,
    /// Position among all bindings and reads, in order of evaluation.
    pub order: u32,
    branches: Vec<(u32, u32)>,
}

/// All scopes, bindings and reads of a template.
#[derive(Debug, Default)]
pub struct Scopes<'t> {
    scopes: Vec<Scope>,
    bindings: Vec<Binding<'t>>,
    uses: Vec<Use<'t>>,
    /// Indices of bindings by name, in order of evaluation.
    by_name: HashMap<&'t str, Vec<usize>>,
    /// Indices of uses by the byte that they start at.
    by_start: HashMap<u32, usize>,
}

impl<'t> Scopes<'t> {
    /// Resolves the names of a template.
    pub fn of(template: &'t Template) -> Self {
        let root = Scope { kind: ScopeKind::Root, parent: None, span: Span::default() };
        let scopes = Scopes { scopes: vec![root], ..Scopes::default() };
        let mut resolver = Resolver { scopes, scope: 0, order: 0, branches: Vec::new(), ifs: 0 };
        resolver.body(&template.body);
        resolver.scopes
    }

    /// A scope.
    ///
    /// # Panics
    /// Panics if there is none.
    pub fn scope(&self, id: ScopeId) -> Scope {
        self.scopes[id]
    }

    /// All bindings in order of evaluation.
    pub fn bindings(&self) -> &[Binding<'t>] {
        &self.bindings
    }

    /// The bindings of a name in order of evaluation.
    pub fn named<'a>(&'a self, name: &str) -> impl DoubleEndedIterator<Item = &'a Binding<'t>> + 'a {
        self.by_name.get(name).map_or(&[][..], Vec::as_slice).iter().map(|index| &self.bindings[*index])
    }

    /// All reads in order of evaluation.
    pub fn uses(&self) -> &[Use<'t>] {
        &self.uses
    }

    /// The read of a name that stands at `span`.
    pub fn read_at(&self, span: Span) -> Option<&Use<'t>> {
        self.by_start.get(&span.start).map(|index| &self.uses[*index]).filter(|read| read.span == span)
    }

    /// The bindings whose value the name at `span` may have; empty for other expressions.
    pub fn reaching_at(&self, span: Span) -> Vec<&Binding<'t>> {
        self.read_at(span).map(|read| self.reaching(read)).unwrap_or_default()
    }

    /// The bindings whose value a read may have: of those in [`Scopes::seen_by`], the ones that no other overwrites.
    pub fn reaching(&self, read: &Use<'t>) -> Vec<&Binding<'t>> {
        let mut later = false;
        for scope in self.chain(read.scope) {
            let mut found = Vec::new();
            for binding in self.named(read.name).rev().filter(|binding| binding.scope == scope) {
                if later || self.reaches(binding, read) {
                    found.push(binding);
                    if !later && read.branches.starts_with(&binding.branches) {
                        break;
                    }
                }
            }
            if !found.is_empty() {
                return found;
            }
            later |= self.scopes[scope].kind.runs_later();
        }
        Vec::new()
    }

    /// A scope and those around it, the innermost first.
    pub fn chain(&self, scope: ScopeId) -> impl Iterator<Item = ScopeId> + '_ {
        std::iter::successors(Some(scope), |id| self.scopes[*id].parent)
    }

    /// Whether `inner` is `outer` or lies in it.
    pub fn is_inside(&self, inner: ScopeId, outer: ScopeId) -> bool {
        self.chain(inner).any(|scope| scope == outer)
    }

    /// The innermost scope of a kind around `scope`, itself included.
    pub fn enclosing(&self, scope: ScopeId, kind: ScopeKind) -> Option<ScopeId> {
        self.chain(scope).find(|id| self.scopes[*id].kind == kind)
    }

    /// The bindings that a read may see; empty where the caller, or nobody, supplies the name.
    ///
    /// All of them lie in one scope, and none stands in another branch of an `if` that the read stands in.
    pub fn seen_by(&self, read: &Use<'t>) -> Vec<&Binding<'t>> {
        let mut later = false;
        for scope in self.chain(read.scope) {
            let of_scope = self.named(read.name).filter(|binding| binding.scope == scope);
            let seen: Vec<&Binding<'t>> = of_scope
                .filter(|binding| later || binding.order < read.order)
                .filter(|binding| later || may_follow(&binding.branches, &read.branches))
                .collect();
            if !seen.is_empty() {
                return seen;
            }
            later |= self.scopes[scope].kind.runs_later();
        }
        Vec::new()
    }

    /// Whether a binding stands in no branch of an `if`.
    pub fn is_unconditional(&self, binding: &Binding<'t>) -> bool {
        binding.branches.is_empty()
    }

    /// Whether control may come from a binding to a read in one run of the scope of the binding.
    pub fn reaches(&self, binding: &Binding<'t>, read: &Use<'t>) -> bool {
        binding.order < read.order && may_follow(&binding.branches, &read.branches)
    }
}

/// Whether two places do not stand in different branches of one `if`.
fn may_follow(first: &[(u32, u32)], second: &[(u32, u32)]) -> bool {
    let differing = first.iter().zip(second).find(|(a, b)| a != b);
    differing.is_none_or(|((first_if, _), (second_if, _))| first_if != second_if)
}

struct Resolver<'t> {
    scopes: Scopes<'t>,
    scope: ScopeId,
    order: u32,
    branches: Vec<(u32, u32)>,
    ifs: u32,
}

impl<'t> Resolver<'t> {
    fn next(&mut self) -> u32 {
        self.order += 1;
        self.order
    }

    fn inside(&mut self, kind: ScopeKind, span: Span, work: impl FnOnce(&mut Self)) {
        self.scopes.scopes.push(Scope { kind, parent: Some(self.scope), span });
        let outer = std::mem::replace(&mut self.scope, self.scopes.scopes.len() - 1);
        work(self);
        self.scope = outer;
    }

    fn bind(&mut self, name: &'t str, span: Span, kind: BindingKind, value: Option<&'t Expr>) {
        let (scope, order, branches) = (self.scope, self.next(), self.branches.clone());
        self.scopes.by_name.entry(name).or_default().push(self.scopes.bindings.len());
        self.scopes.bindings.push(Binding { name, span, scope, kind, value, order, branches });
    }

    fn read(&mut self, name: &'t str, span: Span) {
        let (scope, order, branches) = (self.scope, self.next(), self.branches.clone());
        self.scopes.by_start.insert(span.start, self.scopes.uses.len());
        self.scopes.uses.push(Use { name, span, scope, order, branches });
    }

    fn body(&mut self, body: &'t [Stmt]) {
        body.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn stmt(&mut self, stmt: &'t Stmt) {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::Text(_) | StmtKind::Break | StmtKind::Continue => {}
            StmtKind::Output(expr) => self.expr(expr),
            StmtKind::For(node) => self.for_loop(node, span),
            StmtKind::If(node) => self.conditional(node),
            StmtKind::Set { target, value } => {
                self.expr(value);
                self.target(target, BindingKind::Set, Some(value));
            }
            StmtKind::SetBlock(node) => {
                self.inside(ScopeKind::SetBlock, span, |inner| inner.body(&node.body));
                node.filter.iter().for_each(|filter| self.expr(filter));
                self.target(&node.target, BindingKind::SetBlock, None);
            }
            StmtKind::Macro(node) => self.macro_definition(node, span),
            StmtKind::CallBlock(node) => {
                self.inside(ScopeKind::CallBlock, span, |inner| {
                    inner.parameters(&node.signature);
                    inner.body(&node.body);
                });
                self.expr(&node.call);
            }
            StmtKind::FilterBlock(node) => {
                self.inside(ScopeKind::Filter, span, |inner| inner.body(&node.body));
                self.expr(&node.filter);
            }
            StmtKind::With(node) => self.with(node, span),
            StmtKind::Block(node) => self.inside(ScopeKind::Block, span, |inner| inner.body(&node.body)),
            StmtKind::Generation(body) => self.inside(ScopeKind::Generation, span, |inner| inner.body(body)),
            StmtKind::Autoescape(node) => {
                self.expr(&node.enabled);
                self.inside(ScopeKind::Autoescape, span, |inner| inner.body(&node.body));
            }
            StmtKind::Load(node) => {
                self.expr(&node.template);
                node.binds.iter().for_each(|name| self.bind(&name.text, name.span, BindingKind::Import, None));
            }
        }
    }

    fn for_loop(&mut self, node: &'t For, span: Span) {
        self.expr(&node.iter);
        self.inside(ScopeKind::For, span, |inner| {
            inner.target(&node.target, BindingKind::LoopVariable, Some(&node.iter));
            node.filter.iter().for_each(|filter| inner.expr(filter));
            inner.body(&node.body);
        });
        if !node.otherwise.is_empty() {
            self.inside(ScopeKind::ForElse, span, |inner| inner.body(&node.otherwise));
        }
    }

    fn conditional(&mut self, node: &'t If) {
        self.ifs += 1;
        let id = self.ifs;
        for (index, branch) in node.branches.iter().enumerate() {
            self.expr(&branch.test);
            self.branches.push((id, index as u32));
            self.body(&branch.body);
            self.branches.pop();
        }
        self.branches.push((id, node.branches.len() as u32));
        self.body(&node.otherwise);
        self.branches.pop();
    }

    fn macro_definition(&mut self, node: &'t Macro, span: Span) {
        self.bind(&node.name.text, node.name.span, BindingKind::Macro, None);
        self.inside(ScopeKind::Macro, span, |inner| {
            inner.parameters(&node.signature);
            inner.body(&node.body);
        });
    }

    fn parameters(&mut self, signature: &'t Signature) {
        signature.defaults.iter().for_each(|value| self.expr(value));
        let first_default = signature.params.len() - signature.defaults.len();
        for (index, name) in signature.params.iter().enumerate() {
            let value = index.checked_sub(first_default).map(|at| &signature.defaults[at]);
            self.bind(&name.text, name.span, BindingKind::Parameter, value);
        }
    }

    fn with(&mut self, node: &'t With, span: Span) {
        node.assignments.iter().for_each(|(_, value)| self.expr(value));
        self.inside(ScopeKind::With, span, |inner| {
            for (target, value) in &node.assignments {
                inner.target(target, BindingKind::With, Some(value));
            }
            inner.body(&node.body);
        });
    }

    fn target(&mut self, target: &'t Target, kind: BindingKind, value: Option<&'t Expr>) {
        match target {
            Target::Name(Name { text, span }) => self.bind(text, *span, kind, value),
            // `ns.x = ...` reads the namespace and binds no name.
            Target::Attribute { namespace, .. } => self.read(&namespace.text, namespace.span),
            Target::Tuple(items, _) => {
                let value = if kind == BindingKind::LoopVariable { value } else { None };
                items.iter().for_each(|item| self.target(item, kind, value));
            }
        }
    }

    fn expr(&mut self, expr: &'t Expr) {
        if let ExprKind::Name(name) = &expr.kind {
            self.read(name, expr.span);
        }
        chattpl_syntax::visit::walk_expr(self, expr);
    }
}

impl<'t> chattpl_syntax::visit::Visitor<'t> for Resolver<'t> {
    fn visit_expr(&mut self, expr: &'t Expr) {
        self.expr(expr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(source: &str, name: &str) -> Vec<Vec<BindingKind>> {
        let parsed = chattpl_syntax::parse(source, None).expect("valid");
        let scopes = Scopes::of(&parsed.template);
        let reads = scopes.uses().iter().filter(|read| read.name == name);
        reads.map(|read| scopes.seen_by(read).iter().map(|binding| binding.kind).collect()).collect()
    }

    #[test]
    fn a_set_inside_a_loop_is_gone_after_it() {
        let found = seen("{% for m in messages %}{% set x = 1 %}{{ x }}{% endfor %}{{ x }}", "x");
        assert_eq!(found, [vec![BindingKind::Set], vec![]]);
    }

    #[test]
    fn an_if_opens_no_scope() {
        assert_eq!(seen("{% if a %}{% set x = 1 %}{% endif %}{{ x }}", "x"), [vec![BindingKind::Set]]);
    }

    #[test]
    fn branches_do_not_see_each_other() {
        assert_eq!(seen("{% if a %}{% set x = 1 %}{% else %}{{ x }}{% endif %}", "x"), [vec![]]);
    }

    #[test]
    fn macros_see_what_is_bound_after_them() {
        assert_eq!(seen("{% macro f() %}{{ x }}{% endmacro %}{% set x = 1 %}", "x"), [vec![BindingKind::Set]]);
    }

    #[test]
    fn parameters_and_with_hide_outer_names() {
        assert_eq!(
            seen("{% set x = 1 %}{% macro f(x) %}{{ x }}{% endmacro %}{% with x = 2 %}{{ x }}{% endwith %}", "x"),
            [vec![BindingKind::Parameter], vec![BindingKind::With]]
        );
    }

    #[test]
    fn what_a_set_block_sets_inside_stays_inside() {
        let found = seen("{% set y %}{% set x = 1 %}{% endset %}{{ x }}{{ y }}", "x");
        assert_eq!(found, [vec![]]);
    }

    #[test]
    fn namespaces_are_read_not_bound() {
        let found = seen("{% set ns = namespace(a=0) %}{% for m in l %}{% set ns.a = 1 %}{% endfor %}{{ ns.a }}", "ns");
        assert_eq!(found, [vec![BindingKind::Set], vec![BindingKind::Set]]);
    }
}
