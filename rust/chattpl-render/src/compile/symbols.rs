//! Which variable a name refers to, decided as Jinja2's `idtracking` decides it.
//!
//! Every scope has a level. A variable is a pair of level and name; scopes inside one function share its slots.

use std::collections::{BTreeSet, HashMap};

use chattpl_syntax::ast::{Args, Expr, ExprKind, For, If, Stmt, StmtKind, Target};

/// A variable: the level of the scope that owns it, and its name.
pub(crate) type Ident = (u32, Box<str>);

/// What a variable holds when its scope is entered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Load {
    Parameter,
    Resolve(Box<str>),
    Alias(Ident),
    Undefined,
}

/// Names that may be copied for the branches of `if`s; the largest real template copies a few thousand.
const MAX_COPIED: usize = 2_000_000;

/// Index of a scope in a [`Scopes`].
pub(crate) type ScopeId = usize;

/// The names of one scope.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub parent: Option<ScopeId>,
    pub level: u32,
    refs: HashMap<Box<str>, Ident>,
    pub loads: Vec<(Ident, Load)>,
    /// Where each variable stands in `loads`.
    positions: HashMap<Ident, usize>,
    pub stores: BTreeSet<Box<str>>,
}

/// All scopes of a template.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    items: Vec<Scope>,
    /// Names copied for the branches of `if`s so far.
    copied: usize,
}

impl Scopes {
    /// Whether the `if`s and names of the template are too many to be told apart.
    pub fn overflowed(&self) -> bool {
        self.copied > MAX_COPIED
    }

    /// A scope inside `parent`.
    pub fn add(&mut self, parent: Option<ScopeId>) -> ScopeId {
        let level = parent.map_or(0, |parent| self.items[parent].level + 1);
        self.items.push(Scope {
            parent,
            level,
            refs: HashMap::new(),
            loads: Vec::new(),
            positions: HashMap::new(),
            stores: BTreeSet::new(),
        });
        self.items.len() - 1
    }

    pub fn get(&self, scope: ScopeId) -> &Scope {
        &self.items[scope]
    }

    /// The variable a name refers to, and the scope that owns it.
    pub fn find(&self, scope: ScopeId, name: &str) -> Option<(Ident, ScopeId)> {
        let mut next = Some(scope);
        while let Some(id) = next {
            let scope = &self.items[id];
            if let Some(ident) = scope.refs.get(name) {
                return Some((ident.clone(), id));
            }
            next = scope.parent;
        }
        None
    }

    /// How a variable gets its first value.
    pub fn find_load(&self, scope: ScopeId, ident: &Ident) -> Option<&Load> {
        let mut next = Some(scope);
        while let Some(id) = next {
            let scope = &self.items[id];
            if let Some(at) = scope.positions.get(ident) {
                return Some(&scope.loads[*at].1);
            }
            next = scope.parent;
        }
        None
    }

    fn define(&mut self, scope: ScopeId, name: &str, load: Load) {
        let ident: Ident = (self.items[scope].level, name.into());
        self.items[scope].refs.insert(name.into(), ident.clone());
        self.set_load(scope, ident, load);
    }

    fn set_load(&mut self, scope: ScopeId, ident: Ident, load: Load) {
        let scope = &mut self.items[scope];
        match scope.positions.get(&ident) {
            Some(at) => scope.loads[*at].1 = load,
            None => {
                scope.positions.insert(ident.clone(), scope.loads.len());
                scope.loads.push((ident, load));
            }
        }
    }

    fn find_in_parents(&self, scope: ScopeId, name: &str) -> Option<Ident> {
        let parent = self.items[scope].parent?;
        self.find(parent, name).map(|(ident, _)| ident)
    }

    pub fn declare_parameter(&mut self, scope: ScopeId, name: &str) {
        self.items[scope].stores.insert(name.into());
        self.define(scope, name, Load::Parameter);
    }

    fn store(&mut self, scope: ScopeId, name: &str) {
        self.items[scope].stores.insert(name.into());
        if self.items[scope].refs.contains_key(name) {
            return;
        }
        let load = self.find_in_parents(scope, name).map_or(Load::Undefined, Load::Alias);
        self.define(scope, name, load);
    }

    fn load(&mut self, scope: ScopeId, name: &str) {
        if self.find(scope, name).is_none() {
            self.define(scope, name, Load::Resolve(name.into()));
        }
    }

    fn branch_update(&mut self, scope: ScopeId, branches: Vec<Scope>) {
        let mut stores: BTreeSet<Box<str>> = BTreeSet::new();
        for branch in &branches {
            stores.extend(branch.stores.iter().cloned());
        }
        let stores: Vec<Box<str>> = stores.difference(&self.items[scope].stores).cloned().collect();
        for branch in branches {
            self.items[scope].refs.extend(branch.refs);
            self.items[scope].stores.extend(branch.stores);
            for (ident, load) in branch.loads {
                self.set_load(scope, ident, load);
            }
        }
        for name in stores {
            let Some((target, _)) = self.find(scope, &name) else {
                continue;
            };
            let load = self.find_in_parents(scope, &name).map_or(Load::Resolve(name), Load::Alias);
            self.set_load(scope, target, load);
        }
    }

    /// Declares what a list of statements reads and writes in `scope` itself.
    pub fn visit_body(&mut self, scope: ScopeId, body: &[Stmt]) {
        for stmt in body {
            self.visit_stmt(scope, stmt);
        }
    }

