//! Where text came from: sources, messages and the table of input values.

use std::cell::RefCell;

use bumpalo::collections::Vec as BumpVec;
use bumpalo::Bump;

/// Sources with this bit name a place in the template; the rest is an index into [`Program::places`].
///
/// [`Program::places`]: crate::Program
pub(crate) const TEMPLATE_BIT: u32 = 1 << 31;
/// Source of text that was computed from nothing but the template (a loop counter, `true`).
pub(crate) const COMPUTED: u32 = u32::MAX;
/// Source of a marker that opens a `{% generation %}` block.
pub(crate) const GENERATION_START: u32 = u32::MAX - 1;
/// Source of a marker that closes a `{% generation %}` block.
pub(crate) const GENERATION_END: u32 = u32::MAX - 2;

/// The message of a run that was not used yet.
pub(crate) const UNUSED: u32 = u32::MAX;

/// What kind of input a piece of text came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Origin {
    /// Text that stands in the template's source.
    Template = 0,
    /// A value inside a message.
    Message = 1,
    /// A tool declaration.
    Tools = 2,
    /// A document.
    Documents = 3,
    /// Any other template argument.
    Argument = 4,
    /// The clock (`strftime_now`).
    Clock = 5,
}

/// The source and the message of one run of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    /// Index of an input value, or a place in the template.
    pub source: u32,
    /// Index of the message it belongs to, or [`UNUSED`].
    pub message: u32,
}

impl Tag {
    /// The tag of text computed from the template alone.
    pub const COMPUTED: Tag = Tag { source: COMPUTED, message: UNUSED };

    /// Whether the text came from data rather than from the template.
    pub fn is_data(self) -> bool {
        is_data(self.source)
    }
}

/// Whether a source is an input value.
pub(crate) fn is_data(source: u32) -> bool {
    source & TEMPLATE_BIT == 0
}

/// The first of two sources that is an input value, else [`COMPUTED`].
pub(crate) fn derived(a: u32, b: u32) -> u32 {
    if is_data(a) {
        a
    } else if is_data(b) {
        b
    } else {
        COMPUTED
    }
}

/// How an input value is reached from its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key<'r> {
    /// A root: messages, tools, ...; its name is the first element of every path under it.
    Root(&'static str),
    /// An element of a list.
    Index(u32),
    /// A value of a mapping.
    Name(&'r str),
}

/// One input value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'r> {
    pub parent: u32,
    pub message: u32,
    pub key: Key<'r>,
}

pub(crate) const MESSAGES_ROOT: u32 = 0;
pub(crate) const TOOLS_ROOT: u32 = 1;
pub(crate) const DOCUMENTS_ROOT: u32 = 2;
pub(crate) const ARGUMENTS_ROOT: u32 = 3;
pub(crate) const CLOCK_ROOT: u32 = 4;
/// What a row holds besides messages, tools and documents; nothing of it is printed.
pub(crate) const ROW_ROOT: u32 = 5;

/// Every value of the caller's input, so that a path can be read off a source.
#[derive(Debug)]
pub(crate) struct Nodes<'r> {
    items: RefCell<BumpVec<'r, Node<'r>>>,
    /// Sources of the strings that hold more than white space.
    texts: RefCell<BumpVec<'r, u32>>,
}

impl<'r> Nodes<'r> {
    /// A table that holds the roots.
    pub fn new(arena: &'r Bump) -> Self {
        let mut items = BumpVec::with_capacity_in(64, arena);
        for name in ["messages", "tools", "documents", "arguments", "clock", ""] {
            items.push(Node { parent: u32::MAX, message: UNUSED, key: Key::Root(name) });
        }
        Nodes { items: RefCell::new(items), texts: RefCell::new(BumpVec::with_capacity_in(32, arena)) }
    }

    /// Notes that the value `source` is a string that holds more than white space.
    #[inline]
    pub fn add_text(&self, source: u32) {
        self.texts.borrow_mut().push(source);
    }

    /// How many strings were noted.
    pub fn texts(&self) -> usize {
        self.texts.borrow().len()
    }

    /// Forgets the strings that were noted after there were `count`.
    pub fn truncate_texts(&self, count: usize) {
        self.texts.borrow_mut().truncate(count);
    }

    /// Forgets the strings that lie in messages as they were first read, which others take the place of.
    pub fn forget_messages(&self) {
        let items = self.items.borrow();
        let in_messages = |mut at: u32| loop {
            match items[at as usize].parent {
                u32::MAX => break at == MESSAGES_ROOT,
                parent => at = parent,
            }
        };
        self.texts.borrow_mut().retain(|source| !in_messages(*source));
    }

    /// Forgets the strings `sources` themselves, and those inside the containers `sources`; roots hold nothing here.
    pub fn forget(&self, sources: &[u32]) {
        let items = self.items.borrow();
        let is_gone = |text: u32| {
            let mut at = text;
            while at > ROW_ROOT {
                if sources.contains(&at) {
                    return true;
                }
                at = items[at as usize].parent;
            }
            at == text && sources.contains(&at)
        };
        self.texts.borrow_mut().retain(|text| !is_gone(*text));
    }

    /// Calls `found` with the source of each noted string of which nothing was printed, by itself or as part of a container.
    ///
    /// `printed` has a bit for each source that was printed. Arguments, and what only a row holds, are left out.
    pub fn unprinted(&self, printed: &[u64], mut found: impl FnMut(u32)) {
        let items = self.items.borrow();
        let is_printed = |source: u32| printed[source as usize / 64] >> (source % 64) & 1 == 1;
        'texts: for &source in self.texts.borrow().iter() {
            let mut at = source;
            while at != u32::MAX {
                if is_printed(at) || matches!(at, ARGUMENTS_ROOT | CLOCK_ROOT | ROW_ROOT) {
                    continue 'texts;
                }
                at = items[at as usize].parent;
            }
            found(source);
        }
    }

    /// Adds a value under `parent` that lies in `message`, and returns its source.
    pub fn add(&self, parent: u32, key: Key<'r>, message: u32) -> u32 {
        let mut items = self.items.borrow_mut();
        let id = items.len() as u32;
        items.push(Node { parent, message, key });
        id
    }

    /// The tag of text that is exactly the value `source`.
    pub fn tag(&self, source: u32) -> Tag {
        Tag { source, message: self.items.borrow()[source as usize].message }
    }

    /// The message that a value lies in; [`UNUSED`] when it lies in none.
    pub fn message(&self, source: u32) -> u32 {
        if is_data(source) {
            self.items.borrow()[source as usize].message
        } else {
            UNUSED
        }
    }

    /// The message of a run once `message` uses it: its own, else that of its value, else `message`.
    pub fn message_of_use(&self, tag: Tag, message: u32) -> u32 {
        if tag.message != UNUSED {
            return tag.message;
        }
        match self.message(tag.source) {
            UNUSED => message,
            own => own,
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.items.borrow().len()
    }

    /// One entry of the table.
    pub fn get(&self, source: u32) -> Node<'r> {
        self.items.borrow()[source as usize]
    }
}
