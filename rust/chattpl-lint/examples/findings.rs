//! Lints template files and prints what is found: `cargo run --example findings -- [--select CODES] [--profile NAME] FILES...`.

use chattpl_lint::{lint, Profile, Selector, Settings, Subject, Supplied};

fn main() {
    let mut settings = Settings::default();
    let mut words = std::env::args().skip(1);
    let mut paths = Vec::new();
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("a value behind an option");
        match word.as_str() {
            "--select" => {
                settings.select =
                    value().split(',').map(|name| Selector::parse(name).expect("names of rules")).collect();
            }
            "--profile" => settings.profile = Profile::by_name(&value()).expect("the name of a profile"),
            _ => paths.push(word),
        }
    }
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let subject = Subject::new(text, Some(&path), Supplied::default());
        for finding in lint(&subject, &settings).findings {
            let (line, column) = subject.source.line_column(finding.span.start);
            let shape = finding.shape.map(|shape| format!(" [{shape}]")).unwrap_or_default();
            println!("{path}:{line}:{column} {} {}{shape}", finding.code, finding.message);
        }
    }
}
