"""The folders that the studio may read, and the check that a path lies in one of them."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..core.output_names import printable

NAME = re.compile(r"[A-Za-z_]\w*")
TEXT = re.compile(r"""(['"])(.*?)\1""")   # a quoted text within a call
LOOKED_AT = 200_000                        # entries of a folder that are searched for links


@dataclass(frozen=True)
class Roots:
    """The studio's own folder, and all folders that data may come from; all are resolved."""

    home: Path
    folders: tuple[Path, ...]

    def resolve(self, text: str) -> Path:
        """A path that exists and lies in one of the folders, links followed. Raises ValueError."""
        if "\0" in text:
            raise ValueError("a path may hold no zero byte")
        path = self.home / Path(text).expanduser()
        try:
            resolved = path.resolve(strict=True)
        except (OSError, RuntimeError):
            raise ValueError(f"there is no file or folder {printable(text)}") from None
        if not self.holds(resolved):
            raise ValueError(f"{printable(text)} lies outside the folders that this studio may "
                             f"use. To allow it: hourglass studio --root "
                             f"{printable(str(resolved))}")
        return resolved

    def holds(self, path: Path) -> bool:
        """Whether a resolved path lies in one of the folders."""
        return any(path.is_relative_to(folder) for folder in self.folders)

    def check_links(self, folder: Path) -> None:
        """Raise ValueError if a link below a folder leads out of the allowed folders."""
        seen = 0
        for above, folders, files in os.walk(folder):
            for name in (*folders, *files):
                path = Path(above, name)
                if path.is_symlink() and not self.holds(path.resolve()):
                    raise ValueError(f"{printable(str(path))} is a link that leads outside the "
                                     f"folders that this studio may use. Remove it, or allow its "
                                     f"target with --root")
            seen += len(files)
            if seen > LOOKED_AT:
                raise ValueError(f"{printable(str(folder))} has more than {LOOKED_AT:,} files; "
                                 f"train on it from the command line")

    def data(self, text: str) -> str:
        """What `hourglass train` gets as its data: a name such as digits, a source's text, or a
        path in the allowed folders, made absolute. Raises ValueError for anything else."""
        text = text.strip()
        if not text:
            raise ValueError("choose data first: a folder, or a set such as digits")
        if "://" in text:
            raise ValueError("the studio reads no data from a network; use the command line: "
                             "hourglass train ADDRESS")
        name = NAME.match(text)
        rest = text[name.end():] if name else ""
        if name and rest[:1] == "(" and text.endswith(")"):
            self.check_texts([text])
            return text
        if name and not rest and not (self.home / text).exists():
            return text
        path = self.resolve(text)
        if path.is_dir():
            self.check_links(path)
        return str(path)

    def check_texts(self, texts: Iterable[str]) -> None:
        """Raise ValueError for a quoted path, in any of these texts, outside the folders."""
        for text in texts:
            for _, inner in TEXT.findall(text):
                is_path = "/" in inner or "\\" in inner or inner.startswith("~")
                if "://" in inner:
                    raise ValueError(f"the studio reads nothing from a network: "
                                     f"{printable(inner)}")
                if inner and (is_path or (self.home / inner).exists()):
                    self.resolve(inner)


def make_roots(home: str | Path, more: Iterable[str | Path] = ()) -> Roots:
    """The folders of a studio: its own, and further ones. Raises ValueError for one that is no
    folder."""
    folders = []
    for folder in (home, *more):
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise ValueError(f"{folder} is not a folder; the studio needs one that exists")
        folders.append(path.resolve())
    return Roots(folders[0], tuple(dict.fromkeys(folders)))
