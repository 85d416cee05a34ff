"""Runs the notebooks of the tutorials, and keeps what their cells show, pictures reduced.

    python docs/notebooks.py [NOTEBOOK ...]

It needs no Jupyter: a cell is Python, and lines that begin with !hourglass are commands. Jupyter
runs the same notebooks.
"""

import ast
import base64
import contextlib
import io
import json
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from PIL import Image

HERE = Path(__file__).parent / "tutorials"
WIDEST = 900   # pixels of a picture that is kept
QUICK = ((r"epochs=\d+", "epochs=1"), (r'"epochs": \d+', '"epochs": 1'),
         (r"--epochs \d+", "--epochs 1"),
         (r"--seeds [\d,]+", "--seeds 0"), (r"augment glyphs -n \d+", "augment glyphs -n 63"))


def run(cells: list[str], quick: bool = False) -> list[list[dict[str, Any]]]:
    """What each cell shows, as a notebook keeps it; `quick` trains for one epoch. Runs in a new
    folder. Raises what a cell raises, and ValueError for a command that fails."""
    matplotlib.use("Agg")
    names: dict[str, Any] = {"__name__": "__main__"}
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        shown = [_run_cell(_shortened(cell) if quick else cell, names) for cell in cells]
    assert os.getcwd() == before
    return shown


def _shortened(cell: str) -> str:
    for pattern, shorter in QUICK:
        cell = re.sub(pattern, shorter, cell)
    return cell


def _run_cell(cell: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    names["_command"] = _command
    code = re.sub(r"^!hourglass (.*)$", lambda line: f"_command(f{line[1]!r})", cell, flags=re.M)
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(tree, "cell", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None
    found = [{"output_type": "stream", "name": "stdout",
              "text": said.getvalue().splitlines(keepends=True)}] if said.getvalue() else []
    for number in plt.get_fignums():
        found.append(_displayed(_drawn(plt.figure(number))))
    plt.close("all")
    if isinstance(value, Image.Image):
        found.append(_displayed(value))
    elif value is not None and not found:
        found.append({"output_type": "display_data", "metadata": {},
                      "data": {"text/plain": repr(value).splitlines(keepends=True)}})
    return found


def _command(words: str) -> None:
    """A command of the command line, in this process."""
    from hourglass.cli.main import main
    typed, sys.argv = sys.argv, ["hourglass", *shlex.split(words)]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise ValueError(f"hourglass {words} ended with {ended.code}") from None
    finally:
        sys.argv = typed


def _drawn(figure: Any) -> Image.Image:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=80)
    return Image.open(content)


def _displayed(picture: Image.Image) -> dict[str, Any]:
    """A picture as an output, in 64 colours if it has more than grey."""
    if picture.width > WIDEST:
        picture = picture.convert("RGB").resize(
            (WIDEST, round(picture.height * WIDEST / picture.width)))
    if picture.mode not in ("L", "1"):
        picture = picture.convert("RGB").quantize(64)
    content = io.BytesIO()
    picture.save(content, "png", optimize=True)
    return {"output_type": "display_data", "metadata": {},
            "data": {"image/png": base64.b64encode(content.getvalue()).decode()}}


def code_of(notebook: Path) -> list[str]:
    """The code cells of a notebook."""
    return ["".join(cell["source"]) for cell in json.loads(notebook.read_text())["cells"]
            if cell["cell_type"] == "code"]


def main() -> None:
    for notebook in map(Path, sys.argv[1:]) if sys.argv[1:] else sorted(HERE.glob("*.ipynb")):
        content = json.loads(notebook.read_text())
        cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        for cell, shown in zip(cells, run(code_of(notebook)), strict=True):
            cell["outputs"] = shown
        notebook.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
