"""Who may use the studio: this machine's own pages only, with the token, in small requests."""

from collections.abc import MutableMapping
from typing import Any

from ..serving.errors import problem
from ..serving.limits import Limits
from ..serving.middleware import AccessControl, App, Guard, Message, Receive, Send, Traffic

API = "/api"
POLICY = ("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "   # ONNX
          "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'")
HEADERS = {   # of every answer
    "content-security-policy": POLICY, "x-content-type-options": "nosniff",
    "x-frame-options": "DENY", "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin", "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), geolocation=(), microphone=()"}
OWN_PAGES = (b"same-origin", b"none")   # of Sec-Fetch-Site: the studio's page, or an address typed


class StudioGuard:
    """ASGI middleware: names of the server, origins, the token, limits, and headers of answers.

    The page's own files need no token: they hold no data. All other paths do.
    """

    def __init__(self, app: App, limits: Limits, token: str, hosts: tuple[str, ...]):
        self.app, self.door = app, AccessControl("", hosts)
        self.locked = Guard(app, limits, AccessControl(token), Traffic())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        of_api = scope["path"] == API or scope["path"].startswith(f"{API}/")
        refused = self.door.misled(headers)
        if of_api and headers.get(b"sec-fetch-site", b"none") not in OWN_PAGES:
            refused = refused or problem(403, "pages of another origin may not use this studio")
        to = refused or (self.locked if of_api else self.app)
        await to(scope, receive, _with_headers(send, of_api))


def _with_headers(send: Send, of_api: bool) -> Send:
    """Wrap `send`: every answer gets the headers that keep it in the studio's own page."""
    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {**HEADERS, "cache-control": "no-store" if of_api else "no-cache"}
            message = _added(message, own)
        await send(message)
    return headed


def _added(message: MutableMapping[str, Any], own: dict[str, str]) -> Message:
    kept = [(name, value) for name, value in message.get("headers", [])
            if name.decode("latin-1").lower() not in own]
    return {**message, "headers": [*kept, *((name.encode(), value.encode())
                                            for name, value in own.items())]}
