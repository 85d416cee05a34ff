"""Molecules of SMILES in the notation of a model; of many molecules, kept in the cache."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from ..core.checksums import stamped, unstamped
from ..core.console import say, track
from ..core.files import read_file, write_whole
from . import chemistry
from .chemistry import Notation
from .fetch import cache_folder

MANY = 5000   # molecules that take seconds to check


def in_notation(smiles: list[str], notation: Notation) -> list[str | None]:
    """The text of each SMILES in a notation: None if RDKit cannot read it, "" if SELFIES cannot
    write it. Those of many molecules are kept, by all SMILES and the versions of the libraries."""
    if len(smiles) < MANY:
        return _checked(smiles, notation)
    mark = json.dumps([smiles, notation, version("rdkit"), version("selfies")])
    key = hashlib.sha256(mark.encode(errors="surrogatepass")).hexdigest()[:24]
    place = cache_folder() / "decoded" / f"molecules-{key}.json"
    kept = _kept(place, len(smiles))
    if kept is not None:
        return kept
    texts = _checked(smiles, notation)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, json.dumps(stamped({"texts": texts})))
        say(f"{len(smiles):,} molecules are many: they were checked once, for {place}")
    except OSError as error:
        say(f"{place} cannot be written ({error.strerror}), so {len(smiles):,} molecules are "
            f"checked each time")
    return texts


def _checked(smiles: list[str], notation: Notation) -> list[str | None]:
    def text(each: str) -> str | None:
        if chemistry.molecule_of(each) is None:
            return None
        return each if notation == "smiles" else chemistry.selfies_of(each)
    return [text(smiles[i]) for i in track(range(len(smiles)), len(smiles), "reading molecules")]


def _kept(place: Path, count: int) -> list[str | None] | None:
    """The texts in a file of the cache; None without it, and if it is damaged."""
    try:
        values, changed = unstamped(json.loads(read_file(place)))
        texts: list[str | None] = values["texts"]
        return texts if not changed and len(texts) == count else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
