"""Which parts of a user's own a run uses: kept with it, so that another process asks for them."""

import re
from collections.abc import Iterable
from typing import Any

from ..core.plugins import own_parts
from ..core.registry import OWN_NETWORKS, REGISTRIES


def used_parts(texts: Iterable[Any]) -> dict[str, str]:
    """The own parts that texts such as "recon + tv" name, and the file each was written in, or ""
    for a cell. Networks are asked for in another way."""
    words = {word for text in texts for word in re.findall(r"\w+", str(text))}
    return {part: origin for part, origin in own_parts().items()
            if (name := part.rpartition(" ")[2]) in words and name != OWN_NETWORKS}


def missing_parts(record: dict[str, Any]) -> str:
    """A message on own parts that a run used and this process does not have, or ""."""
    used = record.get("own_parts") or {}
    kinds = {registry.kind: registry for registry in REGISTRIES.values()}
    missing = {}
    for part, origin in used.items() if isinstance(used, dict) else ():
        kind, _, name = str(part).rpartition(" ")
        if kind in kinds and name not in kinds[kind].parts:
            missing[part] = origin
    if not missing:
        return ""
    files = list(dict.fromkeys(filter(None, missing.values())))
    named = ", ".join(f"the {part} ({origin or 'written in a notebook or a terminal'})"
                      for part, origin in missing.items())
    give = " ".join(f"--plugin {file}" for file in files) or (
        "register them again before, or put them into a file: --plugin parts.py")
    return f"this run uses parts that are not Hourglass's own: {named}. Give them: {give}"


def check_parts(record: dict[str, Any]) -> None:
    """Raises ValueError where a run needs own parts that this process does not have."""
    if missing := missing_parts(record):
        raise ValueError(missing)
