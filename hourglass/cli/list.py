"""The command `hourglass list`: the parts by name, with their arguments."""

from typing import Annotated

import typer

from ..core.registry import REGISTRIES, kind_of_part
from ..run.settings import recipe_rows


def list_parts(
    kind: Annotated[str, typer.Argument(help="Kind of part: models, backbones, losses, priors, "
                                        "recipes, ... Default: all.")] = "",
) -> None:
    """List the parts by name, with their arguments and a description.

    Examples: hourglass list models; hourglass list losses
    """
    kinds = [*REGISTRIES, "recipes"]
    chosen = kind_of_part(kind, kinds) if kind else ""
    for name in [chosen] if chosen else kinds:
        print(f"{name}")
        rows = recipe_rows() if name == "recipes" else [
            (REGISTRIES[name].signature(part), REGISTRIES[name].about(part))
            for part in REGISTRIES[name].parts]
        for signature, about in rows:
            print(f"  {signature}\n      {about}")
