"""A PostgreSQL server of our own, in a folder, on a unix socket: for .ci/run, tests and benchmarks.

    python3 tests/postgres_server.py start FOLDER     # prints its URL
    python3 tests/postgres_server.py stop FOLDER

It needs Debian's package postgresql, or PostgreSQL's programs on the path. PostgreSQL refuses to
run as root, so a server that root starts belongs to the user postgres, or to nobody.
"""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

LIMIT = 60.0   # seconds that any of its programs may take
USERS = ("postgres", "nobody")
USER, PASSWORD = "hourglass", "f@st:one"   # of the database, in which every client must name them


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, the newest; None where it is not installed."""
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"),
                   key=lambda path: float(path.parts[-3]))
    found = str(there[-1]) if there else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def start(folder: Path) -> str:
    """Start a server in an empty folder with a short path, and return its URL. Raises OSError if it
    cannot be started."""
    folder = folder.resolve()   # a socket's path has at most 107 characters
    (folder / "data").mkdir()
    if os.geteuid() == 0:
        for path in (folder, folder / "data"):
            shutil.chown(path, _user())
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    _call(folder, "initdb", "-D", str(folder / "data"), "-A", "scram-sha-256", "-U", USER,
          f"--pwfile={folder / 'password'}", "--no-sync", "--no-instructions", "-E", "UTF8")
    _call(folder, "pg_ctl", "-D", str(folder / "data"), "-w", "-l", str(folder / "server.log"),
          "-o", f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=50", "start")
    return f"postgresql://{USER}:{quote(PASSWORD)}@/postgres?host={quote(str(folder), safe='/')}"


def stop(folder: Path) -> None:
    """Stop the server of that folder, whoever is connected."""
    _call(folder, "pg_ctl", "-D", str(folder.resolve() / "data"), "-m", "immediate", "stop")


def _user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in USERS if name in names)


def _call(folder: Path, program: str, *words: str) -> None:
    """Call one of PostgreSQL's programs, whose words go to a file: a server keeps what it has."""
    place = programs()
    if place is None:
        raise OSError("PostgreSQL is not installed")
    owner = pwd.getpwnam(_user()) if os.geteuid() == 0 else None
    other: dict[str, Any] = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []
                             } if owner else {}
    with open(folder / f"{program}.log", "a") as said:
        ended = subprocess.run([str(place / program), *words], cwd=folder, stdout=said, **other,
                               stderr=said, stdin=subprocess.DEVNULL, timeout=LIMIT, check=False)
    if ended.returncode:
        last = (folder / f"{program}.log").read_text().strip().splitlines()[-1:]
        raise OSError(f"{program}: {''.join(last) or 'it failed'}")


def main() -> None:
    """Start or stop a server, as the command line asks."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    try:
        print(start(folder)) if what == "start" else stop(folder)
    except (OSError, subprocess.TimeoutExpired) as error:
        sys.exit(f"PostgreSQL cannot be used: {error}")


if __name__ == "__main__":
    main()
