"""Times a fresh interpreter: `import chattpl`, and `chattpl render` on a small chat. Minimum of several runs.

python benches/bench_startup.py [--runs N]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IMPORT = "import time; t = time.perf_counter(); import chattpl; chattpl.load; print(time.perf_counter() - t)"
CHAT = '[{"role": "user", "content": "Hello, how are you?"}]'


def import_seconds() -> float:
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, check=True, text=True)
    return float(done.stdout)


def render_seconds(path: Path) -> float:
    start = time.perf_counter()
    command = [sys.executable, "-m", "chattpl", "render", "--model", "qwen", str(path)]
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.json"
        path.write_text(CHAT, encoding="utf-8")
        print(f"import chattpl: {min(import_seconds() for _ in range(runs)) * 1000:.0f} ms")
        print(f"chattpl render on a small chat: {min(render_seconds(path) for _ in range(runs)) * 1000:.0f} ms wall")


if __name__ == "__main__":
    main()
