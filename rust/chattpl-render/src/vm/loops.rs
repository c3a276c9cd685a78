//! Loops, and taking sequences apart.

use super::frame::Activation;
use super::{RunningLoop, Vm};
use crate::compile::program::FunctionId;
use crate::error::{type_error, ErrorClass, RenderError, Result};
use crate::origin::UNUSED;
use crate::value::iter::Generator;
use crate::value::{IterObject, IterState, Loop, Value};

impl<'r> Vm<'r> {
    pub(super) fn start_loop(&mut self, recursive: bool, scope: &'r Activation<'r>) -> Result<()> {
        let iterable = self.pop();
        let iter = iterable.iterate()?;
        let mut this = Loop::new(iterable, iter);
        if recursive {
            self.make_recursive(&mut this, scope);
        }
        self.push_loop(this);
        Ok(())
    }

    pub(super) fn start_filtered_loop(
        &mut self,
        function: FunctionId,
        recursive: bool,
        scope: &'r Activation<'r>,
    ) -> Result<()> {
        let iterable = self.pop();
        let input = iterable.iterate()?;
        let around = if recursive { enclosing(scope) } else { scope };
        let generator = Generator::LoopFilter { input, function, scope: around };
        let source = iterable.source(self.arena);
        let object = self.arena.alloc(IterObject::generator("", source, generator));
        let mut this = Loop::new(Value::Iter(object), IterState::Object(object));
        if recursive {
            self.make_recursive(&mut this, scope);
        }
        self.push_loop(this);
        Ok(())
    }

    /// Takes what `run_loop_body` pushed below the iterable.
    pub(super) fn make_recursive(&mut self, this: &mut Loop<'r>, scope: &'r Activation<'r>) {
        let (depth0, function) = (self.pop(), self.pop());
        let (Value::Int(depth0, _), Value::Int(function, _)) = (depth0, function) else {
            unreachable!("pushed by `run_loop_body`")
        };
        this.recurse = Some((function as FunctionId, enclosing(scope)));
        this.depth0 = depth0;
    }

    pub(super) fn push_loop(&mut self, this: Loop<'r>) {
        let this = self.arena.alloc(this);
        self.loops.push(RunningLoop { this, outer_message: self.message });
    }

    /// The next element, if there is one.
    #[inline(always)]
    pub(super) fn advance_loop(&mut self) -> Result<Option<Value<'r>>> {
        let RunningLoop { this, outer_message } = *self.loops.last().expect("inside a loop");
        let item = match this.items {
            Some(items) => match this.next_of(items) {
                Some(item) => *item,
                None => return Ok(None),
            },
            None => match this.next(self)? {
                Some(item) => item,
                None => return Ok(None),
            },
        };
        self.message = match self.nodes.message(item.source(self.arena)) {
            UNUSED => outer_message,
            message => message,
        };
        Ok(Some(item))
    }

    pub(super) fn unpack(&mut self, count: usize) -> Result<()> {
        let value = self.pop();
        if let Value::List(seq) | Value::Tuple(seq) = value {
            if seq.items.len() == count {
                self.stack.extend(seq.items.iter().rev().copied());
                return Ok(());
            }
        }
        let Ok(mut iter) = value.iterate() else {
            return type_error(format!("cannot unpack non-iterable {} object", value.type_name()));
        };
        let mut items = Vec::with_capacity(count);
        while let Some(item) = iter.next(self)? {
            if items.len() == count {
                let message = format!("too many values to unpack (expected {count})");
                return Err(RenderError::new(ErrorClass::ValueError, message));
            }
            items.push(item);
        }
        if items.len() < count {
            let got = items.len();
            let message = format!("not enough values to unpack (expected {count}, got {got})");
            return Err(RenderError::new(ErrorClass::ValueError, message));
        }
        self.stack.extend(items.iter().rev().copied());
        Ok(())
    }

    /// `key, value = pair`.
    pub(crate) fn unpack_pair(&mut self, pair: Value<'r>) -> Result<(Value<'r>, Value<'r>)> {
        self.stack.push(pair);
        self.unpack(2)?;
        Ok((self.pop(), self.pop()))
    }
}

fn enclosing<'r>(scope: &'r Activation<'r>) -> &'r Activation<'r> {
    scope.parent().expect("a recursive loop runs in its own function")
}
