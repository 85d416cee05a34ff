"""The token of a server: where it is read from, and what it must be."""

import os
import re
from pathlib import Path

SHORTEST_TOKEN = 16       # least characters


def read_token(file: Path | None) -> str:
    """The token from a file, otherwise from HOURGLASS_TOKEN, otherwise "". Raises ValueError for
    one that cannot be sent in a header, or is easy to guess."""
    if file is None and "HOURGLASS_TOKEN" not in os.environ:
        return ""
    token = file.read_text() if file else os.environ["HOURGLASS_TOKEN"]
    return check_token(token.strip(), f"the token in {file or 'HOURGLASS_TOKEN'}")


def check_token(token: str, what: str) -> str:
    """The token. Raises ValueError for one that cannot be sent in a header, or is easy to guess."""
    if not re.fullmatch(rf"[!-~]{{{SHORTEST_TOKEN},}}", token):
        raise ValueError(f"{what} must be {SHORTEST_TOKEN} characters or more, "
                         f"letters, digits and signs; make one with: openssl rand -hex 16")
    return token
