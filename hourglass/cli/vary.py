"""The command `hourglass vary`: an image or a line with more or less of an attribute, or a molecule
with more or less of a property."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.console import tell
from .load_run import load_run
from .options import Blur, ClassName, Device, Run, Sharpen

VARIED = Path("vary.png")   # by default

def vary(
    run: Run,
    image: Annotated[str, typer.Argument(help="An image file, a line of text, a molecule as "
                                       "SMILES, or the number of a test sample.")],
    attribute: Annotated[str, typer.Option(help="Attributes, separated by commas: a class, or "
                                           "brightness, contrast, width, slant, warmth; of lines "
                                           "a class, or length.")] = "",
    having: Annotated[str, typer.Option(help="Folder of images, or file of lines, that have an "
                                        "attribute of your own. Needs --lacking.")] = "",
    lacking: Annotated[str, typer.Option(help="Folder of images, or file of lines, that lack "
                                         "it.")] = "",
    prop: Annotated[str, typer.Option("--property", help="Of molecules: the property that grows, a "
                                      "column of the data or such as logP, qed, SAS, weight; with "
                                      "- before it, the one that falls.")] = "",
    steps: Annotated[int, typer.Option(min=1, max=1000, help="Of molecules and lines: steps "
                                       "along the property or attribute.")] = 8,
    out: Annotated[Path, typer.Option("--out", "-o", help="A .png with strips, or an animation: "
                                      ".gif, .webp or .mp4. Molecules: a .png, .svg or .csv. "
                                      "Lines: a .txt or .csv; they are printed, too.")] = VARIED,
    sharpen: Sharpen = 0, blur: Blur = 0, kind: ClassName = "",
    device: Device = "cpu",
) -> None:
    """Change an attribute of an image or a line, such as its slant, a smile, or a language.

    Examples: hourglass vary runs/1 3 --attribute brightness,slant; hourglass vary runs/1 face.png
    --having smiling/ --lacking serious/ -o smile.gif; hourglass vary runs/2
    "CC(=O)Oc1ccccc1C(=O)O" --property logP --steps 8; hourglass vary runs/names Adamson
    --attribute Greek
    """
    from ..inference.line_uses import is_of_lines, is_of_molecules
    from ..tasks.edit_attribute import chosen_attributes
    from ..tasks.edit_attribute import vary as vary_image
    from ..tasks.molecules import vary_molecule
    from ..tasks.sharpen_and_blur import Finish
    from ..tasks.vary_lines import in_words, vary_lines
    model = load_run(run, device, doing="varying")
    if is_of_molecules(model.description):
        if attribute or having or lacking or sharpen or blur or kind or not prop:
            raise ValueError("a molecule is varied with --property, such as --property logP, and "
                             "--steps; leave the other options out")
        molecules = vary_molecule(model, image, prop, steps)
        tell(molecules, molecules.save(out))
        return
    if prop:
        raise ValueError("--property is for models of molecules; of images and lines, use "
                         "--attribute")
    names = [name.strip() for name in attribute.split(",") if name.strip()]
    if is_of_lines(model.description):
        if sharpen or blur:
            raise ValueError("--sharpen and --blur are for images; leave them out")
        written = vary_lines(model, image, names, steps, having, lacking, kind,
                             None if out == VARIED else out)
        tell(*in_words(written, steps))
        return
    attributes = chosen_attributes(model, names, having, lacking, kind)
    vary_image(model, image, attributes, out, kind, Finish(sharpen, blur))
    tell(out)
