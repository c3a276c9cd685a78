"""Every format against the vendor's own template, where a package carries that, and the shape of every record."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import chattpl
from compare import TOKENS, Outcome, difference, ours, reference
from fetch_oracles import NO_TRL, trl_templates
from formats.records import PUBLISHED, format_folders, published, read_record
from paths import CONFORMANCE, NO_CONFORMANCE
from strategies import probes

FOLDERS = format_folders()
WITH_ORACLE = [folder for folder in FOLDERS if read_record(folder).get("source", {}).get("oracle")]

TEXT_KEYS = ("name", "vendor", "title", "released", "summary", "license")
LIST_KEYS = ("aliases", "hub", "special_tokens", "stop_tokens", "roles")


def _folder_id(folder: Path) -> str:
    return folder.name


@cache
def _official(folder: Path) -> str:
    """Reads the official text of a format's template."""
    oracle: str = read_record(folder)["source"]["oracle"]
    kind, _, place = oracle.partition(":")
    if kind == "conformance":
        if not CONFORMANCE.is_dir():
            pytest.skip(NO_CONFORMANCE)
        return (CONFORMANCE / "templates" / place).read_bytes().decode()
    if kind == "trl":
        if not trl_templates():
            pytest.skip(NO_TRL)
        return trl_templates()[place]
    assert kind == "transformers"
    module, _, attribute = place.partition(":")
    text = getattr(import_module(module), attribute)
    assert isinstance(text, str)
    return text


@cache
def _expected(folder: Path) -> dict[str, Outcome]:
    source = _official(folder)
    return {probe.name: reference(source, probe.messages, **{**TOKENS, **probe.options}) for probe in probes()}


@pytest.mark.parametrize("folder", WITH_ORACLE, ids=_folder_id)
def test_official_text_is_the_one_that_was_checked(folder: Path) -> None:
    assert hashlib.sha256(_official(folder).encode()).hexdigest() == read_record(folder)["source"]["sha256"]


@pytest.mark.parametrize("folder", WITH_ORACLE, ids=_folder_id)
def test_our_template_in_transformers_equals_the_official_one(folder: Path) -> None:
    source = published(folder).read_bytes().decode()
    different = {}
    for probe in probes():
        found = reference(source, probe.messages, **{**TOKENS, **probe.options})
        if (how := difference(_expected(folder)[probe.name], found)) is not None:
            different[probe.name] = how
    assert not different


@pytest.mark.parametrize("folder", WITH_ORACLE, ids=_folder_id)
def test_our_render_equals_the_official_one(folder: Path) -> None:
    chat = chattpl.load(folder.name, template=PUBLISHED if published(folder).stem == PUBLISHED else None)
    different = {}
    for probe in probes():
        # The template alone: a format refuses an empty conversation before it renders.
        template = chat.template_for(probe.options.get("tools"))
        found = ours(template, probe.messages, **{**TOKENS, **probe.options})
        if (how := difference(_expected(folder)[probe.name], found)) is not None:
            different[probe.name] = how
    assert not different


@pytest.mark.parametrize("folder", FOLDERS, ids=_folder_id)
def test_record_is_complete(folder: Path) -> None:
    record = read_record(folder)
    assert record["name"] == folder.name
    assert record["vendor"] == folder.parent.name
    assert all(isinstance(record[key], str) and record[key] for key in TEXT_KEYS)
    assert all(isinstance(entry, str) for key in LIST_KEYS for entry in record[key])
    assert isinstance(record["tools"], bool)
    assert isinstance(record["reasoning"], bool)
    assert set(record["stop_tokens"]) or record["source"]["unverified"]
    source = record["source"]
    assert source["reason"] if source["unverified"] else (source["checked_against"] and source["sha256"])
    assert (folder / "NOTES.md").read_text("utf-8").strip()
    cases = {path.stem for path in (folder / "cases").glob("*.json")}
    assert len(cases) >= 3
    assert cases == {path.stem for path in (folder / "cases").glob("*.txt")}


def test_names_and_aliases_are_unique() -> None:
    names = [name for folder in FOLDERS for name in (read_record(folder)["name"], *read_record(folder)["aliases"])]
    assert sorted(names) == sorted(set(names))


def test_every_format_follows_a_known_one() -> None:
    records = [read_record(folder) for folder in FOLDERS]
    names = {record["name"] for record in records}
    assert {record["follows"] for record in records if record.get("follows")} <= names


def test_every_folder_is_in_the_registry() -> None:
    assert {info.name for info in chattpl.models()} == {folder.name for folder in FOLDERS}
