//! Text and number work exactly as Python 3.11 and Jinja2 3.1.6 do it.
//!
//! Everything here is a pure function of text and numbers and knows nothing of
//! the engine's values. Functions that change text can say which source bytes
//! each part of the result stems from: they answer in [`Piece`]s or in byte ranges.

use std::borrow::Cow;
use std::ops::Range;

mod calendar;
mod case;
mod charprops;
mod classify;
mod error;
mod field_name;
mod float_text;
mod format_arg;
mod format_fields;
mod format_spec;
mod html;
mod html_entities;
mod index;
mod json;
mod layout;
mod lines;
mod number;
mod percent;
mod percent_args;
mod percent_value;
mod pyint;
mod repr;
mod round;
mod scan;
mod spec;
mod split;
mod strformat;
mod strftime;
mod substitute;
mod unicode_tables;
mod url;
mod urlize;
mod wordwrap;

pub use calendar::DateTime;
pub use case::{capitalize, casefold, change_case, jinja_title, lower, map_case, swapcase, title, upper, CaseOp};
pub use charprops::{is_linebreak, is_printable, is_whitespace, is_word};
pub use classify::{
    isalnum, isalpha, isascii, isdecimal, isdigit, isidentifier, islower, isnumeric, isprintable, isspace, istitle,
    isupper,
};
pub use error::{ErrorClass, FormatError};
pub use field_name::{split_field_name, FieldPart};
pub use float_text::{double_to_string, repr_float, FloatStyle};
pub use format_arg::{Body, FormatArg, Formatted, Number};
pub use format_fields::{format_fields, FieldSource, FormatDialect, FormatOutput};
pub use format_spec::format_spec;
pub use html::{escape_html, striptags, unescape_html, EscapeHtml};
pub use index::{byte_of_char, char_count, char_of_byte, count, ends_with, find, rfind, slice_bytes, starts_with};
pub use json::{
    json_clean_prefix, json_escape, json_escape_into, json_float, json_string_needs_escape, push_json_string,
    JsonCharset,
};
pub use layout::{center, expandtabs, ljust, rjust, zfill, Padding};
pub use lines::{indent, wordcount, IndentOptions};
pub use number::{filesizeformat, format_int, parse_float, parse_int};
pub use percent::{parse_percent, Directive, PercentFlags, PercentParser, PercentPiece, Size};
pub use percent_args::{format_percent, PercentArgs, PercentOutput};
pub use percent_value::apply_percent;
pub use pyint::PyInt;
pub use repr::{repr_str, repr_str_into};
pub use round::{round_common, round_toward, Toward};
pub use split::{
    partition, removeprefix, removesuffix, rpartition, split_on, split_whitespace, splitlines, strip_range, Direction,
    Side,
};
pub use strformat::{parse_format, FormatParser, FormatPiece};
pub use strftime::strftime;
pub use substitute::replace;
pub use url::{is_invalid_attribute_name, url_quote, UrlPart};
pub use urlize::{is_uri_scheme, urlize, UrlizeOptions};
pub use wordwrap::{wordwrap, WrapOptions};

/// Part of a changed text, with the source bytes it stems from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// These source bytes, unchanged.
    Source(Range<usize>),
    /// New text that stands for these source bytes.
    Replaced {
        /// The text that takes their place.
        text: Cow<'a, str>,
        /// The bytes replaced.
        source: Range<usize>,
    },
    /// Text that stems from no source byte.
    Inserted(Cow<'a, str>),
}

impl Piece<'_> {
    /// Returns the text of this piece, given the source it was made from.
    pub fn text<'t>(&'t self, source: &'t str) -> &'t str {
        match self {
            Piece::Source(range) => source.get(range.clone()).unwrap_or(""),
            Piece::Replaced { text, .. } | Piece::Inserted(text) => text,
        }
    }
}

/// Joins pieces into the text they spell.
pub fn join_pieces(source: &str, pieces: &[Piece<'_>]) -> String {
    let mut out = String::with_capacity(source.len());
    for piece in pieces {
        out.push_str(piece.text(source));
    }
    out
}
