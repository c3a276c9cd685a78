//! Checks every folder of `templates/` and writes it into the crate.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

type Checked<T> = Result<T, Box<dyn Error>>;

fn main() -> Checked<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut folders = Vec::new();
    for vendor in sorted_folders(&root)? {
        folders.extend(sorted_folders(&vendor)?);
    }
    let mut code = String::from("static FORMATS: &[Format] = &[\n");
    for folder in folders {
        let format = read_format(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let list = |key| strings(&format, key).map(|items| format!("&{items:?}"));
        writeln!(
            code,
            "    Format {{ name: {:?}, aliases: {}, hub: {}, json: {:?} }},",
            text(&format, "name")?,
            list("aliases")?,
            list("hub")?,
            format.to_string(),
        )?;
    }
    code.push_str("];\n");
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("formats.rs");
    fs::write(out, code)?;
    Ok(())
}

fn sorted_folders(path: &Path) -> Checked<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() {
            println!("cargo:rerun-if-changed={}", path.display());
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Reads one folder; refuses it without a licence, a case, or a word on what it was checked against.
fn read_format(folder: &Path) -> Checked<Value> {
    let toml: toml::Table = fs::read_to_string(folder.join("format.toml"))?.parse()?;
    let mut format = serde_json::to_value(toml)?;
    for key in ["name", "vendor", "title", "summary", "released", "license", "tokenizer"] {
        if text(&format, key)?.is_empty() {
            return Err(format!("`{key}` is empty").into());
        }
    }
    let folder_name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if text(&format, "name")? != folder_name {
        return Err("`name` differs from the folder's name".into());
    }
    let source = &format["source"];
    let unverified = source["unverified"].as_bool().unwrap_or(false);
    let named = !source["sha256"].as_str().unwrap_or_default().is_empty();
    if !unverified && !named {
        return Err("`source` has neither `sha256` nor `unverified = true`".into());
    }
    if unverified && source["reason"].as_str().unwrap_or_default().is_empty() {
        return Err("`source.unverified` needs a `reason`".into());
    }
    let cases = fs::read_dir(folder.join("cases"))?;
    if cases.count() == 0 {
        return Err("no cases".into());
    }
    for (key, file) in [("template", "chat.jinja"), ("notes", "NOTES.md")] {
        println!("cargo:rerun-if-changed={}", folder.join(file).display());
        format[key] = Value::String(fs::read_to_string(folder.join(file))?);
    }
    let published = folder.join("published.jinja");
    println!("cargo:rerun-if-changed={}", published.display());
    if published.exists() {
        format["published"] = Value::String(fs::read_to_string(published)?);
    }
    println!("cargo:rerun-if-changed={}", folder.join("format.toml").display());
    Ok(format)
}

fn text<'a>(format: &'a Value, key: &str) -> Checked<&'a str> {
    format[key].as_str().ok_or_else(|| format!("`{key}` is missing").into())
}

fn strings(format: &Value, key: &str) -> Checked<Vec<String>> {
    let items = format[key].as_array().ok_or_else(|| format!("`{key}` is missing"))?;
    Ok(items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
}
