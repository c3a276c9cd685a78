"""Encodes conversations to token ids, with masks, message indices and origins.

DATA is a file of rows of any dialect (`messages`, ShareGPT, Alpaca, prompt and completion, ...): JSON Lines, a JSON
array, Parquet or Arrow, plain or compressed (gzip, bzip2, xz, zstd), or - for standard input. The extension of the
output selects its format: .parquet, .arrow (also .feather), .jsonl; without -o, JSON Lines go to standard output. The
file is read and written in blocks, so that memory stays flat.

Each row of the output has the number of its row in DATA, from 1, its line, its `id` and the fields that --keep names.
Rows that cannot be encoded go to FILE.quarantine beside the output, one JSON object a line, with --errors quarantine.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from chattpl import __version__
from chattpl.cli import console
from chattpl.cli.formats import add_format_arguments, load_format
from chattpl.cli.render import add_conversation_arguments, conversation_keywords
from chattpl.encoded import EncodedBatch, QuarantinedRow, save_quarantine
from chattpl.errors import InputError
from chattpl.format import ChatFormat
from chattpl.report import RowsReport
from chattpl.train import PARTS, Train


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the arguments of `chattpl encode`."""
    add_format_arguments(parser)
    parser.add_argument("data", metavar="DATA", help="a file of rows; - for standard input")
    parser.add_argument("-o", "--output", metavar="FILE", help="a .parquet, .arrow or .jsonl file")
    add_conversation_arguments(parser)
    parser.add_argument(
        "--special-tokens",
        choices=("template", "strict", "parity", "error"),
        default="template",
        help="who may make a control token (default: template)",
    )
    parser.add_argument(
        "--train-roles", metavar="ROLE", nargs="+", default=["assistant"], help="roles that are trained on"
    )
    parser.add_argument("--train-turns", choices=("all", "last", "last_chain"), default="all")
    parser.add_argument("--train-parts", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--threads", type=_threads, metavar="N", help="default: as many as the machine has")
    parser.add_argument("--errors", choices=("raise", "quarantine"), default="raise")
    parser.add_argument(
        "--keep", metavar="COLUMN", action="append", default=[], help="a field that travels along; repeatable"
    )


def run(options: Namespace) -> int:
    """Encodes a file, block by block."""
    chat = load_format(options)
    train = Train(roles=options.train_roles, turns=options.train_turns, parts=options.train_parts)
    batches = chat.encode_blocks(
        sys.stdin.buffer if options.data == "-" else options.data,
        train=train,
        special_tokens=options.special_tokens,
        threads=options.threads,
        errors=options.errors,
        keep=options.keep,
        **conversation_keywords(options),
    )
    left_out: list[QuarantinedRow] = []
    with _Progress(options.data, chat) as progress:
        counted = _counted(batches, progress, left_out)
        if options.output is None:
            _write_lines(counted, sys.stdout.buffer)
        else:
            _write(counted, Path(options.output), lambda: _metadata(chat, options))
    path = Path(f"{options.output or 'stdout'}.quarantine")
    if left_out:
        save_quarantine(tuple(left_out), path)
        console.talk(f"chattpl: {len(left_out)} rows could not be encoded; they are listed in {path}")
        return 1
    if options.output is not None and options.errors == "quarantine":
        path.unlink(missing_ok=True)  # of an earlier run
    return 0


def _metadata(chat: ChatFormat, options: Namespace) -> dict[bytes, bytes]:
    """What output files say of how they were made: the format, hashes of template and vocabulary, the options."""
    used = {
        key: value
        for key, value in vars(options).items()
        if key not in ("data", "output", "run", "command") and isinstance(value, str | int | float | list | type(None))
    }
    made = {"chattpl": __version__, "format": chat.name, **chat.fingerprint(), "options": used}
    return {b"chattpl": json.dumps(made, default=str).encode()}


def _threads(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of threads, 1 or more")
    return number


class _Progress:
    """Says on a terminal how far the work is, and at the end what was done."""

    def __init__(self, name: str, chat: ChatFormat) -> None:
        self._chat = chat
        self._reports: list[RowsReport] = []
        self._shown = console.is_terminal(sys.stderr)
        self._size = Path(name).stat().st_size if name != "-" and Path(name).is_file() else 0
        self._started = time.monotonic()
        self._rows = self._tokens = self._trained = 0

    def __enter__(self) -> _Progress:
        return self

    def add(self, batch: EncodedBatch) -> None:
        self._rows += len(batch)
        self._tokens += len(batch.input_ids)
        self._trained += int(batch.loss_mask.sum())
        self._reports.append(batch.report)
        if self._shown:
            sys.stderr.write(f"\r{self._summary()}\x1b[K")
            sys.stderr.flush()

    def _summary(self) -> str:
        seconds = time.monotonic() - self._started
        share = self._trained / self._tokens if self._tokens else 0.0
        return f"{self._rows:,} rows, {self._tokens:,} tokens, {share:.0%} of them trained on, {seconds:.1f} s"

    def __exit__(self, kind: object, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
        if kind is None:
            console.talk(f"chattpl: {self._summary()}")
            report = RowsReport.joined(self._reports)
            for line in report.notes():
                console.talk(f"chattpl: {line}")
            for line in report.lines():
                console.talk("warning: " + line.replace('normalize="auto"', "--normalize"))


def _counted(
    batches: Iterator[EncodedBatch], progress: _Progress, left_out: list[QuarantinedRow]
) -> Iterator[EncodedBatch]:
    for batch in batches:
        progress.add(batch)
        left_out.extend(batch.quarantine)
        yield batch


def _write(batches: Iterator[EncodedBatch], path: Path, metadata: Callable[[], dict[bytes, bytes]]) -> None:
    """Writes by the form that the name of the file asks for. What was begun and failed is removed."""
    kinds = {".parquet": _write_parquet, ".arrow": _write_arrow, ".feather": _write_arrow, ".jsonl": None}
    if path.suffix not in kinds:
        raise InputError(f"cannot write `{path.suffix}`", location=str(path), hint=f"use one of {', '.join(kinds)}")
    part = path.with_name(f"{path.name}.part")
    try:
        writer = kinds[path.suffix]
        if writer is None:
            with open(part, "wb") as file:
                _write_lines(batches, file)
        else:
            writer(_tables(batches, metadata()), part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _tables(batches: Iterator[EncodedBatch], metadata: dict[bytes, bytes]) -> Iterator[Any]:
    """The batches as tables of one schema: that of the first, with weights and all fields that may travel along."""
    pyarrow = _pyarrow("pyarrow")
    schema = None
    for batch in batches:
        table = batch.with_weights().to_arrow()
        if schema is None:
            # A field may hold numbers in one block and text in the next: what travels along is kept as JSON text then.
            schema = table.schema.with_metadata(metadata)
        yield _fitted(pyarrow, table, schema)


def _fitted(pyarrow: Any, table: Any, schema: Any) -> Any:
    """A table with the columns of a schema; a column that has no values there is null."""
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pyarrow.nulls(table.num_rows, field.type))
            continue
        column = table.column(field.name)
        try:
            columns.append(column.cast(field.type))
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
            raise InputError(
                f"the field `{field.name}` is {field.type} in the first block of rows and {column.type} in a later one",
                hint="leave it out of --keep, write .jsonl, or give it one type",
            ) from error
    return pyarrow.table(columns, schema=schema)


def _write_parquet(tables: Iterator[Any], path: Path) -> None:
    parquet = _pyarrow("pyarrow.parquet")
    writer = None
    try:
        for table in tables:
            writer = writer or parquet.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _write_arrow(tables: Iterator[Any], path: Path) -> None:
    pyarrow = _pyarrow("pyarrow")
    writer = None
    try:
        for table in tables:
            writer = writer or pyarrow.ipc.new_file(str(path), table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _pyarrow(module: str) -> Any:
    from importlib import import_module

    try:
        import_module("pyarrow.ipc")
        return import_module(module)
    except ImportError as error:
        raise InputError(
            "writing this form needs pyarrow", hint='pip install "chattpl[arrow]", or use .jsonl'
        ) from error


def _write_lines(batches: Iterator[EncodedBatch], file: IO[bytes]) -> None:
    for batch in batches:
        for index, row in enumerate(batch):
            record: dict[str, Any] = {"row": int(batch.rows[index])}
            if batch.lines is not None:
                record["line"] = int(batch.lines[index])
            record |= {name: values[index] for name, values in batch.columns.items()}
            record |= {
                "input_ids": row.input_ids.tolist(),
                "loss_mask": row.loss_mask.tolist(),
                "message_index": row.message_index.tolist(),
                "origin": row.origin.tolist(),
            }
            if row.loss_weight is not None:
                record["loss_weight"] = row.loss_weight.tolist()
            file.write(json.dumps(record, separators=(",", ":"), default=str).encode() + b"\n")
