"""The addresses that serve a run, and give its files to take away."""

import asyncio
import secrets
import shutil
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from ..serving.errors import Refusal
from . import downloads
from .processes import stop
from .serve_jobs import server_of
from .state import Studio


def put_serve(router: APIRouter, studio: Studio) -> None:
    """Add what starts, stops and watches the server of a run."""
    @router.get("/runs/{key}/server")
    async def server(key: str) -> dict[str, Any]:
        """The server of a run: its state, address, token and log."""
        path = studio.catalogue.run(key)
        return await asyncio.to_thread(server_of, studio.jobs, path)

    @router.post("/runs/{key}/server")
    async def start(key: str) -> dict[str, str]:
        """Start a server of a run, for this machine only, on a free port, with a new token."""
        path = studio.catalogue.run(key)
        if not (path / "model.safetensors").is_file():
            raise ValueError("this run has no weights yet; wait for its first checkpoint")
        if studio.jobs.of(path, "serve").alive:
            raise ValueError("this run is being served already")
        studio.jobs.start("serve", ["serve", "--port=0", "--", str(path)], path,
                          secrets.token_urlsafe(24))
        studio.events.tell([""])
        return {}

    @router.delete("/runs/{key}/server")
    async def end(key: str) -> dict[str, str]:
        """Stop the server of a run, once it has answered its open requests."""
        job = studio.jobs.of(studio.catalogue.run(key), "serve")
        if not job.alive:
            raise ValueError("this run is not being served")
        stop(job.pid)
        return {}


def put_downloads(router: APIRouter, studio: Studio) -> None:
    """Add the files to take away."""
    @router.get("/runs/{key}/download/{name}")
    async def download(key: str, name: str) -> FileResponse:
        """A run's encoder or decoder as ONNX, its report, its explorer, or all as an archive."""
        path = studio.catalogue.run(key)
        if name not in downloads.NAMES:
            raise Refusal(404, f"a run can be had as {', '.join(downloads.NAMES)}")
        file: Path = await studio.slowly(downloads.make_download, path, name)
        return FileResponse(file, media_type=downloads.NAMES[name], filename=name,
                            background=BackgroundTask(shutil.rmtree, file.parent, True))
