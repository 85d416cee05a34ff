"""Runs commands of `hourglass` one after another in a folder, for the examples."""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path


def example(doc: str | None, folder: Path, write: Callable[[Path], None], commands: Iterable[str]
            ) -> None:
    """Write data into a folder, by default this one, and run the commands there."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("folder", nargs="?", type=Path, default=folder)
    place = parser.parse_args().folder
    place.mkdir(parents=True, exist_ok=True)
    write(place)
    run_all(commands, place)


def run_all(commands: Iterable[str], folder: Path) -> None:
    """Print and run each, such as "generate run -n 3". Raises RuntimeError if one fails. The code 1
    of `score` says that samples are abnormal."""
    for command in commands:
        print("hourglass", command, flush=True)
        code = subprocess.run([sys.executable, "-m", "hourglass", *shlex.split(command)],
                              cwd=folder).returncode
        if code and not (code == 1 and command.startswith("score")):
            raise RuntimeError(f"hourglass {command} ended with the exit code {code}")
