"""Commands that the studio started: ordinary processes, each with words and a log in files."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.files import read_file, write_whole
from .processes import birth_of, is_alive

FOLDER = ".studio"     # below the folder of the runs
BESIDE = ("serve", "points")   # kinds of jobs that leave a run as it is
LONGEST_LOG = 200_000   # bytes of a log that are shown, the last ones
NAME = re.compile(r"\w[\w .+-]{0,79}")


@dataclass(frozen=True)
class StartedJob:
    """A command with its options, and its process."""

    kind: str = ""                # train, resume, report, search, ensemble, or one of BESIDE
    words: tuple[str, ...] = ()   # after `hourglass`
    out: str = ""                 # its folder, absolute
    log: str = ""                 # the path of its log
    pid: int = 0
    birth: str = ""               # of the process
    began: float = 0.0            # in seconds since 1970

    @property
    def alive(self) -> bool:
        """Whether its process still runs."""
        return bool(self.pid) and is_alive(self.pid, self.birth)

    @property
    def state_number(self) -> int:
        """A number that changes when the job begins or ends."""
        return 0 if not self.pid else self.pid if self.alive else -self.pid

    @property
    def command(self) -> str:
        """The command as a person types it."""
        return f"hourglass {in_shell(self.words)}"


@dataclass
class Jobs:
    """The jobs of a studio's folder, as their files tell; two studios see the same ones."""

    home: Path
    kept: dict[str, tuple[int, StartedJob]] = field(default_factory=dict)   # by file, with its time
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)
    newest: dict[tuple[str, str], StartedJob] = field(default_factory=dict)   # by their folder,
    # and by their kind if they are beside the others

    @property
    def runs(self) -> Path:
        """Where new runs go: runs/ in the studio's folder, or the folder itself if it is one."""
        return self.home if self.home.name == "runs" else self.home / "runs"

    def read(self) -> list[StartedJob]:
        """All jobs, the newest first."""
        with self.guard:
            self.started = [process for process in self.started if process.poll() is None]
            by_file = {}
            for path in (self.runs / FOLDER).glob("*.json"):
                changed, known = path.stat().st_mtime_ns, self.kept.get(path.name)
                by_file[path.name] = known if known and known[0] == changed else (
                    changed, _read_job(path))
            self.kept = by_file
            jobs = sorted((job for _, job in by_file.values() if job.pid),
                          key=lambda job: -job.began)
            self.newest = {(job.out, job.kind if job.kind in BESIDE else ""): job
                           for job in reversed(jobs)}
            return jobs

    def of(self, folder: Path, beside: str = "") -> StartedJob:
        """The newest job that makes a folder, or of a kind `beside`; an empty one if there is none.
        """
        return self.newest.get((str(folder), beside), StartedJob())

    def claim(self, name: str = "", below: Path | None = None) -> Path:
        """Make the folder of a new run: of that name, or the next number. Raises ValueError."""
        above = below or self.runs
        above.mkdir(parents=True, exist_ok=True)
        if name:
            if not NAME.fullmatch(name.strip()) or name.strip(" .") != name:
                raise ValueError(f"{name!r} cannot name a run: use letters, digits, spaces, "
                                 f"dots and hyphens, and begin with a letter or digit")
            try:
                (above / name).mkdir()
            except FileExistsError:
                raise ValueError(f"there is a run named {name!r} already; choose another name"
                                 ) from None
            return above / name
        taken = [path.name for path in above.iterdir() if path.name.isascii()
                 and path.name.isdecimal()]
        number = max(map(int, taken), default=0) + 1
        while True:   # another process may take the number first
            try:
                (above / str(number)).mkdir()
                return above / str(number)
            except FileExistsError:
                number += 1

    def start_in(self, out: Path, kind: str, words: Sequence[str]) -> StartedJob:
        """Start `hourglass` with these words, to fill the new folder `out`, which is removed if
        that fails."""
        try:
            return self.start(kind, words, out)
        except BaseException:
            out.rmdir()
            raise

    def start(self, kind: str, words: Sequence[str], out: Path, token: str = "") -> StartedJob:
        """Start `hourglass` with these words, as a process that outlives the studio. A server gets
        its `token` in a file that only this user can read."""
        place = self.runs / FOLDER
        place.mkdir(parents=True, exist_ok=True)
        began = time.time()
        base = place / f"{out.name}-{int(began * 1000):x}"
        log = base.with_name(f"{base.name}.log")
        if token:
            secret = base.with_name(f"{base.name}.token")
            with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(token)
            words = [words[0], f"--token-file={secret}", *words[1:]]
        environment = {name: value for name, value in os.environ.items()
                       if name != "HOURGLASS_TOKEN"} | {"PYTHONUNBUFFERED": "1"}
        with log.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "hourglass", *words], cwd=self.home, env=environment,
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                start_new_session=True)
        with self.guard:
            self.started.append(process)
        job = StartedJob(kind, tuple(words), str(out), str(log), process.pid,
                         birth_of(process.pid), began)
        write_whole(base.with_name(f"{base.name}.json"), json.dumps(vars(job)))
        self.read()
        return job

    def log_of(self, job: StartedJob) -> str:
        """The last lines of a job's log."""
        path = Path(job.log)
        if not job.log or path.parent != self.runs / FOLDER or path.is_symlink():
            return ""
        try:
            return read_file(path)[-LONGEST_LOG:].decode(errors="replace")
        except OSError:
            return ""

    def failed(self) -> list[dict[str, Any]]:
        """The jobs that ended before their run began, with the reason that they gave."""
        failures = []
        for job in self.read():
            if not job.alive and job is self.of(Path(job.out)) and job.kind in (
                    "train", "search", "ensemble") and not _holds_files(Path(job.out)):
                lines = self.log_of(job).strip().splitlines() or ["it ended without a word"]
                failures.append({"name": Path(job.out).name, "out": job.out, "command": job.command,
                                 "why": lines[-1].removeprefix("hourglass: "),
                                 "log": Path(job.log).stem, "began": job.began})
        return failures

    def waiting(self) -> list[dict[str, Any]]:
        """The jobs that run, but whose run's folder does not hold a run yet."""
        return [{"name": Path(job.out).name, "out": job.out, "command": job.command,
                 "began": job.began,
                 "line": (self.log_of(job).strip().splitlines() or ["starting ..."])[-1]}
                for job in self.read() if job.alive and not _holds_files(Path(job.out))]

    def forget(self, log: str) -> None:
        """Remove the files of a job that has failed, and its empty folder."""
        for job in self.read():
            if Path(job.log).stem == log and not job.alive:
                Path(job.log).unlink(missing_ok=True)
                Path(job.log).with_suffix(".json").unlink(missing_ok=True)
                out = Path(job.out)
                if out.is_dir() and out.parent.is_relative_to(self.home) and not any(out.iterdir()):
                    out.rmdir()


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _read_job(path: Path) -> StartedJob:
    """A job from its file; an empty one if that is damaged."""
    try:
        values = json.loads(read_file(path))
        job = StartedJob(**{**values, "words": tuple(map(str, values["words"]))})
        is_whole = isinstance(job.pid, int) and isinstance(job.began, int | float)
        return job if is_whole else StartedJob()
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return StartedJob()


def in_shell(words: Sequence[str]) -> str:
    """Words as a shell takes them."""
    import shlex
    return shlex.join(words)
