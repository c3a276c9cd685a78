//! Tokens: every byte of the text belongs to exactly one.

use crate::span::Span;

/// A piece of the template's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands; it starts where the token before it ends.
    pub span: Span,
}

/// A whitespace-control marker beside a delimiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// No marker.
    Default,
    /// `-`: strips whitespace.
    Strip,
    /// `+`: keeps whitespace.
    Keep,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Text that is emitted as it stands.
    Text,
    /// Text between `{% raw %}` and `{% endraw %}`, emitted as it stands.
    RawText,
    /// Whitespace outside tags that a marker, `lstrip_blocks` or `trim_blocks` removes.
    Trimmed,
    /// `{%`, marker included.
    BlockBegin(Control),
    /// `%}`, marker included.
    BlockEnd(Control),
    /// `{{`, marker included.
    VariableBegin(Control),
    /// `}}`, marker included.
    VariableEnd(Control),
    /// `{#`, marker included.
    CommentBegin(Control),
    /// Text of a comment.
    Comment,
    /// `#}`, marker included.
    CommentEnd(Control),
    /// `{% raw %}`, one token.
    RawBegin {
        /// Marker after `{%`.
        open: Control,
        /// Marker before `%}`.
        close: Control,
    },
    /// `{% endraw %}`, one token.
    RawEnd {
        /// Marker after `{%`.
        open: Control,
        /// Marker before `%}`.
        close: Control,
    },
    /// Whitespace inside a tag.
    Whitespace,
    /// An identifier or keyword.
    Name,
    /// An integer literal.
    Integer,
    /// A float literal.
    Float,
    /// A string literal with its quotes.
    String,
    /// An operator or bracket.
    Op(Op),
}

/// Operators, brackets and punctuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Add,
    Assign,
    Colon,
    Comma,
    Div,
    Dot,
    Eq,
    FloorDiv,
    Gt,
    GtEq,
    LBrace,
    LBracket,
    LParen,
    Lt,
    LtEq,
    Mod,
    Mul,
    Ne,
    Pipe,
    Pow,
    RBrace,
    RBracket,
    RParen,
    Semicolon,
    Sub,
    Tilde,
}

impl Op {
    /// The operator at the start of `bytes`, the longest first.
    pub(crate) fn at_start(bytes: &[u8]) -> Option<Op> {
        let second = bytes.get(1).copied().unwrap_or(0);
        Some(match (*bytes.first()?, second) {
            (b'/', b'/') => Op::FloorDiv,
            (b'*', b'*') => Op::Pow,
            (b'=', b'=') => Op::Eq,
            (b'!', b'=') => Op::Ne,
            (b'>', b'=') => Op::GtEq,
            (b'<', b'=') => Op::LtEq,
            (single, _) => return Op::single(single),
        })
    }

    fn single(byte: u8) -> Option<Op> {
        Some(match byte {
            b'+' => Op::Add,
            b'=' => Op::Assign,
            b':' => Op::Colon,
            b',' => Op::Comma,
            b'/' => Op::Div,
            b'.' => Op::Dot,
            b'>' => Op::Gt,
            b'{' => Op::LBrace,
            b'[' => Op::LBracket,
            b'(' => Op::LParen,
            b'<' => Op::Lt,
            b'%' => Op::Mod,
            b'*' => Op::Mul,
            b'|' => Op::Pipe,
            b'}' => Op::RBrace,
            b']' => Op::RBracket,
            b')' => Op::RParen,
            b';' => Op::Semicolon,
            b'-' => Op::Sub,
            b'~' => Op::Tilde,
            _ => return None,
        })
    }

    /// The operator as written.
    pub fn text(self) -> &'static str {
        match self {
            Op::Add => "+",
            Op::Assign => "=",
            Op::Colon => ":",
            Op::Comma => ",",
            Op::Div => "/",
            Op::Dot => ".",
            Op::Eq => "==",
            Op::FloorDiv => "//",
            Op::Gt => ">",
            Op::GtEq => ">=",
            Op::LBrace => "{",
            Op::LBracket => "[",
            Op::LParen => "(",
            Op::Lt => "<",
            Op::LtEq => "<=",
            Op::Mod => "%",
            Op::Mul => "*",
            Op::Ne => "!=",
            Op::Pipe => "|",
            Op::Pow => "**",
            Op::RBrace => "}",
            Op::RBracket => "]",
            Op::RParen => ")",
            Op::Semicolon => ";",
            Op::Sub => "-",
            Op::Tilde => "~",
        }
    }
}

impl TokenKind {
    /// Whether the parser never sees the token.
    pub fn is_trivia(self) -> bool {
        matches!(
            self,
            TokenKind::Trimmed
                | TokenKind::Whitespace
                | TokenKind::CommentBegin(_)
                | TokenKind::Comment
                | TokenKind::CommentEnd(_)
                | TokenKind::RawBegin { .. }
                | TokenKind::RawEnd { .. }
        )
    }

    /// The kind in the words of Jinja2's messages.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            TokenKind::Text | TokenKind::RawText => "template data / text",
            TokenKind::Trimmed | TokenKind::Whitespace => "whitespace",
            TokenKind::BlockBegin(_) => "begin of statement block",
            TokenKind::BlockEnd(_) => "end of statement block",
            TokenKind::VariableBegin(_) => "begin of print statement",
            TokenKind::VariableEnd(_) => "end of print statement",
            TokenKind::CommentBegin(_) => "begin of comment",
            TokenKind::Comment => "comment",
            TokenKind::CommentEnd(_) => "end of comment",
            TokenKind::RawBegin { .. } => "raw_begin",
            TokenKind::RawEnd { .. } => "raw_end",
            TokenKind::Name => "name",
            TokenKind::Integer => "integer",
            TokenKind::Float => "float",
            TokenKind::String => "string",
            TokenKind::Op(op) => op.text(),
        }
    }
}

/// Length of a delimiter with its marker.
pub(crate) fn delimiter_len(marker: Control) -> usize {
    2 + usize::from(marker != Control::Default)
}
