//! The decoders of `tokenizers` as steps that take one token after another.

use chattpl_tokens::DecodeStep;
use serde::Deserialize;
use tokenizers::decoders::DecoderWrapper;
use tokenizers::Decoder;

/// What of a decoder its own type keeps private, as `tokenizer.json` writes it.
#[derive(Deserialize)]
struct Written {
    pattern: Option<Pattern>,
    #[serde(default)]
    content: String,
}

#[derive(Deserialize)]
enum Pattern {
    String(String),
    Regex(#[allow(dead_code)] String),
}

/// The steps of a decoder, with what rewrites tokens in each that does so.
pub fn steps_of(decoder: Option<&DecoderWrapper>) -> Vec<(DecodeStep, Option<DecoderWrapper>)> {
    let Some(decoder) = decoder else { return vec![(DecodeStep::Space, None)] };
    let step = match decoder {
        DecoderWrapper::Sequence(sequence) => {
            return sequence.get_decoders().iter().flat_map(|inner| steps_of(Some(inner))).collect();
        }
        DecoderWrapper::BPE(bpe) if !bpe.suffix.is_empty() => DecodeStep::Suffix { text: bpe.suffix.clone() },
        DecoderWrapper::ByteLevel(_) => DecodeStep::ByteLevel,
        DecoderWrapper::ByteFallback(_) => DecodeStep::ByteFallback,
        DecoderWrapper::Fuse(_) => DecodeStep::Join,
        DecoderWrapper::CTC(_) => DecodeStep::EachOnce,
        DecoderWrapper::Strip(strip) => {
            DecodeStep::Strip { content: strip.content, start: strip.start, stop: strip.stop }
        }
        DecoderWrapper::Metaspace(metaspace) => DecodeStep::Mark {
            mark: metaspace.get_replacement(),
            drops_first: metaspace.get_prepend_scheme() != tokenizers::pre_tokenizers::metaspace::PrependScheme::Never,
        },
        DecoderWrapper::Replace(_) => replacing(decoder).unwrap_or(DecodeStep::Each),
        DecoderWrapper::BPE(_) | DecoderWrapper::WordPiece(_) => DecodeStep::Each,
    };
    let rewrites = matches!(step, DecodeStep::Each | DecodeStep::EachOnce);
    vec![(step, rewrites.then(|| decoder.clone()))]
}

/// The step of a `Replace` whose pattern is a text.
fn replacing(decoder: &DecoderWrapper) -> Option<DecodeStep> {
    let written: Written = serde_json::from_value(serde_json::to_value(decoder).ok()?).ok()?;
    match written.pattern {
        Some(Pattern::String(text)) if !text.is_empty() => Some(DecodeStep::Replace { text, with: written.content }),
        _ => None,
    }
}

/// The token that a decoder makes of one; the first is treated apart by some.
pub fn rewritten(decoder: Option<&DecoderWrapper>, token: &str, is_first: bool) -> tokenizers::Result<Option<String>> {
    let Some(decoder) = decoder else { return Ok(Some(token.to_owned())) };
    // Only `WordPiece` treats the first apart, and it drops no token: the other comes back before the one asked for.
    let before = (!is_first).then_some("a");
    let tokens: Vec<String> = before.into_iter().chain([token]).map(str::to_owned).collect();
    let from = tokens.len() - 1;
    Ok(decoder.decode_chain(tokens)?.into_iter().nth(from))
}
