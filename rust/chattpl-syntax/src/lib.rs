//! Turns the text of a chat template into tokens and a syntax tree, exactly as Jinja2 3.1 reads it.
//!
//! ```
//! let parsed = chattpl_syntax::parse("Hello {{ name }}!", None).expect("a valid template");
//! assert_eq!(parsed.template.body.len(), 3);
//! ```
//!
//! The dialect is that of `transformers`: `trim_blocks` and `lstrip_blocks` on, the loop controls `break` and
//! `continue`, and `{% generation %}`. A template is refused exactly where Jinja2 refuses it, with its message and
//! line, apart from three things: nesting past [`MAX_DEPTH`], which Python refuses later; `\N{...}` escapes; and lone
//! surrogates in string literals, which no UTF-8 text can hold.

pub mod ast;
pub mod diagnostic;
pub mod dump;
mod fault;
mod hint;
mod lexer;
mod literal;
mod parser;
pub mod source;
pub mod span;
pub mod token;
mod unicode;
pub mod visit;

use fault::Fault;

pub use diagnostic::{code, Diagnostic, ErrorClass, Severity};
pub use dump::{dump, dump_with, Spans};
pub use hint::{edit_distance, nearest};
pub use source::{LineIndex, Source};
pub use span::Span;
pub use token::{Control, Op, Token, TokenKind};
pub use unicode::is_space;

/// Levels of nesting that a template may have, statements and expressions each.
///
/// Python refuses the compiled form of every template past it: 100 nested blocks, 200 nested brackets.
pub const MAX_DEPTH: u32 = 200;

/// A template in its three forms.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The normalized text.
    pub source: Source,
    /// Every piece of the text in order, without gaps.
    pub tokens: Vec<Token>,
    /// The syntax tree.
    pub template: ast::Template,
}

/// Parses a template.
///
/// `name` is the template's own name where it has one; diagnostics carry it.
///
/// # Errors
/// The first fault, the one that Jinja2 raises. Its span indexes into [`Source::new`] of the same text.
pub fn parse(source: &str, name: Option<&str>) -> Result<Parsed, Diagnostic> {
    if source.len() >= u32::MAX as usize {
        let fault = Fault::limit(code::SYNTAX, "template of 4 GiB or more", Span::default());
        return Err(Diagnostic::from_fault(*fault, &Source::new(""), name));
    }
    let source = Source::new(source);
    let (tokens, fault) = lexer::tokenize(&source.text);
    match parser::parse(&source, &tokens, fault) {
        Ok(template) => Ok(Parsed { source, tokens, template }),
        Err(fault) => Err(Diagnostic::from_fault(*fault, &source, name)),
    }
}
