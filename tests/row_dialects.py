"""Rows in the dialects that data sets are written in, each with the conversation that it holds."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Case(NamedTuple):
    """A row and what it says."""

    name: str
    row: Any
    messages: list[dict[str, Any]]
    """The conversation in OpenAI's form."""
    tools: list[dict[str, Any]] | None = None
    arguments: dict[str, Any] | None = None
    """Template arguments of the row."""
    alternatives: tuple[list[dict[str, Any]], ...] = ()
    unused: tuple[str, ...] = ()


def _say(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


SYSTEM, USER, ANSWER = _say("system", "Be brief."), _say("user", "What is 2 + 2?"), _say("assistant", "It is 4.")
OTHER = _say("assistant", "It is 5.")
FUNCTION = {
    "name": "add",
    "description": "Adds.",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer", "description": "One."}}},
}
TOOL = {"type": "function", "function": FUNCTION}
CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 2}}}
CALLS = [USER, _say("assistant", "", tool_calls=[CALL]), _say("tool", "4"), ANSWER]

_Q, _A, _S = USER["content"], ANSWER["content"], SYSTEM["content"]
_SHAREGPT = [{"from": "human", "value": _Q}, {"from": "gpt", "value": _A}]
_SHAREGPT_CALLS = [
    {"from": "human", "value": _Q},
    {"from": "function_call", "value": json.dumps({"name": "add", "arguments": {"a": 2}})},
    {"from": "observation", "value": "4"},
    {"from": "gpt", "value": _A},
]
_ANTHROPIC = [
    {"role": "user", "content": [{"type": "text", "text": _Q}]},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Add.", "signature": "x"},
            {"type": "text", "text": "One moment."},
            {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 2}},
        ],
    },
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "4"}]},
    {"role": "assistant", "content": _A},
]
_FROM_ANTHROPIC = [
    USER,
    _say("assistant", "One moment.", reasoning_content="Add.", tool_calls=[{"id": "t1", **CALL}]),
    _say("tool", "4", tool_call_id="t1", name="add"),
    ANSWER,
]

