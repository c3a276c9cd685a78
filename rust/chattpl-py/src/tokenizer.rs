//! `Tokenizer`: text to ids and back.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chattpl_tokens::read::{
    outline, sentencepiece, tekken, tiktoken, tokenizer_json, tokenizer_json_with, with_added, Description,
};
use chattpl_tokens::{
    joined, pack, reserve_large, sentencepiece_pieces, Encoder, Engine, EngineScratch, EngineStream, SpecialTokens,
    TokenError, TokenId, Vocabulary, BYTES_A_TOKEN,
};
use memmap2::Mmap;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::buffer::{Buffer, ReadOnly};
use crate::errors::token_error;
use crate::workers::{self, Share};

/// Turns text into the ids of one vocabulary.
#[pyclass(subclass, frozen, module = "chattpl._core")]
pub struct Tokenizer {
    engine: Engine,
    /// Room of threads that are done with theirs.
    spare: Mutex<Vec<EngineScratch>>,
}

/// Texts above this size are encoded without the interpreter lock, in bytes.
const RELEASE_BYTES: usize = 2048;

impl Tokenizer {
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Runs `work` with room that no other thread has.
    fn with_room<T>(&self, work: impl FnOnce(&mut EngineScratch) -> T) -> T {
        let mut room = self.take_room();
        let done = work(&mut room);
        self.give_back(room);
        done
    }

    fn take_room(&self) -> EngineScratch {
        // A lock that a forked process inherited as taken is never given back, so nobody waits for it.
        self.spare.try_lock().ok().and_then(|mut spare| spare.pop()).unwrap_or_default()
    }

    fn give_back(&self, room: EngineScratch) {
        if let Ok(mut spare) = self.spare.try_lock() {
            spare.push(room);
        }
    }

    /// The encoder of ours; what only it can do is refused for others.
    fn own(&self, py: Python<'_>) -> PyResult<&Arc<Encoder>> {
        self.engine.own().ok_or_else(|| {
            let reason = self.engine.reason().unwrap_or_default();
            let message = format!("this tokenizer cannot be written in a form of ours: {reason}");
            token_error(py, &TokenError::new(TokenError::UNSUPPORTED, message).hint("load it from its own file"))
        })
    }
}

/// Ids of texts, one text after the other.
struct Texts {
    ids: Vec<TokenId>,
    /// Where each text begins, and where the last ends.
    offsets: Vec<i64>,
    /// The number of a text that could not be encoded, and why. None after it is.
    fault: Option<(usize, TokenError)>,
}

impl Texts {
    fn new(expected_ids: usize) -> Self {
        let mut ids = Vec::new();
        reserve_large(&mut ids, expected_ids);
        Texts { ids, offsets: vec![0], fault: None }
    }

    /// Adds the ids of texts, the first of which has the number `first`; returns how many texts there are.
    fn add(
        &mut self,
        texts: &[&str],
        first: usize,
        mut encode: impl FnMut(&str, &mut Vec<TokenId>) -> Result<(), TokenError>,
    ) -> usize {
        for (at, text) in texts.iter().enumerate() {
            if self.fault.is_none() {
                if let Err(error) = encode(text, &mut self.ids) {
                    self.fault = Some((first + at, error.in_row(first + at)));
                }
            }
            self.offsets.push(self.ids.len() as i64);
        }
        self.offsets.len() - 1
    }

