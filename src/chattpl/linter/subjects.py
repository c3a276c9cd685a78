"""What is linted: template files, and models, whose folder or file says what goes with their templates."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from chattpl import hub
from chattpl.errors import SourceError, VocabularyError
from chattpl.format import ChatFormat
from chattpl.gguf import read_chat
from chattpl.linter.run import LintSettings
from chattpl.registry import ModelInfo, find
from chattpl.source import ChatSource, read_text
from chattpl.tokenizer import Tokenizer

NO_FOREIGN = "rules look at byte pair encodings only, and this is another kind"


@dataclass(frozen=True)
class Model:
    """What a folder or file says about a model, besides its templates."""

    info: ModelInfo
    source: ChatSource

    @cached_property
    def tokenizer(self) -> Tokenizer | None:
        """The tokenizer of the model, where there is one that rules can look at."""
        try:
            # Without templates, of which one may be broken.
            found = ChatFormat(self.info, self.source._replace(templates={})).tokenizer
        except VocabularyError:
            return None
        return found if found.reason is None else None

    def settings(self, base: LintSettings, other: tuple[str, str] | None = None) -> LintSettings:
        """The settings with what the model says; what they hold already comes first.

        Args:
            base: The settings.
            other: Another template of the same model, and where it is from.
        """
        return replace(
            base,
            tokens=base.tokens or self.source.arguments,
            tokenizer=base.tokenizer or self.tokenizer,
            stop_tokens=base.stop_tokens if base.stop_tokens is not None else self.source.stop_tokens or None,
            other_template=base.other_template or other,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A template to lint."""

    path: str
    """The file that holds it; `PATH@NAME` for one of several in a file."""
    source: str
    """Its text."""
    file: Path | None = None
    """Where to write repairs: the file that holds the text and nothing else."""
    inside: bool = False
    """Whether the file holds more than the template: lines and columns are then those of the template's text."""
    model: Model | None = None
    """What goes with it."""
    other: tuple[str, str] | None = None
    """Another template of the same model, and where it is from."""
    reference: str | None = None
    """The model that was named in place of a file."""

    def settings(self, base: LintSettings) -> LintSettings:
        """The settings with what is known about the model; what they hold already comes first."""
        return self.model.settings(base, self.other) if self.model else base


def model_named(ref: str | os.PathLike[str]) -> Model:
    """The model that a reference means; see `chattpl.load`.

    Raises:
        ChatTemplateError: There is none.
    """
    return Model(*find(ref))


def is_model(path: Path) -> bool:
    """Whether a folder or file is a model with a template, rather than a template or a folder of templates."""
    if path.is_dir():
        return any((path / name).is_file() for name in hub.MODEL_FILES) and bool(hub.template_sources(path))
    return path.suffix.lower() in (".gguf", ".json")


def read(path: Path) -> list[Subject]:
    """The templates of a file or of a model, the one that is used by default first.

    Raises:
        SourceError: It cannot be read, or holds no template.
    """
    if path.is_dir():
        return list(_of_folder(path))
    if path.suffix.lower() == ".gguf":
        return list(_of_gguf(path))
    if path.suffix.lower() == ".json":
        return list(_of_json(path))
    if path.name == hub.TEMPLATE_FILE and is_model(path.parent):
        return [subject for subject in _of_folder(path.parent) if subject.file == path]
    return [Subject(path=str(path), source=read_text(path), file=path)]


def models_in(folder: Path) -> Iterator[Path]:
    """The model folders and GGUF files below a folder, itself left out; hidden ones are not entered."""
    for path in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if (path.is_dir() and is_model(path)) or (path.suffix.lower() == ".gguf" and path.is_file()):
            yield path


def _of_folder(folder: Path) -> Iterator[Subject]:
    """The templates that `transformers` takes from a folder, each with what another file says instead."""
    sources = hub.template_sources(folder)
    if not sources:
        hint = "a model's folder holds one; `chattpl lint FOLDER` lints all templates in a folder"
        raise SourceError("no chat template here", location=str(folder), hint=hint)
    model = model_named(folder)
    others = [(file, texts) for file, texts in sources[1:]]
    others += [(file, read_chat(file).templates) for file in sorted(folder.glob("*.gguf"))]
    file, texts = sources[0]
    for name in _default_first(texts):
        yield _subject(file, name, texts, model, others, folder)


def _of_json(path: Path) -> Iterator[Subject]:
    texts = hub.templates_in(path)
    if not texts:
        hint = f"the file has no `chat_template`; lint the folder {path.parent} or a `.jinja` file"
        raise SourceError("no chat template here", location=str(path), hint=hint)
    others = [source for source in hub.template_sources(path.parent) if source[0] != path]
    for name in _default_first(texts):
        yield _subject(path, name, texts, model_named(path), others, path.parent)


def _of_gguf(path: Path) -> Iterator[Subject]:
    info, source = find(path)
    others = hub.template_sources(path.parent)
    for name in _default_first(source.templates):
        yield _subject(path, name, source.templates, Model(info, source), others, path.parent)


def _subject(
    file: Path,
    name: str,
    texts: dict[str, str],
    model: Model,
    others: list[tuple[Path, dict[str, str]]],
    folder: Path,
) -> Subject:
    """One of the templates of a source."""
    alone = hub.template_file(folder, name) if file.name == hub.TEMPLATE_FILE else None
    shown = str(alone or file)
    if alone is None and name != "default":
        shown = f"{shown}@{name}"
    other = next(((text[name], str(path)) for path, text in others if name in text), None)
    return Subject(path=shown, source=texts[name], file=alone, inside=alone is None, model=model, other=other)


def _default_first(texts: dict[str, str]) -> list[str]:
    return sorted(texts, key=lambda name: (name != "default", name))
