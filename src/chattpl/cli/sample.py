"""The conversation that `chattpl render` shows when it is given none."""

from chattpl.registry import ModelInfo
from chattpl.rows import Row

_PLAIN = [
    {"role": "user", "content": "What is a chat template?"},
    {
        "role": "assistant",
        "content": "The program that turns messages like these into the one string a model was trained on.",
    },
    {"role": "user", "content": "Where can I see one at work?"},
    {"role": "assistant", "content": "Right here."},
]

_SYSTEM = {"role": "system", "content": "You are a helpful assistant."}

_WITH_TOOL = [
    _SYSTEM,
    {"role": "user", "content": "Do I need an umbrella in Kraków today?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {
                "id": "call0weat",
                "type": "function",
                "function": {"name": "get_weather", "arguments": {"city": "Kraków"}},
            }
        ],
    },
    {
        "role": "tool",
        "name": "get_weather",
        "tool_call_id": "call0weat",
        "content": '{"sky": "rain", "celsius": 9.5}',
    },
    {"role": "assistant", "content": "Yes: it rains, at 9.5 °C."},
]

_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Looks up the weather in a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "description": "The city."}},
                "required": ["city"],
            },
        },
    }
]


def samples(info: ModelInfo) -> list[Row]:
    """Lists built-in conversations for a format, the richest first; a template may refuse all but the last."""
    plain = [Row(messages=[_SYSTEM, *_PLAIN]), Row(messages=_PLAIN), Row(messages=_PLAIN[:1])]
    if info.roles and "system" not in info.roles:
        plain = plain[1:]
    return [Row(messages=_WITH_TOOL, tools=_TOOLS), *plain] if info.tools else plain
