//! Tools: declared, called, answered.

use serde_json::{json, Value};

use super::{assistant, call, calling, ordinary, plain_tools, result, special, system, tool, user, Draft};

pub(super) fn table() -> Vec<Draft> {
    let mut table = declared();
    table.extend(called());
    table.extend(arguments());
    table.extend(results());
    table.push(special("unicode-tool", json!([user("Reserve the sauna.")])).tools(unicode_tool()));
    table.extend(more());
    table
}

/// A tool whose texts hold what JSON and HTML may escape.
fn unicode_tool() -> Value {
    let zone =
        json!({ "type": "string", "description": "Größe \"S\" <or> 'M' & a/b ☃.", "enum": ["nördlich", "südlich"] });
    let schema = json!({ "type": "object", "properties": { "zone": zone }, "required": ["zone"] });
    json!([tool("reserve_sauna", "Belegt die Außensauna.", schema)])
}

fn declared() -> Vec<Draft> {
    vec![
        ordinary("tools-unused", json!([user("Hello, is anyone there?"), assistant("Yes, all day.")]))
            .tools(plain_tools()),
        ordinary("tools-system", json!([system("Consult the almanac."), user("Shall I sail?")])).tools(plain_tools()),
        special("many-tools", json!([user("Pick any instrument.")])).tools((0..12).map(numbered_tool).collect()),
        special("deep-schema", json!([user("Book the ferry.")])).tools(json!([deep_tool()])),
    ]
}

fn numbered_tool(number: u32) -> Value {
    let name = format!("instrument_{number}");
    tool(&name, &format!("Plays instrument number {number}."), json!({ "type": "object", "properties": {} }))
}

/// A schema whose every leaf is a word of its own.
fn deep_tool() -> Value {
    tool(
        "book_ferry",
        "Books a ferry crossing.",
        json!({
            "type": "object",
            "properties": {
                "cabin": { "type": "string", "enum": ["porthole", "bunkroom"], "default": "bunkroom", "description": "Cabin wanted." },
                "party": {
                    "type": "object",
                    "description": "Who travels.",
                    "properties": {
                        "leader": { "anyOf": [{ "type": "string", "description": "Full surname." }, { "type": "null" }] },
                        "ages": { "type": "array", "items": { "type": "integer", "minimum": 3, "maximum": 97 } },
                    },
                    "required": ["leader"],
                },
                "vehicle": { "$ref": "#/$defs/vehicle" },
                "meal": { "type": "string", "default": "kippers", "description": "Breakfast served." },
            },
            "required": ["cabin", "party"],
            "$defs": { "vehicle": { "type": "string", "pattern": "^[A-Z]{2}$" } },
        }),
    )
}

fn called() -> Vec<Draft> {
    let hull = || json!([call("weather01", "get_weather", json!({ "town": "Whitby" }))]);
    let round = || {
        vec![user("Weather for Whitby?"), calling("", hull()), result("weather01", "get_weather", "Drizzle and gulls.")]
    };
    let with = |more: Vec<Value>| Value::Array(round().into_iter().chain(more).collect());
    vec![
        ordinary("tool-call", json!([user("Is it raining in Whitby?"), calling("", hull())])).tools(plain_tools()),
        ordinary("tool-round", with(vec![])).tools(plain_tools()),
        ordinary("tool-answer", with(vec![assistant("Take a raincoat.")])).tools(plain_tools()),
        ordinary("user-after-tool", with(vec![assistant("Bring an umbrella."), user("And tomorrow then?")]))
            .tools(plain_tools()),
        special("user-right-after-tool", with(vec![user("Never mind the answer.")])).tools(plain_tools()),
        special(
            "tool-call-null-content",
            json!([
                user("Storm due in Whitby?"),
                calling(Value::Null, hull()),
                result("weather01", "get_weather", "No storm.")
            ]),
        )
        .tools(plain_tools()),
        special(
            "tool-call-preamble",
            json!([
                user("Rain due in Whitby?"),
                calling("Let me look outside.", hull()),
                result("weather01", "get_weather", "Dry.")
            ]),
        )
        .tools(plain_tools()),
        special(
            "parallel-calls",
            json!([
                user("Weather in Leith and tide at Grimsby?"),
                calling(
                    "",
                    json!([
                        call("parallel1", "get_weather", json!({ "town": "Leith" })),
                        call("parallel2", "get_tide", json!({ "harbour": "Grimsby" })),
                    ])
                ),
                result("parallel1", "get_weather", "Sleet over Leith."),
                result("parallel2", "get_tide", "Ebb at Grimsby."),
            ]),
        )
        .tools(plain_tools()),
        special(
            "two-rounds",
            json!([
                user("Compare two harbours."),
                calling("", json!([call("roundone1", "get_tide", json!({ "harbour": "Tarbert" }))])),
                result("roundone1", "get_tide", "Flood at Tarbert."),
                calling("", json!([call("roundtwo2", "get_tide", json!({ "harbour": "Oban" }))])),
                result("roundtwo2", "get_tide", "Slack at Oban."),
                assistant("Oban is calmer."),
            ]),
        )
        .tools(plain_tools()),
        special("tool-history-without-tools", with(vec![assistant("Pack a scarf.")])),
        special(
            "openai-ids",
            json!([
                user("Tide for Mallaig?"),
                calling(
                    "",
                    json!([call("call_9fQ2xLwTz7bKdVmA1sEo3uYc", "get_tide", json!({ "harbour": "Mallaig" }))])
                ),
                result("call_9fQ2xLwTz7bKdVmA1sEo3uYc", "get_tide", "High at Mallaig."),
            ]),
        )
        .tools(plain_tools()),
    ]
}

