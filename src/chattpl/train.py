"""What of a conversation a model is trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Part = Literal["content", "reasoning", "tool_calls", "end_of_turn"]

PARTS: tuple[Part, ...] = ("content", "reasoning", "tool_calls", "end_of_turn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """Which roles, turns and parts are trained; by default all that assistants said, thought and called.

    Of a turn, only what the model samples is trained: not the header that the generation prompt supplies, and nothing
    after the token that ends the turn.

    Rows may say it for themselves: a message's `weight` (a number) multiplies the weight of every token that is trained
    in it, and `train`, `trainable`, `training` or `loss` (true or false) switch it on or off. Null is no flag. Flags
    never make a message of a role trained that `roles` leaves out.

    Example:
        >>> Train(turns="last", parts={"content": 1.0, "end_of_turn": 1.0, "reasoning": 0.5}).weights
        (1.0, 0.5, 0.0, 1.0)
    """

    roles: Sequence[str] = ("assistant",)
    """Roles whose messages are trained, spelt as they are."""
    turns: Literal["all", "last", "last_chain"] | Sequence[int] = "all"
    """Which of their messages: all, the last one, those after the last message of anybody else but tools
    (`"last_chain"`), or those with these indices among the messages; negative ones count from the end."""
    parts: Sequence[Part] | Mapping[Part, float] = field(default=PARTS)
    """Which parts of a turn, or how much each counts; parts that are not named count nothing."""
    flags: Literal["use", "ignore"] = "use"
    """Whether flags in messages are used."""

    def __post_init__(self) -> None:
        if isinstance(self.roles, str):
            raise ValueError(f"roles={self.roles!r}: give a list of roles, such as [{self.roles!r}]")
        if isinstance(self.turns, str) and self.turns not in ("all", "last", "last_chain"):
            raise ValueError(f'turns={self.turns!r}: it is "all", "last", "last_chain" or a list of indices')
        unknown = [part for part in self.parts if part not in PARTS]
        if isinstance(self.parts, str) or unknown:
            raise ValueError(f"parts={self.parts!r}: the parts are {', '.join(PARTS)}")
        if any(weight < 0 for weight in self.weights):
            raise ValueError(f"parts={self.parts!r}: a weight is 0 or more")
        if self.flags not in ("use", "ignore"):
            raise ValueError(f'flags={self.flags!r}: it is "use" or "ignore"')

    @property
    def weights(self) -> tuple[float, float, float, float]:
        """How much content, reasoning, tool calls and the end of the turn count."""
        if isinstance(self.parts, Mapping):
            content, reasoning, calls, end = (float(self.parts.get(part, 0.0)) for part in PARTS)
        else:
            content, reasoning, calls, end = (float(part in self.parts) for part in PARTS)
        return content, reasoning, calls, end

    @classmethod
    def nothing(cls) -> Train:
        """Trains nothing: for prompts, and where masks are not wanted."""
        return cls(roles=())

    def as_tuple(self) -> tuple[list[str], str | list[int], tuple[float, float, float, float], bool]:
        """What the extension takes."""
        turns = self.turns if isinstance(self.turns, str) else list(self.turns)
        return list(self.roles), turns, self.weights, self.flags == "use"
