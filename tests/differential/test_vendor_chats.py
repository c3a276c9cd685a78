"""Chats against the vendors' own encoders, token for token: `mistral-common` for Mistral, `openai-harmony` for gpt-oss.

A conversation that the vendor refuses is left out. `CHATTPL_EXAMPLES` says how many conversations are drawn.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chattpl
from compare import CLOCK
from encoders import long_run
from harmony_messages import harmony_messages
from vendor_conversations import Conversation, by_hand, conversations, real, schemas, with_reasoning, with_schemas
from vendor_packages import MISTRAL_FILES, harmony_encoding, package_file

MISTRAL = {
    "mistral-v1": ("mistral-v1", "v1"),
    "mistral-v2": ("mistral-v2", "v2"),
    "mistral-v3": ("mistral-v3", "v3"),
    "mistral-v3-tekken": ("tekken-240718", "v3"),
    "mistral-v7": ("mistral-v7", "v7"),
    "mistral-v7-tekken": ("tekken-240911", "v7"),
    "mistral-v11": ("tekken-240911", "v11"),
    "mistral-v13": ("tekken-240911", "v13"),
}
"""The vocabulary and the version of the encoder, by format."""

NAMED_SINCE_V11 = {32: "[ARGS]", 33: "[CALL_ID]", 34: "[THINK]", 35: "[/THINK]"}
NO_TOOLS = {"mistral-v1"}


@pytest.mark.parametrize("name", MISTRAL)
def test_mistral_encodes_chats_by_hand_alike(name: str) -> None:
    compared = _compare(name, by_hand())
    assert compared > (40 if name in NO_TOOLS else 150)


@pytest.mark.parametrize("name", MISTRAL)
def test_mistral_encodes_real_chats_alike(name: str) -> None:
    chats = list(real())
    if not chats:
        pytest.skip("the real conversations are not beside the checkout; set CHATTPL_CONVERSATIONS")
    compared = _compare(name, chats)
    assert compared > len(chats) * 4 // 5


@pytest.mark.parametrize("name", MISTRAL)
@long_run
@given(chat=conversations())
def test_mistral_encodes_any_chat_alike(name: str, chat: Conversation) -> None:
    _compare(name, [chat])


@pytest.mark.parametrize("name", MISTRAL)
def test_mistral_continues_an_answer_alike(name: str) -> None:
    for text in ("x", "La la", "a\nb", "é"):  # white space at its end is cut off, as `transformers` does
        messages = [{"role": "user", "content": "Sing"}, {"role": "assistant", "content": text}]
        expected = _mistral_ids(name, Conversation("continued", messages), prefix=True)
        found = chattpl.load(name).encode(messages, continue_final_message=True)
        assert found.input_ids.tolist() == expected


@pytest.mark.parametrize("train", [True, False], ids=["training", "completion"])
def test_harmony_encodes_chats_by_hand_alike(train: bool) -> None:
    assert _compare_harmony([*by_hand(), *with_reasoning(), *with_schemas()], train=train) > 200


@pytest.mark.parametrize("train", [True, False], ids=["training", "completion"])
def test_harmony_encodes_real_chats_alike(train: bool) -> None:
    chats = list(real())
    if not chats:
        pytest.skip("the real conversations are not beside the checkout; set CHATTPL_CONVERSATIONS")
    assert _compare_harmony(chats, train=train) == len(chats)


@long_run
@given(chat=conversations(reasoning=True), schema=schemas(), train=st.booleans())
def test_harmony_encodes_any_chat_alike(chat: Conversation, schema: dict[str, Any], train: bool) -> None:
    tool = {"type": "function", "function": {"name": "drawn", "description": "d\n\ne\n", "parameters": schema}}
    _compare_harmony([chat._replace(tools=[*(chat.tools or []), tool])], train=train)


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
@pytest.mark.parametrize("builtin", [[], ["browser"], ["python"], ["python", "browser"]], ids=str)
def test_harmony_system_message_is_the_same(effort: str, builtin: list[str]) -> None:
    options = {"reasoning_effort": effort, "builtin_tools": builtin, "model_identity": "I am\nI"}
    _compare_harmony([Conversation("system", [{"role": "user", "content": "a"}])], train=False, **options)


def _compare(name: str, chats: Iterable[Conversation]) -> int:
    """Compares what the vendor accepts; returns how many conversations that were."""
    chat_format = chattpl.load(name)
    compared = 0
    wrong = {}
    for chat in chats:
        expected = _mistral_ids(name, chat)
        if expected is None:
            continue
        compared += 1
        try:
            found = chat_format.encode(chat.messages, tools=chat.tools).input_ids.tolist()
        except chattpl.ChatTemplateError as error:
            wrong[chat.name] = error.message
            continue
        if found != expected:
            decode = chat_format.tokenizer.decode
            wrong[chat.name] = f"expected {decode(expected)!r}, found {decode(found)!r}"
    assert not wrong, f"{len(wrong)} of {compared}: {dict(list(wrong.items())[:8])}"
    return compared


def _compare_harmony(chats: Iterable[Conversation], *, train: bool, **options: Any) -> int:
    """As `_compare`, for gpt-oss."""
    encoding, chat_format = harmony_encoding(), chattpl.load("gpt-oss")
    compared = 0
    wrong = {}
    for chat in chats:
        expected = _harmony_ids(encoding, chat, train=train, **options)
        compared += 1
        try:
            found = chat_format.encode(
                chat.messages, tools=chat.tools, add_generation_prompt=not train, now=CLOCK, **options
            ).input_ids.tolist()
        except chattpl.ChatTemplateError as error:
            wrong[chat.name] = error.message
            continue
        if found != expected:
            wrong[chat.name] = f"expected {encoding.decode(expected)!r}, found {encoding.decode(found)!r}"
    assert not wrong, f"{len(wrong)} of {compared}: {dict(list(wrong.items())[:8])}"
    return compared


def _harmony_ids(encoding: Any, chat: Conversation, *, train: bool, **options: Any) -> list[int]:
    import openai_harmony as harmony

    messages = harmony.Conversation.from_messages(list(harmony_messages(chat, train=train, **options)))
    ids: list[int]
    if train:
        # Otherwise it drops the reasoning of the very answer that is learnt, where that is the first.
        whole = harmony.RenderConversationConfig(auto_drop_analysis=False)
        ids = encoding.render_conversation_for_training(messages, whole)
    else:
        ids = encoding.render_conversation_for_completion(messages, harmony.Role.ASSISTANT)
    return ids


def _mistral_ids(name: str, chat: Conversation, *, prefix: bool = False) -> list[int] | None:
    """The vendor's ids; None where it refuses the conversation."""
    tokenizer, request = _mistral(name), _request(chat, prefix=prefix)
    if request is None:
        return None
    try:
        ids: list[int] = tokenizer.encode_chat_completion(request).tokens
    except Exception:
        return None
    return ids


