//! Lints template files and prints what is found: `cargo run --example lint -- PROFILE FILES...`.

use chattpl_lint::{lint, Profile, Settings, Subject, Supplied};

fn main() {
    let mut words = std::env::args().skip(1);
    let profile = words.next().and_then(|name| Profile::by_name(&name)).expect("the name of a profile");
    let settings = Settings { profile, ..Settings::default() };
    let started = std::time::Instant::now();
    let mut count = 0;
    for path in words {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let subject = Subject::new(text, Some(&path), Supplied::default());
        for finding in lint(&subject, &settings).findings {
            let (line, column) = subject.source.line_column(finding.span.start);
            let shape = finding.shape.map(|shape| format!(" [{shape}]")).unwrap_or_default();
            println!("{path}:{line}:{column}: {} {}{shape}", finding.code, finding.message);
        }
        count += 1;
    }
    eprintln!("{count} templates in {:?}", started.elapsed());
}
