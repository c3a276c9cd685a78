//! The constructs that a template uses, as far as engines differ in them.

use std::fmt;

use chattpl_syntax::ast::{
    Args, BinaryOp, Const, Expr, ExprKind, LoadKind, Macro, Signature, Stmt, StmtKind, Target, UnaryOp,
};
use chattpl_syntax::{Span, TokenKind};

use crate::context::Context;
use crate::index::Item;
use crate::reads::text_of;
use crate::rule::NotEvaluated;

/// Something that a template does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Construct<'t> {
    /// `x|name`.
    Filter(&'t str),
    /// `x|name(argument=...)`.
    FilterArgument(&'t str, &'t str),
    /// `x|name(...)` with arguments that are not named.
    FilterPositional(&'t str),
    /// `x is name`.
    Test(&'t str),
    /// `x.name(...)`.
    Method(&'t str),
    /// `name(...)`.
    Function(&'t str),
    /// `loop.name`.
    LoopAttribute(&'t str),
    /// Anything else.
    Syntax(Syntax),
}

macro_rules! syntax {
    ($($(#[doc = $doc:literal])* $name:ident: $shown:literal,)*) => {
        /// A form of syntax, or a use of it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Syntax { $($(#[doc = $doc])* $name),* }

        impl Syntax {
            fn shown(self) -> &'static str {
                match self { $(Syntax::$name => $shown),* }
            }
        }
    };
}

syntax! {
    /// `{% generation %}`.
    Generation: "`{% generation %}`",
    /// `{% with %}`.
    With: "`{% with %}`",
    /// `{% block %}`.
    Block: "`{% block %}`",
    /// `{% autoescape %}`.
    Autoescape: "`{% autoescape %}`",
    /// `{% raw %}`.
    Raw: "`{% raw %}`",
    /// `include`, `import`, `extends`.
    Load: "loading another template",
    /// `{% for ... recursive %}`.
    RecursiveLoop: "a `recursive` loop",
    /// `{% filter a|b %}`.
    FilterChainBlock: "a `filter` block with more than one filter",
    /// `{% set x | upper %}`.
    FilteredSetBlock: "a `set` block with a filter",
    /// `{%+`.
    PlusControl: "`+` in a tag's delimiter",
    /// `x is divisibleby(2)`.
    TestArgument: "a test with an argument",
    /// `x is divisibleby 2`.
    BareTestArgument: "a test with an argument that is not in parentheses",
    /// `'%s' % x`.
    StringFormatting: "`%` on a text",
    /// `'ab' * 2`.
    StringRepetition: "`*` on a text",
    /// `2 ** 3`.
    Power: "`**`",
    /// `7 // 2`.
    FloorDivision: "`//`",
    /// `+x`.
    UnaryPlus: "`+` before a value",
    /// `1 < x < 3`.
    ChainedComparison: "a chain of comparisons",
    /// `1e3`, `0x10`, `1_000`.
    NumberForm: "a number that is not written in plain digits",
    /// `'\x41'`, `'\u0041'`.
    StringEscape: "a `\\x`, `\\u`, `\\N` or octal escape",
    /// `for c in 'abc'`.
    LoopOverText: "a loop over a text",
    /// `for a, (b, c) in x`.
    NestedUnpacking: "nested unpacking",
    /// `{1: 'a'}`.
    NumberKey: "a mapping with a number as a key",
    /// A `set` in a loop that is not reached in every turn and read in every turn.
    ConditionalSetInLoop: "a name set in some turns of a loop and read in others",
    /// `varargs` or `kwargs` in a macro.
    VarArguments: "`varargs` or `kwargs`",
    /// `f(**x)`.
    DoubleStar: "`**` in a call",
    /// `macro m(a, b=a)`.
    DefaultReadsParameter: "a macro's default that reads another parameter",
    /// Lines that end in `\r\n`.
    CrlfSource: "a source with `\\r\\n` line ends",
    /// `x|map('upper')`.
    MapFilter: "`map` with the name of a filter",
    /// `x|select('odd')`.
    SelectTest: "`select` or `reject` with a test without an argument",
    /// `x|selectattr('a', 'defined')`.
    SelectAttrTest: "`selectattr` or `rejectattr` with a test without an argument",
    /// `x|select`.
    SelectTruth: "`select` or `reject` without a test",
    /// `x.strip('x')`.
    StripCharacters: "`strip`, `lstrip` or `rstrip` with characters",
    /// `'a' < 'b'`.
    TextOrder: "an order of texts",
    /// `x|tojson(ensure_ascii=true)`.
    AsciiJson: "`tojson(ensure_ascii=true)`",
    /// `x|tojson(sort_keys=true)`.
    SortedJson: "`tojson(sort_keys=true)`",
}

impl fmt::Display for Construct<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Construct::Filter(name) => write!(f, "the filter `{name}`"),
            Construct::FilterArgument(name, argument) => write!(f, "the argument `{argument}` of the filter `{name}`"),
            Construct::FilterPositional(name) => write!(f, "an argument of the filter `{name}` that is not named"),
            Construct::Test(name) => write!(f, "the test `{name}`"),
            Construct::Method(name) => write!(f, "the method `{name}`"),
            Construct::Function(name) => write!(f, "the function `{name}`"),
            Construct::LoopAttribute(name) => write!(f, "`loop.{name}`"),
            Construct::Syntax(syntax) => f.write_str(syntax.shown()),
        }
    }
}

type Found<'s> = Vec<(Construct<'s>, Span)>;

/// The constructs of a template with their places, in source order but for a few of the whole source.
///
/// # Errors
/// The template does not parse.
pub fn constructs<'s>(context: &Context<'s>) -> Result<Found<'s>, NotEvaluated> {
    let mut found = of_source(context)?;
    for (_, node) in context.nodes()?.iter() {
        match node.item {
            Item::Stmt(stmt) => of_stmt(&mut found, stmt),
            Item::Expr(expr) => of_expr(&mut found, context, expr),
            Item::Target(_) => {}
        }
    }
    Ok(found)
}

