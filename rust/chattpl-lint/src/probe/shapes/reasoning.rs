//! What an assistant thinks before it speaks.

use serde_json::{json, Value};

use super::{assistant, call, plain_tools, result, special, user, Draft};

/// An assistant's message with its reasoning under a field name.
fn thinking(field: &str, reasoning: &str, content: &str) -> Value {
    json!({ "role": "assistant", "content": content, field: reasoning })
}

/// An assistant's message that reasons, then calls a tool.
fn thinking_call(reasoning: &str, id: &str, harbour: &str) -> Value {
    json!({
        "role": "assistant",
        "content": "",
        "reasoning_content": reasoning,
        "tool_calls": [call(id, "get_tide", json!({ "harbour": harbour }))],
    })
}

pub(super) fn table() -> Vec<Draft> {
    vec![
        special(
            "reasoning",
            json!([
                user("How many legs has a crab?"),
                thinking("reasoning_content", "Crabs are decapods.", "It has ten.")
            ]),
        ),
        special(
            "reasoning-multi-turn",
            json!([
                user("Name a prime."),
                thinking("reasoning_content", "Seven has no divisors.", "Seven it is."),
                user("Name a square."),
                thinking("reasoning_content", "Nine is three squared.", "Nine it is."),
            ]),
        ),
        special(
            "reasoning-tool",
            json!([
                user("When is low water at Kyle?"),
                thinking_call("The tide table will know.", "reason001", "Kyle"),
                result("reason001", "get_tide", "Low water at four."),
            ]),
        )
        .tools(plain_tools()),
        special(
            "reasoning-only",
            json!([user("Ponder in silence."), thinking("reasoning_content", "Silence is golden.", "")]),
        ),
        special(
            "reasoning-field",
            json!([user("Which sea is saltiest?"), thinking("reasoning", "The Dead Sea is a lake.", "The Red Sea.")]),
        ),
        special(
            "reasoning-in-content",
            json!([
                user("Which moon is largest?"),
                assistant("<think>\nTitan trails Ganymede.\n</think>\n\nGanymede."),
                user("And next?")
            ]),
        ),
        special("reasoning-tool-loop", tool_loop()).tools(plain_tools()),
        special(
            "thinking-field",
            json!([user("Which lake is deepest?"), thinking("thinking", "Baikal is a rift.", "Baikal.")]),
        ),
        special(
            "prefill-reasoning",
            json!([user("Argue for shorter weeks."), assistant("<think>\nA week of six days")]),
        ),
        special(
            "reasoning-part",
            json!([
                user("Which desert is driest?"),
                assistant(json!([
                    { "type": "thinking", "thinking": "Rain avoids the Atacama.", "closed": true },
                    { "type": "text", "text": "The Atacama." },
                ])),
            ]),
        ),
        special("tool-loop-after-turns", loop_after_turns()).tools(plain_tools()),
        special(
            "reasoning-in-last-content",
            json!([
                user("Which moon is darkest?"),
                assistant("<think>\nCallisto is heavily cratered.\n</think>\n\nCallisto."),
            ]),
        ),
    ]
}

/// Four rounds of reasoning and calling, with no user between.
fn tool_loop() -> Value {
    let mut messages = vec![user("Survey every harbour.")];
    let harbours = [("Stromness", "alpha"), ("Scrabster", "bravo"), ("Wick", "charlie"), ("Helmsdale", "delta")];
    for (index, (harbour, word)) in harbours.into_iter().enumerate() {
        let id = format!("loopcall{index}");
        messages.push(thinking_call(&format!("Step {word} comes next."), &id, harbour));
        messages.push(result(&id, "get_tide", format!("Report {word} is in.")));
    }
    messages.push(assistant("The survey is complete."));
    Value::Array(messages)
}

/// A question that was answered, then one whose tools are still being called.
fn loop_after_turns() -> Value {
    json!([
        user("Where does the ferry dock?"),
        thinking("reasoning_content", "Ferries dock at piers.", "At the long pier."),
        user("And when does it sail?"),
        thinking_call("The timetable is a tide table.", "turncall1", "Lerwick"),
        result("turncall1", "get_tide", "It sails at six."),
        thinking_call("The next port matters too.", "turncall2", "Kirkwall"),
        result("turncall2", "get_tide", "It lands at noon."),
    ])
}
