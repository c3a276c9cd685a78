//! The vendor formats of `templates/`, written into the library when it is built.

include!(concat!(env!("OUT_DIR"), "/formats.rs"));

/// One format of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Its name, such as `qwen3`.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// Globs of the Hub ids that speak it.
    pub hub: &'static [&'static str],
    /// Everything in `format.toml` as a JSON object, with the template's text as `template` and `NOTES.md` as `notes`.
    pub json: &'static str,
}

/// All formats, by vendor and name.
pub fn all() -> &'static [Format] {
    FORMATS
}

/// The format with this name or alias.
pub fn by_name(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name || format.aliases.contains(&name))
}

/// The format whose globs match a Hub id; the longest glob wins.
pub fn by_model_id(id: &str) -> Option<&'static Format> {
    let globs = FORMATS.iter().flat_map(|format| format.hub.iter().map(move |glob| (glob, format)));
    globs.filter(|(glob, _)| matches(glob, id)).max_by_key(|(glob, _)| glob.len()).map(|(_, format)| format)
}

/// Whether `id` fits a glob in which `*` stands for any text; case does not count.
fn matches(glob: &str, id: &str) -> bool {
    let (glob, id) = (glob.to_lowercase(), id.to_lowercase());
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = id.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_unique() {
        let mut names: Vec<&str> =
            all().iter().flat_map(|format| format.aliases.iter().copied().chain([format.name])).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(count > 0);
    }

    #[test]
    fn globs_match_whole_ids() {
        assert!(matches("Qwen/Qwen3-*B", "qwen/Qwen3-8B"));
        assert!(!matches("Qwen/Qwen3-*B", "Qwen/Qwen3-8B-Base"));
        assert!(matches("a*b*c", "a--b--c"));
        assert!(!matches("abc", "abcd"));
    }
}
