"""What a run lints with, file by file: configuration files, and what was said besides, which comes first."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chattpl.errors import ChatTemplateError, VocabularyError
from chattpl.format import ChatFormat, load
from chattpl.linter.config import LintConfig, nearest, read_config
from chattpl.linter.run import LintSettings, codes_named
from chattpl.linter.subjects import NO_FOREIGN
from chattpl.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said on the command line, or by an editor; it comes before the configuration."""

    profile: str | None = None
    """The set of rules to begin with."""
    select: tuple[str, ...] = ()
    """Only these rules."""
    extend_select: tuple[str, ...] = ()
    """These rules besides."""
    ignore: tuple[str, ...] = ()
    """Not these rules."""
    extend_exclude: tuple[str, ...] = ()
    """Patterns, relative to the current folder, of files and folders to leave out."""
    model: str | None = None
    """Whose tokens and tokenizer to check with."""
    tokenizer: str | None = None
    """The tokenizer to check with."""


@dataclass(slots=True)
class Project:
    """The configuration of the files of one run. Not safe to share between threads.

    Args:
        said: What comes before any configuration.
        config: A configuration file for all files, in place of those near them.
        isolated: Whether to read no configuration at all.
        note: Called with what is worth saying to the user, once for each thing.
    """

    said: Said = field(default_factory=Said)
    config: Path | None = None
    isolated: bool = False
    note: Callable[[str], None] = lambda _: None
    _configs: dict[Path, LintConfig] = field(default_factory=dict)
    _models: dict[str, ChatFormat] = field(default_factory=dict)
    _tokenizers: dict[tuple[str | None, str | None], Tokenizer | None] = field(default_factory=dict)
    _settings: dict[tuple[object, ...], LintSettings] = field(default_factory=dict)

    def check(self) -> None:
        """Makes sure that what was said names rules and a profile that there are.

        Raises:
            ValueError: It does not.
        """
        said = self.said
        LintSettings(
            profile=said.profile or "default",
            select=said.select,
            extend_select=said.extend_select,
            ignore=said.ignore,
        ).check()

    def config_for(self, folder: Path) -> LintConfig:
        """The configuration of the files in a folder.

        Raises:
            SourceError: The configuration is broken.
        """
        key = self.config or (Path.cwd() if self.isolated else Path(os.path.abspath(folder)))
        if key not in self._configs:
            if self.isolated:
                self._configs[key] = LintConfig(folder=key)
            else:
                self._configs[key] = read_config(key) if self.config else nearest(key)
        return self._configs[key]

    def config_of(self, path: Path | None) -> LintConfig:
        """The configuration of a file, or of the folder of a model; without a path, that of the current folder.

        Raises:
            SourceError: The configuration is broken.
        """
        if path is None:
            return self.config_for(Path.cwd())
        return self.config_for(path if path.is_dir() else path.parent)

    def settings_for(self, path: Path | None) -> LintSettings:
        """What a file or model is linted with; what has no path, as if it were in the current folder.

        Raises:
            ChatTemplateError: The configuration is broken, or names what there is not.
            ValueError: See `check`.
        """
        config = self.config_of(path)
        absolute = Path(os.path.abspath(path or "-"))
        ignored = config.ignored_in(absolute)
        nearer = self.said.model or config.model_of(absolute)
        # A model that was named for this file brings its own tokenizer.
        tokenizer = self.said.tokenizer or config.tokenizer_of(absolute) or (None if nearer else config.tokenizer)
        model = nearer or config.model
        key = (id(config), ignored, model, tokenizer)
        if key not in self._settings:
            self._settings[key] = self._made(config, ignored, model, tokenizer)
        return self._settings[key]

    def files(self) -> list[Path]:
        """The configuration files that were read."""
        return [config.file for config in self._configs.values() if config.file]

    def model(self, reference: str) -> ChatFormat:
        """Loads a model once."""
        if reference not in self._models:
            self._models[reference] = load(reference)
        return self._models[reference]

    def _made(
        self, config: LintConfig, ignored: tuple[str, ...], model: str | None, tokenizer: str | None
    ) -> LintSettings:
        said = self.said
        base = LintConfig(folder=config.folder) if said.select else config
        try:
            chosen = self.model(model) if model else None
            found = self._tokenizer(tokenizer, model)
        except ChatTemplateError as error:
            key = "tokenizer" if isinstance(error, VocabularyError) else "model"
            if (said.tokenizer or said.model) if key == "tokenizer" else said.model:
                raise
            raise config.fault(key if key in config.lines else f"per-file-{key}", error.message) from error
        # In full, so that they count against a rule that is selected by its code, too.
        in_file = sorted({code for name in ignored for code in codes_named(name)})
        return LintSettings(
            profile=said.profile or config.profile or "default",
            select=said.select or (() if said.profile else base.select),
            extend_select=(*base.extend_select, *said.extend_select),
            ignore=(*_without(base.ignore, said.extend_select), *said.ignore, *in_file),
            tokens=chosen.token_arguments if chosen else {},
            tokenizer=found,
            stop_tokens=chosen.stop_tokens if chosen else None,
        )

    def _tokenizer(self, given: str | None, model: str | None) -> Tokenizer | None:
        """The tokenizer that was named, else the model's where it has one at hand."""
        key = (given, None if given else model)
        if key not in self._tokenizers:
            self._tokenizers[key] = self._load_tokenizer(given, self.model(model) if model else None)
        return self._tokenizers[key]

    def _load_tokenizer(self, given: str | None, model: ChatFormat | None) -> Tokenizer | None:
        if given:
            found = Tokenizer.from_file(given) if Path(given).exists() else Tokenizer.load(given)
        elif model is None:
            return None
        else:
            try:
                found = model.tokenizer
            except VocabularyError as error:
                self.note(f"no tokenizer to check with: {error.message}")
                return None
        if found.reason is None:
            return found
        self.note(f"no tokenizer to check with: {NO_FOREIGN}")
        return None


def _without(ignored: tuple[str, ...], selected: tuple[str, ...]) -> tuple[str, ...]:
    """The rules that a configuration ignores, less those that were asked for."""
    asked = {code for selector in selected for code in codes_named(selector)}
    return tuple(name for name in ignored if not asked & codes_named(name)) + tuple(
        sorted(code for name in ignored if asked & codes_named(name) for code in codes_named(name) - asked)
    )