    fn visit_stmt(&mut self, scope: ScopeId, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Text(_) | StmtKind::Break | StmtKind::Continue => {}
            StmtKind::Block(_) | StmtKind::Autoescape(_) | StmtKind::Generation(_) => {}
            StmtKind::Output(expr) => self.visit_expr(scope, expr),
            StmtKind::For(node) => self.visit_expr(scope, &node.iter),
            StmtKind::If(node) => self.visit_if(scope, node),
            StmtKind::Set { target, value } => {
                self.visit_expr(scope, value);
                self.visit_target(scope, target, false);
            }
            StmtKind::SetBlock(node) => self.visit_target(scope, &node.target, false),
            StmtKind::Macro(node) => self.store(scope, &node.name.text),
            StmtKind::CallBlock(node) => self.visit_expr(scope, &node.call),
            StmtKind::FilterBlock(node) => self.visit_expr(scope, &node.filter),
            StmtKind::With(node) => {
                node.assignments.iter().for_each(|(_, value)| self.visit_expr(scope, value));
            }
            StmtKind::Load(node) => {
                self.visit_expr(scope, &node.template);
                node.binds.iter().for_each(|name| self.store(scope, &name.text));
            }
        }
    }

    fn visit_if(&mut self, scope: ScopeId, node: &If) {
        // Jinja2 nests an `elif` as an `If` of its own inside the list of `elif` nodes.
        self.visit_expr(scope, &node.branches[0].test);
        let copies = 2 * node.branches.len() + 1;
        self.copied += copies * self.items[scope].loads.len();
        if self.overflowed() {
            // The template will be refused; its names are declared all the same.
            for branch in &node.branches {
                self.visit_expr(scope, &branch.test);
                self.visit_body(scope, &branch.body);
            }
            return self.visit_body(scope, &node.otherwise);
        }
        let original = self.items[scope].clone();
        let mut branches = Vec::with_capacity(3);
        self.visit_body(scope, &node.branches[0].body);
        branches.push(std::mem::replace(&mut self.items[scope], original.clone()));
        for branch in &node.branches[1..] {
            self.visit_expr(scope, &branch.test);
            let before = self.items[scope].clone();
            self.visit_body(scope, &branch.body);
            let after = std::mem::replace(&mut self.items[scope], before);
            self.branch_update(scope, vec![after]);
        }
        branches.push(std::mem::replace(&mut self.items[scope], original.clone()));
        self.visit_body(scope, &node.otherwise);
        branches.push(std::mem::replace(&mut self.items[scope], original));
        self.branch_update(scope, branches);
    }

    /// Declares the names a target binds, as parameters or as stores.
    pub fn visit_target(&mut self, scope: ScopeId, target: &Target, as_parameter: bool) {
        match target {
            Target::Name(name) if as_parameter => self.declare_parameter(scope, &name.text),
            Target::Name(name) => self.store(scope, &name.text),
            Target::Attribute { namespace, .. } => self.load(scope, &namespace.text),
            Target::Tuple(items, _) => {
                items.iter().for_each(|item| self.visit_target(scope, item, as_parameter));
            }
        }
    }

    /// Declares what the body of a loop (or its `if`) reads and writes.
    pub fn visit_loop(&mut self, scope: ScopeId, node: &For, body: &[Stmt]) {
        self.visit_target(scope, &node.target, true);
        self.visit_body(scope, body);
    }

    /// Declares what an expression reads.
    pub fn visit_expr(&mut self, scope: ScopeId, expr: &Expr) {
        let mut names = Vec::new();
        names_of(expr, &mut names);
        names.iter().for_each(|name| self.load(scope, name));
    }
}

/// Collects the variables an expression reads, in order.
pub(crate) fn names_of<'a>(expr: &'a Expr, names: &mut Vec<&'a str>) {
    if let ExprKind::Name(name) = &expr.kind {
        names.push(name);
    }
    children_of(expr, &mut |child| names_of(child, names));
}

fn children_of<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match &expr.kind {
        ExprKind::Const(_) | ExprKind::Name(_) => {}
        ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Concat(items) => {
            items.iter().for_each(visit);
        }
        ExprKind::Dict(items) => items.iter().for_each(|(key, value)| {
            visit(key);
            visit(value);
        }),
        ExprKind::Unary(_, operand) | ExprKind::Getattr(operand, _) => visit(operand),
        ExprKind::Binary(_, left, right)
        | ExprKind::And(left, right)
        | ExprKind::Or(left, right)
        | ExprKind::Getitem(left, right) => {
            visit(left);
            visit(right);
        }
        ExprKind::Compare(left, rest) => {
            visit(left);
            rest.iter().for_each(|(_, right)| visit(right));
        }
        ExprKind::Conditional { test, then, otherwise } => {
            visit(test);
            visit(then);
            otherwise.iter().for_each(|expr| visit(expr));
        }
        ExprKind::Slice { start, stop, step } => {
            [start, stop, step].into_iter().flatten().for_each(|expr| visit(expr));
        }
        ExprKind::Call(callee, args) => {
            visit(callee);
            args_of(args, visit);
        }
        ExprKind::Filter { input, args, .. } => {
            input.iter().for_each(|expr| visit(expr));
            args_of(args, visit);
        }
        ExprKind::Test { input, args, .. } => {
            visit(input);
            args_of(args, visit);
        }
    }
}

fn args_of<'a>(args: &'a Args, visit: &mut dyn FnMut(&'a Expr)) {
    args.positional.iter().for_each(&mut *visit);
    args.keywords.iter().for_each(|(_, value)| visit(value));
    args.star.iter().chain(&args.double_star).for_each(visit);
}
