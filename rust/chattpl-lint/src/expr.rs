//! Questions about expressions: whether two are alike, what one is whatever the conversation.

use chattpl_render::names::Type;
use chattpl_syntax::ast::{Args, BinaryOp, CompareOp, Const, Expr, ExprKind, UnaryOp};
use chattpl_syntax::visit::{walk_expr, Visitor};
use chattpl_syntax::Span;

/// The text of a string literal.
pub fn text(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Const(Const::Str(text)) => Some(text),
        _ => None,
    }
}

/// The name of a variable.
pub fn name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        _ => None,
    }
}

/// What an expression is looked into, and for which field: `x.f` and `x['f']` alike.
pub fn field(expr: &Expr) -> Option<(&Expr, &str)> {
    match &expr.kind {
        ExprKind::Getattr(object, name) => Some((object, &name.text)),
        ExprKind::Getitem(object, index) => Some((object, text(index)?)),
        _ => None,
    }
}

/// A method call: its object, the method's name, its arguments.
pub fn method_call(expr: &Expr) -> Option<(&Expr, &str, &Args)> {
    match &expr.kind {
        ExprKind::Call(callee, args) => field(callee).map(|(object, name)| (object, name, &**args)),
        _ => None,
    }
}

/// A call of a plain name, and its arguments.
pub fn function_call(expr: &Expr) -> Option<(&str, &Args)> {
    match &expr.kind {
        ExprKind::Call(callee, args) => name(callee).map(|name| (name, &**args)),
        _ => None,
    }
}

/// Whether the expression is the author's own `raise_exception(...)`.
pub fn is_raise(expr: &Expr) -> bool {
    function_call(expr).is_some_and(|(name, _)| name == "raise_exception")
}

/// Whether `wanted` holds for an expression or one inside it.
pub fn any(expr: &Expr, wanted: &mut dyn FnMut(&Expr) -> bool) -> bool {
    struct Search<'w> {
        wanted: &'w mut dyn FnMut(&Expr) -> bool,
        found: bool,
    }
    impl<'t> Visitor<'t> for Search<'_> {
        fn visit_expr(&mut self, expr: &'t Expr) {
            self.found = self.found || (self.wanted)(expr);
            if !self.found {
                walk_expr(self, expr);
            }
        }
    }
    let mut search = Search { wanted, found: false };
    search.visit_expr(expr);
    search.found
}

/// Whether an expression mentions a variable.
pub fn mentions(expr: &Expr, variable: &str) -> bool {
    any(expr, &mut |inner| name(inner) == Some(variable))
}

/// The operands of a chain of `or`.
pub fn disjuncts(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Or(left, right) => [disjuncts(left), disjuncts(right)].concat(),
        _ => vec![expr],
    }
}

/// The operands of a chain of `and`.
pub fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::And(left, right) => [conjuncts(left), conjuncts(right)].concat(),
        _ => vec![expr],
    }
}

/// A comparison of two values.
pub fn comparison(expr: &Expr) -> Option<(&Expr, CompareOp, &Expr)> {
    match &expr.kind {
        ExprKind::Compare(left, rest) => match rest.as_slice() {
            [(operator, right)] => Some((left, *operator, right)),
            _ => None,
        },
        _ => None,
    }
}

/// The operand of `not`.
pub fn negated(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Unary(UnaryOp::Not, operand) => Some(operand),
        _ => None,
    }
}

/// Whether two literals are sure to be unequal.
pub fn differ(left: &Expr, right: &Expr) -> bool {
    match (&left.kind, &right.kind) {
        (ExprKind::Const(Const::Str(left)), ExprKind::Const(Const::Str(right))) => left != right,
        (ExprKind::Const(Const::Int(left)), ExprKind::Const(Const::Int(right))) => left != right,
        _ => false,
    }
}

/// The type that every value of the expression has, where the expression tells it.
pub fn type_of(expr: &Expr) -> Option<Type> {
    match &expr.kind {
        ExprKind::Const(Const::Str(_)) | ExprKind::Concat(_) => Some(Type::Text),
        ExprKind::Const(Const::Int(_) | Const::Bool(_)) => Some(Type::Integer),
        ExprKind::List(_) => Some(Type::List),
        ExprKind::Dict(_) => Some(Type::Mapping),
        ExprKind::Binary(BinaryOp::Add, left, right) => type_of(left).or_else(|| type_of(right)),
        ExprKind::Filter { name, .. } => match &*name.text {
            "trim" | "upper" | "lower" | "title" | "capitalize" | "string" | "replace" | "indent" | "tojson"
            | "join" => Some(Type::Text),
            "list" | "sort" => Some(Type::List),
            "length" | "count" | "int" => Some(Type::Integer),
            _ => None,
        },
        ExprKind::Call(callee, _) => match field(callee)?.1 {
            "strip" | "lstrip" | "rstrip" | "upper" | "lower" | "title" | "capitalize" | "replace" | "format" => {
                Some(Type::Text)
            }
            "split" | "rsplit" | "splitlines" => Some(Type::List),
            _ => None,
        },
        _ => None,
    }
}

