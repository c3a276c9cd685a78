//! Prints what a template makes of a probe conversation: `cargo run --example shape -- SHAPE FILE [prompt|null]`.
use chattpl_lint::probe::{shape, Ask};
use chattpl_lint::{Context, Subject, Supplied};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let text = std::fs::read_to_string(&words[1]).expect("a readable file");
    let subject = Subject::new(text, Some(&words[1]), Supplied::default());
    let context = Context::new(&subject);
    let mut ask = Ask::whole(shape(Box::leak(words[0].clone().into_boxed_str())));
    for word in &words[2..] {
        ask = match word.as_str() {
            "prompt" => ask.prompted(),
            "continue" => ask.continuing("content"),
            "continue-reasoning" => ask.continuing("reasoning_content"),
            "on" => ask.thinking(chattpl_lint::probe::Thinking::On),
            "off" => ask.thinking(chattpl_lint::probe::Thinking::Off),
            number => ask.upto(number.parse().expect("a number")),
        };
    }
    match &*context.probes().expect("it compiles").get(ask) {
        Ok(printed) => println!("{}", printed.text),
        Err(error) => println!("ERROR {}", error.message()),
    };
}
