//! Makes packs and compares tokenizer files; `tools/build_vocabularies.py` calls it.
//!
//! ```text
//! vocabulary pack OUT FILE [DESCRIPTION.json]    reads a file of any kind, writes its pack
//! vocabulary compare FILE [DESCRIPTION.json] -- FILE [DESCRIPTION.json]    prints what differs
//! ```
//! A file of ranks needs a description; a file that is called `*.pack` is a pack.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use chattpl_tokens::read::{merges_of_ranks, sentencepiece, tekken, tiktoken, tokenizer_json, Description};
use chattpl_tokens::vocabulary::{Merge, TokenId, Units};
use chattpl_tokens::{pack, TokenError, Vocabulary};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["pack", out, file] => write_pack(out, file, None),
        ["pack", out, file, description] => write_pack(out, file, Some(description)),
        ["compare", ref sides @ ..] => compare(sides),
        _ => {
            Err("usage: vocabulary pack OUT FILE [DESCRIPTION] | compare FILE [DESCRIPTION] -- FILE [DESCRIPTION]"
                .into())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn write_pack(out: &str, file: &str, description: Option<&str>) -> Result<(), Failure> {
    let (vocabulary, took) = read(file, description)?;
    let pack = pack::write(&vocabulary);
    let mut fastest = Duration::MAX;
    for _ in 0..8 {
        let start = Instant::now();
        let again = pack::read(&pack)?;
        fastest = fastest.min(start.elapsed());
        if again != vocabulary {
            return Err("the pack does not hold the vocabulary".into());
        }
    }
    std::fs::write(out, &pack)?;
    let name = &vocabulary.name;
    eprintln!(
        "{name}: {} tokens, {} merges, file read in {took:.1?}, pack of {} bytes in {fastest:.1?}",
        vocabulary.tokens.iter().count(),
        vocabulary.merges.len(),
        pack.len()
    );
    Ok(())
}

fn read(file: &str, description: Option<&str>) -> Result<(Vocabulary, Duration), Failure> {
    let bytes = std::fs::read(file)?;
    let description = match description {
        Some(path) => Some(Description::from_json(&std::fs::read_to_string(path)?)?),
        None => None,
    };
    let start = Instant::now();
    let name = description.as_ref().map_or("", |description| &description.name).to_owned();
    let vocabulary = match (file.ends_with(".pack"), description) {
        (true, _) => pack::read(&bytes)?,
        (false, Some(description)) if !description.pattern.is_empty() => tiktoken(&bytes, description)?,
        (false, _) => by_content(&name, &bytes)?,
    };
    Ok((vocabulary, start.elapsed()))
}

fn by_content(name: &str, bytes: &[u8]) -> Result<Vocabulary, TokenError> {
    match bytes.first() {
        Some(b'{') if memchr::memmem::find(bytes, b"default_num_special_tokens").is_some() => tekken(name, bytes),
        Some(b'{') => tokenizer_json(name, bytes),
        _ => sentencepiece(name, bytes),
    }
}

fn compare(sides: &[&str]) -> Result<(), Failure> {
    let mut sides = sides.split(|arg| *arg == "--");
    let mut side = || -> Result<Vocabulary, Failure> {
        let args = sides.next().ok_or("two files to compare")?;
        let (vocabulary, took) = read(args.first().ok_or("a file to compare")?, args.get(1).copied())?;
        eprintln!("{}: read in {took:.1?}, {} merges", args[0], vocabulary.merges.len());
        Ok(vocabulary)
    };
    let (a, b) = (side()?, side()?);
    let ids = 0..a.tokens.len().max(b.tokens.len()) as TokenId;
    report(
        "tokens",
        ids.filter(|&id| a.tokens.get(id) != b.tokens.get(id)).map(|id| {
            let text = |v: &Vocabulary| String::from_utf8_lossy(v.tokens.get(id)).into_owned();
            format!("{id}: {:?} {:?}", text(&a), text(&b))
        }),
    );
    report_lists("added tokens", &a.added, &b.added);
    report_lists("merges as they stand", &a.merges, &b.merges);
    report_lists("merges, one for each token", &canonical(&a), &canonical(&b));
    report_lists("normalizers", &a.normalizers, &b.normalizers);
    report_lists("splits", &a.splits, &b.splits);
    report_lists("prefix", &a.prefix, &b.prefix);
    report_lists("suffix", &a.suffix, &b.suffix);
    let flags = |v: &Vocabulary| (v.ignore_merges, v.decoder.clone(), v.units.clone());
    report(
        "units, decoder, ignore_merges",
        (flags(&a) != flags(&b))
            .then(|| {
                let brief = |v: &Vocabulary| match &v.units {
                    Units::Bytes { .. } => format!("{} {:?} bytes", v.ignore_merges, v.decoder),
                    Units::Chars { bytes, unknown, fuse_unknown } => {
                        format!(
                            "{} {:?} chars {} {unknown:?} {fuse_unknown}",
                            v.ignore_merges,
                            v.decoder,
                            bytes.is_some()
                        )
                    }
                };
                format!("{} | {}", brief(&a), brief(&b))
            })
            .into_iter(),
    );
    Ok(())
}

/// The one pair of each merged token, with the priorities that the merges have.
fn canonical(vocabulary: &Vocabulary) -> Vec<Merge> {
    let mut seen = std::collections::HashSet::new();
    let order: Vec<TokenId> = vocabulary.merges.iter().map(|m| m.merged).filter(|id| seen.insert(*id)).collect();
    let characters: std::collections::HashMap<&[u8], TokenId> = vocabulary
        .tokens
        .iter()
        .filter(|(_, token)| std::str::from_utf8(token).is_ok_and(|text| text.chars().count() == 1))
        .map(|(id, token)| (token, id))
        .collect();
    let split = |token: &[u8], parts: &mut Vec<TokenId>| match &vocabulary.units {
        Units::Bytes { ids } => {
            parts.extend(token.iter().map(|&byte| ids[byte as usize]));
            true
        }
        Units::Chars { .. } => {
            let text = String::from_utf8_lossy(token);
            let ids = text.chars().map(|character| characters.get(character.to_string().as_bytes()).copied());
            parts.extend(ids.flatten());
            parts.len() == text.chars().count()
        }
    };
    merges_of_ranks(&vocabulary.tokens, &order, split).unwrap_or_default()
}

fn report_lists<T: PartialEq + std::fmt::Debug>(what: &str, a: &[T], b: &[T]) {
    let differences = (0..a.len().max(b.len())).filter(|&index| a.get(index) != b.get(index));
    report(what, differences.map(|index| format!("[{index}] {:?} | {:?}", a.get(index), b.get(index))));
}

fn report(what: &str, differences: impl Iterator<Item = String>) {
    let all: Vec<String> = differences.collect();
    println!("{what}: {} differences", all.len());
    all.iter().take(6).for_each(|difference| println!("    {difference}"));
}
