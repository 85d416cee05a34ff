"""The registries: from a name, such as that in "gaussian(16)", to the part."""

import inspect
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

from .console import say
from .expressions import Call, read
from .hints import FEW, _fitted, did_you_mean, takes_tuple

Part = TypeVar("Part", bound=Callable[..., Any])


SYNONYMS = {"latent_dim": "dim", "encoding_dim": "dim", "z_dim": "dim", "kernel_size": "kernel",
            "strides": "stride", "units": "widths", "hidden_dims": "widths", "p": "share",
            "stddev": "std", "sigma": "std"}   # other tools' names of options


OWN_NETWORKS = "networks"   # the backbone that a user's own torch modules are


class Registry:
    """The parts of one kind, by name.

    A part is made as `part(*given, **options)`: the program supplies `given`, the text supplies the
    options. The part's signature and its hints check the options.
    """

    def __init__(self, kind: str, home: str, positional: int, contract: str):
        self.kind, self.home, self.positional, self.contract = kind, home, positional, contract
        self.registered: dict[str, Callable[..., Any]] = {}
        self.examples: dict[str, str] = {}
        self.own: dict[str, str] = {}   # of a user's own parts: the files they were written in

    @property
    def parts(self) -> dict[str, Callable[..., Any]]:
        """All parts of the kind. The first access imports the modules that register them, installed
        packages of other people included."""
        import_module(self.home)
        _load_installed()
        return self.registered

    def add(self, name: str, example: str | None = None) -> Callable[[Part], Part]:
        """Register a part. A part with required arguments needs an `example`."""
        def put(part: Part) -> Part:
            self.registered[name] = part
            self.examples[name] = example or name
            return part
        return put

    def make(self, text: object, *arguments: Any) -> Any:
        """Make the part that a text, or an object with such a text, names: "gaussian(16)"."""
        return self.build(read(str(text)), *arguments)

    def build(self, call: Call, *arguments: Any) -> Any:
        """Make the part that a call names."""
        options = self.check(call)
        return self.parts[call.name](*arguments, **options)

    def check(self, call: Call) -> dict[str, Any]:
        """Check a call's options and convert them to the part's hints. Raises ValueError."""
        if call.name not in self.parts:
            near = self._near(call.name)
            raise ValueError(f"no {self.kind} is named {call.name!r}{near and '; '}{near}"
                             f"{self._of_others(call)}")
        return self._options(call, self.options(call.name))

    def options(self, name: str) -> dict[str, inspect.Parameter]:
        """The arguments that a text may pass to the part of that name."""
        parameters = list(inspect.signature(self.parts[name]).parameters.items())[self.positional:]
        return {n: p for n, p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}

    def signature(self, name: str) -> str:
        """The part with its arguments as a user types them, such as "gaussian(dim=16)"."""
        options = [p.name if p.default is p.empty else f"{p.name}={p.default!r}"
                   for p in self.options(name).values()]
        return f"{name}({', '.join(options)})" if options else name

    def by_place(self, text: str) -> str:
        """A note on whole numbers that are read by their places, where one tuple may be meant, as
        in conv(16, 8, 4); otherwise ""."""
        call = read(text)
        known = self.options(call.name) if call.name in self.parts else {}
        if not _may_be_tuple(call, known):
            return ""
        given = dict(zip(known, call.args, strict=False)) | call.kwargs
        return (f"{call} is read as {Call(call.name, (), given)}; for {len(call.args)} layers "
                f"write {Call(call.name, (call.args,), call.kwargs)}")

    def about(self, name: str) -> str:
        """The first line of the part's docstring."""
        return (inspect.getdoc(self.parts[name]) or "").partition("\n\n")[0].replace("\n", " ")

    def _near(self, name: str) -> str:
        """What was meant: near names; the command that lists all, if there are many and none is
        near."""
        near = did_you_mean(name, self.parts)
        if near.startswith("did you mean") or len(self.parts) <= FEW:
            return near
        return (f"see them all: hourglass list {self.kind.split()[-1]}s, such as "
                f"{', '.join([*self.parts][:FEW])}")

    def _of_others(self, call: Call) -> str:
        """A message for a name that resembles no known part."""
        if call.name == OWN_NETWORKS:
            names = {side: call.kwargs[side] for side in ("encoder", "decoder")
                     if side in call.kwargs}
            arguments = ", ".join(f"{side}={name}(...)" for side, name in names.items())
            return (f". This model has networks of your own, {' and '.join(names.values())}. Give "
                    f"them again, from Python: hg.load(run, {arguments})")
        near = did_you_mean(call.name, self.parts).startswith("did you mean")
        return "" if near else ". If it is a part of your own, give its file: --plugin parts.py"

    def _options(self, call: Call, known: dict[str, inspect.Parameter]) -> dict[str, Any]:
        if len(call.args) > len(known):
            raise ValueError(_as_tuple(call, known) or f"{call} has too many arguments; its "
                             f"signature is {self.signature(call.name)}")
        options = dict(zip(known, call.args, strict=False))
        for name, value in call.kwargs.items():
            if name not in known and SYNONYMS.get(name) in known:
                name = SYNONYMS[name]
            if name not in known:
                takes = did_you_mean(name, known) or "it takes no arguments"
                raise ValueError(f"{call.name} takes no {name!r}; {takes}")
            if name in options:
                raise ValueError(f"{call} sets {name!r} twice")
            options[name] = value
        missing = [n for n, p in known.items() if p.default is p.empty and n not in options]
        if missing:
            raise ValueError(f"{call.name} needs {missing[0]!r}, as in {self.examples[call.name]}")
        try:
            return {n: _fitted(f"{call.name}: {n}", v, known[n].annotation)
                    for n, v in options.items()}
        except ValueError as error:
            raise ValueError(_as_tuple(call, known) or str(error)) from None


