//! Roles by name: whose they are, and which of them a format knows.

use chattpl_render::Program;

/// Names under which the results of tools are given.
const TOOLS: [&str; 9] = [
    "tool",
    "function",
    "ipython",
    "observation",
    "tool_response",
    "tool_responses",
    "tool_result",
    "tool_results",
    "environment",
];

/// Names of the role that a model speaks in.
const ASSISTANTS: [&str; 4] = ["assistant", "model", "chatbot", "bot"];

/// Names of other roles that formats share.
const OTHERS: [&str; 5] = ["user", "system", "developer", "human", "context"];

/// Whether a role is a tool's.
pub(crate) fn is_tool(role: &str) -> bool {
    TOOLS.iter().any(|tool| tool.eq_ignore_ascii_case(role))
}

/// Whether a role is the one that a model speaks in.
pub(crate) fn is_assistant(role: &str) -> bool {
    ASSISTANTS.iter().any(|assistant| assistant.eq_ignore_ascii_case(role))
}

/// The roles that a format knows: standard ones, and those that its template compares with.
#[derive(Debug, Clone)]
pub(crate) struct KnownRoles(Vec<String>);

/// The number of a role that a format knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoleId(u16);

impl KnownRoles {
    /// Standard roles alone.
    pub fn standard() -> Self {
        let standard =
            ASSISTANTS[..1].iter().chain(&OTHERS[..2]).chain(&TOOLS).chain(&OTHERS[2..]).chain(&ASSISTANTS[1..]);
        KnownRoles(standard.map(|&role| role.to_owned()).collect())
    }

    /// Those of a template.
    pub fn of(program: &Program) -> Self {
        let mut roles = Self::standard();
        let compared = program.compared_roles().into_iter().filter(|role| !role.trim().is_empty());
        let new: Vec<String> = compared.filter(|role| roles.find(role).is_none()).collect();
        roles.0.extend(new);
        roles
    }

    /// Finds a role, whatever its case and the white space around it.
    pub fn find(&self, role: &str) -> Option<RoleId> {
        let same = |known: &String| known == role;
        let alike = |known: &String| is_spelled(role, known);
        let at = self.0.iter().position(same).or_else(|| self.0.iter().position(alike))?;
        u16::try_from(at).ok().map(RoleId)
    }

    /// Whether a text is a role as a whole, whatever its case and the white space around it.
    pub fn is(&self, id: RoleId, text: &str) -> bool {
        is_spelled(text, &self.0[usize::from(id.0)])
    }
}

fn is_spelled(text: &str, role: &str) -> bool {
    let (text, role) = (text.trim(), role.trim());
    text.eq_ignore_ascii_case(role) || (!text.is_ascii() && text.to_lowercase() == role.to_lowercase())
}
