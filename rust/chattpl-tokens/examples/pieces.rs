//! Splits texts with a scheme: prints the ends of the pieces, or how fast it goes.
//!
//! `pieces SPLITS ends < TEXTS` reads texts, each after its length in bytes (4, little-endian), and writes for each the number
//! of its pieces and their ends the same way. `pieces SPLITS speed FILE...` prints megabytes per second. SPLITS is a file with
//! one split a line: its behavior, `+` or `-` for invert, and its expression, apart by tabs; `\n` and `\r` are written out.

use std::io::{Read, Write};
use std::time::Instant;

use chattpl_tokens::pretokenize::Pretokenizer;
use chattpl_tokens::vocabulary::{Pattern, Split, SplitBehavior};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = std::fs::read_to_string(&arguments[0]).expect("a file of splits");
    let splits: Vec<Split> = file.lines().map(split).collect();
    let pretokenizer = Pretokenizer::new(&splits).expect("splits that are covered");
    match arguments[1].as_str() {
        "ends" => print_ends(&pretokenizer),
        _ => arguments[2..].iter().for_each(|path| print_speed(&pretokenizer, path)),
    }
}

fn split(line: &str) -> Split {
    let fields: Vec<&str> = line.splitn(3, '\t').collect();
    let behavior = match fields[0] {
        "Isolated" => SplitBehavior::Isolated,
        "Removed" => SplitBehavior::Removed,
        "MergedWithPrevious" => SplitBehavior::MergedWithPrevious,
        "MergedWithNext" => SplitBehavior::MergedWithNext,
        _ => SplitBehavior::Contiguous,
    };
    let pattern = match fields[2].strip_prefix("text:") {
        Some(text) => Pattern::Text(text.to_owned()),
        None => Pattern::Regex(fields[2].replace("<LF>", "\n").replace("<CR>", "\r")),
    };
    Split { pattern, behavior, invert: fields[1] == "+" }
}

fn print_ends(pretokenizer: &Pretokenizer) {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).expect("texts");
    let mut output = Vec::new();
    let mut rest = input.as_slice();
    let mut room = [1usize, 2, 3, 7, 64, 256].into_iter().cycle();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (text, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        let text = std::str::from_utf8(text).expect("UTF-8");
        let ends = all_ends(pretokenizer, text, room.next().expect("a cycle"));
        output.extend((ends.len() as u32).to_le_bytes());
        ends.iter().for_each(|end| output.extend(end.to_le_bytes()));
        rest = after;
    }
    std::io::stdout().write_all(&output).expect("standard output");
}

fn all_ends(pretokenizer: &Pretokenizer, text: &str, room: usize) -> Vec<u32> {
    let mut ends = Vec::new();
    let mut buffer = vec![0; room];
    let mut start = 0;
    while start < text.len() {
        let count = pretokenizer.pieces(text, start, &mut buffer);
        ends.extend(&buffer[..count]);
        start = buffer[count - 1] as usize;
    }
    ends
}

fn print_speed(pretokenizer: &Pretokenizer, path: &str) {
    let text = std::fs::read_to_string(path).expect("a text");
    let mut ends = [0; 256];
    let mut best_seconds = f64::INFINITY;
    let mut pieces = 0;
    for _ in 0..60 {
        let begun = Instant::now();
        let mut start = 0;
        pieces = 0;
        while start < text.len() {
            let count = pretokenizer.pieces(&text, start, &mut ends);
            start = ends[count - 1] as usize;
            pieces += count;
        }
        best_seconds = best_seconds.min(begun.elapsed().as_secs_f64());
    }
    let megabytes = text.len() as f64 / 1e6;
    let (name, speed) = (pretokenizer.scheme_name(), megabytes / best_seconds);
    println!("{name:16} {speed:8.0} MB/s {:6.2} bytes a piece  {path}", text.len() as f64 / pieces as f64);
}
