"""What rows held that is worth a word: strings that were not printed, fields that were not used, odd roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

_MOST_NAMES = 6


class Tally(NamedTuple):
    """How often something was met in rows."""

    name: str
    """What: a pattern of paths such as `messages[].content[].text`, a field, a role."""
    rows: int
    """In how many rows."""
    times: int
    """How often in all."""
    first_row: int
    """The first row, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsReport:
    """What the rows of one call held. Rows that were left out count up to the point where they failed."""

    unprinted: tuple[Tally, ...] = ()
    """Strings of which the template printed nothing, by the pattern of their paths."""
    unused: tuple[Tally, ...] = ()
    """Fields of rows with a value that the reader does not use."""
    flag_like: tuple[Tally, ...] = ()
    """Fields that look like training flags, and are none that is honoured."""
    unknown_roles: tuple[Tally, ...] = ()
    """Roles that the format does not know; the empty name stands for messages without a role."""
    empty: Tally | None = None
    """Rows without a token."""
    untrained: Tally | None = None
    """Rows of which nothing is trained."""
    without_stop: Tally | None = None
    """Rows of a format whose stop token is not known: neither it nor its template tells where an answer ends."""
    dialects: tuple[Tally, ...] = ()
    """Dialects other than `messages`."""
    changes: tuple[Tally, ...] = ()
    """What `normalize="auto"` changed."""

    @classmethod
    def of(cls, notes: Iterable[Mapping[str, Any]], knows: Any) -> RowsReport:
        """Puts together what the calls of the extension counted.

        Args:
            notes: What each call counted.
            knows: Tells of a role whether the format knows it.
        """
        merged: dict[str, dict[str, Tally]] = {}
        for counted in notes:
            for kind, tallies in counted.items():
                _add(merged.setdefault(kind, {}), (Tally(*tally) for tally in tallies))
        tallies = {kind: tuple(by_name.values()) for kind, by_name in merged.items()}
        return cls(
            unprinted=tallies.get("unprinted", ()),
            unused=tallies.get("unused", ()),
            flag_like=tallies.get("flag_like", ()),
            unknown_roles=tuple(tally for tally in tallies.get("roles", ()) if not tally.name or not knows(tally.name)),
            empty=next(iter(tallies.get("empty", ())), None),
            untrained=next(iter(tallies.get("untrained", ())), None),
            without_stop=next(iter(tallies.get("without_stop", ())), None),
            dialects=tallies.get("dialects", ()),
            changes=tallies.get("changes", ()),
        )

    @classmethod
    def joined(cls, reports: Iterable[RowsReport]) -> RowsReport:
        """Adds reports of the parts of one source."""
        merged: dict[str, dict[str, Tally]] = {}
        for report in reports:
            for name in cls.__dataclass_fields__:
                value = getattr(report, name)
                _add(merged.setdefault(name, {}), (value,) if isinstance(value, Tally) else value or ())
        fields: dict[str, Any] = {name: tuple(known.values()) for name, known in merged.items()}
        for name in ("empty", "untrained", "without_stop"):
            fields[name] = next(iter(fields.get(name, ())), None)
        return cls(**fields)

    def lines(self) -> list[str]:
        """What is worth a warning, a sentence each; nothing for rows that are as expected."""
        lines = []
        if self.unprinted:
            rows = max(tally.rows for tally in self.unprinted)
            lines.append(
                f"the template prints nothing of some strings in {_rows(rows)} or more: {_listed(self.unprinted)}; "
                'normalize="auto" brings messages into the form that the template takes'
            )
        if self.unknown_roles:
            roles = [tally for tally in self.unknown_roles if tally.name]
            if roles:
                lines.append(f"roles that the format does not know: {_listed(roles)}")
            lines += [f"messages without a role: {_count(tally)}" for tally in self.unknown_roles if not tally.name]
        if self.empty:
            lines.append(f"no tokens at all: {_count(self.empty)}")
        if self.untrained:
            lines.append(f"nothing to train: {_count(self.untrained)}")
        if self.without_stop:
            lines.append(
                f"no stop token is known, so that no answer is trained to end: {_count(self.without_stop)}; "
                "name one with load(..., stop_tokens=[...]) or --stop-token"
            )
        if self.flag_like:
            lines.append(
                f"fields that look like training flags and have no effect: {_listed(self.flag_like)}; "
                "`weight`, `train`, `trainable`, `training` and `loss` of a message are honoured"
            )
        if self.unused:
            lines.append(f"fields that were not used: {_listed(self.unused)}")
        return lines

    def notes(self) -> list[str]:
        """What was done with the rows, a sentence each: dialects that were read, messages that were normalized."""
        lines = []
        if self.dialects:
            lines.append(f"read as other dialects: {_listed(self.dialects)}")
        if self.changes:
            lines.append(f"normalized: {_listed(self.changes)}")
        return lines


def _add(known: dict[str, Tally], tallies: Iterable[Tally]) -> None:
    for name, rows, times, first in tallies:
        before = known.get(name, Tally(name, 0, 0, first))
        known[name] = Tally(name, before.rows + rows, before.times + times, min(before.first_row, first))


def _listed(tallies: Iterable[Tally]) -> str:
    tallies = sorted(tallies, key=lambda tally: -tally.rows)
    shown = ", ".join(f"`{tally.name}` ({_count(tally)})" for tally in tallies[:_MOST_NAMES])
    return shown + (f" and {len(tallies) - _MOST_NAMES} more" if len(tallies) > _MOST_NAMES else "")


def _count(tally: Tally) -> str:
    return f"{_rows(tally.rows)}, first row {tally.first_row}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
