//! Lints template files with chosen rules: `cargo run --example findings -- --select CT205 FILES...`.

use chattpl_lint::{lint, Selector, Settings, Subject, Supplied};

fn main() {
    let mut words = std::env::args().skip(1).peekable();
    let mut settings = Settings::default();
    if words.next_if(|word| word == "--select").is_some() {
        let names = words.next().expect("codes after --select, with commas between");
        settings.select = names.split(',').map(|name| Selector::parse(name).expect("a rule")).collect();
    }
    for path in words {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let subject = Subject::new(text, Some(&path), Supplied::default());
        let report = lint(&subject, &settings);
        for finding in report.findings {
            let (line, column) = subject.source.line_column(finding.span.start);
            let shape = finding.shape.map(|shape| format!(" [{shape}]")).unwrap_or_default();
            println!("{path}:{line}:{column} {} {}{shape}", finding.code, finding.message);
            println!("    {}", subject.source.text[finding.span.range()].escape_debug());
        }
        for (rule, reason) in report.not_evaluated {
            println!("{path}: {} not evaluated: {}", rule.code, reason.0);
        }
    }
}
