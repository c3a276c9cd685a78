//! Reads templates from stdin and prints their trees, or what is wrong with them.
//!
//! Each template comes as its length in bytes, a newline, and its bytes; each answer goes out the same way, flushed.
//! An answer is `ok` and the tree without spans, or `error`, class, line, code and message, one a line.

use std::io::{BufRead, Read, Write};

use chattpl_syntax::{dump_with, parse, Diagnostic, Parsed, Spans};

fn main() -> std::io::Result<()> {
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let mut length = String::new();
    while input.read_line(&mut length)? > 0 {
        let mut template = vec![0; length.trim().parse().map_err(std::io::Error::other)?];
        input.read_exact(&mut template)?;
        let template = String::from_utf8(template).map_err(std::io::Error::other)?;
        let answer = match parse(&template, None) {
            Ok(parsed) => tree(&parsed),
            Err(diagnostic) => error(&diagnostic),
        };
        write!(output, "{}\n{answer}", answer.len())?;
        output.flush()?;
        length.clear();
    }
    Ok(())
}

/// The tree, after a check that the tokens cover the text without gaps.
fn tree(parsed: &Parsed) -> String {
    let mut end = 0;
    for token in &parsed.tokens {
        assert!(token.span.start == end && token.span.end > end, "a gap before {token:?}");
        end = token.span.end;
    }
    assert_eq!(end as usize, parsed.source.text.len(), "tokens end before the text does");
    format!("ok\n{}", dump_with(&parsed.template, Spans::Hide))
}

fn error(diagnostic: &Diagnostic) -> String {
    let message = diagnostic.jinja_message.as_ref().unwrap_or(&diagnostic.message);
    format!("error\n{}\n{}\n{}\n{message}", diagnostic.error_class.name(), diagnostic.lineno, diagnostic.code)
}
