//! A compiled template: instructions, constants and the places they came from.

use chattpl_syntax::ast::CompareOp;
use chattpl_syntax::{Source, Span};

use crate::builtins::filters::Filter;
use crate::builtins::methods::Method;
use crate::builtins::tests::Test;

/// Which part of a printed expression a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    Whole,
    /// The left operand of a sum whose right operand is a string.
    First,
    /// The right operand of a sum whose left operand was a string, and is printed.
    Later,
}

/// Index of a function of the program; 0 is the template itself.
pub(crate) type FunctionId = u32;

/// One step of the virtual machine. Values are taken from and left on its stack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Instr {
    /// Prints a literal.
    Text(u32),
    /// Prints the top value; the place stands for what was computed.
    Emit(u32),
    /// Prints the top value, an operand of a sum.
    EmitPart {
        part: Part,
        place: u32,
    },
    /// Prints a variable of the running function.
    EmitSlot {
        part: Part,
        slot: u16,
        name: u32,
        place: u32,
    },
    /// Prints an attribute of a variable of the running function.
    EmitAttr {
        part: Part,
        slot: u16,
        name: u32,
        place: u32,
    },
    /// Prints the top value as JSON.
    EmitJson {
        argc: u8,
        keywords: u16,
    },
    /// Prints the top value, which must be a string, as computed at a place.
    EmitText(u32),
    Const(u32),
    Int(i32),
    True,
    False,
    None,
    /// A variable; unassigned is undefined.
    Slot {
        depth: u8,
        slot: u16,
        name: u32,
    },
    /// An attribute of a variable of the running function.
    SlotAttr {
        slot: u16,
        name: u32,
    },
    /// `variable['name']`.
    SlotItem {
        slot: u16,
        name: u32,
    },
    Global {
        global: u32,
    },
    Store {
        slot: u16,
    },
    /// Stores into a parameter only if it was not given; jumps over the default otherwise.
    JumpIfGiven {
        slot: u16,
        target: u32,
    },
    /// Copies a variable of an outer scope when a scope is entered.
    Alias {
        depth: u8,
        from: u16,
        to: u16,
    },
    Resolve {
        slot: u16,
        global: u32,
    },
    Clear {
        slot: u16,
    },
    Export {
        slot: u16,
        name: u32,
    },
    Attr(u32),
    Item,
    /// `object['name']`.
    ItemStr(u32),
    Slice,
    List(u32),
    Tuple(u32),
    Dict(u32),
    Not,
    Neg,
    Pos,
    Add,
    Sub,
    /// Adds a small number of the template.
    AddInt(i32),
    /// Subtracts a small number of the template.
    SubInt(i32),
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    Compare(CompareOp),
    /// Compares the top value with a string of the template.
    EqualsText(u32),
    /// Prints the left of two strings and keeps the right, since their sum is printed next; adds anything else.
    AddPrinted,
    /// A comparison inside a chain: false jumps out, true keeps the right operand.
    CompareChain {
        op: CompareOp,
        target: u32,
    },
    Concat(u32),
    Jump(u32),
    JumpIfFalse(u32),
    JumpIfTrue(u32),
    /// Jumps unless the top value is this string of the template.
    JumpUnlessText {
        text: u32,
        target: u32,
    },
    JumpIfText {
        text: u32,
        target: u32,
    },
    /// Jumps if a comparison of the two top values comes out as `when`.
    JumpCompare {
        when: bool,
        op: CompareOp,
        target: u32,
    },
    /// Jumps if a test of the top value that looks at its kind alone comes out as `when`.
    JumpTest {
        when: bool,
        test: Test,
        target: u32,
    },
    /// Jumps if the truth of a variable of the running function is `when`.
    JumpSlot {
        when: bool,
        slot: u16,
        target: u32,
    },
    /// Jumps if the truth of an attribute of a variable is `when`.
    JumpAttr {
        when: bool,
        slot: u16,
        name: u32,
        target: u32,
    },
    /// Jumps if it is `when` that an attribute of a variable is this string of the template.
    JumpAttrText {
        when: bool,
        slot: u16,
        name: u32,
        text: u32,
        target: u32,
    },
    /// Jumps if a test of the kind of an attribute of a variable comes out as `when`.
    JumpAttrTest {
        when: bool,
        test: Test,
        slot: u16,
        name: u32,
        target: u32,
    },
    JumpIfFalseKeep(u32),
    JumpIfTrueKeep(u32),
    /// Undefined with the message of a conditional expression without `else`.
    NoElse(u32),
    Call {
        argc: u8,
        keywords: u16,
    },
    CallMethod {
        name: u32,
        argc: u8,
        keywords: u16,
    },
    CallSpread,
    Filter {
        filter: Filter,
        argc: u8,
        keywords: u16,
    },
    FilterSpread(Filter),
    Test {
        test: Test,
        argc: u8,
        keywords: u16,
    },
    TestSpread(Test),
    /// Raises that a filter or test is unknown.
    Unknown(u32),
    /// Starts a loop over the top value; in a `recursive` loop's function, `loop(...)` calls that function.
    LoopStart {
        recursive: bool,
    },
    /// Starts a loop over the elements for which a function returns true.
    LoopStartFiltered {
        function: u32,
        recursive: bool,
    },
    LoopNext(u32),
    /// Stores the next element, or jumps where there is none.
    LoopNextTo {
        slot: u16,
        target: u32,
    },
    /// Stores the `loop` variable.
    LoopObject {
        slot: u16,
    },
    LoopEnd,
    Unpack(u32),
    CheckNamespace,
    /// Raises if the top value is undefined: its attribute is read before arguments are evaluated.
    CheckDefined,
    SetAttr(u32),
    CaptureStart,
    CaptureEnd,
    CaptureDrop,
    /// Moves the call block on the stack aside until its call is made.
    KeepCaller,
    /// Pushes the call block that was set aside.
    TakeCaller,
    /// Pushes "not given", for a missing `*` or `**` argument.
    Absent,
    Macro {
        function: u32,
        slot: u16,
    },
    CallBlock {
        function: u32,
    },
    Generation {
        function: u32,
    },
    RecursiveLoop {
        function: u32,
    },
    Block {
        function: u32,
    },
    Autoescape,
    AutoescapeEnd,
    Raise(u32),
    Return,
}

