"""An own set of glyphs, from drawing it to morphing it, in under five minutes on two cores.

    python examples/glyphs.py [FOLDER]

Draws letters and digits in two fonts, dark on white, then gives the commands that anyone would give
to a folder of scans: make 10,000 of them, train a variational autoencoder of two factors on them,
white on black (the run remembers, and turns what it is given later), draw its whole code space, new
glyphs, morph one into another.
"""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

FONTS = {"sans": "DejaVuSans.ttf", "serif": "DejaVuSerif.ttf"}   # which come with matplotlib
GLYPHS = "ABCDEFGHJKLMNPRSTUVXYZ23456789adefr"
SIZE = 64
COMMANDS = (
    "data show scans -o sheet.png",
    "data augment scans -n 10000 --augment 'rotate(4) + zoom(0.05) + shift(1)' -o many",
    "train many --invert --recipe glyph_vae --size 32 --lr 0.004 --schedule one_cycle "
    "--epochs 30 --out run",
    "generate run -n 48 -o random.png",
    "morph run scans/A/sans.png scans/R/serif.png -o morph.gif",
    "vary run scans/E/sans.png --attribute brightness,slant,width -o vary.png",
)


def draw(glyph: str, font: Path) -> Image.Image:
    """The glyph in the middle of a white square."""
    image = Image.new("L", (SIZE, SIZE), 255)
    ImageDraw.Draw(image).text((SIZE / 2, SIZE / 2), glyph, fill=0, anchor="mm",
                               font=ImageFont.truetype(str(font), 46))
    return image


def draw_all(folder: Path) -> int:
    """A folder for each glyph; returns how many images there are."""
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for glyph in GLYPHS:
        kind = folder / (f"small_{glyph}" if glyph.islower() else glyph)
        kind.mkdir(parents=True, exist_ok=True)
        for name, file in FONTS.items():
            draw(glyph, fonts / file).save(kind / f"{name}.png")
    return len(GLYPHS) * len(FONTS)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="glyphs", type=Path,
                        help="a new folder for everything; default: glyphs")
    folder = parser.parse_args().folder
    if folder.exists():
        sys.exit(f"{folder} is there already; name another folder")
    print(f"{draw_all(folder / 'scans')} glyphs in {folder / 'scans'}", flush=True)
    for command in COMMANDS:
        print(f"\n$ hourglass {command}", flush=True)
        subprocess.run([sys.executable, "-m", "hourglass", *shlex.split(command)], cwd=folder,
                       check=True)
    print(f"\nThe code space is {folder}/run/figures/grid.png, the whole report "
          f"{folder}/run/report.html")


if __name__ == "__main__":
    main()
