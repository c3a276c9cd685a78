//! Who may speak, and when.

use serde_json::{json, Value};

use super::fate::{all_json, printed_at, Fate};
use crate::probe::{shape, Probes};

/// Roles, each with a conversation that has it and the message that does.
const ROLES: [(&str, &str, &str); 7] = [
    ("system", "system", "/messages/0"),
    ("user", "plain", "/messages/0"),
    ("assistant", "plain", "/messages/1"),
    ("tool", "tool-round", "/messages/2"),
    ("developer", "developer", "/messages/0"),
    ("function", "function-role", "/messages/1"),
    ("unknown", "unknown-role", "/messages/1"),
];

/// Orders that formats differ in, each with a conversation and the messages that have to be printed.
const ORDERS: [(&str, &str, &[&str]); 8] = [
    ("no_messages", "empty", &[]),
    ("assistant_first", "assistant-first", &["/messages/0/content", "/messages/1/content"]),
    ("users_in_a_row", "consecutive-users", &["/messages/0/content", "/messages/1/content"]),
    ("assistants_in_a_row", "consecutive-assistants", &["/messages/1/content", "/messages/2/content"]),
    ("user_after_tool", "user-right-after-tool", &["/messages/3/content"]),
    ("assistant_after_tool", "tool-answer", &["/messages/3/content"]),
    ("no_user", "system-only", &["/messages/0/content"]),
    ("tool_loop_without_user", "loop-without-user", &["/messages/2/content"]),
];

/// Who may speak, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// Each role's message; `unknown` stands for any other.
    pub accepted: Vec<(&'static str, Fate)>,
    /// Orders other than a system message, then users and assistants in turn.
    pub orders: Vec<(&'static str, Fate)>,
}

impl Roles {
    /// The fate of a role.
    pub fn role(&self, name: &str) -> Option<&Fate> {
        self.accepted.iter().find(|(role, _)| *role == name).map(|(_, fate)| fate)
    }

    /// The fate of an order, such as `users_in_a_row`.
    pub fn order(&self, name: &str) -> Option<&Fate> {
        self.orders.iter().find(|(order, _)| *order == name).map(|(_, fate)| fate)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "accepted": all_json(&self.accepted), "orders": all_json(&self.orders) })
    }
}

pub(super) fn of(probes: &Probes<'_>) -> Roles {
    let accepted = ROLES.map(|(role, name, path)| (role, printed_at(probes, shape(name), &[path])));
    let orders = ORDERS.map(|(order, name, paths)| (order, printed_at(probes, shape(name), paths)));
    Roles { accepted: accepted.into(), orders: orders.into() }
}
