"""Every part by name, as hg.list and the command `list` show them."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..core.registry import REGISTRIES, kind_of_part
from ..run.settings import recipe_rows
from .python_words import for_python
from .tabulated import as_html

RECIPES = "recipes"


class PartRow(NamedTuple):
    """One part: its name, its signature, and a description."""

    name: str
    signature: str
    about: str


class Listing(Sequence[PartRow]):
    """Parts, a row each; in a notebook, a table."""

    def __init__(self, rows: Sequence[PartRow]):
        self._rows = tuple(rows)

    def __getitem__(self, i: Any) -> Any:
        return self._rows[i]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[PartRow]:
        return iter(self._rows)

    @property
    def names(self) -> list[str]:
        """The names alone."""
        return [row.name for row in self._rows]

    def __repr__(self) -> str:
        return "\n".join(f"{row.signature}\n    {row.about}" for row in self._rows)

    def _repr_html_(self) -> str:
        return as_html(["part", "what it is"], [[row.signature, row.about] for row in self._rows],
                       len(self._rows))


@for_python
def list_parts(kind: str = "") -> Listing:
    """The parts of a kind, such as "models", "losses" or "recipes", with their arguments and what
    each is. Without a kind, the kinds. Raises ValueError.

        >>> import hourglass as hg
        >>> "vae" in hg.list("models").names
        True
        >>> hg.list("ramps")[0].signature
        'ramp(start=0.0, end=1.0, epochs=None, steps=None, share=None)'
    """
    if not kind:
        return Listing([*(PartRow(name, name, registry.contract)
                          for name, registry in REGISTRIES.items()),
                        PartRow(RECIPES, RECIPES, "settings under a name")])
    if kind.rstrip("s") == RECIPES.rstrip("s"):
        return Listing([PartRow(name, name, about) for name, about in recipe_rows()])
    registry = REGISTRIES[kind_of_part(kind)]
    return Listing([PartRow(name, registry.signature(name), registry.about(name))
                    for name in registry.parts])
