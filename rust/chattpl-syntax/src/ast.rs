//! The syntax tree: statements and expressions, each with its byte span.
//!
//! The shapes follow Jinja2's own node classes, so that scoping and evaluation order can be read off them one to one.

use crate::span::Span;

/// A parsed template.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Statements in source order.
    pub body: Vec<Stmt>,
}

/// A statement and where it stands, from the opening `{%` (or first character of text) to its end tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Stmt {
    /// Whole statement, body and end tag included.
    pub span: Span,
    /// What it does.
    pub kind: StmtKind,
}

/// Every kind of statement of the dialect.
#[derive(Debug, Clone, PartialEq)]
pub enum StmtKind {
    /// Literal text, after whitespace control.
    Text(Box<str>),
    /// `{{ expr }}`.
    Output(Expr),
    /// `{% for %}`.
    For(Box<For>),
    /// `{% if %}` with its `elif`s.
    If(Box<If>),
    /// `{% set target = value %}`.
    Set {
        /// Name, tuple of names, or `namespace.attribute`.
        target: Target,
        /// Right-hand side.
        value: Expr,
    },
    /// `{% set target %}...{% endset %}`.
    SetBlock(Box<SetBlock>),
    /// `{% macro %}`.
    Macro(Box<Macro>),
    /// `{% call(params) callee(...) %}...{% endcall %}`.
    CallBlock(Box<CallBlock>),
    /// `{% filter f|g %}...{% endfilter %}`.
    FilterBlock(Box<FilterBlock>),
    /// `{% with a = 1 %}...{% endwith %}`.
    With(Box<With>),
    /// `{% block name %}...{% endblock %}`.
    Block(Box<Block>),
    /// `{% generation %}...{% endgeneration %}`.
    Generation(Vec<Stmt>),
    /// `{% autoescape flag %}...{% endautoescape %}`.
    Autoescape(Box<Autoescape>),
    /// `{% break %}`.
    Break,
    /// `{% continue %}`.
    Continue,
    /// `include`, `import`, `from ... import`, `extends`: they need a loader, which chat templates never have.
    Load(Box<Load>),
}

/// A name as written, with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// The identifier.
    pub text: Box<str>,
    /// Where it stands.
    pub span: Span,
}

/// What an assignment or a loop binds.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// `x`.
    Name(Name),
    /// `ns.x`.
    Attribute {
        /// `ns`.
        namespace: Name,
        /// `x`.
        attribute: Name,
    },
    /// `a, b` (also `(a, b)`); may nest. The span covers the whole tuple.
    Tuple(Vec<Target>, Span),
}

/// A loop.
#[derive(Debug, Clone, PartialEq)]
pub struct For {
    /// What each element binds.
    pub target: Target,
    /// What is looped over.
    pub iter: Expr,
    /// `for x in y if filter`.
    pub filter: Option<Expr>,
    /// `recursive` after the iterable.
    pub recursive: bool,
    /// Body.
    pub body: Vec<Stmt>,
    /// `{% else %}` body; empty when absent.
    pub otherwise: Vec<Stmt>,
}

/// A conditional: first branch whose test is true.
#[derive(Debug, Clone, PartialEq)]
pub struct If {
    /// `if` and `elif` branches in order; at least one.
    pub branches: Vec<Branch>,
    /// `{% else %}` body; empty when absent.
    pub otherwise: Vec<Stmt>,
}

/// One `if` or `elif`.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// Condition.
    pub test: Expr,
    /// Body.
    pub body: Vec<Stmt>,
}

/// A captured body.
#[derive(Debug, Clone, PartialEq)]
pub struct SetBlock {
    /// Where it goes.
    pub target: Target,
    /// `{% set x | trim | upper %}`: a chain of filters, innermost input `None`.
    pub filter: Option<Expr>,
    /// Body.
    pub body: Vec<Stmt>,
}

/// A macro definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Macro {
    /// Its name.
    pub name: Name,
    /// Parameters.
    pub signature: Signature,
    /// Body.
    pub body: Vec<Stmt>,
}

/// Parameters of a macro or call block. `defaults` belong to the last `defaults.len()` parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signature {
    /// Parameter names.
    pub params: Vec<Name>,
    /// Default expressions of the trailing parameters.
    pub defaults: Vec<Expr>,
}

/// `{% call %}`.
#[derive(Debug, Clone, PartialEq)]
pub struct CallBlock {
    /// Parameters that `caller(...)` takes.
    pub signature: Signature,
    /// The call expression ([`ExprKind::Call`]).
    pub call: Expr,
    /// Body that `caller` renders.
    pub body: Vec<Stmt>,
}

/// `{% filter %}`.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterBlock {
    /// Chain of filters, innermost input `None`.
    pub filter: Expr,
    /// Body.
    pub body: Vec<Stmt>,
}

