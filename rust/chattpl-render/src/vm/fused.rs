//! Instructions that look at an attribute of a variable where it stands, without moving it to the stack first.

use super::frame::Activation;
use super::Vm;
use crate::builtins::tests::{self, Test};
use crate::compile::program::{Function, LoopAttr, Part};
use crate::error::Result;
use crate::origin::TEMPLATE_BIT;
use crate::value::{Str, Value};

/// What is known of an attribute without evaluating it.
enum Attr<'r> {
    /// It is this value of a mapping.
    Entry(&'r Value<'r>),
    /// It is undefined.
    Absent,
    Unknown,
}

impl<'r> Vm<'r> {
    /// Looks an attribute of a variable up, if the variable holds a mapping.
    #[inline]
    fn look_at(&self, scope: &'r Activation<'r>, slot: u16, name: u32) -> Attr<'r> {
        let symbol = &self.program.symbols[name as usize];
        match scope.get(0, slot) {
            Value::Dict(dict) if !symbol.of_dict => match dict.entry(self.arena, &symbol.text) {
                Some(value) => Attr::Entry(value),
                None => Attr::Absent,
            },
            _ => Attr::Unknown,
        }
    }

    /// Pushes an attribute of a variable.
    pub(super) fn push_attr(
        &mut self,
        function: &'r Function,
        scope: &'r Activation<'r>,
        slot: u16,
        name: u32,
    ) -> Result<()> {
        if !self.push_entry(scope, slot, name) {
            let value = self.slot_attr(function, scope, slot, name)?;
            self.stack.push(value);
        }
        Ok(())
    }

    /// The truth of an attribute of a variable.
    pub(super) fn attr_truth(
        &mut self,
        function: &'r Function,
        scope: &'r Activation<'r>,
        slot: u16,
        name: u32,
    ) -> Result<bool> {
        match self.look_at(scope, slot, name) {
            Attr::Entry(value) => Ok(value.truthy()),
            Attr::Absent => Ok(false),
            Attr::Unknown => {
                self.push_attr(function, scope, slot, name)?;
                Ok(self.pop_truth())
            }
        }
    }

    /// Whether an attribute of a variable is a string of the template.
    pub(super) fn attr_equals_text(
        &mut self,
        function: &'r Function,
        scope: &'r Activation<'r>,
        slot: u16,
        name: u32,
        text: u32,
    ) -> Result<bool> {
        match self.look_at(scope, slot, name) {
            Attr::Entry(value) => Ok(self.equals_text(value, text)),
            Attr::Absent => Ok(false),
            Attr::Unknown => {
                self.push_attr(function, scope, slot, name)?;
                Ok(self.pop_equals_text(text))
            }
        }
    }

    /// Whether a test of its kind holds for an attribute of a variable.
    pub(super) fn attr_is(
        &mut self,
        function: &'r Function,
        scope: &'r Activation<'r>,
        slot: u16,
        name: u32,
        test: Test,
    ) -> Result<bool> {
        let holds = match self.look_at(scope, slot, name) {
            Attr::Entry(value) => tests::by_kind(test, value),
            Attr::Absent => tests::by_kind(test, &Value::Missing),
            Attr::Unknown => {
                self.push_attr(function, scope, slot, name)?;
                return Ok(self.pop_is(test));
            }
        };
        Ok(holds.expect("the compiler looked at the test"))
    }

    /// Prints a variable.
    pub(super) fn print_slot(
        &mut self,
        scope: &'r Activation<'r>,
        slot: u16,
        name: u32,
        part: Part,
        place: u32,
    ) -> Result<()> {
        self.push_slot(scope.get(0, slot), name);
        self.print_part(part, place)
    }

    /// Prints an attribute of a variable.
    pub(super) fn print_attr(
        &mut self,
        function: &'r Function,
        scope: &'r Activation<'r>,
        slot: u16,
        name: u32,
        part: Part,
        place: u32,
    ) -> Result<()> {
        if let (Attr::Entry(Value::Str(Str::Run(run))), false) = (self.look_at(scope, slot, name), self.escaping()) {
            return self.output.push_run(*run, self.message, TEMPLATE_BIT | place);
        }
        self.push_attr(function, scope, slot, name)?;
        self.print_part(part, place)
    }

    /// Pushes an attribute of a mapping, loop or namespace in a variable, if it is one of the common ones.
    #[inline]
    fn push_entry(&mut self, scope: &'r Activation<'r>, slot: u16, name: u32) -> bool {
        let symbol = &self.program.symbols[name as usize];
        match scope.get(0, slot) {
            Value::Dict(dict) if !symbol.of_dict => match dict.entry(self.arena, &symbol.text) {
                Some(value) => self.stack.push(*value),
                None => return false,
            },
            Value::Loop(this) => match symbol.loop_attr {
                Some(LoopAttr::Index0) => self.stack.push(Value::int(this.index0.get())),
                Some(LoopAttr::Index) => self.stack.push(Value::int(this.index0.get() + 1)),
                Some(LoopAttr::First) => self.stack.push(Value::bool(this.index0.get() == 0)),
                Some(LoopAttr::Last) => match this.is_last() {
                    Some(last) => self.stack.push(Value::bool(last)),
                    None => return false,
                },
                None => return false,
            },
            Value::Namespace(namespace) => match namespace.get(self.arena, &symbol.text) {
                Some(value) => self.stack.push(value),
                None => return false,
            },
            _ => return false,
        }
        true
    }

    fn slot_attr(
        &mut self,
        function: &'r Function,
        scope: &'r Activation<'r>,
        slot: u16,
        name: u32,
    ) -> Result<Value<'r>> {
        let value = scope.get(0, slot);
        if let Value::Missing = value {
            let undefined = self.undefined_name(function.slot_names[slot as usize]);
            return self.get_attr(undefined, name);
        }
        self.get_attr(value, name)
    }
}
