//! Prints the profile of a template as JSON: `cargo run --example profile -- FILE`.

use chattpl_lint::{profile, Context, Subject, Supplied};

fn main() {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let subject = Subject::new(text, Some(&path), Supplied::default());
        match profile::of(&Context::new(&subject)) {
            Ok(profile) => println!("{path}\n{:#}", profile.to_json()),
            Err(reason) => println!("{path}\nno profile: {}", reason.0),
        }
    }
}
