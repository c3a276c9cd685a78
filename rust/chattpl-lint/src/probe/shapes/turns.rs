//! Who speaks when.

use serde_json::json;

use super::{assistant, ordinary, special, system, user, Draft};

pub(super) fn table() -> Vec<Draft> {
    vec![
        ordinary("single-user", json!([user("Where do herons sleep?")])),
        ordinary("plain", json!([user("Name a river in Peru."), assistant("The Ucayali flows there.")])),
        ordinary(
            "system",
            json!([system("Answer like a lighthouse keeper."), user("Is fog near?"), assistant("It rolls in at dusk.")]),
        ),
        ordinary("system-user", json!([system("Speak only of gardens."), user("What blooms in March?")])),
        ordinary(
            "multi-turn",
            json!([
                user("First, name a metal."),
                assistant("Copper is one."),
                user("Second, name a gem."),
                assistant("Garnet is another."),
                user("Third, name a wood."),
                assistant("Walnut ends the list."),
            ]),
        ),
        ordinary(
            "multi-turn-system",
            json!([
                system("Keep replies to a few words."),
                user("Which bird sings at night?"),
                assistant("The nightingale."),
                user("And which one hoots?"),
                assistant("The tawny owl."),
                user("And which one drums?"),
            ]),
        ),
        special("empty", json!([])),
        special("system-only", json!([system("Guard the harbour gate.")])),
        special("two-systems", json!([system("Rule one is brevity."), system("Rule two is candour."), user("Begin.")])),
        special(
            "system-midway",
            json!([user("Tell me of moss."), assistant("It loves shade."), system("From here on, rhyme."), user("And ferns?")]),
        ),
        special("consecutive-users", json!([user("Here is a letter."), user("Please translate it.")])),
        special(
            "consecutive-assistants",
            json!([user("Count for me."), assistant("One, two."), assistant("Three, four."), user("Thanks, enough.")]),
        ),
        special("assistant-first", json!([assistant("Welcome to the archive."), user("Where are the maps?")])),
        special("developer", json!([json!({ "role": "developer", "content": "Prefer metric units." }), user("How tall is an oak?")])),
        special("unknown-role", json!([user("Who keeps score?"), json!({ "role": "referee", "content": "The score is tied." })])),
        special(
            "named-participants",
            json!([
                json!({ "role": "user", "name": "Ottilie", "content": "I brought plums." }),
                json!({ "role": "assistant", "name": "Barnaby", "content": "I shall bake a tart." }),
            ]),
        ),
        special("documents", json!([user("What does the almanac say?")])).documents(json!([
            { "title": "Almanac of winds", "text": "The north wind turns at noon.", "content": "The north wind turns at noon." },
        ])),
        special("prefill", json!([user("Finish my limerick."), assistant("A sailor who came from Bude")])),
        special("function-role", json!([user("What did the oracle say?"), json!({ "role": "function", "name": "oracle", "content": "It spoke of rain." })])),
    ]
}
