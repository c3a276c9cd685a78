//! CT406: the model is asked to think, and no row of training shows a thought.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::message_loop;
use crate::probe::{shape, Ask, Printed, Shape, Thinking};
use crate::rule::{Checked, Rule};
use crate::sampling::Sampling;

/// Conversations that end with a turn that reasons, each with what is thought.
const SHAPES: [(&str, &str); 3] = [
    ("reasoning", "Crabs are decapods."),
    ("reasoning-field", "The Dead Sea is a lake."),
    ("reasoning-in-last-content", "Callisto is heavily cratered."),
];

declare_rule! {
    /// ## What it does
    /// Reports templates whose prompts open a thought (`<think>`), or that look for one in what an assistant said, of which
    /// no assistant's turn holds the reasoning: neither as a field of the message nor as part of its content.
    ///
    /// ## Why
    /// A model that is trained with the template learns to answer at once. The reasoning in the data is lost without a
    /// word.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- set content = message.content or '' -%}
    /// {%- if message.role == 'assistant' -%}{%- set content = content.split('</think>')[-1] -%}{%- endif -%}
    /// {{- '<' + message.role + '>' + content + '\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- set content = message.content or '' -%}
    /// {%- if message.role == 'assistant' and not loop.last -%}{%- set content = content.split('</think>')[-1] -%}{%- endif -%}
    /// {{- '<' + message.role + '>' + content + '\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT406",
    name: "reasoning-never-trained",
    family: Training,
    kind: Training,
    profiles: [Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    if !opens_thought(context)? {
        return Ok(Vec::new());
    }
    let sampling = context.sampling()?;
    let mut answered = None;
    for (name, thought) in SHAPES {
        let shape = shape(name);
        // Some templates show thoughts only where they are asked to.
        for ask in [Ask::whole(shape), Ask::whole(shape).thinking(Thinking::On)] {
            let outcome = probes.get(ask);
            let Ok(printed) = &*outcome else {
                continue;
            };
            if is_learnt(context, sampling, (shape, printed), thought)? {
                return Ok(Vec::new());
            }
            answered = answered.or(printed.says(1).then_some(name));
        }
    }
    let message = "the model is to think before it answers, and no assistant's turn holds the reasoning of a message";
    let finding = |name| Ok(Finding::new(rule, message_loop(context)?, message).on_shape(name));
    answered.map(finding).into_iter().collect()
}

/// Whether prompts end in an open thought, or the template cuts thoughts out of contents.
fn opens_thought(context: &Context<'_>) -> Result<bool, crate::rule::NotEvaluated> {
    let prompted = context.probes()?.natural(shape("single-user"));
    let opens = |text: &str| {
        let (open, close) = (text.rfind("<think>"), text.rfind("</think>"));
        open.is_some_and(|open| close.is_none_or(|close| close < open))
    };
    let in_prompt = matches!(&*prompted, Ok(printed) if opens(&printed.text));
    let text = context.text();
    let cuts = ["split('</think>')", "split(\"</think>\")", "reasoning_content", "thinking"];
    Ok(in_prompt || cuts.iter().any(|cut| text.contains(cut)))
}

/// Whether a thought is part of what is learnt: of the marks where the template has some, else of what is sampled.
fn is_learnt(
    context: &Context<'_>,
    sampling: &Sampling,
    (shape, printed): (&Shape, &Printed),
    thought: &str,
) -> Result<bool, crate::rule::NotEvaluated> {
    let Some(at) = printed.text.find(thought) else {
        return Ok(false);
    };
    if context.probes()?.program().marks_generation() {
        return Ok(printed.generation.iter().any(|(start, end)| (*start as usize..*end as usize).contains(&at)));
    }
    Ok(sampling.sampled(shape, printed).spans.iter().any(|span| span.contains(&at)))
}
