"""Configuration of the linter: which file counts, what it says, and how a broken one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from chattpl.errors import SourceError
from chattpl.linter import rules
from chattpl.linter.config import LintConfig, nearest, read_config
from chattpl.linter.globs import Glob
from chattpl.linter.project import Project, Said
from chattpl.linter.rules import PROFILES

FOLDER = Path("/project")


@pytest.mark.parametrize(
    ("pattern", "path", "names", "covers"),
    [
        ("*.jinja", "a.jinja", True, True),
        ("*.jinja", "deep/er/a.jinja", True, True),
        ("*.jinja", "a.jinja2", False, False),
        ("old", "templates/old/a.jinja", False, True),
        ("old", "old", True, True),
        ("templates/old", "templates/old/deep/a.jinja", False, True),
        ("templates/old/", "templates/old", True, True),
        ("./templates/old", "templates/old", True, True),
        ("templates/*.jinja", "templates/a.jinja", True, True),
        ("templates/*.jinja", "templates/deep/a.jinja", False, False),
        ("templates/**/*.jinja", "templates/a.jinja", True, True),
        ("templates/**/*.jinja", "templates/x/y/a.jinja", True, True),
        ("**/chat.jinja", "chat.jinja", True, True),
        ("templates/**", "templates/x/y/a.jinja", True, True),
        ("chat-[0-9!].jinja", "chat-7.jinja", True, True),
        ("chat-[!0-9].jinja", "chat-7.jinja", False, False),
        ("chat?.jinja", "chats.jinja", True, True),
        ("[.jinja", "[.jinja", True, True),
        ("a+(b).jinja", "a+(b).jinja", True, True),
        ("/project/a.jinja", "a.jinja", True, True),
        ("/elsewhere", "a.jinja", False, False),
        ("project", "a.jinja", False, False),
    ],
)
def test_patterns_name_files_and_cover_what_is_in_folders(pattern: str, path: str, names: bool, covers: bool) -> None:
    glob = Glob(pattern)
    assert (glob.names(FOLDER / path, FOLDER), glob.covers(FOLDER / path, FOLDER)) == (names, covers)


def test_the_profiles_are_those_of_the_rules() -> None:
    assert set(PROFILES) == {profile for rule in rules() for profile in rule.profiles}
    with pytest.raises(ValueError, match=", ".join(PROFILES)):
        Project(Said(profile="quiet")).check()


def config(folder: Path, text: str, name: str = "chattpl.toml") -> LintConfig:
    (folder / name).write_text(text, "utf-8")
    return nearest(folder)


def test_the_nearest_file_counts_and_chattpl_toml_before_pyproject(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    config(tmp_path, '[tool.chattpl.lint]\nprofile = "rl"\n', "pyproject.toml")
    assert nearest(deep).profile == "rl"
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'x'\n", "utf-8")
    assert nearest(deep).profile == "rl"
    config(tmp_path, '[lint]\nprofile = "sft"\n')
    assert (nearest(deep).profile, nearest(deep).folder) == ("sft", tmp_path)
    config(deep, "")
    assert (nearest(deep).profile, nearest(deep).file) == (None, deep / "chattpl.toml")


def test_everything_that_can_be_said_is_read(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")
    said = config(
        tmp_path,
        """
        [lint]
        profile = "serve"
        select = ["CT1", "render-fails"]
        extend-select = ["CT205"]
        ignore = ["CT105"]
        exclude = ["old"]
        extend-exclude = ["older"]
        force-exclude = true
        model = "qwen3"
        tokenizer = "tokenizer.json"
        output-format = "sarif"
        baseline = "known.json"
        [lint.per-file-ignores]
        "old/*.jinja" = ["CT2"]
        [lint.per-file-model]
        "*.llama.jinja" = "llama3"
        [lint.per-file-tokenizer]
        "*.llama.jinja" = "llama3"
        """,
    )
    assert (said.profile, said.select, said.extend_select, said.ignore) == (
        "serve",
        ("CT1", "render-fails"),
        ("CT205",),
        ("CT105",),
    )
    assert [glob.pattern for glob in said.exclude] == ["old", "older"]
    assert (said.force_exclude, said.model, said.output_format) == (True, "qwen3", "sarif")
    assert (said.tokenizer, said.baseline) == (str(tmp_path / "tokenizer.json"), tmp_path / "known.json")
    assert (said.ignored_in(tmp_path / "old" / "a.jinja"), said.ignored_in(tmp_path / "a.jinja")) == (("CT2",), ())
    assert (said.model_of(tmp_path / "x.llama.jinja"), said.tokenizer_of(tmp_path / "x.jinja")) == ("llama3", None)


BROKEN = [
    ("[lint]\nselect = [\n", None, "not TOML", None),
    ("[lint]\n\nselekt = []", 3, "unknown key `selekt`", "did you mean `select`?"),
    ("[lint]\nper_file_ignores = {}", 2, "unknown key `per_file_ignores`", "did you mean `per-file-ignores`?"),
    ("[lint]\nzzz = 1", 2, "unknown key `zzz`", "the keys are profile, select"),
    ('[lint]\nprofile = "serv"', 2, "`profile` cannot be `serv`", "did you mean `serve`?"),
    ("[lint]\nprofile = 3", 2, "`profile` has to be a text, not a number", None),
    ('[lint]\nselect = "CT101"', 2, "`select` has to be a list of texts, not a text", None),
    ('[lint]\nselect = [\n"CT101",\n4]', 4, "`select` has to be a text, not a number", None),
    (
        '[lint]\nignore = [\n  "CT101",\n\n  "set-in-lop-lost",\n]',
        5,
        "`set-in-lop-lost` in `ignore` names no rule",
        "did you",
    ),
    ('[lint]\noutput-format = "text"', 2, "`output-format` cannot be `text`", "it may be full, concise"),
    ("[lint]\nforce-exclude = 'yes'", 2, "`force-exclude` has to be true or false, not a text", None),
    ("[lint]\nper-file-ignores = []", 2, "`per-file-ignores` has to be a table, not a list", None),
    ('[lint.per-file-ignores]\na = ["CT101"]\n"b.jinja" = ["CT999"]', 3, "`CT999` in `per-file-ignores.b.jinja`", None),
    ("lint = 1", 1, "`lint` has to be a table, not a number", None),
    ("[lnt]\nselect = []", 1, "there is no table `lnt`", "did you mean `lint`?"),
]


@pytest.mark.parametrize(("text", "line", "message", "hint"), BROKEN, ids=[row[2] for row in BROKEN])
def test_a_broken_file_is_named_with_key_and_line(
    tmp_path: Path, text: str, line: int | None, message: str, hint: str | None
) -> None:
    for name, prefix in (("chattpl.toml", ""), ("pyproject.toml", "tool.chattpl.")):
        folder = tmp_path / name.removesuffix(".toml")
        folder.mkdir()
        moved = text.replace("[lint", f"[{prefix}lint").replace("[lnt", f"[{prefix}lnt")
        moved = f"{prefix}{moved}" if moved.startswith("lint") else moved
        with pytest.raises(SourceError) as raised:
            config(folder, moved, name)
        error = raised.value
        assert error.message.startswith(message)
        assert error.code == "CE042"
        assert error.location == f"{folder / name}:{line}" if line else str(folder / name)
        assert (hint or "") in (error.hint or "")


def test_a_broken_pyproject_of_another_tool_is_not_ours(tmp_path: Path) -> None:
    assert config(tmp_path, "[tool.other\n", "pyproject.toml").file is None
    (tmp_path / "pyproject.toml").write_text("[project]\n", "utf-8")
    (tmp_path / "named.toml").write_text("[tool.chattpl.lint]\n", "utf-8")
    for name, table in (("pyproject.toml", r"tool\.chattpl\.lint"), ("named.toml", "lint")):
        with pytest.raises(SourceError, match=rf"has no table `\[{table}\]`"):
            read_config(tmp_path / name)


def project(folder: Path, text: str, said: Said | None = None) -> Project:
    config(folder, text)
    return Project(said or Said())


def enabled(folder: Path, text: str, said: Said | None = None, name: str = "a.jinja") -> frozenset[str]:
    return project(folder, text, said).settings_for(folder / name).enabled()


CONFIG = '[lint]\nselect = ["CT101", "CT105"]\nextend-select = ["CT205"]\nignore = ["CT105"]\n'


def test_what_is_said_comes_before_the_configuration(tmp_path: Path) -> None:
    assert enabled(tmp_path, CONFIG) == {"CT101", "CT205"}
    assert enabled(tmp_path, CONFIG, Said(select=("CT105",))) == {"CT105"}
    assert enabled(tmp_path, CONFIG, Said(extend_select=("CT105",))) == {"CT101", "CT105", "CT205"}
    assert enabled(tmp_path, CONFIG, Said(ignore=("CT205",))) == {"CT101"}
    everything = enabled(tmp_path, "", Said(profile="all"))
    assert enabled(tmp_path, CONFIG, Said(profile="all")) == everything - {"CT105"}
    family = '[lint]\nignore = ["CT1"]\n'
    assert enabled(tmp_path, family, Said(extend_select=("set-in-loop-lost",))) >= {"CT101"}
    assert "CT105" not in enabled(tmp_path, family, Said(extend_select=("set-in-loop-lost",)))


def test_ignores_of_a_file_hold_even_against_a_selected_code(tmp_path: Path) -> None:
    text = '[lint]\nselect = ["CT101", "CT105"]\n[lint.per-file-ignores]\n"old.jinja" = ["CT1"]\n'
    assert enabled(tmp_path, text, name="old.jinja") == frozenset()
    assert enabled(tmp_path, text, Said(select=("CT101",)), name="old.jinja") == frozenset()
    assert enabled(tmp_path, text) == {"CT101", "CT105"}


def test_models_and_tokenizers_are_chosen_by_pattern(tmp_path: Path) -> None:
    text = (
        '[lint]\nmodel = "qwen3"\ntokenizer = "cl100k"\n'
        '[lint.per-file-model]\n"mistral/*" = "mistral-v3"\n[lint.per-file-tokenizer]\n"gpt/*" = "o200k"\n'
    )
    chosen = project(tmp_path, text)

    def names(path: str) -> tuple[str | None, str | None]:
        settings = chosen.settings_for(tmp_path / path)
        return settings.tokens.get("bos_token"), settings.tokenizer.name if settings.tokenizer else None

    qwen = names("a.jinja")[0]
    assert names("a.jinja") == (qwen, "cl100k")
    assert names("gpt/a.jinja") == (qwen, "o200k")
    assert names("mistral/a.jinja") == ("<s>", "mistral-v3")
    assert Project(Said(tokenizer="o200k")).settings_for(tmp_path / "a.jinja").tokenizer is not None


def test_a_model_that_there_is_not_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no-such-model") as raised:
        project(tmp_path, '[lint]\n\nmodel = "no-such-model"\n').settings_for(tmp_path / "a.jinja")
    assert raised.value.location == f"{tmp_path / 'chattpl.toml'}:3"
    with pytest.raises(SourceError, match="nowhere") as raised:
        project(tmp_path, '[lint]\ntokenizer = "nowhere"\n').settings_for(tmp_path / "a.jinja")
    assert raised.value.location == f"{tmp_path / 'chattpl.toml'}:2"


def test_an_isolated_run_reads_no_configuration(tmp_path: Path) -> None:
    config(tmp_path, CONFIG)
    assert Project(isolated=True).config_for(tmp_path).file is None
    named = tmp_path / "named.toml"
    named.write_text('[lint]\nprofile = "rl"\n', "utf-8")
    assert Project(config=named).config_for(tmp_path).profile == "rl"
