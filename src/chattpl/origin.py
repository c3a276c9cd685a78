"""Where rendered text comes from."""

from enum import StrEnum


class Origin(StrEnum):
    """The kind of place that a stretch of rendered text comes from."""

    TEMPLATE = "template"
    """Text that stands in the template's source."""
    MESSAGE = "message"
    """A value of `messages`."""
    TOOLS = "tools"
    """A value of `tools`."""
    DOCUMENTS = "documents"
    """A value of `documents`."""
    ARGUMENT = "argument"
    """Any other argument of the render, such as `bos_token`."""
    CLOCK = "clock"
    """The date or time, as `strftime_now` prints it."""

    @property
    def code(self) -> int:
        """The number that stands for this origin in uint8 arrays."""
        return BY_CODE.index(self)


BY_CODE: tuple[Origin, ...] = tuple(Origin)
"""The origin of each uint8 code."""
