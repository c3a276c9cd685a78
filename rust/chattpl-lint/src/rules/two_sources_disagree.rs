//! CT309: a model carries two templates, and they do not print the same.

use crate::context::{Context, Subject};
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{first_line, printer_of};
use crate::probe::{common_prefix, shapes, Outcome};
use crate::rule::{Checked, NotEvaluated, Rule};

/// Characters of a text that a message shows.
const MAX_SHOWN: usize = 24;

declare_rule! {
    /// ## What it does
    /// Renders both templates of a model, as in `chat_template.jinja` and `tokenizer_config.json`, and reports the first
    /// conversation of which they print different texts.
    ///
    /// ## Why
    /// Which of them is used depends on the program that reads the model, and on its version: the same conversation becomes
    /// two prompts.
    ///
    /// ## Bad
    /// ```jinja other="{%- for m in messages -%}{{- '<' + m.role + '> ' + (m.content or '') -}}{%- endfor -%}"
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja other="{% for m in messages %}{{ '<' + m.role + '>' }}{{ (m.content or '') + '\n' }}{% endfor %}{{ '<assistant>' if add_generation_prompt else '' }}"
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT309",
    name: "two-sources-disagree",
    family: Tokenizer,
    kind: Probe,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let subject = context.subject;
    let Some((text, from)) = &subject.supplied.other_template else {
        return Err(NotEvaluated::because("the model has no second template, or none is given"));
    };
    let probes = context.probes()?;
    let other = Subject::new(text.clone(), Some(from), subject.supplied.clone());
    let other = Context::new(&other);
    let Ok(others) = other.probes() else {
        let message = format!("the template in `{from}` does not compile, and this one does");
        return Ok(vec![Finding::new(rule, first_line(context), message)]);
    };
    for shape in shapes().iter().filter(|_| *text != subject.original) {
        let (ours, theirs) = (probes.natural(shape), others.natural(shape));
        let Some((at, difference)) = difference(&ours, &theirs, from) else {
            continue;
        };
        let place = ours.as_ref().as_ref().ok().and_then(|printed| printer_of(context, printed, at));
        let message = format!("the conversation `{}` is not the same in `{from}`: {difference}", shape.name);
        return Ok(vec![Finding::new(rule, place.unwrap_or_else(|| first_line(context)), message).on_shape(shape.name)]);
    }
    Ok(Vec::new())
}

/// Where two outcomes part, and how, in words.
fn difference(ours: &Outcome, theirs: &Outcome, from: &str) -> Option<(usize, String)> {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) if ours.text != theirs.text => {
            let at = common_prefix(&ours.text, &theirs.text);
            Some((at, format!("{} here, {} there", shown(&ours.text[at..]), shown(&theirs.text[at..]))))
        }
        (Ok(_), Err(error)) => Some((0, format!("`{from}` fails with `{}`", error.message()))),
        (Err(error), Ok(_)) => Some((0, format!("this one fails with `{}`", error.message()))),
        _ => None,
    }
}

fn shown(text: &str) -> String {
    if text.is_empty() {
        return "the text ends".to_owned();
    }
    let start: String = text.chars().take(MAX_SHOWN).collect();
    format!("`{}`", start.replace('\n', "\\n"))
}
