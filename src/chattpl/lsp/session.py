"""What the language server knows: open templates, their findings, and the configuration of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chattpl.errors import ChatTemplateError
from chattpl.linter import Diagnostic, LintSettings, fix, report, subjects
from chattpl.linter.config import FILE_NAMES
from chattpl.linter.project import Project, Said
from chattpl.linter.subjects import Subject
from chattpl.lsp.positions import Positions, utf16_units


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """An open template and its findings."""

    text: str
    settings: LintSettings
    positions: Positions
    diagnostics: tuple[Diagnostic, ...]

    def fixed(self) -> str:
        """The template after all fixes that change no render."""
        return fix(self.text, self.settings)[0]


@dataclass(slots=True)
class Session:
    """Lints what an editor has open.

    Args:
        complain: Called with what is wrong about a configuration, once until it changes.
    """

    complain: Callable[[str], None] = lambda _: None
    said: Said = field(default_factory=Said)
    units: Callable[[str], int] = utf16_units
    documents: dict[str, Linted] = field(default_factory=dict)
    """By URI."""
    _project: Project | None = None
    _stamps: dict[Path, int] = field(default_factory=dict)
    _complaint: str | None = None
    _subjects: dict[Path, Subject | None] = field(default_factory=dict)

    def lint(self, uri: str, file: Path | None, text: str) -> Linted:
        """Lints a template that was opened or changed.

        Args:
            uri: What the editor calls it.
            file: Where it is stored; None for one that is not.
            text: What it is now, which need not be stored.
        """
        settings = self._settings(file)
        found = report(text, settings, name=str(file or uri))
        linted = Linted(
            text=text,
            settings=settings,
            positions=Positions(text, self.units),
            diagnostics=found.diagnostics,
        )
        self.documents[uri] = linted
        return linted

    def close(self, uri: str) -> None:
        """Forgets a template."""
        self.documents.pop(uri, None)

    def _settings(self, file: Path | None) -> LintSettings:
        """The configuration of a file; the defaults while it is broken."""
        stamps = _configuration_stamps((file.parent if file else Path.cwd()).absolute())
        if self._project is None or any(self._stamps.get(path, stamp) != stamp for path, stamp in stamps.items()):
            self._project, self._stamps = Project(self.said), {}
            self._subjects.clear()
        self._stamps.update(stamps)
        try:
            self._project.check()
            settings = self._project.settings_for(file)
        except (ChatTemplateError, ValueError) as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                self.complain(str(error))
            self._project = None
            return LintSettings()
        self._complaint = None
        return self._with_model(file, settings)

    def _with_model(self, file: Path | None, settings: LintSettings) -> LintSettings:
        """The settings with what the model says in whose folder a template is."""
        if file is None:
            return settings
        if file not in self._subjects:
            try:
                found = subjects.read(file) if file.is_file() else []
            except ChatTemplateError:
                found = []
            self._subjects[file] = next((subject for subject in found if subject.file == file), None)
        subject = self._subjects[file]
        return subject.settings(settings) if subject else settings


def said_by(options: Any) -> Said:
    """Reads what the editor was configured to say; unknown names are left alone."""
    options = options if isinstance(options, Mapping) else {}

    def names(key: str) -> tuple[str, ...]:
        value = options.get(key)
        return tuple(map(str, value)) if isinstance(value, list) else ()

    def text(key: str) -> str | None:
        value = options.get(key)
        return value if isinstance(value, str) else None

    return Said(
        profile=text("profile"),
        select=names("select"),
        extend_select=names("extend-select"),
        ignore=names("ignore"),
        model=text("model"),
        tokenizer=text("tokenizer"),
    )


def _configuration_stamps(folder: Path) -> dict[Path, int]:
    """When each file was changed that may hold the configuration of a folder; 0 for one that is not there."""
    return {above / name: _stamp(above / name) for above in (folder, *folder.parents) for name in FILE_NAMES}


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
