//! Prints the findings of chosen rules or of a profile:
//! `cargo run --example findings -- [--select CT101,CT2] [--profile NAME] FILES...`.

use chattpl_lint::{lint, Profile, Selector, Settings, Subject, Supplied};

fn main() {
    let mut settings = Settings::default();
    let mut paths = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--select" => {
                let list = words.next().expect("codes behind --select");
                settings.select = list.split(',').map(|code| Selector::parse(code).expect("a rule")).collect();
            }
            "--profile" => {
                let name = words.next().expect("a name behind --profile");
                settings.profile = Profile::by_name(&name).expect("the name of a profile");
            }
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
