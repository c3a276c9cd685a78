"""What the extension gives, as NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chattpl import _core


def array(buffer: _core.Buffer, dtype: str) -> NDArray[Any]:
    """An array over the memory of a buffer of that type."""
    frombuffer, kind = _made_with(dtype)
    memory: Any = buffer
    return frombuffer(memory, kind)


@cache
def _made_with(dtype: str) -> tuple[Callable[..., NDArray[Any]], np.dtype[Any]]:
    # NumPy is imported when it is first needed, and asked for names once: short texts are encoded in microseconds.
    import numpy as np

    return np.frombuffer, np.dtype(dtype)
