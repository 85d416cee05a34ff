"""What a person wrote about a run: a note, tags and a name, kept in the run's own folder."""

import json
from pathlib import Path
from typing import Any

from ..core.files import is_link, read_file, write_whole

FILE = "studio.json"
LONGEST = 10_000    # characters of a note, and
MOST_TAGS = 20      # tags of
LONGEST_TAG = 40    # characters


def read_notes(folder: Path) -> dict[str, Any]:
    """A run's note and tags; empty ones if the file is missing or damaged."""
    try:
        notes: Any = json.loads(read_file(folder / FILE))
        return {"note": str(notes.get("note", ""))[:LONGEST],
                "tags": [str(tag)[:LONGEST_TAG] for tag in notes.get("tags", [])][:MOST_TAGS]}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {"note": "", "tags": []}


def write_notes(folder: Path, note: str, tags: list[str]) -> None:
    """Write a run's note and tags. Raises ValueError for too much, or for a link."""
    if len(note) > LONGEST or len(tags) > MOST_TAGS:
        raise ValueError(f"a note has at most {LONGEST:,} characters and a run {MOST_TAGS} tags, "
                         f"not {len(note):,} and {len(tags)}; nothing was saved")
    tags = list(dict.fromkeys(" ".join(tag.split()) for tag in tags if tag.strip()))
    if any(len(tag) > LONGEST_TAG for tag in tags):
        raise ValueError(f"a tag has at most {LONGEST_TAG} characters")
    if is_link(folder / FILE):
        raise ValueError(f"{folder / FILE} is a link, and a run's files must be its own")
    write_whole(folder / FILE, json.dumps({"note": note, "tags": tags}, ensure_ascii=False))
