"""Checksums in texts that people may edit, too: a change since they were written can be said."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

KEY = "sha256"                              # of JSON
HEAD = "# sha256 of the lines below: "      # of TOML


def stamped(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values for JSON, with a checksum of them as the first one."""
    plain = json.loads(json.dumps(values))
    return {KEY: _of_values(plain), **plain}


def unstamped(values: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Values from JSON without their checksum, and whether they have changed since they got it."""
    rest = {name: value for name, value in values.items() if name != KEY}
    return rest, KEY in values and values[KEY] != _of_values(rest)


def stamped_text(text: str) -> str:
    """Lines of TOML, below a comment with their checksum."""
    return f"{HEAD}{_of(text)}\n{text}"


def is_changed(text: str) -> bool:
    """Whether such lines have changed since they got their checksum."""
    first, _, rest = text.partition("\n")
    return first.startswith(HEAD) and first.removeprefix(HEAD).strip() != _of(rest)


def _of_values(values: dict[str, Any]) -> str:
    return _of(json.dumps(values, sort_keys=True))


def _of(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
