use chattpl_lint::*;
fn main() {
    let mut n = 0;
    for path in std::env::args().skip(1) {
        let show = std::env::var_os("SHOW").is_some();
        let text = std::fs::read_to_string(&path).unwrap();
        let subject = Subject::new(text, None, Supplied::default());
        let settings = Settings { select: vec![Selector::parse("CT401").unwrap()], ..Settings::default() };
        let findings = lint(&subject, &settings).findings;
        let Some(f) = findings.first() else { continue };
        match &f.fix {
            Some(fix) => { n += 1; println!("FIX {path}"); if show {
                let e: Vec<&Edit> = fix.edits.iter().collect();
                println!("{}", chattpl_lint::fix::edited(&subject.original, &subject.source, &e)); } }
            None => println!("none {path}"),
        }
    }
    println!("{n}");
}
