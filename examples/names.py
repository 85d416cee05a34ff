"""Lines of text, from files of names to new names of each kind, in under five minutes.

    python examples/names.py [FOLDER]

It writes 1,500 names in three invented languages, a file for each. Then it gives the commands that
anyone would give: train a VAE for a minute, write new names, go from one name to another, move a
name towards another language, and find the names that fit in least.
"""

from pathlib import Path

import numpy as np

LANGUAGES = {   # beginnings, middles and ends of names
    "northern": ("Thor Sig Bjor Ing Hal Ast Rag Svan", "var mund frid gar ulf",
                 "sson sdottir dal berg"),
    "southern": ("Mar Ros Bel Luc Gio Fel Ange Pao", "ian ett ic ald in", "elli ucci ano ini"),
    "eastern": ("Vla Kat Pav Mik Dra Zor Bog Ive", "kov mir lav tan ges", "ski enko ovich evna")}
COMMANDS = (
    "train \"lines('names/')\" --model 'text_vae(12, width=96, word_dropout=0, free_bits=0.2)' "
    "--lr 0.005 --batch-size 32 --minutes 1 --epochs 25 --out run",
    "generate run -n 12 --temperature 0.8",
    "morph run Thorvarsson Marianelli --frames 4",
    "vary run Marianelli --attribute northern --steps 4",
    "score run names/ -o scores.csv",
)


def write(folder: Path, each: int = 500, seed: int = 0) -> None:
    """Write a file of names for each language."""
    draw = np.random.default_rng(seed)
    (folder / "names").mkdir(parents=True, exist_ok=True)
    for name, parts in LANGUAGES.items():
        first, middle, last = (part.split() for part in parts)
        lines = ["".join([draw.choice(first), *draw.choice(middle, draw.integers(1, 3)),
                          draw.choice(last)]) for _ in range(each)]
        (folder / "names" / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    from commands import example
    example(__doc__, Path("names"), write, COMMANDS)
