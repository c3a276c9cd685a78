//! Constants, variables, and attributes of namespaces.

use super::{check_namespace_name, not_a_namespace, Vm};
use crate::compile::program::Constant;
use crate::error::Result;
use crate::value::{Run, Str, Undefined, Value};

impl<'r> Vm<'r> {
    pub(super) fn constant_run(&self, id: u32) -> Run<'r> {
        match &self.program.constants[id as usize] {
            Constant::Str { text, place } => Run { text, tag: Self::place_tag(*place) },
            other => unreachable!("only strings are printed as they stand, not {other:?}"),
        }
    }

    pub(super) fn push_constant(&mut self, id: u32) {
        let value = match &self.program.constants[id as usize] {
            Constant::Str { .. } => Value::Str(Str::Run(self.constant_run(id))),
            Constant::Int(value) => Value::int(*value),
            Constant::BigInt(value) => Value::big(self.arena, value.clone(), crate::origin::COMPUTED),
            Constant::Float(value) => Value::Float(*value, crate::origin::COMPUTED),
        };
        self.stack.push(value);
    }

    pub(super) fn push_hint(&mut self, id: u32) {
        let hint = self.constant_run(id).text;
        self.stack.push(Value::Undefined(self.arena.alloc(Undefined::Hint(hint))));
    }

    pub(super) fn push_slot(&mut self, value: Value<'r>, name: u32) {
        let value = match value {
            Value::Missing => self.undefined_name(name),
            value => value,
        };
        self.stack.push(value);
    }

    pub(super) fn push_global(&mut self, global: u32) {
        let value = match self.resolve(global) {
            Value::Missing => self.undefined_name(self.program.globals[global as usize]),
            value => value,
        };
        self.stack.push(value);
    }

    pub(super) fn resolve(&self, global: u32) -> Value<'r> {
        if self.program.has_blocks {
            let symbol = self.program.globals[global as usize];
            if let Some((_, value)) = self.exports.iter().rev().find(|(name, _)| *name == symbol) {
                return *value;
            }
        }
        self.globals[global as usize]
    }

    pub(super) fn undefined_name(&self, symbol: u32) -> Value<'r> {
        let name = &self.program.symbols[symbol as usize].text;
        Value::Undefined(self.arena.alloc(Undefined::Name(name)))
    }

    pub(super) fn set_attr(&mut self, name: u32) -> Result<()> {
        let namespace = self.pop();
        let value = self.pop();
        let symbol = &self.program.symbols[name as usize];
        let Value::Namespace(namespace) = namespace else {
            return Err(not_a_namespace());
        };
        check_namespace_name(&symbol.text)?;
        let key = Str::tagged(&symbol.text, Self::place_tag(symbol.place));
        namespace.set(self.arena, key, value);
        Ok(())
    }
}
