//! A tokenizer of the crate at work.

use chattpl_tokens::vocabulary::AddedToken;
use chattpl_tokens::{Admitted, DecodeStep, ForeignStream, Found, Library, Placed, TokenError, TokenId};
use tokenizers::decoders::DecoderWrapper;
use tokenizers::normalizer::Range;
use tokenizers::{
    AddedVocabulary, Encoding, Model, NormalizedString, Normalizer, OffsetType, PreTokenizedString, PreTokenizer,
    Token, Tokenizer,
};

use crate::caught;
use crate::steps::{rewritten, steps_of};

const ENCODE: &str = "encode this text";
const DECODE: &str = "decode these ids";

/// A tokenizer of the crate `tokenizers`.
pub struct HuggingFace {
    tokenizer: Tokenizer,
    /// Its added tokens where those flagged special are text.
    plain: AddedVocabulary,
    added: Vec<AddedToken>,
    unknown: Option<TokenId>,
    vocab_size: usize,
    /// The decoder in steps, and what rewrites tokens in each.
    steps: Vec<DecodeStep>,
    rewriters: Vec<Option<DecoderWrapper>>,
}

impl HuggingFace {
    /// `added` lists the added tokens by ascending id; `unknown` is the id of text that the vocabulary lacks.
    pub fn new(tokenizer: Tokenizer, added: Vec<AddedToken>, unknown: Option<TokenId>) -> Self {
        let mut plain = tokenizer.get_added_vocabulary().clone();
        plain.set_encode_special_tokens(true);
        let vocab_size = tokenizer.get_vocab(true).values().max().map_or(0, |&last| last as usize + 1);
        let (steps, rewriters) = steps_of(tokenizer.get_decoder()).into_iter().unzip();
        HuggingFace { tokenizer, plain, added, unknown, vocab_size, steps, rewriters }
    }

    /// The tokens of a text, before any are put around it.
    fn encoding(&self, text: &str, admitted: Admitted<'_>, offsets: OffsetType) -> tokenizers::Result<Encoding> {
        let normalizer = self.tokenizer.get_normalizer();
        let mut splits = match admitted {
            Admitted::All => self.tokenizer.get_added_vocabulary().extract_and_normalize(normalizer, text),
            Admitted::NotSpecial => self.plain.extract_and_normalize(normalizer, text),
            Admitted::Only { found, cuts } => self.cut(text, found, cuts)?,
        };
        if let Some(pre_tokenizer) = self.tokenizer.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut splits)?;
        }
        self.tokenizer.get_model().tokenize_in_pretokenized(&mut splits, None)?;
        splits.into_encoding(None, 0, offsets)
    }

    fn through(&self, stream: &mut ForeignStream, token: Option<String>) -> Result<String, TokenError> {
        let rewrite = |step: usize, token: &str, is_first: bool| {
            done(DECODE, || rewritten(self.rewriters[step].as_ref(), token, is_first))
        };
        stream.through(&self.steps, &rewrite, token)
    }

    fn processed(&self, encoding: Encoding, add_special: bool) -> tokenizers::Result<Encoding> {
        self.tokenizer.post_process(encoding, None, add_special)
    }

    /// The text in parts: the added tokens that are found, and normalized text between them.
    fn cut(&self, text: &str, found: &[Found], cuts: &[usize]) -> tokenizers::Result<PreTokenizedString> {
        let mut splits = PreTokenizedString::from(text);
        splits.split(|_, whole| {
            parts(text, found, cuts).map(|part| self.part(&whole, part)).collect::<tokenizers::Result<Vec<_>>>()
        })?;
        splits.split(|_, mut part| {
            if let Some(normalizer) = self.tokenizer.get_normalizer() {
                normalizer.normalize(&mut part)?;
            }
            Ok([part])
        })?;
        Ok(splits)
    }

    fn part(&self, whole: &NormalizedString, part: Part) -> tokenizers::Result<(NormalizedString, Option<Vec<Token>>)> {
        let (start, end) = part.bytes;
        // Nothing is normalized yet, and the range of the original would be looked for from its beginning.
        let slice = whole.slice(Range::Normalized(start..end)).ok_or("a part is not on characters")?;
        let token = part.token.map(|index| {
            let value = slice.get().to_owned();
            let len = value.len();
            vec![Token::new(self.added[index].id, value, (0, len))]
        });
        Ok((slice, token))
    }
}

