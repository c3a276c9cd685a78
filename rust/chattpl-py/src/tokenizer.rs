//! `Tokenizer`: text to ids and back.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chattpl_tokens::decode::{decode, Stream};
use chattpl_tokens::read::{sentencepiece, tekken, tiktoken, tokenizer_json, Description};
use chattpl_tokens::{joined, pack, Encoder, Scratch, SpecialTokens, TokenError, TokenId, Tokens, Vocabulary};
use memmap2::Mmap;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::buffer::{Buffer, ReadOnly};
use crate::errors::token_error;
use crate::workers;

/// Turns text into the ids of one vocabulary.
#[pyclass(subclass, frozen, module = "chattpl._core")]
pub struct Tokenizer {
    encoder: Arc<Encoder>,
    /// Room of threads that are done with theirs.
    spare: Mutex<Vec<Room>>,
}

struct Room {
    scratch: Scratch,
    tokens: Tokens,
}

/// Texts above this size are encoded without the interpreter lock, in bytes.
const RELEASE_BYTES: usize = 2048;
/// The ids of texts above this size are handed out in the room that they were made in, in bytes.
const OWN_BYTES: usize = 1 << 16;

impl Tokenizer {
    pub fn encoder(&self) -> &Arc<Encoder> {
        &self.encoder
    }

    /// Runs `work` with room that no other thread has.
    fn with_room<T>(&self, work: impl FnOnce(&mut Room) -> T) -> T {
        // A lock that a forked process inherited as taken is never given back, so nobody waits for it.
        let spare = self.spare.try_lock().ok().and_then(|mut spare| spare.pop());
        let mut room = spare.unwrap_or_else(|| Room { scratch: self.encoder.scratch(), tokens: Tokens::default() });
        room.tokens.clear();
        let done = work(&mut room);
        if let Ok(mut spare) = self.spare.try_lock() {
            spare.push(room);
        }
        done
    }

    /// What stands around the ids of a text.
    fn around(&self, add_special_tokens: bool) -> (&[TokenId], &[TokenId]) {
        let vocabulary = self.encoder.vocabulary();
        if add_special_tokens {
            (&vocabulary.prefix, &vocabulary.suffix)
        } else {
            (&[], &[])
        }
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
    /// all, or `image`, of which it is the path.
    #[new]
    #[pyo3(signature = (data, kind, name="", description=None))]
    fn new(
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        kind: &str,
        name: &str,
        description: Option<&str>,
    ) -> PyResult<Self> {
        if kind == "image" {
            let path: PathBuf = data.extract()?;
            let encoder = py.detach(|| mapped(&path))?.map_err(|error| token_error(py, &error))?;
            return Ok(Tokenizer { encoder: Arc::new(encoder), spare: Mutex::default() });
        }
        let data = ReadOnly::of(data)?;
        let bytes = data.as_slice();
        let description =
            description.map(Description::from_json).transpose().map_err(|error| token_error(py, &error))?;
        let made = py.detach(|| read(bytes, kind, name, description).and_then(|read| Encoder::new(Arc::new(read))));
        let encoder = made.map_err(|error| token_error(py, &error))?;
        Ok(Tokenizer { encoder: Arc::new(encoder), spare: Mutex::default() })
    }

    #[getter]
    fn name(&self) -> &str {
        &self.encoder.vocabulary().name
    }

    #[getter]
    fn vocab_size(&self) -> usize {
        self.encoder.vocabulary().tokens.len()
    }

    /// How text is split before it is encoded.
    #[getter]
    fn scheme(&self) -> &'static str {
        self.encoder.scheme_name()
    }

