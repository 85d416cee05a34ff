"""The addresses of data: folders, uploads, and a look at a data set."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from ..serving.multipart import MULTIPART, read_parts
from .data_folder import check_field, keep_uploads, listed, looked_at
from .routes_train import Wish
from .state import Studio

MOST_FILES = 500   # of a request


def put_data(router: APIRouter, studio: Studio) -> None:
    """Add folders, uploads, and the look at a data set."""
    @router.get("/folders")
    async def folders(path: Annotated[str, Query(max_length=4000)] = "") -> dict[str, Any]:
        """What a folder holds that can be trained on."""
        return await asyncio.to_thread(listed, studio.roots, path)

    @router.post("/uploads/{folder}", openapi_extra={"requestBody": {"content": {MULTIPART: {
        "schema": {"type": "object", "properties": {"files": {"type": "array", "items": {
            "type": "string", "format": "binary"}}}, "required": ["files"]}}}}})
    async def upload(folder: str, request: Request) -> dict[str, Any]:
        """Save files below data/ in the studio's folder."""
        await studio.ready()
        from ..serving.uploads import check_type  # which brings torch
        check_type(request, MULTIPART)
        parts = check_field(await read_parts(request, MOST_FILES))
        return await studio.aside(keep_uploads, studio.roots, folder, parts)

    @router.post("/look")
    async def look(wish: Wish) -> dict[str, Any]:
        """What a data set holds: sizes, classes, range, warnings and a contact sheet."""
        values = dict(wish.settings)
        text = str(values.pop("data", ""))
        summary: dict[str, Any] = await studio.slowly(looked_at, studio.roots, text, values)
        return summary
