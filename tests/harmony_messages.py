"""Chats as harmony's own messages: which messages there are is the caller's to say, and this says it.

Reasoning is an `analysis` message, text beside calls one of `commentary`, any other answer one of `final`. Reasoning is
passed for the answer that is learnt, and for calls that no answer follows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from compare import CLOCK
from vendor_conversations import Conversation


def harmony_messages(
    chat: Conversation,
    *,
    train: bool,
    reasoning_effort: str = "medium",
    builtin_tools: list[str] | None = None,
    model_identity: str | None = None,
) -> Iterator[Any]:
    """Makes `openai_harmony.Message`s."""
    import openai_harmony as harmony

    content = harmony.SystemContent.new().with_conversation_start_date(f"{CLOCK:%Y-%m-%d}")
    content = content.with_reasoning_effort(harmony.ReasoningEffort(reasoning_effort.capitalize()))
    if model_identity is not None:
        content = content.with_model_identity(model_identity)
    for name in builtin_tools or []:
        content = content.with_browser_tool() if name == "browser" else content.with_python_tool()
    yield harmony.Message.from_role_and_content(harmony.Role.SYSTEM, content)
    if not chat.messages or chat.messages[0]["role"] not in ("system", "developer"):
        yield from _developer("", chat.tools)
    names: dict[Any, str] = {}
    for at, message in enumerate(chat.messages):
        match message["role"]:
            case "system" | "developer":
                yield from _developer(_said(message), None if at else chat.tools)
            case "user":
                yield harmony.Message.from_role_and_contents(harmony.Role.USER, _contents(message))
            case "tool":
                name = names.get(message.get("tool_call_id")) or message.get("name") or list(names.values())[-1]
                author = harmony.Author.new(harmony.Role.TOOL, f"functions.{name}")
                result = harmony.Message(author=author, content=_contents(message))
                yield result.with_recipient("assistant").with_channel("commentary")
            case "assistant":
                names |= {call["id"]: call["function"]["name"] for call in message.get("tool_calls", ())}
                yield from _turn(message, chat.messages[at + 1 :], train=train)


def _developer(instructions: str, tools: list[dict[str, Any]] | None) -> Iterator[Any]:
    import openai_harmony as harmony

    content = harmony.DeveloperContent.new()
    if instructions:
        content = content.with_instructions(instructions)
    if tools:
        functions = [tool["function"] for tool in tools]
        described = [
            harmony.ToolDescription.new(
                function["name"], function.get("description") or "", parameters=function.get("parameters")
            )
            for function in functions
        ]
        content = content.with_function_tools(described)
    if instructions or tools:
        yield harmony.Message.from_role_and_content(harmony.Role.DEVELOPER, content)


def _turn(message: dict[str, Any], later: list[dict[str, Any]], *, train: bool) -> Iterator[Any]:
    calls = message.get("tool_calls") or []
    answered = any(other["role"] == "assistant" and not other.get("tool_calls") for other in later)
    shown = not answered if calls else train and not later
    if message.get("reasoning_content") and shown:
        yield _of_assistant(message["reasoning_content"], "analysis")
    if not calls:
        yield _of_assistant(_said(message), "final")
        return
    if _said(message):
        yield _of_assistant(_said(message), "commentary")
    for call in calls:
        arguments = call["function"]["arguments"]
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        sent = _of_assistant(text, "commentary").with_recipient(f"functions.{call['function']['name']}")
        yield sent.with_content_type("<|constrain|>json")


def _of_assistant(text: str, channel: str) -> Any:
    import openai_harmony as harmony

    return harmony.Message.from_role_and_content(harmony.Role.ASSISTANT, text).with_channel(channel)


def _contents(message: dict[str, Any]) -> list[Any]:
    import openai_harmony as harmony

    return [harmony.TextContent(text=_said(message))]


def _said(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(block["text"] for block in content)
