//! Prints bytecode for people.

use std::fmt::Write;

use super::program::{Constant, Instr, Program};

/// The program's functions, one instruction a line: index, source line, instruction, and what its operand names.
pub fn dump_bytecode(program: &Program) -> String {
    let mut out = String::new();
    for (id, function) in program.functions.iter().enumerate() {
        let name = function.name.as_deref().unwrap_or(if id == 0 { "template" } else { "block" });
        let params: Vec<&str> = function.params.iter().map(|(name, _)| &**name).collect();
        writeln!(out, "function {id} {name}({}) slots={}", params.join(", "), function.slots)
            .expect("writing to a string");
        for (at, (instr, place)) in function.code.iter().zip(&function.places).enumerate() {
            let span = program.places[*place as usize];
            let line = program.source.lines().line(span.start);
            let note = note(program, *instr);
            writeln!(out, "  {at:>4}  {line:>4}  {instr:?}{note}").expect("writing to a string");
        }
    }
    out
}

fn note(program: &Program, instr: Instr) -> String {
    let symbol = |id: u32| format!("  ; {}", program.symbols[id as usize].text);
    match instr {
        Instr::Text(id)
        | Instr::Const(id)
        | Instr::EqualsText(id)
        | Instr::JumpUnlessText { text: id, .. }
        | Instr::JumpIfText { text: id, .. }
        | Instr::JumpAttrText { text: id, .. } => match &program.constants[id as usize] {
            Constant::Str { text, .. } => format!("  ; {text:?}"),
            Constant::Int(value) => format!("  ; {value}"),
            Constant::BigInt(value) => format!("  ; {value}"),
            Constant::Float(value) => format!("  ; {value}"),
        },
        Instr::Slot { name, .. } | Instr::CallMethod { name, .. } => symbol(name),
        Instr::EmitSlot { name, .. }
        | Instr::EmitAttr { name, .. }
        | Instr::JumpAttr { name, .. }
        | Instr::JumpAttrTest { name, .. } => symbol(name),
        Instr::SlotAttr { name, .. }
        | Instr::SlotItem { name, .. }
        | Instr::Attr(name)
        | Instr::ItemStr(name)
        | Instr::SetAttr(name) => symbol(name),
        Instr::Global { global } | Instr::Resolve { global, .. } => symbol(program.globals[global as usize]),
        _ => String::new(),
    }
}
