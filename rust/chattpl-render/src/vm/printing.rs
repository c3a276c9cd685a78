//! Prints values.

use super::output::{JsonOutput, Output};
use super::{call, ops, Vm};
use crate::builtins::filters::{self, Filter};
use crate::builtins::tojson;
use crate::compile::program::Part;
use crate::error::{type_error, RenderError, Result};
use crate::origin::TEMPLATE_BIT;
use crate::value::Value;

impl<'r> Vm<'r> {
    pub(super) fn print_constant(&mut self, id: u32) -> Result<()> {
        let run = self.constant_run(id);
        self.output.push_run(run, self.message, run.tag.source)
    }

    /// Prints the top value; Jinja2 does not convert the result of a filter block.
    pub(super) fn print_text(&mut self, place: u32) -> Result<()> {
        let value = self.stack.last().copied().unwrap_or(Value::Missing);
        if value.as_str().is_none() {
            return type_error(format!("sequence item 0: expected str instance, {} found", value.type_name()));
        }
        self.print(place)
    }

    /// Prints an operand of a sum; what is no string makes the sum fail.
    pub(super) fn print_part(&mut self, part: Part, place: u32) -> Result<()> {
        if let (Value::Str(str), false) = (*self.top(), self.escaping()) {
            self.drop_top();
            return self.output.push(str, self.message, TEMPLATE_BIT | place);
        }
        let string = Value::str("");
        let value = self.pop();
        let printed = match part {
            Part::Whole => value,
            Part::First => ops::add(self, value, string).map_err(|error| self.error_at(error, place))?,
            Part::Later => ops::add(self, string, value).map_err(|error| self.error_at(error, place))?,
        };
        self.stack.push(printed);
        self.print(place)
    }

    pub(super) fn error_at(&self, error: RenderError, place: u32) -> RenderError {
        error.at(self.program.places[place as usize])
    }

    /// Prints the top value.
    pub(super) fn print(&mut self, place: u32) -> Result<()> {
        let value = self.pop();
        self.settle(value)?;
        let mut str = value.to_str(self.arena);
        if self.escaping() && !matches!(value, Value::Markup(_)) {
            str = filters::escape_str(self, str);
        }
        self.output.push(str, self.message, TEMPLATE_BIT | place)
    }

    /// Counts the elements of a loop that is about to be printed, which shows their number.
    pub(super) fn settle(&mut self, value: Value<'r>) -> Result<()> {
        match value {
            Value::Loop(this) => this.len(self).map(drop),
            _ => Ok(()),
        }
    }

    /// Prints the top value as JSON, straight into the text where that is where it goes.
    pub(super) fn print_json(&mut self, args: call::Args<'r>, place: u32) -> Result<()> {
        let value = self.pop();
        if self.output.is_capturing() || self.escaping() {
            let json = filters::apply(self, Filter::ToJson, value, args)?;
            self.stack.push(json);
            return self.print(place);
        }
        self.charge(2)?;
        let mut output = std::mem::replace(&mut self.output, Output::new(Default::default(), 0, self.nodes));
        let mut sink = JsonOutput::new(&mut output, self.message, TEMPLATE_BIT | place);
        let done = tojson::write(self, value, args, &mut sink);
        let printed = sink.finish();
        self.output = output;
        printed.and(done)
    }

    /// Adds two values of a sum that is printed next.
    pub(super) fn add_printed(&mut self) -> Result<()> {
        let right = self.pop();
        let left = self.pop();
        if let (Value::Str(left), Value::Str(_)) = (left, right) {
            if !self.escaping() {
                self.output.push(left, self.message, crate::origin::COMPUTED)?;
                self.stack.push(right);
                return Ok(());
            }
        }
        let sum = ops::add(self, left, right)?;
        self.stack.push(sum);
        Ok(())
    }
}
