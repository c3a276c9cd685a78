"""The baselines of a run of `chattpl lint`."""

from __future__ import annotations

from pathlib import Path

from chattpl.cli import console
from chattpl.linter import LintReport, LintSettings
from chattpl.linter.baseline import Baseline, Known

# Of the findings that are gone, as many are named.
_MAX_NAMED = 10


class Baselines:
    """The baselines of a run: the one that was named, or those of the configurations."""

    def __init__(self, given: str | None, written: str | None) -> None:
        self._given = Path(given) if given else None
        self._written = Baseline(Path(written)) if written else None
        self._read: dict[Path, Baseline] = {}

    def filter(self, report: LintReport, settings: LintSettings, file: Path | None) -> tuple[LintReport, int]:
        """Takes known findings out of a report; or all, where they are written down."""
        if self._written is not None:
            self._written.add(report)
            return report, 0
        file = self._given or file
        if file is None:
            return report, 0
        if file not in self._read:
            self._read[file] = Baseline.read(file)
        return self._read[file].filter(report, settings.enabled())

    def end(self) -> None:
        """Writes the baseline that was asked for, or says which findings are gone."""
        if self._written is not None:
            self._written.write()
            console.talk(f"{console.plural(len(self._written), 'fault')} written to {self._written.file}")
        for baseline in self._read.values():
            _tell_gone(baseline.gone(), baseline.file)


def _tell_gone(gone: list[Known], file: Path) -> None:
    if not gone:
        return
    console.talk(f"{console.plural(len(gone), 'fault')} of {file} gone: `--write-baseline {file}` takes them out")
    for entry in gone[:_MAX_NAMED]:
        console.talk(f"  {entry.path}: {entry.code} [{entry.name}] {entry.message}")
    if len(gone) > _MAX_NAMED:
        console.talk(f"  and {len(gone) - _MAX_NAMED} more")
