"""Times hostile templates, each in a process of its own, and writes the table `docs/hostile.md`.

Usage: python benches/hostile.py [--write] [name ...]
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "hostile"))

from cases import CASES, MESSAGES, Hostile  # noqa: E402

from chattpl import Template  # noqa: E402

MAX_SECONDS = 2.0
MAX_MEGABYTES = 500
GIVE_UP_SECONDS = 30
BASE_MEGABYTES = 77
ADDRESS_SPACE_BYTES = 8 << 30


def child(name: str) -> None:
    """Runs one case and prints how it ended."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    case = next(case for case in CASES if case.name == name)
    Template("{{ messages[0].role }}").render(MESSAGES)
    start = time.perf_counter()
    ends = ending(case.template)
    seconds = time.perf_counter() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "megabytes": megabytes, "ends": ends}))


def ending(source: str) -> str:
    """Renders, and names the code and class of the error, or `renders`."""
    try:
        Template(source).render(MESSAGES)
    except Exception as error:
        code = getattr(error, "code", "no code")
        name = type(error).__name__
        return f"{code} {name.partition('[')[2].rstrip(']') or name}"
    return "renders"


def measure(name: str) -> dict[str, object]:
    """Runs a case in a fresh process."""
    command = [sys.executable, __file__, "--child", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIVE_UP_SECONDS)
    except subprocess.TimeoutExpired:
        return {"seconds": float(GIVE_UP_SECONDS), "megabytes": 0.0, "ends": "TIMEOUT"}
    if done.returncode:
        return {"seconds": 0.0, "megabytes": 0.0, "ends": f"CRASH {done.returncode} {done.stderr[-200:]}"}
    found: dict[str, object] = json.loads(done.stdout)
    return found


def main() -> int:
    """Measures the cases named on the command line, or all."""
    names = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    rows = []
    failures = 0
    for case in CASES:
        if names and case.name not in names:
            continue
        found = measure(case.name)
        seconds, megabytes, ends = float(str(found["seconds"])), float(str(found["megabytes"])), str(found["ends"])
        wanted = case.ends.split()
        ok = all(word in ends for word in wanted) and seconds < MAX_SECONDS and megabytes < MAX_MEGABYTES
        failures += not ok
        rows.append((case, seconds, megabytes, ends))
        print(
            f"{'ok ' if ok else 'BAD'} {case.name:28} {seconds:7.3f} s {megabytes:6.0f} MB  {ends}",
            "" if ok else f"(wanted {case.ends})",
            flush=True,
        )
    print(f"{len(rows)} cases, {failures} bad, worst {max(r[1] for r in rows):.2f} s, {max(r[2] for r in rows):.0f} MB")
    if "--write" in sys.argv:
        write(rows)
    return bool(failures)


def write(rows: list[tuple[Hostile, float, float, str]]) -> None:
    """Writes the table."""
    lines = [
        "# Hostile templates",
        "",
        "A chat template comes with the model that someone else published. These try to get out of the language, to",
        "change the conversation, or to take all time and memory. None escapes; each renders harmlessly or ends in the",
        "error shown. `tests/hostile/` holds the templates and checks the endings on every run.",
        "",
        f"Limits asked for: {MAX_SECONDS:.0f} s and {MAX_MEGABYTES} MB. Worst: {max(row[1] for row in rows):.2f} s,"
        f" {max(row[2] for row in rows):.0f} MB (resident, of which about {BASE_MEGABYTES} MB are the interpreter and",
        f"the table of cases). {len(rows)} templates, each in a process of its own; {machine()},",
        f"{datetime.now(UTC):%Y-%m-%d}, release build, `python benches/hostile.py --write`.",
        "",
        "| Template | What it tries | Ends | Seconds | MB |",
        "|---|---|---|---:|---:|",
    ]
    for case, seconds, megabytes, ends in rows:
        attempt = case.attempt.replace("|", "\\|")
        lines.append(f"| {case.name} | {attempt} | {ends} | {seconds:.2f} | {megabytes:.0f} |")
    (ROOT / "docs").mkdir(exist_ok=True)
    (ROOT / "docs" / "hostile.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def machine() -> str:
    """Names processor and interpreter."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    return f"{model}, Python {platform.python_version()}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
    else:
        sys.exit(main())