def _as_tuple(call: Call, known: dict[str, inspect.Parameter]) -> str:
    """What to write for mlp(32, 16), where several numbers are meant as the one tuple of widths."""
    if not _may_be_tuple(call, known):
        return ""
    meant = Call(call.name, (call.args,), call.kwargs)
    return f"{call.name} takes {next(iter(known))} as one tuple: write {meant}, not {call}"


def _may_be_tuple(call: Call, known: dict[str, inspect.Parameter]) -> bool:
    first = next(iter(known.values()), None)
    several = len(call.args) > 1 and all(type(number) is int for number in call.args)
    return several and first is not None and takes_tuple(first.annotation)


@cache
def _load_installed() -> None:
    """Import the own parts of installed packages, which name them as entry points of the group
    hourglass.parts. One that fails is left out, with a note."""
    if _LOADING:   # it asks for parts itself
        return
    _LOADING.append(True)
    from importlib.metadata import entry_points
    for entry in entry_points(group="hourglass.parts"):
        try:
            entry.load()
        except Exception as error:   # the code of others may raise anything
            say(f"the parts of {entry.value} are left out: {type(error).__name__}: {error}")


_LOADING: list[bool] = []

sources = Registry("data source", "hourglass.data.sources.every", 1,
                   "(reading, **options) -> Collection")
backbones = Registry("backbone", "hourglass.model.backbones", 2,
                     "(shape, out, **options) -> Backbone")
bottlenecks = Registry("bottleneck", "hourglass.model.bottlenecks", 2,
                       "(code, back, **options) -> module: h -> Latent; expand: z -> h")
likelihoods = Registry("likelihood", "hourglass.model.likelihoods", 0,
                       "(**options) -> module: params -> p(x|z)")
corruptions = Registry("corruption", "hourglass.model.corruptions", 0, "(**options) -> (x -> x)")
ramps = Registry("ramp", "hourglass.model.weight_schedules", 0, "(**options) -> Ramp")
augmentations = Registry("augmentation", "hourglass.data.augmentations", 0,
                         "(**options) -> (x -> x)")
terms = Registry("term", "hourglass.model.losses", 1, "(model, **options) -> (out, model -> (B,))")
models = Registry("model", "hourglass.model.named", 0, "(**options) -> Parts")
optimisers = Registry("optimiser", "hourglass.training.optimisers", 2,
                      "(parameters, lr, **options) -> Optimizer")
schedules = Registry("schedule", "hourglass.training.lr_schedules", 0, "(**options) -> Schedule")
stops = Registry("stop", "hourglass.training.early_stopping", 0, "(**options) -> Stopping")
priors = Registry("prior", "hourglass.inference.priors", 1,
                  "(space, **options) -> module: fit(z, y), sample(y, temperature), log_prob(z, y)")
denoisers = Registry("denoiser", "hourglass.model.denoisers", 1,
                     "(shape, **options) -> module: noisy latents, condition -> like the latents")
text_encoders = Registry("text encoder", "hourglass.inference.text_encoders", 1,
                         "(captions, **options) -> TextEncoder: texts -> features")
detectors = Registry("detector", "hourglass.inference.detectors", 0,
                     "(**options) -> Rule: fit, score")
thresholds = Registry("threshold", "hourglass.inference.thresholds", 0,
                      "(**options) -> (scores, y) -> number")
extractors = Registry("feature extractor", "hourglass.inference.features", 1,
                      "(source, **options) -> Extractor: maps, vector")
metrics = Registry("metric", "hourglass.analysis.metrics", 1, "(snapshot) -> {name: number}")
figures = Registry("figure", "hourglass.analysis.figures.every", 1, "(snapshot) -> Figure")

REGISTRIES = {registry.kind.split()[-1] + "s": registry for registry in (
    models, sources, backbones, bottlenecks, likelihoods, corruptions, augmentations,
    terms, ramps, optimisers, schedules, stops, priors, detectors, thresholds, extractors,
    metrics, figures, denoisers, text_encoders)}


KINDS = {   # better or other names of kinds
    "losses": "terms", "loss_terms": "terms", "loss": "terms", "weight_schedules": "ramps",
    "early_stopping": "stops", "lr_schedules": "schedules", "data": "sources",
    "data_sources": "sources", "datasets": "sources", "optimizers": "optimisers",
    "features": "extractors", "feature_extractors": "extractors"}


def kind_of_part(name: str, kinds: Iterable[str] = ()) -> str:
    """The kind of part with this name: its plural, singular or another name, such as losses.

    Raises ValueError for an unknown kind.
    """
    kinds = list(kinds or REGISTRIES)
    plain = name.strip().replace("-", "_").replace(" ", "_").lower()
    for candidate in (plain, f"{plain}s", KINDS.get(plain, ""), KINDS.get(f"{plain}s", "")):
        if candidate in kinds:
            return candidate
    raise ValueError(f"no kind of part is named {name!r}; "
                     f"{did_you_mean(name, [*kinds, 'losses', 'early_stopping'])}")


def usual_backbone(shape: tuple[int, ...]) -> str:
    """The default backbone for samples of that shape."""
    return {3: "conv", 2: "conv1d"}.get(len(shape), "mlp")
