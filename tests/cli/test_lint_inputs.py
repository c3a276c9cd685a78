"""`chattpl lint` on what is no template, on hostile ones, and on thousands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.command import chattpl
from cli.test_lint import CLEAN, LOST

RESOURCE = pytest.importorskip("resource", reason="asks the system how much memory a process took")

REFUSED = {
    "binary.jinja": (b"GGUF\0\0\0\3" + bytes(100), "a binary file: it has NUL characters"),
    "latin.jinja": ("{{ 'é' }}".encode("latin-1"), "not UTF-8 text"),
    "huge.jinja": (b"lorem ipsum " * (50 * 2**20 // 12), "no chat template: longer than 2097152 characters"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_template_is_named_and_the_run_goes_on(tmp_path: Path, name: str) -> None:
    data, message = REFUSED[name]
    (tmp_path / name).write_bytes(data)
    (tmp_path / "lost.jinja").write_text(LOST, "utf-8")
    result = chattpl("lint", ".", "--select", "CT101", "--output-format", "concise", cwd=tmp_path)
    assert (result.code, result.out.count("\n"), "CT101" in result.out) == (2, 1, True)
    assert f"error[CE041]: {message}" in result.err
    assert result.err.rstrip().endswith(f"--> {name}")


def test_a_folder_that_cannot_be_read_does_not_stop_the_run(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "lost.jinja").write_text(LOST, "utf-8")
    (tmp_path / "closed").chmod(0)
    if os.access(tmp_path / "closed", os.R_OK):
        pytest.skip("this user may read any folder")
    result = chattpl("lint", ".", "--select", "CT101", cwd=tmp_path)
    assert (result.code, "CT101" in result.out, "closed" in result.err) == (2, True, True)


def test_links_in_a_circle_and_to_nowhere_are_let_alone(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "nowhere.jinja").symlink_to(tmp_path / "absent")
    (tmp_path / "lost.jinja").write_text(LOST, "utf-8")
    result = chattpl("lint", ".", "--select", "CT101", cwd=tmp_path)
    assert (result.code, result.err) == (1, "1 fault in 1 template\n")


@pytest.mark.parametrize("text", ["", "\n", " \r\n\t", "\ufeff"], ids=repr)
def test_an_empty_template_is_linted(tmp_path: Path, text: str) -> None:
    (tmp_path / "empty.jinja").write_text(text, "utf-8")
    result = chattpl("lint", "empty.jinja", "--profile", "all", cwd=tmp_path)
    assert result.code in (0, 1)
    assert result.err.splitlines()[0].endswith("in 1 template")


LOOP = "{% for a in range(99999) %}"
HOSTILE = {
    "runs forever": f"{LOOP}{LOOP}{{{{ messages[0].content }}}}{{% endfor %}}{{% endfor %}}",
    "takes all memory": "{% set n = namespace(x='ab') %}" + LOOP + "{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}",
    "prints without end": LOOP + "{{ 'x' * 9999 }}{% endfor %}",
    "calls itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_template_past_a_limit_is_a_finding_and_the_run_goes_on(tmp_path: Path, text: str) -> None:
    (tmp_path / "hostile.jinja").write_text(text, "utf-8")
    (tmp_path / "lost.jinja").write_text(LOST, "utf-8")
    result = chattpl("lint", ".", "--select", "CT101,CT201", "--output-format", "concise", cwd=tmp_path)
    assert result.code == 1
    assert "hostile.jinja" in result.out
    assert "CT201" in result.out
    assert "lost.jinja:2:9: CT101" in result.out


@pytest.mark.parametrize("text", ["{% if a %}" * 20_000, "{{ " + "(" * 50_000, "{{ " + "-" * 50_000 + "1 }}"])
def test_deep_nesting_is_a_syntax_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "deep.jinja").write_text(text, "utf-8")
    result = chattpl("lint", "deep.jinja", "--output-format", "concise", cwd=tmp_path)
    assert (result.code, "CT001" in result.out) == (1, True)


MEASURED = """\
import resource, sys
from chattpl.cli import main
code = main(["lint", sys.argv[1], "--select", "CT101,CT202", "--output-format", "concise"])
sys.stderr.write(f"{code} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")
"""


@pytest.mark.slow
def test_thousands_of_templates_take_no_more_memory_and_come_in_order(tmp_path: Path) -> None:
    def measured(count: int) -> tuple[list[str], str, int]:
        folder = tmp_path / str(count)
        for index in range(count):
            file = folder / f"{index // 100:02}" / f"{index % 100:02}.jinja"
            file.parent.mkdir(parents=True, exist_ok=True)
            # Of several sizes, so that threads do not take turns.
            file.write_text((CLEAN if index % 7 else LOST) + "{#- padding -#}" * (index % 50), "utf-8")
        done = subprocess.run([sys.executable, "-c", MEASURED, folder], capture_output=True, text=True, timeout=600)
        code, kilobytes = done.stderr.splitlines()[-1].split()
        found = [line for line in done.stdout.splitlines() if "CT101" in line]
        paths = [str(Path(line.split(":")[0]).relative_to(folder)) for line in found]
        return paths, code, int(kilobytes)

    few, _, before = measured(200)
    many, code, after = measured(5000)
    assert (len(few), len(many), code) == (29, 715, "1")
    assert many == sorted(many)
    assert after - before < 20_000
