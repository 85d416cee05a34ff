"""Servers of runs that the studio started: where they listen, what they were asked, how to ask."""

import http.client
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.files import read_file
from .jobs import FOLDER, Jobs, StartedJob, in_shell
from .run_details import printable_lines

SERVES = re.compile(r"serving .* at (http://127\.0\.0\.1:(\d{1,5})) \(Ctrl-C ends it\)")
WAIT = 2.0          # seconds for the server's own answer
LARGEST = 2**20     # bytes of it


def server_of(jobs: Jobs, run: Path) -> dict[str, Any]:
    """The server of a run, for its page: its state, address, token and log."""
    job = jobs.of(run, "serve")
    if not job.pid:
        return {"state": "none", "command": shown_command(run)}
    log = printable_lines(jobs.log_of(job))
    match = SERVES.search(log)
    if not job.alive:
        last = log.strip().splitlines()[-1:] if not match else []
        return {"state": "ended", "log": log, "why": last[0] if last else "",
                "command": shown_command(run)}
    details = {"log": log, "command": job.command, "began": job.began}
    if not match:
        return {"state": "starting", **details}
    token = _token(job)
    return {"state": "ready", "url": match[1], "token": token, **details,
            "traffic": _ask(int(match[2]), token, "/v1/traffic"),
            "model": _model(int(match[2]), token)}


@lru_cache(64)
def _once(port: int, token: str) -> dict[str, Any]:
    """What a server says of its model. Raises LookupError where it gives no answer."""
    model = _ask(port, token, "/v1/model")
    if not isinstance(model, dict):
        raise LookupError("the server does not answer")
    return model


def _model(port: int, token: str) -> dict[str, Any] | None:
    try:
        return _once(port, token)
    except LookupError:
        return None


def shown_command(run: Path) -> str:
    """The commands that make a token and serve a run, as a person types them."""
    return ("(umask 077; openssl rand -hex 16 > token)\n"
            f"hourglass {in_shell(['serve', '--token-file=token', '--', str(run)])}")


def _token(job: StartedJob) -> str:
    path = Path(job.log).with_suffix(".token")
    try:
        return read_file(path).decode().strip() if path.parent.name == FOLDER else ""
    except (OSError, ValueError):
        return ""


def _ask(port: int, token: str, path: str) -> Any:
    """The answer of a server on this machine; None where it gives none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return json.loads(answer.read(LARGEST)) if answer.status == http.HTTPStatus.OK else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
