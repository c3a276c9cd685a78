"""Other engines that are installed, for the rule that compares renders."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any

# The text, or None; what went wrong; where, as byte offsets of the template's text.
Answer = tuple[str | None, str, tuple[int, int] | None]
# A template's text, its variables as JSON, and the moment of the render in ISO 8601.
Render = Callable[[str, str, str], Answer]


@cache
def engines() -> str | list[tuple[str, str, Render]]:
    """The engines with their names, versions and ways to render; or what to install."""
    if find_spec("minijinja") is None:
        return "minijinja is not installed"
    from importlib.metadata import version

    return [("minijinja", version("minijinja"), _minijinja)]


def _minijinja(source: str, variables: str, now: str) -> Answer:
    """Renders with minijinja, set up as servers set it up for chat templates."""
    import minijinja

    try:
        return _environment(source, now).render_template("chat", **json.loads(variables)), "", None
    except minijinja.TemplateError as error:
        return None, error.detail or str(error), error.range
    except Exception as error:  # whatever the template's own calls raise
        return None, str(error), None


@lru_cache(maxsize=1)
def _environment(source: str, now: str) -> Any:
    import minijinja

    def raise_exception(message: str) -> None:
        raise ValueError(message)

    environment = minijinja.Environment(trim_blocks=True, lstrip_blocks=True, pycompat=True)
    environment.add_global("raise_exception", raise_exception)
    environment.add_global("strftime_now", datetime.fromisoformat(now).strftime)
    environment.add_template("chat", source)
    return environment
