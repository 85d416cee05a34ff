"""The server of a model: what it prints, and its life from start to shutdown."""

import logging
import socket

from PIL import Image

from ..core.console import say
from ..inference.trained import Trained
from .app import make_app
from .limits import Limits
from .listening import Address, Draining, door_of, listen
from .tokens import check_token, read_token

__all__ = ["Address", "Draining", "check_token", "door_of", "listen", "read_token", "serve"]


def serve(model: Trained, place: Address, limits: Limits, priors: tuple[str, ...] = (),
          ahead: int = 0, shows_training: bool = False) -> int:
    """Serve until Ctrl-C or SIGTERM. Then accept no more requests, finish the accepted ones, and
    return the number of those that took longer than the grace. With `shows_training`, clients may
    see training samples.

    Raises ValueError for an address that cannot be used, or not without a token.
    """
    listening = listen(place)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)   # or clients fill the log
    Image.MAX_IMAGE_PIXELS = limits.pixels
    try:
        app = make_app(model, limits, door_of(place, listening), priors, ahead, shows_training)
        server = Draining(app, app.state.desk.traffic, place.grace)
        greet(listening, model, bool(place.token))
        server.run([listening])
    finally:
        listening.close()
    return server.traffic.cut_off


def greet(listening: socket.socket, model: Trained, locked: bool) -> None:
    """Print the address, and an example."""
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    token = '-H "Authorization: Bearer $HOURGLASS_TOKEN" ' if locked else ""
    classes = " -F classes=" + repr(model.classes[0]) if model.model.condition is not None else ""
    example = (f"-F images=@a.png{classes} {url}/v1/reconstruct" if len(model.shape) == 3 else
               f"{url}/v1/model")
    say(f"serving {model.folder.path} at {url} (Ctrl-C ends it); all operations: "
        f"{url}/openapi.json")
    say(f"for example: curl {token}{example} -o out.png" if len(model.shape) == 3 else
        f"for example: curl {token}{example}")