/// Whether two expressions are written alike, so that they are equal where nothing is assigned between them.
pub fn alike(left: &Expr, right: &Expr) -> bool {
    if let (Some((a, b)), Some((c, d))) = (field(left), field(right)) {
        return b == d && alike(a, c);
    }
    match (&left.kind, &right.kind) {
        (ExprKind::Const(a), ExprKind::Const(b)) => a == b,
        (ExprKind::Name(a), ExprKind::Name(b)) => a == b,
        (ExprKind::List(a), ExprKind::List(b))
        | (ExprKind::Tuple(a), ExprKind::Tuple(b))
        | (ExprKind::Concat(a), ExprKind::Concat(b)) => all_alike(a, b),
        (ExprKind::Unary(f, a), ExprKind::Unary(g, b)) => f == g && alike(a, b),
        (ExprKind::Binary(f, a, b), ExprKind::Binary(g, c, d)) => f == g && alike(a, c) && alike(b, d),
        (ExprKind::And(a, b), ExprKind::And(c, d)) | (ExprKind::Or(a, b), ExprKind::Or(c, d)) => {
            alike(a, c) && alike(b, d)
        }
        (ExprKind::Compare(a, b), ExprKind::Compare(c, d)) => {
            let pairs = || b.iter().zip(d);
            b.len() == d.len() && alike(a, c) && pairs().all(|((f, a), (g, b))| f == g && alike(a, b))
        }
        (ExprKind::Getitem(a, b), ExprKind::Getitem(c, d)) => alike(a, c) && alike(b, d),
        (ExprKind::Slice { start: a, stop: b, step: c }, ExprKind::Slice { start: d, stop: e, step: f }) => {
            let pairs = [(a, d), (b, e), (c, f)];
            pairs.into_iter().all(|(left, right)| optional_alike(left.as_deref(), right.as_deref()))
        }
        (ExprKind::Call(a, b), ExprKind::Call(c, d)) => alike(a, c) && args_alike(b, d),
        (ExprKind::Filter { input: a, name: f, args: b }, ExprKind::Filter { input: c, name: g, args: d }) => {
            f.text == g.text && optional_alike(a.as_deref(), c.as_deref()) && args_alike(b, d)
        }
        (ExprKind::Test { input: a, name: f, args: b }, ExprKind::Test { input: c, name: g, args: d }) => {
            f.text == g.text && alike(a, c) && args_alike(b, d)
        }
        _ => false,
    }
}

fn all_alike(left: &[Expr], right: &[Expr]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| alike(left, right))
}

fn optional_alike(left: Option<&Expr>, right: Option<&Expr>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => alike(left, right),
        _ => false,
    }
}

fn args_alike(left: &Args, right: &Args) -> bool {
    let keywords = || left.keywords.iter().zip(&right.keywords);
    all_alike(&left.positional, &right.positional)
        && left.keywords.len() == right.keywords.len()
        && keywords().all(|((a, left), (b, right))| a.text == b.text && alike(left, right))
        && optional_alike(left.star.as_ref(), right.star.as_ref())
        && optional_alike(left.double_star.as_ref(), right.double_star.as_ref())
}

/// The filters that an expression applies itself: `x|trim`, and those named in `x|map('trim')`.
pub fn filters_applied(expr: &Expr) -> Vec<(&str, Span)> {
    let ExprKind::Filter { name, args, .. } = &expr.kind else {
        return Vec::new();
    };
    let named = if &*name.text == "map" { argument(args, 0) } else { None };
    [(&*name.text, name.span)].into_iter().chain(named).collect()
}

/// A positional argument that is a string literal.
fn argument(args: &Args, at: usize) -> Option<(&str, Span)> {
    let argument = args.positional.get(at)?;
    Some((text(argument)?, argument.span))
}

/// The tests that an expression applies itself: `x is string`, and those named in `x|select('string')`.
pub fn tests_applied(expr: &Expr) -> Vec<(&str, Span)> {
    match &expr.kind {
        ExprKind::Test { name, .. } => vec![(&*name.text, name.span)],
        ExprKind::Filter { name, args, .. } => match &*name.text {
            "select" | "reject" => argument(args, 0).into_iter().collect(),
            "selectattr" | "rejectattr" => argument(args, 1).into_iter().collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