    /// `(id, content, special)` of the added tokens.
    #[getter]
    fn added_tokens(&self) -> Vec<(TokenId, &str, bool)> {
        let added = &self.encoder.vocabulary().added;
        added.iter().map(|token| (token.id, token.content.as_str(), token.special)).collect()
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
            self.with_room(|Room { scratch, tokens }| {
                let (prefix, suffix) = self.around(add_special_tokens);
                tokens.ids.extend_from_slice(prefix);
                self.encoder.encode(scratch, text, special, tokens)?;
                tokens.ids.extend_from_slice(suffix);
                // What is worth it leaves as it is, and takes its room along.
                Ok(if text.len() > OWN_BYTES { std::mem::take(&mut tokens.ids) } else { tokens.ids.clone() })
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
        let done = py.detach(|| {
            workers::in_chunks(&texts, threads, |chunk, first| {
                self.with_room(|Room { scratch, tokens }| {
                    let (prefix, suffix) = self.around(add_special_tokens);
                    // Four bytes a token and more are common; room that is not used is never touched.
                    let bytes: usize = chunk.iter().map(|text| text.len()).sum();
                    let (mut ids, mut ends) = (Vec::with_capacity(bytes / 3), Vec::with_capacity(chunk.len()));
                    for (at, text) in chunk.iter().enumerate() {
                        tokens.clear();
                        let done = self.encoder.encode(scratch, text, special, tokens);
                        done.map_err(|error| error.in_row(first + at))?;
                        [prefix, &tokens.ids, suffix].into_iter().for_each(|part| ids.extend_from_slice(part));
                        ends.push(ids.len() as i64);
                    }
                    Ok::<_, TokenError>((ids, ends))
                })
            })
        });
        let chunks: Vec<_> = done.into_iter().collect::<Result<_, _>>().map_err(|error| token_error(py, &error))?;
        let mut offsets = Vec::with_capacity(texts.len() + 1);
        offsets.push(0);
        for (_, ends) in &chunks {
            let base = offsets.last().copied().unwrap_or_default();
            offsets.extend(ends.iter().map(|end| base + end));
        }
        let mut ids: Vec<Vec<TokenId>> = chunks.into_iter().map(|(ids, _)| ids).collect();
        let ids = match ids.len() {
            1 => ids.remove(0),
            _ => py.detach(|| {
                let parts: Vec<&[TokenId]> = ids.iter().map(Vec::as_slice).collect();
                joined(&parts, workers::count(threads, texts.len()))
            }),
        };
        Ok((ids.into(), offsets.into()))
    }

    /// How many tokens a text has.
    #[pyo3(signature = (text, special_tokens="parity"))]
    fn count(&self, py: Python<'_>, text: &Bound<'_, PyString>, special_tokens: &str) -> PyResult<usize> {
        let special = self::special_tokens(special_tokens)?;
        let text = text.to_str()?;
        let counted = py.detach(|| {
            self.with_room(|Room { scratch, tokens }| {
                self.encoder.encode(scratch, text, special, tokens).map(|()| tokens.ids.len())
            })
        });
        counted.map_err(|error| token_error(py, &error))
    }

    /// Two numbers for each token: its first character and one past its last.
    #[pyo3(signature = (text, special_tokens="parity"))]
    fn offsets(&self, py: Python<'_>, text: &Bound<'_, PyString>, special_tokens: &str) -> PyResult<Buffer> {
        let special = self::special_tokens(special_tokens)?;
        let text = text.to_str()?;
        let places = py.detach(|| self.with_room(|Room { scratch, .. }| self.encoder.offsets(scratch, text, special)));
        places.map(Buffer::from).map_err(|error| token_error(py, &error))
    }

    #[pyo3(signature = (ids, skip_special_tokens=false))]
    fn decode(&self, ids: Vec<TokenId>, skip_special_tokens: bool) -> String {
        decode(self.encoder.vocabulary(), ids, skip_special_tokens)
    }

    fn decode_stream(slf: &Bound<'_, Self>) -> DecodeStream {
        let stream = Stream::new(slf.get().encoder.vocabulary());
        DecodeStream { encoder: Arc::clone(&slf.get().encoder), stream: Mutex::new(stream) }
    }

    fn id_to_bytes<'py>(&self, py: Python<'py>, token_id: TokenId) -> PyResult<Bound<'py, PyBytes>> {
        let vocabulary = self.encoder.vocabulary();
        let known = (token_id as usize) < vocabulary.tokens.len();
        let message = || format!("id {token_id}; the vocabulary has {} ids", vocabulary.tokens.len());
        let error = || token_error(py, &TokenError::new(TokenError::OUT_OF_RANGE, message()));
        known.then(|| PyBytes::new(py, vocabulary.tokens.get(token_id))).ok_or_else(error)
    }

    fn token_to_id(&self, token: &str) -> Option<TokenId> {
        self.encoder.vocabulary().id_of(token)
    }

    /// The vocabulary and all tables of the encoder, as a file for `kind="image"`.
    fn image<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.encoder.image()))
    }

    /// The vocabulary as a pack.
    fn pack<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &pack::write(self.encoder.vocabulary()))
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

fn read(bytes: &[u8], kind: &str, name: &str, description: Option<Description>) -> Result<Vocabulary, TokenError> {
    match (kind, description) {
        ("pack", _) => pack::read(bytes),
        ("tokenizer.json", _) => tokenizer_json(name, bytes),
        ("tekken.json", _) => tekken(name, bytes),
        ("sentencepiece", _) => sentencepiece(name, bytes),
        ("tiktoken", Some(description)) => tiktoken(bytes, description),
        _ => Err(TokenError::new(TokenError::UNSUPPORTED, format!("a vocabulary of kind `{kind}`"))),
    }
}

/// Decodes ids as they come, never half a character.
#[pyclass(frozen, module = "chattpl._core")]
pub struct DecodeStream {
    encoder: Arc<Encoder>,
    stream: Mutex<Stream>,
}

#[pymethods]
impl DecodeStream {
    /// The text that is complete with this id.
    fn push(&self, token_id: TokenId) -> String {
        let mut stream = self.stream.lock().expect("no holder panics");
        stream.push(self.encoder.vocabulary(), token_id)
    }

    /// What is left, complete or not; the stream begins anew.
    fn finish(&self) -> String {
        let mut stream = self.stream.lock().expect("no holder panics");
        stream.finish(self.encoder.vocabulary())
    }
}
