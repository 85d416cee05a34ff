"""Figures of molecules, drawn by RDKit: reconstructions, molecules on the way, and of priors."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ...core.registry import figures
from ...data.chemistry import molecule_of, rdkit
from ..snapshot import Lacking, Snapshot
from .canvas import WIDTH, panels

SIDE = (240, 180)   # pixels of a molecule
SMALL = (120, 90)   # pixels of one of many
COLUMNS = 6
PAIRS = 12          # molecules that are shown with their reconstructions
SHORT = 26          # characters of a SMILES below a picture


@figures.add("molecule_reconstructions")
def molecule_reconstructions(s: Snapshot) -> Figure:
    """Molecules, each above what the model writes of its code. How to read it: equal pictures are
    kept whole; alike ones share what the code says."""
    pairs = list(zip(*(_of(s, name)[:PAIRS] for name in ("lines", "reconstructions")),
                     strict=True))
    rows = [pairs[i:i + COLUMNS] for i in range(0, len(pairs), COLUMNS)]
    shown, names = [], []
    for row in rows:
        for side, word in ((0, "molecule"), (1, "reconstruction")):
            padded = [pair[side] for pair in row] + [""] * (COLUMNS - len(row))
            shown += padded
            names += [word if text else "" for text in padded]
    return _figure(shown, names)


@figures.add("molecule_steps")
def molecule_steps(s: Snapshot) -> Figure:
    """What the model writes of codes on the way from one molecule to another. How to read it: they
    should change little by little."""
    return _figure(_of(s, "between"))


@figures.add("molecule_samples")
def molecule_samples(s: Snapshot) -> Figure:
    """Molecules of codes drawn from a prior, token by token at temperature 1. How to read it: they
    should look like molecules of the data."""
    names = [name for name in s.lines if name.startswith("drawn") and "uniform" not in name]
    if not names:
        raise Lacking("a prior")
    return _figure([text.rpartition(": ")[2] for text in _of(s, names[-1])])


def _of(s: Snapshot, name: str) -> list[str]:
    if not s.molecules or name not in s.lines:
        raise Lacking("molecules")
    return list(s.lines[name])


def _figure(smiles: Sequence[str], names: Sequence[str] = ()) -> Figure:
    image = grid_picture(smiles, names)
    figure, (ax,) = panels(1, 1, 0.3 + WIDTH * image.height / image.width)
    ax.imshow(np.asarray(image))
    ax.set_axis_off()
    return figure


def _drawing(smiles: Sequence[str], names: Sequence[str], columns: int, svg: bool) -> Any:
    """A grid of molecules by RDKit: an SVG text, or the bytes of a PNG."""
    rdkit()
    from rdkit.Chem import Draw
    molecules = [molecule_of(text) for text in smiles]
    names = list(names) or [(text if len(text) <= SHORT else f"{text[:SHORT - 3]}...")
                            or "(empty)" for text in smiles]
    names = [name if molecule is not None or not text else f"invalid: {name}"
             for name, molecule, text in zip(names, molecules, smiles, strict=True)]
    drawn = Draw.MolsToGridImage(
        molecules, molsPerRow=min(columns, max(1, len(molecules))), subImgSize=SIDE, legends=names,
        useSVG=svg, returnPNG=not svg)
    return getattr(drawn, "data", drawn)   # in a notebook it is wrapped


def grid_picture(
    smiles: Sequence[str], names: Sequence[str] = (), columns: int = COLUMNS
) -> Image.Image:
    """A picture of molecules in rows, with their names (default: their SMILES)."""
    content = _drawing(smiles, names, columns, svg=False)
    return Image.open(io.BytesIO(content)).convert("RGB")


def grid_svg(smiles: Sequence[str], names: Sequence[str] = (), columns: int = COLUMNS) -> str:
    """The same as SVG."""
    return str(_drawing(smiles, names, columns, svg=True))


def pictures_of(smiles: Sequence[str]) -> np.ndarray:
    """Small pictures of molecules (N, H, W, 3), in [0, 1]."""
    rdkit()
    from rdkit.Chem import Draw
    width, height = SMALL
    pictures = np.empty((len(smiles), height, width, 3), np.float32)
    for row, text in enumerate(smiles):
        drawn = Draw.MolToImage(molecule_of(text), size=SMALL)
        pictures[row] = np.asarray(drawn.convert("RGB"), np.float32) / 255
    return pictures
