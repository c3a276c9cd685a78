//! Operators on the top of the stack, most of them looked at in place.

use std::cmp::Ordering;

use chattpl_syntax::ast::CompareOp;

use super::{ops, Vm};
use crate::builtins::filters;
use crate::builtins::tests::{self, Test};
use crate::error::Result;
use crate::value::cmp::{compare, equal};
use crate::value::dict::{same_text, DictBuilder};
use crate::value::{Str, Value};

impl<'r> Vm<'r> {
    /// Keeps the top value if its truth is `wanted`, and takes it otherwise.
    pub(super) fn keeps(&mut self, wanted: bool) -> bool {
        let keeps = self.top().truthy() == wanted;
        if !keeps {
            self.drop_top();
        }
        keeps
    }

    pub(super) fn push_dict(&mut self, count: usize) -> Result<()> {
        let parts = self.take(count * 2);
        let mut dict = DictBuilder::new(self.arena, count);
        for pair in parts.chunks_exact(2) {
            self.check_hashable(pair[0])?;
            dict.insert(pair[0], pair[1]);
        }
        self.stack.push(Value::Dict(dict.finish(crate::origin::COMPUTED)));
        Ok(())
    }

    /// Replaces two integers on the stack by the result of `op`, if both are small and so is the result.
    #[inline]
    pub(super) fn small_ints(&mut self, op: fn(i64, i64) -> Option<i64>) -> bool {
        let at = self.stack.len() - 2;
        let (Value::Int(a, a_source), Value::Int(b, b_source)) = (&self.stack[at], &self.stack[at + 1]) else {
            return false;
        };
        let Some(value) = op(*a, *b) else { return false };
        let source = crate::origin::derived(*a_source, *b_source);
        self.drop_top();
        self.stack[at] = Value::Int(value, source);
        true
    }

    /// Replaces the integer on the stack by the result of `op` with `value`, if both it and the result are small.
    #[inline]
    pub(super) fn small_int(&mut self, op: fn(i64, i64) -> Option<i64>, value: i32) -> bool {
        let at = self.stack.len() - 1;
        let Value::Int(number, source) = &mut self.stack[at] else {
            return false;
        };
        let Some(result) = op(*number, value.into()) else { return false };
        *number = result;
        *source = crate::origin::derived(*source, crate::origin::COMPUTED);
        true
    }

    /// Replaces two integers on the stack by how they compare, if both are small.
    #[inline]
    pub(super) fn compares_ints(&mut self, op: CompareOp) -> bool {
        let at = self.stack.len() - 2;
        let (Value::Int(a, _), Value::Int(b, _)) = (&self.stack[at], &self.stack[at + 1]) else {
            return false;
        };
        let holds = match op {
            CompareOp::Eq => a == b,
            CompareOp::Ne => a != b,
            CompareOp::Lt => a < b,
            CompareOp::Le => a <= b,
            CompareOp::Gt => a > b,
            CompareOp::Ge => a >= b,
            CompareOp::In | CompareOp::NotIn => return false,
        };
        self.drop_top();
        self.stack[at] = Value::bool(holds);
        true
    }

    /// Replaces a list or mapping on the stack by its length.
    #[inline]
    pub(super) fn counts_items(&mut self) -> bool {
        let at = self.stack.len() - 1;
        let (count, source) = match &self.stack[at] {
            Value::List(seq) => (seq.items.len(), seq.source),
            Value::Dict(dict) => (dict.entries.len(), dict.source),
            _ => return false,
        };
        self.stack[at] = Value::Int(count as i64, source);
        true
    }

    pub(super) fn binary(&mut self, op: fn(&mut Vm<'r>, Value<'r>, Value<'r>) -> Result<Value<'r>>) -> Result<()> {
        let right = self.pop();
        let left = self.pop();
        let value = op(self, left, right)?;
        self.stack.push(value);
        Ok(())
    }

    pub(super) fn concat(&mut self, count: usize) -> Result<()> {
        let items = self.take(count);
        let escaping = self.escaping() && items.iter().any(|item| matches!(item, Value::Markup(_)));
        let mut out = Str::computed("");
        for item in items {
            self.settle(*item)?;
            let mut str = item.to_str(self.arena);
            if escaping && !matches!(item, Value::Markup(_)) {
                str = filters::escape_str(self, str);
            }
            out = out.concat(self.arena, self.used(str));
        }
        self.stack.push(if escaping { Value::Markup(out) } else { Value::Str(out) });
        Ok(())
    }

    pub(crate) fn compare(&mut self, op: CompareOp, left: Value<'r>, right: Value<'r>) -> Result<bool> {
        let arena = self.arena;
        let order = |symbol| compare(arena, left, right, symbol);
        Ok(match op {
            CompareOp::Eq => equal(arena, left, right),
            CompareOp::Ne => !equal(arena, left, right),
            CompareOp::Lt => order("<")? == Some(Ordering::Less),
            CompareOp::Gt => order(">")? == Some(Ordering::Greater),
            CompareOp::Le => matches!(order("<=")?, Some(Ordering::Less | Ordering::Equal)),
            CompareOp::Ge => matches!(order(">=")?, Some(Ordering::Greater | Ordering::Equal)),
            CompareOp::In => ops::contains(self, right, left)?,
            CompareOp::NotIn => !ops::contains(self, right, left)?,
        })
    }

    /// Takes the top value and compares it with a string of the template.
    pub(super) fn pop_equals_text(&mut self, id: u32) -> bool {
        let equal = self.equals_text(self.top(), id);
        self.drop_top();
        equal
    }

    pub(super) fn equals_text(&self, value: &Value<'r>, id: u32) -> bool {
        let text = self.constant_run(id).text;
        match value {
            Value::Str(Str::Run(run)) => same_text(run.text, text),
            value => value.as_str().is_some_and(|str| str.len() == text.len() && str.flat(self.arena) == text),
        }
    }

    /// Takes the top value and looks at its kind.
    pub(super) fn pop_is(&mut self, test: Test) -> bool {
        let holds = tests::by_kind(test, self.top()).expect("the compiler looked at the test");
        self.drop_top();
        holds
    }

    /// Takes the two top values and compares them.
    pub(super) fn pop_compares(&mut self, op: CompareOp) -> Result<bool> {
        if self.compares_ints(op) {
            return Ok(self.pop_truth());
        }
        let right = self.pop();
        let left = self.pop();
        self.compare(op, left, right)
    }

    /// Replaces a list and an index on the stack by the element there, if there is one.
    pub(super) fn picks_item(&mut self) -> bool {
        let at = self.stack.len() - 2;
        let (Value::List(seq), Value::Int(index, _)) = (&self.stack[at], &self.stack[at + 1]) else {
            return false;
        };
        let index = if *index < 0 { *index + seq.items.len() as i64 } else { *index };
        let Some(item) = usize::try_from(index).ok().and_then(|index| seq.items.get(index)) else {
            return false;
        };
        self.drop_top();
        self.stack[at] = *item;
        true
    }

    /// Takes the top value for its truth alone.
    pub(super) fn pop_truth(&mut self) -> bool {
        let truth = self.top().truthy();
        self.drop_top();
        truth
    }

    /// The top value, looked at in place: moving it just after it was written would stall.
    pub(super) fn top(&self) -> &Value<'r> {
        self.stack.last().expect("the compiler balances the stack")
    }

    pub(super) fn drop_top(&mut self) {
        self.stack.truncate(self.stack.len() - 1);
    }
}
