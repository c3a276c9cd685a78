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

MAX_SECONDS = 2.0
MAX_MEGABYTES = 500
GIVE_UP_SECONDS = 4
ADDRESS_SPACE_BYTES = 8 << 30


def child(name: str) -> None:
    """Runs one case and prints how it ended."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    from cases import CASES, MESSAGES

    from chattpl import Template

    case = next(case for case in CASES if case.name == name)
    Template("{{ messages[0].role }}").render(MESSAGES)
    start = time.perf_counter()
    ends = ending(Template, case.template, MESSAGES)
    seconds = time.perf_counter() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "megabytes": megabytes, "ends": ends}))


def ending(template_class: type, source: str, messages: list[dict[str, object]]) -> str:
    """Renders, and names the code and class of the error, or `renders`."""
    try:
        template_class(source).render(messages)
    except Exception as error:
        code = getattr(error, "code", "no code")
        return f"{code} {type(error).__name__}"
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
    from cases import CASES

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
        print(f"{'ok ' if ok else 'BAD'} {case.name:28} {seconds:7.3f} s {megabytes:6.0f} MB  {ends}  (wanted {case.ends})", flush=True)
    print(f"{len(rows)} cases, {failures} bad, worst {max(r[1] for r in rows):.2f} s, {max(r[2] for r in rows):.0f} MB")
    if "--write" in sys.argv:
        write(rows)
    return bool(failures)


def write(rows: list[tuple[object, float, float, str]]) -> None:
    """Writes the table."""
    raise NotImplementedError


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
    else:
        sys.exit(main())
