//! Feeds mutated templates to the parser, or to the renderer with random conversations, and checks the laws of each.
//!
//! `cargo run --release -p chattpl-render --example fuzz -- parser|renderer SECONDS [SEED] [--only EXECUTION]`

mod conversation;
mod expression;
mod laws;
mod template;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;
use laws::Reached;

/// Executions between two lines of progress.
const PROGRESS_EVERY: u64 = 100_000;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Parser,
    Renderer,
}

struct Fuzzer {
    mode: Mode,
    seed: u64,
    seeds: Vec<String>,
    failures: u64,
    slowest: (Duration, u64),
    compiled: u64,
    rendered: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u64> = arguments.iter().filter_map(|word| word.parse().ok()).collect();
    let mode = match arguments.first().map(String::as_str) {
        Some("parser") => Mode::Parser,
        Some("renderer") => Mode::Renderer,
        _ => usage(),
    };
    let Some(seconds) = numbers.first() else { usage() };
    let mut fuzzer = Fuzzer {
        mode,
        seed: numbers.get(1).copied().unwrap_or(1),
        seeds: seed_templates(),
        failures: 0,
        slowest: (Duration::ZERO, 0),
        compiled: 0,
        rendered: 0,
    };
    let only = arguments.iter().any(|word| word == "--only");
    if !only {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let executions = if only {
        let execution = numbers.last().copied().unwrap_or(0);
        println!("{}", fuzzer.input(execution).join("\n--- conversation ---\n"));
        fuzzer.execute(execution);
        1
    } else {
        fuzzer.run(Duration::from_secs(*seconds))
    };
    let (time, execution) = fuzzer.slowest;
    println!(
        "{executions} executions, {} compiled, {} rendered, {} failures; the slowest was {execution} with {:.0} ms",
        fuzzer.compiled,
        fuzzer.rendered,
        fuzzer.failures,
        time.as_secs_f64() * 1e3,
    );
    std::process::exit(i32::from(fuzzer.failures > 0));
}

fn usage() -> ! {
    eprintln!("usage: fuzz parser|renderer SECONDS [SEED] [--only EXECUTION]");
    std::process::exit(2);
}

impl Fuzzer {
    fn run(&mut self, time: Duration) -> u64 {
        let start = Instant::now();
        let mut executions = 0;
        while start.elapsed() < time {
            self.execute(executions);
            executions += 1;
            if executions % PROGRESS_EVERY == 0 {
                let seconds = start.elapsed().as_secs();
                println!("{executions} executions in {seconds} s, {} failures", self.failures);
            }
        }
        executions
    }

    /// The template, and in renderer mode the conversation: they follow from seed and number alone.
    fn input(&self, execution: u64) -> Vec<String> {
        let mut rng = Rng::with_seed(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ execution);
        let mut template = template::mutated(&mut rng, &self.seeds);
        if self.mode == Mode::Parser {
            template = template::broken(&mut rng, &template);
            return vec![template];
        }
        vec![template, conversation::random(&mut rng)]
    }

    fn execute(&mut self, execution: u64) {
        let input = self.input(execution);
        let start = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| match self.mode {
            Mode::Parser => laws::check_parse(&input[0]),
            Mode::Renderer => laws::check_render(&input[0], &input[1]),
        }));
        let time = start.elapsed();
        if time > self.slowest.0 {
            self.slowest = (time, execution);
        }
        match done {
            Ok(Ok(reached)) => {
                self.compiled += u64::from(reached != Reached::Nothing);
                self.rendered += u64::from(reached == Reached::Rendered);
            }
            Ok(Err(broken_law)) => self.report(execution, &broken_law),
            Err(payload) => {
                let text = payload.downcast_ref::<String>().map(String::as_str);
                let text = text.or(payload.downcast_ref::<&str>().copied());
                self.report(execution, &format!("panic: {}", text.unwrap_or("?")));
            }
        }
    }

    fn report(&mut self, execution: u64, what: &str) {
        self.failures += 1;
        let mode = if self.mode == Mode::Parser { "parser" } else { "renderer" };
        println!("FAILURE {what}\n  replay: {mode} 0 {} --only {execution}", self.seed);
    }
}

/// The registry's templates.
fn seed_templates() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    let mut found = Vec::new();
    collect(&root, &mut found);
    found.sort();
    let seeds = found.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    let seeds: Vec<String> = seeds.collect();
    assert!(!seeds.is_empty(), "no templates under {}", root.display());
    seeds
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "jinja") {
            found.push(path);
        }
    }
}
