"""The hook that others put in their `.pre-commit-config.yaml`, run by `pre-commit` itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lint_templates import FLAWLESS

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs the program `git`")

ROOT = Path(__file__).parents[2]
BROKEN = "{%- for m in messages %}{{ m.content }"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with our hook, which runs the package under test instead of installing one."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert hook["entry"].split()[0] == "chattpl"
    entry = f"'{sys.executable}' -m {hook['entry']}"
    local: dict[str, Any] = {"repo": "local", "hooks": [hook | {"language": "system", "entry": entry}]}
    (tmp_path / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [local]}), "utf-8")
    run(tmp_path, "git", "init", "--quiet")
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    home = str(folder / ".git" / "pre-commit-home")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment = {**kept, "PRE_COMMIT_HOME": home, "PRE_COMMIT_COLOR": "never", "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def hooked(folder: Path) -> subprocess.CompletedProcess[str]:
    run(folder, "git", "add", "--all")
    return run(folder, sys.executable, "-m", "pre_commit", "run")


def test_a_broken_template_stops_the_commit(repository: Path) -> None:
    (repository / "deep").mkdir()
    (repository / "deep" / "chat template.j2").write_text(BROKEN, "utf-8")
    (repository / "clean.jinja").write_text(FLAWLESS, "utf-8")
    done = hooked(repository)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "deep/chat template.j2:1:38: CT001" in done.stdout
    assert "clean.jinja:" not in done.stdout


def test_clean_templates_pass(repository: Path) -> None:
    (repository / "clean.jinja").write_text(FLAWLESS, "utf-8")
    done = hooked(repository)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout


def test_files_that_are_no_templates_are_let_alone(repository: Path) -> None:
    (repository / "notes.txt").write_text(BROKEN, "utf-8")
    done = hooked(repository)
    assert (done.returncode, "Skipped" in done.stdout) == (0, True), done.stdout + done.stderr


def test_files_that_the_configuration_excludes_are_let_alone(repository: Path) -> None:
    (repository / "old").mkdir()
    (repository / "old" / "broken.jinja").write_text(BROKEN, "utf-8")
    assert hooked(repository).returncode == 1
    (repository / "chattpl.toml").write_text('[lint]\nextend-exclude = ["old"]\n', "utf-8")
    done = hooked(repository)
    assert done.returncode == 0, done.stdout + done.stderr
