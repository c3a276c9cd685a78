"""What the extension gives, as NumPy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chattpl import _core


def array(buffer: _core.Buffer, dtype: str) -> NDArray[Any]:
    """An array over the memory of a buffer of that type."""
    import numpy as np

    memory: Any = buffer
    return np.frombuffer(memory, dtype=dtype) if len(buffer) else np.empty(0, dtype=dtype)
