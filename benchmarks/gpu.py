"""Every check that needs a GPU, as one table: correctness, every command, speed, and what share of
the card's own rate that speed is.

    benchmarks/gpu.sh [--device cuda] [--only losses,speed] [--minutes 8] [--data FOLDER]

Every section is a process of its own with its own time limit. So a fault, a hang or a lost context
becomes a row, and the others still run. `--device cpu --quick` runs every path on small numbers,
for the tests.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
NEEDED = ("torch", "numpy", "lightning_fabric", "einops", "PIL", "safetensors", "pydantic", "typer",
          "rich", "sklearn", "scipy", "matplotlib", "jinja2")
SECTIONS = {   # in order; seconds on a card
    "card": 25, "losses": 85, "graphs": 110, "resume": 30, "memory": 35, "commands": 95,
    "speed": 140, "vq": 70, "disk": 45}
START = 15   # seconds that a process may take to import and to find the card


class Row(NamedTuple):
    """One line of the table."""

    section: str
    what: str
    figure: str
    wanted: str = ""
    state: str = ""   # ok, SLOW, WRONG, FAILED, left out; "" where nothing is wanted

    @property
    def line(self) -> str:
        return (f"{self.section:9} {self.what:48} {self.figure:>30} {self.wanted:>24} "
                f"{self.state}").rstrip()


def missing() -> list[str]:
    """The packages that this interpreter lacks."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def one_section(name: str, given: argparse.Namespace) -> None:
    """A section in this process: its rows, a line of JSON each."""
    import gpu_checks
    import gpu_speed
    sections = {**gpu_checks.SECTIONS, **gpu_speed.SECTIONS}
    for row in sections[name](given):
        print(json.dumps(Row(name, *row)), flush=True)


def rows_of(name: str, seconds: float, given: argparse.Namespace) -> Iterator[Row]:
    """The rows of a section as they come, from a process that is ended when its time is over."""
    command = [sys.executable, str(Path(__file__)), "--section", name, "--device", given.device,
               "--data", given.data, *(["--quick"] if given.quick else [])]
    path = os.pathsep.join(filter(None, (str(HERE.parent), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": path}, start_new_session=True)
    over = threading.Timer(seconds, process.kill)
    over.start()
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(process.stderr), daemon=True)
    reader.start()
    for line in process.stdout:
        if line.startswith("["):
            yield Row(*json.loads(line))
    code = process.wait()
    in_time = over.is_alive()
    over.cancel()
    reader.join(5)
    if not in_time:
        yield Row(name, "what follows", f"not done in {seconds:.0f} s", "", "SLOW")
    elif code:
        words = [line.strip() for line in said if line.strip()]
        yield Row(name, "what follows", (words or [f"exit code {code}"])[-1][:120], "", "FAILED")


def write(rows: list[Row], out: Path) -> None:
    """The table as Markdown."""
    head = "| section | what | figure | wanted | |\n|---|---|---|---|---|\n"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(head + "".join(f"| {' | '.join(row)} |\n" for row in rows))


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the script out")
    parser.add_argument("--quick", action="store_true", help="small numbers, for tests")
    parser.add_argument("--only", default="", help=f"some of {','.join(SECTIONS)}")
    parser.add_argument("--minutes", type=float, default=8.0, help="for all sections together")
    parser.add_argument("--data", default=os.environ.get("HOURGLASS_DATA", ""),
                        help="folder with MNIST; without it images of its size are made")
    parser.add_argument("--out", type=Path, default=Path("build/gpu.md"), help="the table")
    parser.add_argument("--section", default="", help=argparse.SUPPRESS)
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Print the table and write it; 1 where a row is wrong or failed."""
    given = parse(words)
    if given.section:
        one_section(given.section, given)
        return 0
    names = given.only.split(",") if given.only else list(SECTIONS)
    if unknown := set(names) - set(SECTIONS):
        sys.exit(f"no section is named {min(unknown)}; there are {', '.join(SECTIONS)}")
    if lacking := missing():
        sys.exit(f"this interpreter ({sys.executable}) lacks {', '.join(lacking)}. Where there is "
                 f"a network, benchmarks/gpu.sh fetch puts wheels into build/wheels; copy them "
                 f"here with the tree")
    if given.device != "cpu":
        import torch
        if not torch.cuda.is_available():
            sys.exit("no GPU was found (CUDA); --device cpu --quick tries the script out")
    began, rows = time.monotonic(), []
    for name in names:
        left = 60 * given.minutes - (time.monotonic() - began)
        if left < START:
            section_rows: Any = [Row(name, "all", "no time was left", "", "left out")]
        else:
            section_rows = rows_of(name, min(START + SECTIONS[name], left), given)
        for row in section_rows:
            rows.append(row)
            print(row.line, flush=True)
    rows.append(Row("all", "time", f"{time.monotonic() - began:.0f} s", "480 s at most"))
    print(rows[-1].line)
    write(rows, given.out)
    return int(any(row.state in ("WRONG", "FAILED") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
