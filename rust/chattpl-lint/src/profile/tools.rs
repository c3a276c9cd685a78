//! Tools: declared, called, answered; how arguments and ids may be written.

use serde_json::{json, Value};

use super::fate::{judge, printed_at, Fate};
use super::parts::garbled;
use crate::probe::{shape, Ask, Form, Printed, Probes};

/// The calls of the conversations that are looked at.
const CALLS: &str = "/messages/1/tool_calls";

/// Tools, their calls and answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    /// Their declarations.
    pub declared: Fate,
    /// One call, in a message whose content is an empty text.
    pub calls: Fate,
    /// One call, in a message whose content is `null`.
    pub calls_with_null: Fate,
    /// One call, in a message that has no content at all.
    pub calls_without_content: Fate,
    /// Several calls in one message.
    pub parallel_calls: Fate,
    /// Text before a call, in one message.
    pub text_and_call: Fate,
    /// What a tool answers.
    pub results: Fate,
    /// Answers that are lists of text parts.
    pub results_as_parts: Fate,
    /// Answers that are mappings.
    pub results_as_mappings: Fate,
    /// Calls in a conversation that declares no tools.
    pub history_without_tools: Fate,
    /// Arguments given as a mapping.
    pub arguments_as_mapping: Fate,
    /// Arguments given as JSON text.
    pub arguments_as_text: Fate,
    /// Ids of calls.
    pub ids: Ids,
}

/// Which ids of calls are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    /// Whether an id is printed.
    pub are_printed: bool,
    /// Nine letters and digits.
    pub nine_characters: Fate,
    /// `call_` and two dozen letters and digits.
    pub openai: Fate,
    /// None at all.
    pub absent: Fate,
}

impl Tools {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "declared": self.declared.to_json(),
            "calls": self.calls.to_json(),
            "calls_with_null": self.calls_with_null.to_json(),
            "calls_without_content": self.calls_without_content.to_json(),
            "parallel_calls": self.parallel_calls.to_json(),
            "text_and_call": self.text_and_call.to_json(),
            "results": self.results.to_json(),
            "results_as_parts": self.results_as_parts.to_json(),
            "results_as_mappings": self.results_as_mappings.to_json(),
            "history_without_tools": self.history_without_tools.to_json(),
            "arguments": {
                "mapping": self.arguments_as_mapping.to_json(),
                "text": self.arguments_as_text.to_json(),
            },
            "ids": {
                "are_printed": self.ids.are_printed,
                "nine_characters": self.ids.nine_characters.to_json(),
                "openai": self.ids.openai.to_json(),
                "absent": self.ids.absent.to_json(),
            },
        })
    }
}

pub(super) fn of(probes: &Probes<'_>) -> Tools {
    let at = |name: &str, paths: &[&str]| printed_at(probes, shape(name), paths);
    let content = "/messages/2/content";
    let both = ["/messages/1/tool_calls/0", "/messages/1/tool_calls/1"];
    Tools {
        declared: at("tools-unused", &["/tools/0", "/tools/1"]),
        calls: at("tool-call-empty-content", &[CALLS]),
        calls_with_null: at("tool-call-no-content", &[CALLS]),
        calls_without_content: at("tool-call-missing-content", &[CALLS]),
        parallel_calls: at("parallel-calls", &both),
        text_and_call: at("tool-call-preamble", &["/messages/1/content", CALLS]),
        results: at("tool-round", &[content]),
        results_as_parts: judge(&probes.natural(shape("result-parts")), |printed| {
            if printed.text_of(content).is_empty() {
                Fate::Dropped
            } else {
                garbled(turn(printed)).unwrap_or(Fate::Accepted)
            }
        }),
        results_as_mappings: at("result-mapping", &[content]),
        history_without_tools: at("tool-history-without-tools", &[CALLS]),
        arguments_as_mapping: arguments(probes, false),
        arguments_as_text: arguments(probes, true),
        ids: ids(probes),
    }
}

/// What becomes of arguments in one of their two forms.
fn arguments(probes: &Probes<'_>, string_arguments: bool) -> Fate {
    let ask = Ask::whole(shape("arguments-mapping")).written(Form { string_arguments, ..probes.form() });
    judge(&probes.get(ask), |printed| {
        let said = printed.text_of(CALLS);
        let whole = turn(printed);
        if !said.contains("Portree") {
            Fate::Dropped
        } else if whole.contains("\\\"harbour\\\"") {
            Fate::Garbled("encoded a second time")
        } else if whole.contains("'harbour'") {
            Fate::Garbled("as Python writes a mapping")
        } else {
            Fate::Accepted
        }
    })
}

/// The text from the user's question on: declarations of tools name arguments as well.
fn turn(printed: &Printed) -> &str {
    let start = printed.pieces_of("/messages/0/content").last().map_or(0, |range| range.end);
    &printed.text[start..]
}

fn ids(probes: &Probes<'_>) -> Ids {
    let taken = |name: &str| printed_at(probes, shape(name), &["/messages/1/tool_calls/0/function"]);
    let nine = probes.natural(shape("call-with-nine-characters"));
    let are_printed = nine.as_ref().as_ref().is_ok_and(|printed| turn(printed).contains("buckie001"));
    Ids {
        are_printed,
        nine_characters: taken("call-with-nine-characters"),
        openai: taken("openai-ids"),
        absent: taken("call-without-id"),
    }
}
