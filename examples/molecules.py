"""Molecules, from a file of SMILES to molecules with a wished property, in under five minutes.

    python examples/molecules.py [FOLDER] [--molecules qm9.csv.gz]

Needs the extra `molecules`. Without --molecules, it writes 2,000 molecules of its own: rings with
two groups each. Then it gives the commands that anyone would give: train a VAE for three minutes,
draw molecules, make one more soluble in fat step by step, go from one to another, and search for
molecules with properties in given ranges.
"""

import argparse
import itertools
import shlex
from pathlib import Path

import numpy as np

RINGS = ("c1ccc({})cc1", "c1cc({})ccn1", "c1nc({})ccc1", "C1CCC({})CC1", "C1CCN({})CC1",
         "c1cc({})cs1", "c1cc({})co1", "C1CN({})CCO1")
FIRST = ("C", "CC", "CCC", "CC(C)", "O", "N", "F", "Cl", "OC(=O)", "NC(=O)", "COC", "CC(=O)", "N#C",
         "CNC", "OCC", "FC(F)(F)", "CS", "CN(C)", "CCOC(=O)", "BrC")
SECOND = ("C", "CC", "CCC", "C(C)C", "CCO", "CC(=O)O", "C(=O)N", "C(C)=O", "CC#N", "CN", "CCN(C)C",
          "C(=O)OC", "CCF", "CCCl", "CC(F)(F)F", "C=C")
COMMANDS = (
    "train {data} --model 'moses_vae(32, width=160, layers=1, embedding=48, kl=0.2)' "
    "--lr 0.003 --batch-size 32 --minutes 3 --epochs 40 --out run",
    "generate run -n 18 -o drawn.png",
    "vary run {molecule} --property logP --steps 6 -o way.png",
    "morph run {molecule} {other} --frames 4 -o morph.png",
    "generate run -n 12 --where 'logP=1..2, qed>0.5' -o found.csv",
)


def write(path: Path, count: int = 2000, seed: int = 0) -> None:
    """Write a table of molecules: rings with two groups each."""
    found = sorted({first + ring.format(second)
                    for first, ring, second in itertools.product(FIRST, RINGS, SECOND)})
    chosen = np.random.default_rng(seed).permutation(found)[:count]
    path.write_text("smiles\n" + "".join(f"{text}\n" for text in chosen))


def main() -> None:
    """Run the commands in a folder, and print each."""
    from commands import run_all
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("molecules"))
    parser.add_argument("--molecules", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    data = given.folder / "molecules.csv"
    if given.molecules is None:
        write(data)
    words = {"data": shlex.quote(str((given.molecules or data).resolve())),
             "molecule": "'OC(=O)c1ccc(CC)cc1'", "other": "'CC1CCN(CCO)CC1'"}
    run_all([command.format(**words) for command in COMMANDS], given.folder)


if __name__ == "__main__":
    main()
