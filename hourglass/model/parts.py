"""Parts: the texts that a model is composed of."""

from dataclasses import dataclass, replace

from ..core.expressions import Call, read
from ..core.registry import backbones, corruptions, likelihoods, usual_backbone

OF_LINES = "gru"   # the default backbone of lines of text


@dataclass(frozen=True)
class Parts:
    """The parts of a model, each as a text. "auto" means: suited to the data."""

    backbone: str = "auto"
    decoder: str = ""             # another backbone, to use only its decoder
    bottleneck: str = "plain(32)"
    likelihood: str = "auto"
    corruption: str = "none"
    condition: str = "none"       # or "label", or "inferred"
    loss: str = "recon"
    prior: str = "auto"           # the default prior for samples

    def fitted(
        self, shape: tuple[int, ...], low: float, high: float, columns: str = ""
    ) -> "Parts":
        """Resolve every "auto" and check the likelihood's support against the data. `columns`
        describes a table's columns, as for `mixed`."""
        backbone = self.backbone if self.backbone != "auto" else usual_backbone(shape)
        if columns.startswith("tokens"):   # of lines, which have one likelihood alone
            return self._of_lines(columns)
        bounded = low >= 0 and high <= 1
        several = "kinds" in columns or "pair" in columns
        likelihood = self.likelihood if self.likelihood != "auto" else (
            "mixed" if several else "bernoulli" if bounded else "normal")
        if columns and likelihood.startswith("mixed"):   # replaces the columns of another table
            likelihood = f"mixed({columns!r})"
        least, most = likelihoods.make(likelihood).support
        if low < least or high > most:
            raise ValueError(f"{likelihood} is for values from {least:g} to {most:g}, but this "
                             f"data has others; use --likelihood normal, or scale the data")
        return replace(self, backbone=backbone, decoder=_around(self.decoder, backbone),
                       likelihood=likelihood, corruption=_by_cell(self.corruption, columns))


    def _of_lines(self, likelihood: str) -> "Parts":
        """The parts for lines of text. Raises ValueError for a likelihood of numbers."""
        if self.likelihood != "auto" and not self.likelihood.startswith("tokens"):
            raise ValueError(f"the likelihood {self.likelihood} is for numbers, and lines of text "
                             f"are tokens; leave --likelihood out")
        backbone = self.backbone if self.backbone != "auto" else OF_LINES
        return replace(self, backbone=backbone, decoder=_around(self.decoder, backbone),
                       likelihood=likelihood)


def _around(decoder: str, backbone: str) -> str:
    """The decoder's text. If it wraps a backbone, that backbone is filled in."""
    if not decoder:
        return ""
    call = read(decoder)
    options = backbones.check(call)
    if "of" not in backbones.options(call.name) or options.get("of", "auto") != "auto":
        return decoder
    return str(Call(call.name, (), {**options, "of": backbone}))


def _by_cell(corruption: str, columns: str) -> str:
    """The corruption's text, with the widths of the table's cells filled in for `holes`."""
    call = read(corruption) if corruption.startswith("holes") and "+" not in corruption else None
    if call is None or not columns:
        return corruption
    cells = likelihoods.make(f"mixed({columns!r})").cells
    return str(Call("holes", (), {**corruptions.check(call), "widths": cells}))
