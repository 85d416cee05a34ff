"""The studio from Python."""

from collections.abc import Sequence
from pathlib import Path

from ..serving.tokens import check_token, read_token
from ..tasks.python_words import for_python


@for_python
def open_studio(
    folder: str | Path = ".", *, roots: Sequence[str | Path] = (), port: int = 8008,
    token: str = "", browser: bool = True,
) -> None:
    """Open a page for everything: train, watch, compare, look at and use the models of a folder,
    until Ctrl-C. Trainings are processes of their own and go on without it.

    `roots` are further folders that data may be read from. Only this machine can reach `port`; 0
    takes a free one. `token` is what the page must send; by default that of the variable
    HOURGLASS_TOKEN, otherwise a new one. Needs the extra `studio`. Raises ValueError.

        >>> import hourglass as hg
        >>> hg.open_studio("runs", port=0)   # doctest: +SKIP
        >>> hg.open_studio(port=-1)
        Traceback (most recent call last):
        ValueError: port must be a whole number from 0 to 65535, not -1
    """
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError(f"port must be a whole number from 0 to 65535, not {port!r}")
    try:
        from .server import run_studio
    except ModuleNotFoundError as error:
        raise ValueError(f"the studio needs an extra ({error.name} is missing): pip install "
                         f"'hourglass[studio]'") from None
    run_studio(folder, roots, port, check_token(token, "token") if token else read_token(
        None), browser)