CASES = [
    Case("list of messages", [SYSTEM, USER, ANSWER], [SYSTEM, USER, ANSWER]),
    Case("openai", {"messages": [SYSTEM, USER, ANSWER]}, [SYSTEM, USER, ANSWER]),
    Case("openai tools", {"messages": CALLS, "tools": [TOOL]}, CALLS, [TOOL]),
    Case("tools as text", {"messages": CALLS, "tools": json.dumps([TOOL])}, CALLS, [TOOL]),
    Case("tools as texts", {"messages": CALLS, "tools": [json.dumps(TOOL)]}, CALLS, [TOOL]),
    Case("functions", {"messages": CALLS, "functions": [FUNCTION]}, CALLS, [TOOL]),
    Case("messages as text", {"messages": json.dumps([USER, ANSWER])}, [USER, ANSWER]),
    Case("messages as texts", {"messages": [json.dumps(USER), json.dumps(ANSWER)]}, [USER, ANSWER]),
    Case("empty tools text", {"messages": [USER, ANSWER], "tools": ""}, [USER, ANSWER]),
    Case("system beside", {"messages": [USER, ANSWER], "system": _S}, [SYSTEM, USER, ANSWER]),
    Case("system prompt beside", {"messages": [SYSTEM, USER], "system_prompt": _S}, [SYSTEM, USER]),
    Case("arguments", {"messages": [USER], "chat_template_kwargs": {"extra": "x"}}, [USER], None, {"extra": "x"}),
    Case("prompt completion", {"prompt": _Q, "completion": _A}, [USER, ANSWER]),
    Case("prompt completion lists", {"prompt": [SYSTEM, USER], "completion": [ANSWER]}, [SYSTEM, USER, ANSWER]),
    Case("prompt response system", {"system": _S, "prompt": _Q, "response": _A}, [SYSTEM, USER, ANSWER]),
    Case("prompt alone", {"prompt": [SYSTEM, USER]}, [SYSTEM, USER]),
    Case(
        "preference texts",
        {"prompt": _Q, "chosen": _A, "rejected": OTHER["content"]},
        [USER, ANSWER],
        alternatives=([OTHER],),
    ),
    Case(
        "preference lists",
        {"prompt": [USER], "chosen": [ANSWER], "rejected": [OTHER]},
        [USER, ANSWER],
        alternatives=([OTHER],),
    ),
    Case(
        "ultrafeedback",
        {"prompt": _Q, "chosen": [USER, ANSWER], "rejected": [USER, OTHER], "score_chosen": 8.5},
        [USER, ANSWER],
        alternatives=([OTHER],),
        unused=("score_chosen",),
    ),
    Case(
        "implicit prompt",
        {"chosen": [USER, ANSWER], "rejected": [USER, OTHER]},
        [USER, ANSWER],
        alternatives=([OTHER],),
    ),
    Case(
        "transcripts",
        {"chosen": f"\n\nHuman: {_Q}\n\nAssistant: {_A}", "rejected": f"\n\nHuman: {_Q}\n\nAssistant: It is 5."},
        [USER, ANSWER],
        alternatives=([OTHER],),
    ),
    Case("question chosen", {"question": _Q, "chosen": _A, "system": _S}, [SYSTEM, USER, ANSWER]),
    Case(
        "ranked",
        {"prompt": _Q, "answers": [{"answer": "It is 5.", "rank": 2}, {"answer": _A, "rank": 1}]},
        [USER, ANSWER],
        alternatives=([OTHER],),
    ),
    Case(
        "scored",
        {
            "instruction": _Q,
            "completions": [{"response": "It is 5.", "overall_score": 1.0}, {"response": _A, "overall_score": 9.0}],
        },
        [USER, ANSWER],
        alternatives=([OTHER],),
    ),
    Case("sharegpt", {"conversations": _SHAREGPT}, [USER, ANSWER]),
    Case("sharegpt system", {"conversations": _SHAREGPT, "system": _S}, [SYSTEM, USER, ANSWER]),
    Case("sharegpt in messages", {"messages": _SHAREGPT}, [USER, ANSWER]),
    Case("list of turns", _SHAREGPT, [USER, ANSWER]),
    Case("conversation", {"conversation": [USER, ANSWER]}, [USER, ANSWER]),
    Case(
        "sharegpt tools",
        {"conversations": _SHAREGPT_CALLS, "tools": json.dumps([FUNCTION])},
        CALLS,
        [TOOL],
    ),
    Case("alpaca", {"instruction": "Add.", "input": "2 + 2", "output": _A}, [_say("user", "Add.\n\n2 + 2"), ANSWER]),
    Case("alpaca response", {"instruction": _Q, "input": "", "response": _A, "system": _S}, [SYSTEM, USER, ANSWER]),
    Case(
        "alpaca history",
        {"instruction": _Q, "output": _A, "history": [["Hi", "Hello"]]},
        [_say("user", "Hi"), _say("assistant", "Hello"), USER, ANSWER],
    ),
    Case(
        "dolly",
        {"instruction": "Add.", "context": "2 + 2", "response": _A, "category": "math"},
        [_say("user", "Add.\n\n2 + 2"), ANSWER],
        unused=("category",),
    ),
    Case("question answer", {"question": _Q, "answer": _A}, [USER, ANSWER]),
    Case("query response", {"query": _Q, "response": _A}, [USER, ANSWER]),
    Case("alternating", {"data": [_Q, _A]}, [USER, ANSWER]),
    Case(
        "anthropic",
        {
            "system": [{"type": "text", "text": _S}],
            "messages": _ANTHROPIC,
            "tools": [{"name": "add", "description": "Adds.", "input_schema": FUNCTION["parameters"]}],
        },
        [SYSTEM, *_FROM_ANTHROPIC],
        [TOOL],
        unused=("messages[].content[].signature",),
    ),
    Case(
        "answers with more",
        {"prompt": _Q, "answers": [{"answer": _A, "model": "m"}, {"answer": "It is 5.", "model": "n"}]},
        [USER, ANSWER],
        alternatives=([OTHER],),
        unused=("answers[].model",),
    ),
    Case("mistral", {"messages": [USER, _say("assistant", "It is 4.", weight=0)]}, [USER, {**ANSWER, "weight": 0}]),
]

REFUSED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "two conversations": ({"messages": [USER, ANSWER], "conversations": [USER, OTHER]}, ("messages", "conversations")),
    "two systems": ({"messages": [SYSTEM, USER], "system": "Be long."}, ("system",)),
    "two answers": ({"instruction": _Q, "output": _A, "response": "Something else."}, ("output", "response")),
    "two inputs": ({"instruction": _Q, "input": "x", "context": "y", "output": _A}, ("input", "context")),
    "tools and functions": (
        {"messages": [USER], "tools": [TOOL], "functions": [{"name": "x"}]},
        ("tools", "functions"),
    ),
    "prompt and chosen": ({"prompt": "Another.", "chosen": [USER, ANSWER]}, ("prompt", "chosen")),
    "text alone": ({"text": "Once upon a time"}, ("text",)),
    "nothing": ({}, ("empty",)),
    "rows in messages": ({"messages": [{"messages": [USER]}]}, ("messages[0]",)),
    "broken tools": ({"messages": [USER], "tools": "[{"}, ("tools",)),
    "tools of a kind": ({"messages": [USER], "tools": 5}, ("tools",)),
    "arguments of a kind": ({"messages": [USER], "chat_template_kwargs": [1]}, ("chat_template_kwargs",)),
    "reserved argument": ({"messages": [USER], "chat_template_kwargs": {"messages": []}}, ("messages",)),
    "weight of a kind": ({"messages": [USER], "weight": "heavy"}, ("weight",)),
    "weight that is no number": ({"messages": [USER], "weight": float("nan")}, ("weight",)),
}
"""Rows that are refused, each with words that the error has to name."""