    /// Puts the texts of several threads in order.
    fn join(shares: Vec<Share<Self>>, threads: usize) -> Result<(Vec<TokenId>, Vec<i64>), TokenError> {
        let parts = workers::in_order(&shares);
        let mut made: Vec<Texts> = shares.into_iter().map(|share| share.made).collect();
        let faults = made.iter_mut().filter_map(|texts| texts.fault.take());
        if let Some((_, error)) = faults.min_by_key(|(row, _)| *row) {
            return Err(error);
        }
        if let [_] = made[..] {
            return Ok(made.pop().map(|texts| (texts.ids, texts.offsets)).unwrap_or_default());
        }
        let (mut offsets, mut ids) = (vec![0], Vec::with_capacity(parts.len()));
        for (share, texts) in parts {
            let of_part = &made[share].offsets[texts.start..=texts.end];
            let base = offsets.last().copied().unwrap_or_default() - of_part[0];
            offsets.extend(of_part[1..].iter().map(|offset| base + offset));
            ids.push(&made[share].ids[of_part[0] as usize..of_part[texts.len()] as usize]);
        }
        Ok((joined(&ids, threads), offsets))
    }
}

fn special_tokens(name: &str) -> PyResult<SpecialTokens> {
    match name {
        "parity" => Ok(SpecialTokens::Parity),
        "text" => Ok(SpecialTokens::Text),
        "error" => Ok(SpecialTokens::Error),
        other => {
            let message = format!("special_tokens={other:?}: it is \"parity\", \"text\" or \"error\"");
            Err(PyValueError::new_err(message))
        }
    }
}

#[pymethods]
impl Tokenizer {
    /// `kind`: `pack`, `tokenizer.json`, `tekken.json`, `sentencepiece` or `tiktoken` (with a description), of which `data` is
    /// all, or `image`, of which it is the path. `overlay` replaces parts of a `tokenizer.json`.
    #[new]
    #[pyo3(signature = (data, kind, name="", description=None, overlay=None))]
    fn new(
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        kind: &str,
        name: &str,
        description: Option<&str>,
        overlay: Option<&str>,
    ) -> PyResult<Self> {
        if kind == "image" {
            let path: PathBuf = data.extract()?;
            let encoder = py.detach(|| mapped(&path))?.map_err(|error| token_error(py, &error))?;
            return Ok(Tokenizer { engine: Engine::Own(Arc::new(encoder)), spare: Mutex::default() });
        }
        let data = ReadOnly::of(data)?;
        let bytes = data.as_slice();
        let description =
            description.map(Description::from_json).transpose().map_err(|error| token_error(py, &error))?;
        let engine =
            py.detach(|| engine(bytes, kind, name, description, overlay)).map_err(|error| token_error(py, &error))?;
        Ok(Tokenizer { engine, spare: Mutex::default() })
    }

    #[getter]
    fn name(&self) -> &str {
        self.engine.name()
    }

    #[getter]
    fn vocab_size(&self) -> usize {
        self.engine.vocab_size()
    }

