"""The server of a model: what it prints, and its life from start to shutdown."""

import logging
import socket
from collections.abc import Callable

from fastapi import FastAPI
from PIL import Image

from ..core.console import say
from ..inference.image_detector import ImageDetector
from ..inference.trained import Trained
from .app import make_app
from .detector_app import make_detector_app
from .limits import Limits
from .listening import Address, Draining, door_of, listen
from .middleware import AccessControl
from .tokens import check_token, read_token

__all__ = ["Address", "Draining", "check_token", "door_of", "listen", "read_token", "serve",
           "serve_detector"]


def serve(model: Trained, place: Address, limits: Limits, priors: tuple[str, ...] = (),
          ahead: int = 0, shows_training: bool = False) -> int:
    """Serve until Ctrl-C or SIGTERM. Then accept no more requests, finish the accepted ones, and
    return the number of those that took longer than the grace. With `shows_training`, clients may
    see training samples.

    Raises ValueError for an address that cannot be used, or not without a token.
    """
    def app_for(door: AccessControl) -> FastAPI:
        return make_app(model, limits, door, priors, ahead, shows_training)
    return _run(app_for, place, limits, lambda listening: greet(
        listening, model, bool(place.token)))


def serve_detector(
    detector: ImageDetector, name: str, place: Address, limits: Limits, device: str = "cpu"
) -> int:
    """Serve a kept detector, as `serve` serves a model. Raises ValueError."""
    def greeted(listening: socket.socket) -> None:
        url, token = url_of(listening), token_words(bool(place.token))
        say(f"serving {name} at {url} (Ctrl-C ends it); all operations: {url}/openapi.json")
        say(f"for example: curl {token}-F images=@a.png {url}/v1/score")
    return _run(lambda door: make_detector_app(detector, limits, door, device), place, limits,
                greeted)


def _run(
    app_for: Callable[[AccessControl], FastAPI], place: Address, limits: Limits,
    greeted: Callable[[socket.socket], None],
) -> int:
    """Serve an application until a signal. Returns the number of requests that were cut off."""
    listening = listen(place)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)   # or clients fill the log
    Image.MAX_IMAGE_PIXELS = limits.pixels
    try:
        app = app_for(door_of(place, listening))
        server = Draining(app, app.state.desk.traffic, place.grace)
        greeted(listening)
        server.run([listening])
    finally:
        listening.close()
    return server.traffic.cut_off


def url_of(listening: socket.socket) -> str:
    """The address of a server, as a browser takes it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def token_words(locked: bool) -> str:
    """The option of curl that sends the token, if there is one."""
    return '-H "Authorization: Bearer $HOURGLASS_TOKEN" ' if locked else ""


def greet(listening: socket.socket, model: Trained, locked: bool) -> None:
    """Print the address, and an example."""
    url, token = url_of(listening), token_words(locked)
    classes = " -F classes=" + repr(model.classes[0]) if model.model.condition is not None else ""
    example = (f"-F images=@a.png{classes} {url}/v1/reconstruct" if len(model.shape) == 3 else
               f"{url}/v1/model")
    say(f"serving {model.folder.path} at {url} (Ctrl-C ends it); all operations: "
        f"{url}/openapi.json")
    say(f"for example: curl {token}{example} -o out.png" if len(model.shape) == 3 else
        f"for example: curl {token}{example}")
