"""SMILES and SELFIES, the texts of molecules, by RDKit and selfies (extra `molecules`)."""

import re
from functools import lru_cache
from typing import Any, Literal

Notation = Literal["selfies", "smiles"]
NEEDED = "molecules need an extra: pip install 'hourglass[molecules]'"
LONGEST = 2000   # characters; longer ones are not small molecules, and overflow RDKit's stack
# a bracket with all that is in it, an element of two letters, the number of a ring of two digits,
# or one character
SMILES = re.compile(r"\[[^\[\]]*\]|Br|Cl|%\d\d|.", re.DOTALL)
SELFIES = re.compile(r"\[[^\[\]]*\]|\.")
# the same of SMILES alone: atoms of the organic subset, bonds, branches, rings
WHOLE = re.compile(r"(?:\[[^\[\]\s]{1,20}\]|Br|Cl|[BCNOPSFIbcnops*]|%\d\d|\d|[-=#$:/\\.()])+")
MARKS = re.compile(r"[=#()\[\]\d]")   # which words do not have


@lru_cache(1)
def rdkit() -> Any:
    """The module rdkit.Chem, whose log is silent. Raises ValueError where it is not installed."""
    try:
        from rdkit import Chem, RDLogger
    except ImportError:
        raise ValueError(NEEDED) from None
    RDLogger.DisableLog("rdApp.*")   # type: ignore[attr-defined]
    return Chem


@lru_cache(1)
def selfies_library() -> Any:
    """The module selfies. Raises ValueError where it is not installed."""
    try:
        import selfies
    except ImportError:
        raise ValueError(NEEDED) from None
    return selfies


def molecule_of(smiles: str) -> Any:
    """The RDKit molecule of a SMILES; None if it is empty, too long, malformed or impossible."""
    if not smiles or len(smiles) > LONGEST or not smiles.isascii():
        return None
    molecule = rdkit().MolFromSmiles(smiles)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


def canonical(smiles: str) -> str:
    """The canonical SMILES of a molecule; "" for a text that is none."""
    molecule = molecule_of(smiles)
    return "" if molecule is None else str(rdkit().MolToSmiles(molecule))


def selfies_of(smiles: str) -> str:
    """The SELFIES of a valid SMILES; "" if SELFIES cannot write the molecule."""
    library = selfies_library()
    for written in (str, canonical):   # RDKit writes a nitro group with charges
        try:
            return str(library.encoder(written(smiles)))
        except (library.EncoderError, RecursionError):
            continue
    return ""


def smiles_of(selfies: str) -> str:
    """The SMILES of a text in SELFIES, canonical where RDKit reads it; "" for an empty one."""
    library = selfies_library()
    try:
        smiles = str(library.decoder(selfies))
    except (library.DecoderError, RecursionError):
        return ""
    return canonical(smiles) or smiles


def split_smiles(text: str) -> list[str]:
    """The tokens of a SMILES: atoms, bonds, branches and rings."""
    return SMILES.findall(text)


def split_selfies(text: str) -> list[str]:
    """The symbols of a text in SELFIES."""
    return SELFIES.findall(text)


def looks_like_smiles(texts: list[str], *, named: bool = False) -> float:
    """The share of texts (not empty) that look like SMILES, without a library. It is 0 if hardly
    any has a mark of a bond, branch or ring, as with words and names, unless they are `named`
    SMILES."""
    there = [text for text in texts if text]
    alike = [text for text in there if WHOLE.fullmatch(text[:LONGEST])
             and text.count("(") == text.count(")")]
    atoms = [text for text in alike if re.search("[BCNOPSFIbcnops]", text)]   # numbers have none
    if named:
        return len(atoms) / max(len(there), 1)
    marked = sum(bool(MARKS.search(text)) for text in atoms)
    return len(alike) / len(there) if alike and 4 * marked >= len(alike) else 0.0