    /// How text is split before it is encoded, or what does it all: `tokenizers`, `sentencepiece`.
    #[getter]
    fn scheme(&self) -> &'static str {
        self.engine.scheme_name()
    }

    /// Why it is not the encoder of ours; none where it is.
    #[getter]
    fn reason(&self) -> Option<&str> {
        self.engine.reason()
    }

    /// `(id, content, special)` of the added tokens.
    #[getter]
    fn added_tokens(&self) -> Vec<(TokenId, &str, bool)> {
        self.engine.added().iter().map(|token| (token.id, token.content.as_str(), token.special)).collect()
    }

    #[pyo3(signature = (text, special_tokens="parity", add_special_tokens=false))]
    fn encode(
        &self,
        py: Python<'_>,
        text: &Bound<'_, PyString>,
        special_tokens: &str,
        add_special_tokens: bool,
    ) -> PyResult<Buffer> {
        let special = self::special_tokens(special_tokens)?;
        let text = text.to_str()?;
        let work = || {
            self.with_room(|room| {
                let mut ids = Vec::new();
                self.engine.encode(room, text, special, add_special_tokens, &mut ids).map(|()| ids)
            })
        };
        let ids: Result<_, TokenError> = if text.len() > RELEASE_BYTES { py.detach(work) } else { work() };
        ids.map(Buffer::from).map_err(|error| token_error(py, &error))
    }

    /// Ids of all texts one after the other, and where each text's begin.
    #[pyo3(signature = (texts, special_tokens="parity", add_special_tokens=false, threads=None))]
    fn encode_batch(
        &self,
        py: Python<'_>,
        texts: &Bound<'_, PyList>,
        special_tokens: &str,
        add_special_tokens: bool,
        threads: Option<usize>,
    ) -> PyResult<(Buffer, Buffer)> {
        let special = self::special_tokens(special_tokens)?;
        let strings: Vec<Bound<'_, PyString>> =
            texts.iter().map(|text| Ok(text.cast_into::<PyString>()?)).collect::<PyResult<_>>()?;
        let texts: Vec<&str> = strings.iter().map(|text| text.to_str()).collect::<PyResult<_>>()?;
        let (count, bytes) = (workers::count(threads, texts.len()), texts.iter().map(|text| text.len()).sum::<usize>());
        let start = || (self.take_room(), Texts::new(bytes / count / BYTES_A_TOKEN));
        let shares = py.detach(|| {
            workers::in_chunks(&texts, threads, start, |(room, made), texts, first| {
                made.add(texts, first, |text, ids| self.engine.encode(room, text, special, add_special_tokens, ids))
            })
        });
        let shares = shares.into_iter().map(|share| {
            share.map(|(room, made)| {
                self.give_back(room);
                made
            })
        });
        let shares = shares.collect();
        let (ids, offsets) = py.detach(|| Texts::join(shares, count)).map_err(|error| token_error(py, &error))?;
        Ok((ids.into(), offsets.into()))
    }

    /// How many tokens a text has.
    #[pyo3(signature = (text, special_tokens="parity"))]
    fn count(&self, py: Python<'_>, text: &Bound<'_, PyString>, special_tokens: &str) -> PyResult<usize> {
        let special = self::special_tokens(special_tokens)?;
        let text = text.to_str()?;
        let counted = py.detach(|| self.with_room(|room| self.engine.count(room, text, special)));
        counted.map_err(|error| token_error(py, &error))
    }

    /// Two numbers for each token: its first character and one past its last.
    #[pyo3(signature = (text, special_tokens="parity"))]
    fn offsets(&self, py: Python<'_>, text: &Bound<'_, PyString>, special_tokens: &str) -> PyResult<Buffer> {
        let special = self::special_tokens(special_tokens)?;
        let text = text.to_str()?;
        let places = py.detach(|| self.with_room(|room| self.engine.offsets(room, text, special)));
        places.map(Buffer::from).map_err(|error| token_error(py, &error))
    }

    #[pyo3(signature = (ids, skip_special_tokens=false))]
    fn decode(&self, py: Python<'_>, ids: Vec<TokenId>, skip_special_tokens: bool) -> PyResult<String> {
        self.engine.decode(&ids, skip_special_tokens).map_err(|error| token_error(py, &error))
    }

    fn decode_stream(&self) -> DecodeStream {
        DecodeStream { engine: self.engine.clone(), stream: Mutex::new(self.engine.stream()) }
    }

    fn id_to_bytes<'py>(&self, py: Python<'py>, token_id: TokenId) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.engine.bytes_of(token_id).map_err(|error| token_error(py, &error))?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn token_to_id(&self, token: &str) -> Option<TokenId> {
        self.engine.id_of(token)
    }

    /// The vocabulary and all tables of the encoder, as a file for `kind="image"`.
    fn image<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let encoder = self.own(py)?;
        Ok(PyBytes::new(py, &py.detach(|| encoder.image())))
    }

    /// The vocabulary as a pack.
    fn pack<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &pack::write(self.own(py)?.vocabulary())))
    }
}

/// The encoder of an image, which stays a mapped file: all processes that open it share the memory.
fn mapped(path: &Path) -> io::Result<Result<Encoder, TokenError>> {
    let file = File::open(path)?;
    // SAFETY: files of the cache are put in place whole, under their name, and never written to again; what replaces one
    // is another file, and this one is there as long as it is mapped.
    let map = unsafe { Mmap::map(&file) }?;
    Ok(Encoder::open(Arc::new(map)))
}

