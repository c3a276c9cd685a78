"""What a template does with the probe conversations, in digests that a lock file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chattpl import _core
from chattpl.linter.run import LintSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Render:
    """What became of a conversation."""

    digest: str
    """XXH3 of the text, or of the error's class and message; the same on every machine."""
    characters: int
    """The length of the text, or of the error's message."""
    tokens: int | None = None
    """How many tokens the text is; None where no tokenizer is known, and for errors."""
    error: str | None = None
    """The error's class, where there is no text."""

    def differs(self, other: Render) -> bool:
        """Whether a model sees something else; tokens count where both know them."""
        counts = (self.tokens, other.tokens)
        return self.digest != other.digest or (None not in counts and counts[0] != counts[1])

    def __str__(self) -> str:
        if self.error:
            return f"{self.error} of {self.characters} characters"
        tokens = "" if self.tokens is None else f", {self.tokens} tokens"
        return f"{self.characters} characters{tokens}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a template does."""

    takes: str
    """The form of conversation that it takes."""
    renders: Mapping[str, Render]
    """By the conversation's name and how it was rendered, `tool-call + prompt + thinking off`. Another way than the
    usual one is there only where it changes the render."""
    texts: Mapping[str, str]
    """The texts, and the messages of errors."""

    def text_of(self, key: str) -> str | None:
        """The text of a render, or that of the usual way where this one changes nothing."""
        return self.texts.get(key, self.texts.get(usual(key)))


def behaviour(source: str, settings: LintSettings, *, name: str | None = None) -> Behaviour:
    """Renders the probe conversations in every way.

    Args:
        source: The text of the template.
        settings: What is known besides the template; the choice of rules does not matter.
        name: What to call the template.
    """
    parts, strings, found = _core.lint_behaviour(source, settings.request(), name, settings.tokenizer)
    renders, texts = {}, {}
    for shape, prompt, way, digest, error, text, tokens in found:
        key = " + ".join([shape, *(["prompt"] if prompt else []), *([way] if way else [])])
        renders[key] = Render(digest=digest, characters=len(text), tokens=tokens, error=error)
        texts[key] = text
    takes = f"contents as {'parts' if parts else 'texts'}, arguments as {'JSON text' if strings else 'mappings'}"
    return Behaviour(takes=takes, renders=renders, texts=texts)


def usual(key: str) -> str:
    """The render that another way is compared with: without what follows the shape and `prompt`."""
    shape, *rest = key.split(" + ")
    return f"{shape} + prompt" if "prompt" in rest else shape
