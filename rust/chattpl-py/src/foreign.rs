//! Tokenizers that run in Python, for conversations.

use chattpl_tokens::vocabulary::AddedToken;
use chattpl_tokens::{Foreign, TokenError, TokenId, Tokenize};
use pyo3::prelude::*;

/// An added token with its flags, and the mark that stands for it with the mark's id.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Added {
    id: TokenId,
    content: String,
    special: bool,
    lstrip: bool,
    rstrip: bool,
    single_word: bool,
    mark: String,
    mark_id: TokenId,
}

/// An object with the method `tokens(text, marks)`, which gives ids and their places in characters.
struct Library(Py<PyAny>);

/// The engine of an object that has `tokens(text, marks)` and `added`, a list of mappings.
pub fn engine(tokenizer: &Bound<'_, PyAny>) -> PyResult<Foreign> {
    let listed: Vec<Added> = tokenizer.getattr("added")?.extract()?;
    let marks = listed.iter().map(|token| (token.mark.clone(), token.mark_id)).collect();
    let added = listed.into_iter().map(|token| AddedToken {
        id: token.id,
        content: token.content,
        special: token.special,
        lstrip: token.lstrip,
        rstrip: token.rstrip,
        single_word: token.single_word,
        normalized: false,
        in_model: false,
    });
    Ok(Foreign::new(Box::new(Library(tokenizer.clone().unbind())), added.collect(), marks))
}

impl Tokenize for Library {
    fn tokens(&self, text: &str, marks: bool) -> Result<Vec<(TokenId, u32, u32)>, TokenError> {
        Python::attach(|py| {
            let made = self.0.bind(py).call_method1("tokens", (text, marks));
            let (ids, places): (Vec<TokenId>, Vec<(u32, u32)>) =
                made.and_then(|made| made.extract()).map_err(failed)?;
            Ok(ids.into_iter().zip(places).map(|(id, (start, end))| (id, start, end)).collect())
        })
    }
}

fn failed(error: PyErr) -> TokenError {
    TokenError::new(TokenError::UNSUPPORTED, format!("the package `tokenizers` cannot encode this text: {error}"))
}