/// What encodes with a vocabulary: our encoder, or another where it does not cover the file.
fn engine(
    bytes: &[u8],
    kind: &str,
    name: &str,
    description: Option<Description>,
    overlay: Option<&str>,
) -> Result<Engine, TokenError> {
    let own = read(bytes, kind, name, description, overlay).and_then(|read| Encoder::new(Arc::new(read)));
    let foreign = match (own, kind) {
        (Err(error), "tokenizer.json") if error.code == TokenError::UNSUPPORTED => match overlay {
            None => chattpl_foreign::tokenizer_json(name, bytes, &error.message)?,
            Some(overlay) => chattpl_foreign::tokenizer_json_with(name, bytes, overlay, &error.message)?,
        },
        (Err(error), "sentencepiece") if error.code == TokenError::UNSUPPORTED && overlay.is_some() => {
            let message = "a model of SentencePiece that is no BPE takes no added tokens here";
            let hint = "save the folder with `save_pretrained` of `transformers`, which writes a `tokenizer.json`";
            return Err(TokenError::new(TokenError::UNSUPPORTED, format!("{message}: {}", error.message)).hint(hint));
        }
        (Err(error), "sentencepiece") if error.code == TokenError::UNSUPPORTED => {
            sentencepiece_pieces(name, bytes, error)?
        }
        (own, _) => return own.map(|encoder| Engine::Own(Arc::new(encoder))),
    };
    Ok(Engine::Foreign(Arc::new(foreign)))
}

fn read(
    bytes: &[u8],
    kind: &str,
    name: &str,
    description: Option<Description>,
    overlay: Option<&str>,
) -> Result<Vocabulary, TokenError> {
    match (kind, description) {
        ("pack", _) => pack::read(bytes),
        ("tokenizer.json", _) => match overlay {
            None => tokenizer_json(name, bytes),
            Some(overlay) => tokenizer_json_with(name, bytes, overlay),
        },
        ("tekken.json", _) => tekken(name, bytes),
        ("sentencepiece", _) => match overlay {
            None => sentencepiece(name, bytes),
            Some(overlay) => with_added(sentencepiece(name, bytes)?, overlay),
        },
        ("tiktoken", Some(description)) => tiktoken(bytes, description),
        _ => Err(TokenError::new(TokenError::UNSUPPORTED, format!("a vocabulary of kind `{kind}`"))),
    }
}

/// A `tokenizer.json` without its tokens and merges, as JSON text; see `chattpl_tokens::read::outline`.
#[pyfunction]
pub fn tokenizer_outline(
    py: Python<'_>,
    data: &Bound<'_, PyAny>,
    texts: Vec<String>,
    ids: Vec<TokenId>,
) -> PyResult<String> {
    let data = ReadOnly::of(data)?;
    let bytes = data.as_slice();
    py.detach(|| outline(bytes, &texts, &ids)).map_err(|error| token_error(py, &error))
}

/// Decodes ids as they come, never half a character.
#[pyclass(frozen, module = "chattpl._core")]
pub struct DecodeStream {
    engine: Engine,
    stream: Mutex<EngineStream>,
}

#[pymethods]
impl DecodeStream {
    /// The text that is complete with this id.
    fn push(&self, py: Python<'_>, token_id: TokenId) -> PyResult<String> {
        let mut stream = self.stream.lock().expect("no holder panics");
        stream.push(&self.engine, token_id).map_err(|error| token_error(py, &error))
    }

    /// What is left, complete or not; the stream begins anew.
    fn finish(&self, py: Python<'_>) -> PyResult<String> {
        let mut stream = self.stream.lock().expect("no holder panics");
        stream.finish(&self.engine).map_err(|error| token_error(py, &error))
    }
}