impl Library for HuggingFace {
    fn scheme(&self) -> &'static str {
        "tokenizers"
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn added(&self) -> &[AddedToken] {
        &self.added
    }

    fn unknown(&self) -> Option<TokenId> {
        self.unknown
    }

    fn id_of(&self, token: &str) -> Option<TokenId> {
        self.tokenizer.token_to_id(token)
    }

    fn ids(&self, text: &str, admitted: Admitted<'_>, add_special: bool) -> Result<Vec<TokenId>, TokenError> {
        let work = || self.processed(self.encoding(text, admitted, OffsetType::None)?, add_special);
        Ok(done(ENCODE, work)?.get_ids().to_vec())
    }

    fn placed(&self, text: &str, admitted: Admitted<'_>) -> Result<Vec<Placed>, TokenError> {
        // As the splits have them: processing may leave white space out of offsets.
        let encoding = done(ENCODE, || self.encoding(text, admitted, OffsetType::Byte))?;
        let tokens = encoding.get_ids().iter().zip(encoding.get_offsets());
        Ok(tokens.map(|(&id, &(start, end))| Placed { id, start, end }).collect())
    }

    fn offsets(&self, text: &str, admitted: Admitted<'_>) -> Result<Vec<(usize, usize)>, TokenError> {
        let work = || self.processed(self.encoding(text, admitted, OffsetType::Char)?, false);
        Ok(done(ENCODE, work)?.get_offsets().to_vec())
    }

    fn decode(&self, ids: &[TokenId], skip_special: bool) -> Result<String, TokenError> {
        done(DECODE, || self.tokenizer.decode(ids, skip_special))
    }

    fn stream(&self, stream: &mut ForeignStream, id: TokenId) -> Result<String, TokenError> {
        let token = self.tokenizer.id_to_token(id);
        token.map_or_else(|| Ok(String::new()), |token| self.through(stream, Some(token)))
    }

    fn stream_rest(&self, stream: &mut ForeignStream) -> Result<String, TokenError> {
        self.through(stream, None)
    }
}

/// A stretch of a text: an added token by its index, or text between two.
struct Part {
    bytes: (usize, usize),
    token: Option<usize>,
}

/// The parts of a text that are not empty, in order.
fn parts<'a>(text: &'a str, found: &'a [Found], cuts: &'a [usize]) -> impl Iterator<Item = Part> + 'a {
    let hits = found.iter().map(|hit| Part { bytes: (hit.start, hit.end), token: Some(hit.token) });
    let starts = [0].into_iter().chain(found.iter().map(|hit| hit.end));
    let ends = found.iter().map(|hit| hit.start).chain([text.len()]);
    let between = starts.zip(ends).map(|(start, end)| {
        let inside = cuts.partition_point(|&cut| cut <= start)..cuts.partition_point(|&cut| cut < end);
        let bounds = [&[start], &cuts[inside], &[end][..]].concat();
        bounds.windows(2).map(|pair| Part { bytes: (pair[0], pair[1]), token: None }).collect::<Vec<_>>()
    });
    let all = between.zip(hits.map(Some).chain([None])).flat_map(|(texts, hit)| texts.into_iter().chain(hit));
    all.filter(|part| part.bytes.0 < part.bytes.1)
}

/// What `work` gives; its errors and panics are ours.
fn done<T>(what: &str, work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, TokenError> {
    let failed = |why: &str| TokenError::new(TokenError::UNSUPPORTED, format!("`tokenizers` cannot {what}: {why}"));
    caught(work).map_err(|panic| failed(&panic))?.map_err(|error| failed(&error.to_string()))
}
