"""What a snapshot of a model of molecules has besides: measures of what it draws, and of codes."""

from collections.abc import Callable, Mapping

import numpy as np

from ..core.console import say
from ..data.chemistry import canonical
from ..data.split_data import Source
from .molecule_sets import MoleculeSet, compare_sets, predicted_properties
from .snapshot import Snapshot

DRAWN = 400        # molecules of each prior
REAL = 1000        # of the unseen split that they are compared with
CODED = 2000       # whose properties are predicted from codes
KNOWN = 60_000     # of training, among which generated ones are looked for


def add_molecules(
    s: Snapshot, source: Source, draws: Mapping[str, Callable[[int], list[str]]]
) -> None:
    """Add measures of the molecules that each prior draws, and of as many training molecules, all
    against unseen ones; and how well codes predict the properties of unseen molecules. `draws` are
    functions that draw n SMILES from each prior."""
    split, train = source.splits[s.split], source.splits["train"]
    real = MoleculeSet(tuple(source.names[int(i)] for i in split.index[split.evenly(REAL)]))
    if not draws or len(real.smiles) < 2:
        return
    rows = train.evenly(KNOWN)
    known = {canonical(source.names[int(i)]) for i in train.index[rows]}
    if len(rows) < len(train):
        say(f"generated molecules are looked for among {len(rows):,} of the {len(train):,} "
            f"molecules of training")
    some = MoleculeSet(tuple(source.names[int(i)] for i in train.index[train.evenly(DRAWN)]))
    for name, draw in draws.items():
        scores = compare_sets(MoleculeSet(tuple(draw(DRAWN))), real, known)
        s.molecules |= {f"{name}/{measure}": value for measure, value in scores.items()}
    s.molecules |= {f"training_molecules/{measure}": value
                    for measure, value in compare_sets(some, real).items() if measure != "novel"}
    few = np.linspace(0, len(s.x) - 1, min(CODED, len(s.x))).astype(int)
    places = {name: i for i, name in enumerate(source.names)}
    index = np.array([places[s.names[i]] for i in few])
    s.molecules |= predicted_properties(s.codes[few], [s.names[i] for i in few],
                                        {name: values[index]
                                         for name, values in source.properties.items()})