/// A conversation in which one tool is called with these arguments.
fn with_arguments(name: &'static str, question: &str, arguments: Value) -> Draft {
    special(name, json!([user(question), calling("", json!([call("argument1", "get_tide", arguments)]))]))
        .tools(plain_tools())
}

fn arguments() -> Vec<Draft> {
    vec![
        with_arguments("empty-arguments", "Any tide at all?", json!({})),
        with_arguments("arguments-string", "Tide at Portree?", json!("{\"harbour\": \"Portree\", \"hours\": 6}")),
        with_arguments("arguments-mapping", "Tide near Portree?", json!({ "harbour": "Portree", "hours": 6 })),
        with_arguments(
            "typed-arguments",
            "Tide with all settings?",
            json!({ "harbour": null, "exact": true, "rough": false, "hours": 12, "height": 2.5, "names": ["Ayr", "Troon"] }),
        ),
        with_arguments(
            "nested-unicode-arguments",
            "Tide with odd names?",
            json!({ "harbour": { "name": "Århus", "quote": "a \"b\" <c> & 'd'", "kana": "みなと" } }),
        ),
    ]
}

/// A conversation in which a tool answers with this content.
fn with_result(name: &'static str, question: &str, content: Value) -> Draft {
    let calls = json!([call("result001", "get_weather", json!({ "town": "Kirkwall" }))]);
    special(name, json!([user(question), calling("", calls), result("result001", "get_weather", content)]))
        .tools(plain_tools())
}

fn results() -> Vec<Draft> {
    let unnamed = json!([
        user("Wind at Kirkwall?"),
        calling("", json!([call("unnamed01", "get_weather", json!({ "town": "Kirkwall" }))])),
        { "role": "tool", "tool_call_id": "unnamed01", "content": "A stiff breeze." },
    ]);
    vec![
        with_result("result-json", "Gale at Kirkwall?", json!("{\"gale\": true, \"knots\": 41}")),
        with_result("result-mapping", "Hail at Kirkwall?", json!({ "hail": "pea-sized", "depth": 3 })),
        with_result("result-parts", "Mist at Kirkwall?", json!([{ "type": "text", "text": "Mist until ten." }])),
        with_result("result-multi-line", "Snow at Kirkwall?", json!("Snow report:\n- deep\n- wet\n")),
        with_result("result-empty", "Fog at Kirkwall?", json!("")),
        with_result("result-error", "Frost at Kirkwall?", json!("Error: Fårö unreachable")),
        special("result-unnamed", unnamed).tools(plain_tools()),
    ]
}

/// A call whose message has this content, or none.
fn calling_with(name: &'static str, content: Option<Value>) -> Draft {
    let mut calls = calling(Value::Null, json!([call("weather02", "get_weather", json!({ "town": "Cromer" }))]));
    match content {
        Some(content) => calls["content"] = content,
        None => {
            calls.as_object_mut().expect("a message is an object").shift_remove("content");
        }
    }
    special(name, json!([user("Squalls due in Cromer?"), calls, result("weather02", "get_weather", "No squalls.")]))
        .tools(plain_tools())
}

/// A call without an id, or with this one.
fn calling_under(name: &'static str, id: Option<&str>) -> Draft {
    let mut call = call("", "get_tide", json!({ "harbour": "Buckie" }));
    let mut result = result("", "get_tide", "Turning at Buckie.");
    for (message, key) in [(&mut call, "id"), (&mut result, "tool_call_id")] {
        match id {
            Some(id) => message[key] = json!(id),
            None => {
                message.as_object_mut().expect("a message is an object").shift_remove(key);
            }
        }
    }
    special(name, json!([user("Tide for Buckie?"), calling("", json!([call])), result])).tools(plain_tools())
}

fn more() -> Vec<Draft> {
    let round = |word: &str, index: usize| {
        let id = format!("manycall{index}");
        (call(&id, "get_tide", json!({ "harbour": word })), result(&id, "get_tide", format!("Calm at {word}.")))
    };
    let harbours = ["Amble", "Blyth", "Craster", "Dunbar", "Eyemouth", "Fowey"];
    let (calls, results): (Vec<Value>, Vec<Value>) =
        harbours.iter().enumerate().map(|(index, word)| round(word, index)).unzip();
    let together =
        [vec![user("Check six harbours at once."), calling("", Value::Array(calls.clone()))], results.clone()];
    let one_by_one = calls.into_iter().zip(results).flat_map(|(call, result)| [calling("", json!([call])), result]);
    let long = std::iter::once(user("Check six harbours in turn.")).chain(one_by_one);
    vec![
        calling_with("tool-call-empty-content", Some(json!(""))),
        calling_with("tool-call-no-content", Some(Value::Null)),
        calling_with("tool-call-missing-content", None),
        calling_under("call-without-id", None),
        calling_under("call-with-nine-characters", Some("buckie001")),
        special("many-calls", Value::Array(together.concat())).tools(plain_tools()),
        special("long-tool-loop", long.collect()).tools(plain_tools()),
        special(
            "tool-preamble-answer",
            json!([
                user("Thunder due in Cromer?"),
                calling(
                    "I shall ask the mast.",
                    json!([call("thunder01", "get_weather", json!({ "town": "Cromer" }))])
                ),
                result("thunder01", "get_weather", "Far thunder."),
                assistant("It is far off."),
            ]),
        )
        .tools(plain_tools()),
        with_result("result-list", "Ice at Kirkwall?", json!([{ "ice": "black" }, { "ice": "thin", "depth": 2 }])),
        special(
            "loop-without-user",
            json!([
                system("Watch the coast."),
                calling("", json!([call("nouser001", "get_tide", json!({ "harbour": "Rosyth" }))])),
                result("nouser001", "get_tide", "Rising at Rosyth."),
            ]),
        )
        .tools(plain_tools()),
    ]
}
