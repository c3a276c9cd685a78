"""Who may import what, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paths import ROOT

PACKAGE = ROOT / "src" / "chattpl"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Each layer may import from those before it, and from its own.
LAYERS = [
    ["errors", "location", "origin", "arrays"],
    [
        "messages",
        "schema",
        "source",
        "compiled",
        "template",
        "gguf",
        "tokenizer_files",
        "tokenizer_classes",
        "folder",
        "hub",
        "registry",
        "vocabularies",
        "train",
        "report",
        "notices",
        "encoded",
        "sources",
        "rows",
    ],
    ["tokenizer", "fingerprint"],
    ["format"],
    ["linter"],
    ["integrations", "lsp", "cli", "testing", "__main__"],
]
MAY_IMPORT_CORE = {
    "arrays",
    "folder",
    "template",
    "registry",
    "tokenizer",
    "format",
    "encoded",
    "errors",
    "vocabularies",
    "linter",
    "sources",
    "rows",
    "integrations",
    "__init__",
}
# Who may import what is heavy, in a function that needs it.
MAY_IMPORT_HEAVY = {
    "torch": {"integrations"},
    "trl": set(),
    "verl": set(),
    "ray": set(),
    "transformers": {"integrations"},
    "numpy": {"arrays", "encoded", "sources", "tokenizer", "integrations"},
    "tokenizers": set(),
    "pyarrow": {"encoded", "sources", "cli"},
    "minijinja": {"linter"},
    "pygls": {"lsp"},
    "lsprotocol": {"lsp"},
}


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _layer(name: str) -> int:
    return next(index for index, names in enumerate(LAYERS) if name in names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_what_its_layer_may(path: Path) -> None:
    name = _name(path)
    found = list(_imports(path))
    ours = {module.split(".")[1] for module in found if module.startswith("chattpl.")}
    if name != "__init__":
        known = {imported for layer in LAYERS for imported in layer}
        assert all(_layer(imported) <= _layer(name) for imported in ours & known)
    assert "_core" not in ours or name in MAY_IMPORT_CORE
    roots = {module.split(".")[0] for module in found}
    assert all(name in MAY_IMPORT_HEAVY[root] for root in roots & MAY_IMPORT_HEAVY.keys())
    assert "rich" not in roots or name == "cli"


@pytest.mark.parametrize("path", [path for path in MODULES if _name(path) not in ("cli", "__main__")], ids=_name)
def test_only_the_command_line_prints_and_exits(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("print", "sys.exit", "exit", "quit", "os._exit")


def _loaded_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    return {module.split(".")[0] for module in out.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import chattpl",
        "import chattpl; chattpl.load('chatml').render([{'role': 'user', 'content': 'x'}]).segments",
        "import chattpl; chattpl.models()",
    ],
)
def test_importing_and_rendering_load_nothing_heavy(statement: str) -> None:
    assert not _loaded_after(statement) & (MAY_IMPORT_HEAVY.keys() | {"rich", "jinja2"})


def test_loading_a_vocabulary_imports_little() -> None:
    load = "import chattpl; chattpl.Tokenizer.load('mistral-v1')"
    subprocess.run([sys.executable, "-c", load], check=True)  # leaves it in the cache
    slow = {"lzma", "hashlib", "tempfile", "pathlib", "dataclasses", "zipfile", "mmap"}
    assert not _loaded_after(load) & (MAY_IMPORT_HEAVY.keys() | slow)


@pytest.mark.parametrize(("dependency", "crate"), [("pyo3", "chattpl-py"), ("tokenizers", "chattpl-foreign")])
def test_a_heavy_dependency_is_named_by_one_crate_alone(dependency: str, crate: str) -> None:
    manifests = (ROOT / "rust").glob("*/Cargo.toml")
    naming = [path.parent.name for path in manifests if f"\n{dependency} = " in path.read_text("utf-8")]
    assert naming == [crate]


@pytest.mark.parametrize("path", sorted((ROOT / "rust").glob("*/src/**/*.rs")), ids=lambda path: path.name)
def test_core_crates_read_no_environment_files_or_clock(path: Path) -> None:
    if path.relative_to(ROOT / "rust").parts[0] == "chattpl-py":
        return
    text = path.read_text("utf-8").split("#[cfg(test)]")[0]
    for word in ("std::env::", "std::fs::", "std::net::", "SystemTime::now", "Instant::now"):
        assert word not in text