/// What is seen in the text and its tokens.
fn of_source<'s>(context: &Context<'s>) -> Result<Found<'s>, NotEvaluated> {
    let mut found = Vec::new();
    for token in &context.parsed()?.tokens {
        let text = context.slice(token.span);
        let syntax = match token.kind {
            TokenKind::RawBegin { .. } => Syntax::Raw,
            TokenKind::BlockBegin(_) | TokenKind::VariableBegin(_) if text.ends_with('+') => Syntax::PlusControl,
            TokenKind::Integer | TokenKind::Float if is_odd_number(text) => Syntax::NumberForm,
            TokenKind::String if has_escape(text) => Syntax::StringEscape,
            _ => continue,
        };
        found.push((Construct::Syntax(syntax), token.span));
    }
    if context.subject.original.contains("\r\n") {
        let line = Span::new(0, context.subject.source.line_text(1).len() as u32);
        found.push((Construct::Syntax(Syntax::CrlfSource), line));
    }
    Ok(found)
}

fn is_odd_number(text: &str) -> bool {
    text.bytes().any(|byte| !byte.is_ascii_digit() && byte != b'.')
}

/// Whether a string literal has an escape of more than one character after the backslash.
fn has_escape(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next().is_some_and(|next| "xuUN01234567".contains(next)) {
            return true;
        }
    }
    false
}

fn of_stmt<'s>(found: &mut Found<'s>, stmt: &'s Stmt) {
    let head = |end: u32| Span::new(stmt.span.start, end);
    let mut add = |syntax, span| found.push((Construct::Syntax(syntax), span));
    let opening = head((stmt.span.start + 2).min(stmt.span.end));
    match &stmt.kind {
        StmtKind::Generation(_) => add(Syntax::Generation, opening),
        StmtKind::With(_) => add(Syntax::With, opening),
        StmtKind::Block(node) => add(Syntax::Block, node.name.span),
        StmtKind::Autoescape(node) => add(Syntax::Autoescape, node.enabled.span),
        StmtKind::Load(node) => {
            let (LoadKind::Include | LoadKind::Import | LoadKind::FromImport | LoadKind::Extends) = node.kind;
            add(Syntax::Load, node.template.span);
        }
        StmtKind::For(node) => {
            if node.recursive {
                add(Syntax::RecursiveLoop, node.iter.span);
            }
            if text_of(&node.iter).is_some() {
                add(Syntax::LoopOverText, node.iter.span);
            }
            if let Target::Tuple(items, span) = &node.target {
                if items.iter().any(|item| matches!(item, Target::Tuple(..))) {
                    add(Syntax::NestedUnpacking, *span);
                }
            }
        }
        StmtKind::FilterBlock(node) if inner_filter(&node.filter) => add(Syntax::FilterChainBlock, node.filter.span),
        StmtKind::SetBlock(node) => {
            if let Some(filter) = &node.filter {
                add(Syntax::FilteredSetBlock, filter.span);
            }
        }
        StmtKind::Macro(node) => of_macro(found, node),
        _ => {}
    }
}

/// Whether a filter is applied to what another filter gives.
fn inner_filter(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Filter { input: Some(input), .. } if matches!(input.kind, ExprKind::Filter { .. }))
}

