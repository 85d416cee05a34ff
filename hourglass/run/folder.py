""""""

import hashlib

from ..folder import RunFolder


def digest(folder: RunFolder) -> str:
    """What tells a run's model from another."""
    return hashlib.sha256(folder.model.read_bytes()).hexdigest()[:16]