def _request(chat: Conversation, *, prefix: bool) -> Any:
    from mistral_common.protocol.instruct.messages import AssistantMessage, SystemMessage, ToolMessage, UserMessage
    from mistral_common.protocol.instruct.request import ChatCompletionRequest
    from mistral_common.protocol.instruct.tool_calls import Tool
    from pydantic import ValidationError

    classes = {"system": SystemMessage, "developer": SystemMessage, "user": UserMessage}
    classes |= {"assistant": AssistantMessage, "tool": ToolMessage}
    try:
        messages = [
            classes[message["role"]](**{key: value for key, value in message.items() if key != "role"})
            for message in chat.messages
        ]
        tools = None if chat.tools is None else [Tool.from_openai(tool) for tool in chat.tools]
        if prefix:
            messages[-1].prefix = True
        return ChatCompletionRequest(messages=messages, tools=tools)
    except ValidationError:
        return None


@cache
def _mistral(name: str) -> Any:
    pytest.importorskip("mistral_common", reason="mistral-common is not installed")
    pytest.importorskip(
        "sentencepiece", reason="sentencepiece, which mistral-common reads files with, is not installed"
    )
    from mistral_common.protocol.instruct.validator import ValidationMode
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    vocabulary, version = MISTRAL[name]
    path = package_file("mistral_common", f"data/{MISTRAL_FILES[vocabulary]}")
    if path is None:
        pytest.skip(f"this mistral-common has no {MISTRAL_FILES[vocabulary]}")
    if vocabulary == "tekken-240911":
        path = _of_version(path, version)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MistralTokenizer.from_file(str(path), mode=ValidationMode.agnostic)


def _of_version(path: Path, version: str) -> Path:
    """The file as later models have it: text only, of another version, with the tokens that it names."""
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    file = json.loads(path.read_text("utf-8"))
    file["config"]["version"] = version
    file.pop("multimodal", None)
    if version not in ("v3", "v7"):
        tokens = [token["token_str"] for token in Tekkenizer.DEPRECATED_SPECIAL_TOKENS]
        tokens += [f"<SPECIAL_{rank}>" for rank in range(len(tokens), file["config"]["default_num_special_tokens"])]
        for rank, text in NAMED_SINCE_V11.items():
            tokens[rank] = text
        entries = enumerate(tokens)
        file["special_tokens"] = [{"rank": rank, "token_str": text, "is_control": True} for rank, text in entries]
    written = Path(tempfile.mkdtemp()) / "tekken.json"
    written.write_text(json.dumps(file), "utf-8")
    return written