fn of_macro<'s>(found: &mut Found<'s>, node: &'s Macro) {
    let Signature { params, defaults } = &node.signature;
    for default in defaults {
        if matches!(&default.kind, ExprKind::Name(name) if params.iter().any(|param| *param.text == **name)) {
            found.push((Construct::Syntax(Syntax::DefaultReadsParameter), default.span));
        }
    }
}

fn of_expr<'s>(found: &mut Found<'s>, context: &Context<'s>, expr: &'s Expr) {
    let mut add = |syntax| found.push((Construct::Syntax(syntax), expr.span));
    match &expr.kind {
        ExprKind::Filter { name, args, .. } => of_filter(found, &name.text, args, name.span),
        ExprKind::Test { name, args, .. } => {
            found.push((Construct::Test(&name.text), name.span));
            if !args.positional.is_empty() {
                let rest = context.text()[name.span.end as usize..].trim_start();
                found.push((Construct::Syntax(Syntax::TestArgument), name.span));
                if !rest.starts_with('(') {
                    found.push((Construct::Syntax(Syntax::BareTestArgument), name.span));
                }
            }
        }
        ExprKind::Call(callee, args) => of_call(found, callee, args),
        ExprKind::Getattr(object, name) => {
            if matches!(&object.kind, ExprKind::Name(of) if &**of == "loop") {
                found.push((Construct::LoopAttribute(&name.text), expr.span));
            }
        }
        ExprKind::Name(name) if matches!(&**name, "varargs" | "kwargs") => add(Syntax::VarArguments),
        ExprKind::Unary(UnaryOp::Pos, _) => add(Syntax::UnaryPlus),
        ExprKind::Binary(operator, left, right) => match operator {
            BinaryOp::Mod if text_of(left).is_some() => add(Syntax::StringFormatting),
            BinaryOp::Mul if text_of(left).or(text_of(right)).is_some() => add(Syntax::StringRepetition),
            BinaryOp::Pow => add(Syntax::Power),
            BinaryOp::FloorDiv => add(Syntax::FloorDivision),
            _ => {}
        },
        ExprKind::Compare(left, rest) => {
            use chattpl_syntax::ast::CompareOp::{Ge, Gt, Le, Lt};
            if rest.len() > 1 {
                add(Syntax::ChainedComparison);
            }
            let ordered = |(operator, right): &(_, Expr)| {
                matches!(operator, Lt | Le | Gt | Ge) && text_of(left).or(text_of(right)).is_some()
            };
            if rest.iter().any(ordered) {
                add(Syntax::TextOrder);
            }
        }
        ExprKind::Dict(pairs) if pairs.iter().any(|(key, _)| matches!(key.kind, ExprKind::Const(Const::Int(_)))) => {
            add(Syntax::NumberKey);
        }
        _ => {}
    }
}

fn of_filter<'s>(found: &mut Found<'s>, name: &'s str, args: &'s Args, span: Span) {
    found.push((Construct::Filter(name), span));
    found.extend(args.keywords.iter().map(|(key, _)| (Construct::FilterArgument(name, &key.text), key.span)));
    if let Some(first) = args.positional.first() {
        found.push((Construct::FilterPositional(name), first.span));
    }
    let is_true = |key: &str| {
        let given = args.keywords.iter().find(|(name, _)| &*name.text == key);
        given.is_some_and(|(_, value)| matches!(value.kind, ExprKind::Const(Const::Bool(true))))
    };
    let syntax = match (name, args.positional.len()) {
        ("map", 1..) => Syntax::MapFilter,
        ("select" | "reject", 0) => Syntax::SelectTruth,
        ("select" | "reject", 1) => Syntax::SelectTest,
        ("selectattr" | "rejectattr", 2) => Syntax::SelectAttrTest,
        ("tojson", _) if is_true("ensure_ascii") => Syntax::AsciiJson,
        ("tojson", _) if is_true("sort_keys") => Syntax::SortedJson,
        _ => return,
    };
    found.push((Construct::Syntax(syntax), span));
}

fn of_call<'s>(found: &mut Found<'s>, callee: &'s Expr, args: &'s Args) {
    if let Some(rest) = &args.double_star {
        found.push((Construct::Syntax(Syntax::DoubleStar), rest.span));
    }
    match &callee.kind {
        ExprKind::Name(name) => found.push((Construct::Function(name), callee.span)),
        ExprKind::Getattr(object, name) if !matches!(&object.kind, ExprKind::Name(of) if &**of == "loop") => {
            found.push((Construct::Method(&name.text), name.span));
            if matches!(&*name.text, "strip" | "lstrip" | "rstrip") && !args.positional.is_empty() {
                found.push((Construct::Syntax(Syntax::StripCharacters), name.span));
            }
        }
        _ => {}
    }
}