impl Instr {
    /// Where the instruction may jump to.
    pub fn target_mut(&mut self) -> Option<&mut u32> {
        match self {
            Instr::Jump(target)
            | Instr::JumpIfFalse(target)
            | Instr::JumpIfTrue(target)
            | Instr::JumpUnlessText { target, .. }
            | Instr::JumpIfText { target, .. }
            | Instr::JumpCompare { target, .. }
            | Instr::JumpTest { target, .. }
            | Instr::JumpSlot { target, .. }
            | Instr::JumpAttr { target, .. }
            | Instr::JumpAttrText { target, .. }
            | Instr::JumpAttrTest { target, .. }
            | Instr::JumpIfFalseKeep(target)
            | Instr::JumpIfTrueKeep(target)
            | Instr::JumpIfGiven { target, .. }
            | Instr::CompareChain { target, .. }
            | Instr::LoopNextTo { target, .. }
            | Instr::LoopNext(target) => Some(target),
            _ => None,
        }
    }
}

/// A literal of the template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    /// A string and its place.
    Str {
        text: Box<str>,
        place: u32,
    },
    Int(i64),
    BigInt(num_bigint::BigInt),
    Float(f64),
}

/// Attributes of `loop` that are read all the time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum LoopAttr {
    Index0,
    Index,
    First,
    Last,
}

impl LoopAttr {
    pub fn by_name(name: &str) -> Option<LoopAttr> {
        Some(match name {
            "index0" => LoopAttr::Index0,
            "index" => LoopAttr::Index,
            "first" => LoopAttr::First,
            "last" => LoopAttr::Last,
            _ => return None,
        })
    }
}

/// A name used as an attribute, method, keyword or variable.
#[derive(Debug, Clone)]
pub(crate) struct Symbol {
    pub text: Box<str>,
    /// The method of that name, of any built-in type.
    pub method: Option<Method>,
    /// Python's `dict` has an attribute of that name, or may have one.
    pub of_dict: bool,
    /// The attribute of `loop` of that name, if it is a common one.
    pub loop_attr: Option<LoopAttr>,
    pub place: u32,
}

/// The template's body, a macro, a call block, or the body of a recursive loop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Function {
    /// The macro's name; `None` for call blocks.
    pub name: Option<Box<str>>,
    pub code: Vec<Instr>,
    /// Place of each instruction.
    pub places: Vec<u32>,
    /// The last instruction that a jump leads to, while the function is compiled.
    pub last_target: usize,
    pub slots: u16,
    /// The name of the variable in each slot.
    pub slot_names: Vec<u32>,
    /// Parameters: name and slot.
    pub params: Vec<(Box<str>, u16)>,
    pub caller: Option<u16>,
    pub kwargs: Option<u16>,
    pub varargs: Option<u16>,
    /// `caller` is among the parameters.
    pub explicit_caller: bool,
    /// Some function inside refers to this one's variables.
    pub captured: bool,
}

impl Function {
    /// Leads jumps that end at another jump straight to where that one leads.
    pub fn thread_jumps(&mut self) {
        for at in 0..self.code.len() {
            let mut instr = self.code[at];
            if let Some(target) = instr.target_mut() {
                while let Some(Instr::Jump(next)) = self.code.get(*target as usize) {
                    if *next <= *target {
                        break;
                    }
                    *target = *next;
                }
                self.code[at] = instr;
            }
        }
    }

    /// Whether the last instruction can become part of the next: no jump leads between them.
    pub fn may_fuse(&self) -> bool {
        self.last_target != self.code.len()
    }
}

/// An error that Jinja2 raises when it reaches the statement.
#[derive(Debug, Clone)]
pub(crate) struct DelayedError {
    pub class: crate::error::ErrorClass,
    pub message: String,
}

/// A compiled template.
#[derive(Debug, Clone)]
pub struct Program {
    pub(crate) source: Source,
    pub(crate) name: Option<String>,
    pub(crate) functions: Vec<Function>,
    pub(crate) constants: Vec<Constant>,
    pub(crate) symbols: Vec<Symbol>,
    /// Names looked up in the context; indexes into `symbols`.
    pub(crate) globals: Vec<u32>,
    /// Keyword names of calls; entry 0 is empty.
    pub(crate) keywords: Vec<Box<[u32]>>,
    pub(crate) places: Vec<Span>,
    pub(crate) errors: Vec<DelayedError>,
    /// `{% block %}` is used, so top-level variables are looked up by name too.
    pub(crate) has_blocks: bool,
    /// The forms of messages that the template takes, once they were asked for.
    pub(crate) forms: std::sync::OnceLock<crate::normalize::Forms>,
}

impl Program {
    /// The template's text, as normalized by the lexer.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The texts that stand in the template, each with the number that [`Segments::literal`] has for what it prints.
    ///
    /// [`Segments::literal`]: crate::Segments::literal
    pub fn literals(&self) -> impl Iterator<Item = (u32, &str)> {
        self.constants.iter().filter_map(|constant| match constant {
            Constant::Str { text, place } => Some((*place, &**text)),
            _ => None,
        })
    }

    /// The template's name, for error messages.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}
