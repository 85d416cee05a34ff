"""Classes by name, as the indices that a trained model uses."""

from typing import Any

import numpy as np

from ..core.contracts import Collection
from ..core.hints import did_you_mean
from ..data.labels import texts_of
from .batches import seen
from .network import Network


class Labels:
    """The classes of a trained model, known or inferred."""

    def __init__(self, network: Network, classes: tuple[str, ...]):
        self.network, self.classes = network, classes

    def of(self, y: Any, collection: Collection) -> np.ndarray | None:
        """The class indices (N,) of samples for a conditional model: of y, otherwise of the
        samples' own labels, otherwise inferred. None for a model that needs none.

        Raises ValueError for a class that training has not seen, and if no class is known.
        """
        if self.network.model.condition is None:
            return None
        if y is None and collection.y is None:
            if self.network.model.guesses_classes:
                return self.guess(collection).argmax(1)
            raise ValueError(f"this model is conditional: it needs the class of every sample "
                             f"({', '.join(self.classes[:12])}), as folders or as y")
        names = y if y is not None else [
            collection.classes[i] for i in collection.y]  # type: ignore[union-attr]
        return self.number(names, len(collection.x))

    def number(self, y: Any, n: int) -> np.ndarray:
        """Convert names of classes, one for all or one each, to indices (n,). Raises ValueError for
        a class that training has not seen."""
        names = texts_of([y]) * n if isinstance(y, str) or np.ndim(y) == 0 else texts_of(y)
        if len(names) != n:
            raise ValueError(f"{len(names)} classes do not fit {n} samples")
        unseen = set(names) - set(self.classes)
        if unseen:
            wrong = min(unseen)
            raise ValueError(f"this model was not trained on a class {wrong!r}; "
                             f"{did_you_mean(wrong, self.classes)}")
        number = {name: i for i, name in enumerate(self.classes)}
        return np.array([number[name] for name in names])

    def indices(self, y: Any, n: int) -> np.ndarray:
        """The indices (n,) of the classes to draw: of one class, of one for each sample, or of a
        few, such as [1, 2, 3] or "1,2,3", which share the samples evenly. Raises ValueError."""
        if isinstance(y, str) and y not in self.classes and "," in y:
            y = [part.strip() for part in y.split(",") if part.strip()]
        few = [] if isinstance(y, str) or np.ndim(y) == 0 else texts_of(y)
        if not few or len(few) == n:
            return self.number(y, n)
        if len(few) > n:
            raise ValueError(f"{len(few)} classes need as many samples or more, not {n}")
        return np.repeat(self.number(few, len(few)), [
            n // len(few) + (i < n % len(few)) for i in range(len(few))])

    def guess(self, collection: Collection) -> np.ndarray:
        """Probabilities of the classes of each sample, (N, K), for a model that infers them."""
        return self.network.guess(seen(collection))

    def check_guesses(self) -> None:
        """Raise ValueError for a model that infers no classes."""
        if not self.network.model.guesses_classes:
            raise ValueError("this model infers no classes; make a classifier of it with hourglass "
                             "finetune, or train one with --model semi_supervised_vae")
