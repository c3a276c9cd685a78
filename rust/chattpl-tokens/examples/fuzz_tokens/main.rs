//! Feeds random texts to encoders, or damaged files to what reads them, and checks the laws of each.
//!
//! `cargo run --release -p chattpl-tokens --example fuzz_tokens -- encoder|files SECONDS SEED FILE... [--only EXECUTION]`
//!
//! FILE is a `tokenizer.json` or what `chattpl_tokens::pack` wrote.

mod laws;
mod text;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fastrand::Rng;
use laws::Subject;

/// Executions between two lines of progress.
const PROGRESS_EVERY: u64 = 100_000;

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let only = words.iter().position(|word| word == "--only").map(|at| words.split_off(at));
    let only: Option<u64> = only.and_then(|words| words.get(1)?.parse().ok());
    let [mode, seconds, seed, files @ ..] = &words[..] else { return usage() };
    let (Ok(seconds), Ok(seed)) = (seconds.parse(), seed.parse()) else { return usage() };
    let check: fn(&mut Subject, &mut Rng) -> Result<(), String> = match &mode[..] {
        "encoder" => Subject::check_text,
        "files" => Subject::check_damaged_file,
        _ => return usage(),
    };
    let mut subjects = Vec::new();
    for file in files {
        match Subject::read(file) {
            Ok(subject) => subjects.push(subject),
            Err(error) => eprintln!("{file}: left out, {error}"),
        }
    }
    if subjects.is_empty() {
        return usage();
    }
    if only.is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let (start, time) = (Instant::now(), Duration::from_secs(seconds));
    let (mut executions, mut failures) = (0, 0);
    for execution in only.map_or(0..u64::MAX, |only| only..only + 1) {
        if start.elapsed() >= time && only.is_none() {
            break;
        }
        executions += 1;
        let mut rng = Rng::with_seed(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15) ^ execution);
        let at = (execution % subjects.len() as u64) as usize;
        let subject = &mut subjects[at];
        let done = catch_unwind(AssertUnwindSafe(|| check(subject, &mut rng)));
        if let Err(failure) = done.unwrap_or_else(|_| Err("a panic".into())) {
            failures += 1;
            subject.forget();
            println!("seed {seed}, execution {execution}, {}: {failure}", subject.name());
        }
        if executions % PROGRESS_EVERY == 0 {
            println!("{executions} executions in {} s, {failures} failures", start.elapsed().as_secs());
        }
    }
    println!("{executions} executions with {} vocabularies, {failures} failures", subjects.len());
    ExitCode::from(u8::from(failures > 0))
}

fn usage() -> ExitCode {
    eprintln!("usage: fuzz_tokens encoder|files SECONDS SEED FILE... [--only EXECUTION]");
    ExitCode::from(2)
}
