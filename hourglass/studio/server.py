"""Run the studio: where it listens, its address with the token, and the browser."""

import logging
import secrets
import webbrowser
from collections.abc import Iterable
from pathlib import Path

from ..core.console import say
from ..serving.listening import LOCAL, Address, Draining, listen
from .app import make_studio
from .events import EVERY
from .roots import make_roots

GRACE = 2 * EVERY   # seconds at the end, in which open pages learn of it


def run_studio(folder: str | Path, more: Iterable[str | Path] = (), port: int = 8008,
               token: str = "", browser: bool = True) -> None:
    """Serve the studio of a folder to this machine, until Ctrl-C or SIGTERM. Data may come from the
    folder and from `more` ones. Prints the address, and opens it in a browser.

    Without a `token`, a new one is made. Raises ValueError for a folder that does not exist, and
    for a port that is taken.
    """
    roots = make_roots(folder, more)
    token = token or secrets.token_urlsafe(24)
    listening = listen(Address("127.0.0.1", port, token))
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    try:
        app = make_studio(roots, token, LOCAL)
        server = Draining(app, app.state.studio.events.traffic, GRACE)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/#token={token}"
        print(url, flush=True)
        say(f"the studio of {roots.home} is at the address above, for this machine only (Ctrl-C "
            f"ends it; trainings go on)")
        if browser:
            webbrowser.open(url)
        server.run([listening])
    finally:
        listening.close()