/// `{% with %}`.
#[derive(Debug, Clone, PartialEq)]
pub struct With {
    /// Targets and values; values are evaluated outside the new scope.
    pub assignments: Vec<(Target, Expr)>,
    /// Body.
    pub body: Vec<Stmt>,
}

/// `{% block %}`: rendered in place, with its own scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Its name.
    pub name: Name,
    /// `scoped` was given.
    pub scoped: bool,
    /// `required` was given.
    pub required: bool,
    /// Body.
    pub body: Vec<Stmt>,
}

/// `{% autoescape %}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Autoescape {
    /// Whether to escape.
    pub enabled: Expr,
    /// Body.
    pub body: Vec<Stmt>,
}

/// A statement that asks for another template.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Which one.
    pub kind: LoadKind,
    /// The template's name.
    pub template: Expr,
    /// Names that `import`/`from import` bind (alias where given); empty otherwise.
    pub binds: Vec<Name>,
    /// `ignore missing` was given (`include`).
    pub ignore_missing: bool,
}

/// Which statement asked for another template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadKind {
    /// `{% include %}`.
    Include,
    /// `{% import x as y %}`.
    Import,
    /// `{% from x import y %}`.
    FromImport,
    /// `{% extends %}`.
    Extends,
}

/// An expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// Whole expression.
    pub span: Span,
    /// What it computes.
    pub kind: ExprKind,
}

/// Every kind of expression of the dialect.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A literal.
    Const(Const),
    /// A variable.
    Name(Box<str>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `(a, b)`.
    Tuple(Vec<Expr>),
    /// `{a: b}`.
    Dict(Vec<(Expr, Expr)>),
    /// `not x`, `-x`, `+x`.
    Unary(UnaryOp, Box<Expr>),
    /// Arithmetic.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a and b`.
    And(Box<Expr>, Box<Expr>),
    /// `a or b`.
    Or(Box<Expr>, Box<Expr>),
    /// `a < b <= c`.
    Compare(Box<Expr>, Vec<(CompareOp, Expr)>),
    /// `a ~ b ~ c`.
    Concat(Vec<Expr>),
    /// `then if test else otherwise`.
    Conditional {
        /// Condition.
        test: Box<Expr>,
        /// Value when true.
        then: Box<Expr>,
        /// Value when false; undefined when absent.
        otherwise: Option<Box<Expr>>,
    },
    /// `object.attribute`.
    Getattr(Box<Expr>, Name),
    /// `object[index]`.
    Getitem(Box<Expr>, Box<Expr>),
    /// `start:stop:step`, only as the index of a [`ExprKind::Getitem`].
    Slice {
        /// Before the first colon.
        start: Option<Box<Expr>>,
        /// After the first colon.
        stop: Option<Box<Expr>>,
        /// After the second colon.
        step: Option<Box<Expr>>,
    },
    /// `callee(args)`.
    Call(Box<Expr>, Box<Args>),
    /// `input|name(args)`; `input` is `None` for the innermost filter of a filter block or filtered set block.
    Filter {
        /// What is filtered.
        input: Option<Box<Expr>>,
        /// Name, dots included.
        name: Name,
        /// Arguments after the input.
        args: Box<Args>,
    },
    /// `input is name(args)` (`is not` is a `Not` around it).
    Test {
        /// What is tested.
        input: Box<Expr>,
        /// Name, dots included.
        name: Name,
        /// Arguments after the input.
        args: Box<Args>,
    },
}

/// Arguments of a call, filter or test.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Args {
    /// Positional.
    pub positional: Vec<Expr>,
    /// `name=value`, in order.
    pub keywords: Vec<(Name, Expr)>,
    /// `*x`.
    pub star: Option<Expr>,
    /// `**x`.
    pub double_star: Option<Expr>,
}

/// A literal value.
#[derive(Debug, Clone, PartialEq)]
pub enum Const {
    /// `none` / `None`.
    None,
    /// `true` / `false`.
    Bool(bool),
    /// Integers that fit 64 bits.
    Int(i64),
    /// Larger integers, as decimal digits.
    BigInt(Box<str>),
    /// Floats.
    Float(f64),
    /// Strings, escapes resolved, adjacent literals joined.
    Str(Box<str>),
}

/// Unary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// `not`.
    Not,
    /// `-`.
    Neg,
    /// `+`.
    Pos,
}

/// Arithmetic operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`.
    Add,
    /// `-`.
    Sub,
    /// `*`.
    Mul,
    /// `/`.
    Div,
    /// `//`.
    FloorDiv,
    /// `%`.
    Mod,
    /// `**`.
    Pow,
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    /// `==`.
    Eq,
    /// `!=`.
    Ne,
    /// `<`.
    Lt,
    /// `<=`.
    Le,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
    /// `in`.
    In,
    /// `not in`.
    NotIn,
}
