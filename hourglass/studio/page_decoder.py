"""What the page needs to decode by itself: ONNX Runtime Web, and the run's decoder."""

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

LARGEST = 100_000_000   # bytes of a decoder's weights, that a page is sent
TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm"}


@dataclass
class PageRuntime:
    """The runtime's two files by name, once somebody has asked for them. They hold no data."""

    files: dict[str, bytes] = field(default_factory=dict)
    guard: Lock = field(default_factory=Lock)

    def prepare(self) -> list[str]:
        """Read both files, which are downloaded at first use. Returns the names of the module and
        of its binary. Raises ValueError that says which file to put where, if they cannot be had.
        """
        from ..analysis.explorer.runtime import BINARY, SCRIPT, runtime
        names = [SCRIPT.name, BINARY.name]
        with self.guard:
            if not self.files:
                self.files = dict(zip(names, runtime(), strict=True))
        return names


def decoder_of(run: Path) -> bytes:
    """The run's decoder as ONNX. Raises ValueError where it cannot be one, or is too large."""
    from ..inference.kept_onnx import decoder_onnx  # which brings torch
    from ..inference.line_uses import check_lines
    from ..run.folder import open_run
    from ..run.weights import read_description
    check_lines(read_description(open_run(run)), "exporting")
    return decoder_onnx(run, LARGEST)
