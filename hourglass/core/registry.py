"""The registries: from a name, such as that in "gaussian(16)", to the part."""

import inspect
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, TypeVar

from .expressions import Call, read
from .hints import _fitted, did_you_mean

Part = TypeVar("Part", bound=Callable[..., Any])


SYNONYMS = {"latent_dim": "dim", "encoding_dim": "dim", "z_dim": "dim", "kernel_size": "kernel",
            "strides": "stride", "units": "widths", "hidden_dims": "widths", "p": "share",
            "stddev": "std", "sigma": "std"}   # other tools' names of options


class Registry:
    """The parts of one kind, by name.

    A part is made as `part(*given, **options)`: the program supplies `given`, the text supplies the
    options. The part's signature and its hints check the options.
    """

    def __init__(self, kind: str, home: str, given: int, contract: str):
        self.kind, self.home, self.given, self.contract = kind, home, given, contract
        self.registered: dict[str, Callable[..., Any]] = {}
        self.examples: dict[str, str] = {}

    @property
    def parts(self) -> dict[str, Callable[..., Any]]:
        """All parts of the kind. The first access imports the module that registers them."""
        import_module(self.home)
        return self.registered

    def add(self, name: str, example: str | None = None) -> Callable[[Part], Part]:
        """Register a part. A part with required arguments needs an `example`."""
        def put(part: Part) -> Part:
            self.registered[name] = part
            self.examples[name] = example or name
            return part
        return put

    def make(self, text: str, *given: Any) -> Any:
        """Make the part that a text names, such as "gaussian(16)"."""
        return self.build(read(text), *given)

    def build(self, call: Call, *given: Any) -> Any:
        """Make the part that a call names."""
        options = self.check(call)
        return self.parts[call.name](*given, **options)

    def check(self, call: Call) -> dict[str, Any]:
        """Check a call's options and convert them to the part's hints. Raises ValueError."""
        if call.name not in self.parts:
            raise ValueError(f"no {self.kind} is named {call.name!r}; "
                             f"{did_you_mean(call.name, self.parts)}")
        return self._options(call, self.options(call.name))

    def options(self, name: str) -> dict[str, inspect.Parameter]:
        """The arguments that a text may pass to the part of that name."""
        parameters = list(inspect.signature(self.parts[name]).parameters.items())[self.given:]
        return {n: p for n, p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}

    def signature(self, name: str) -> str:
        """The part with its arguments as a user types them, such as "gaussian(dim=16)"."""
        options = [p.name if p.default is p.empty else f"{p.name}={p.default!r}"
                   for p in self.options(name).values()]
        return f"{name}({', '.join(options)})" if options else name

    def about(self, name: str) -> str:
        """The first line of the part's docstring."""
        return (inspect.getdoc(self.parts[name]) or "").partition("\n\n")[0].replace("\n", " ")

    def _options(self, call: Call, known: dict[str, inspect.Parameter]) -> dict[str, Any]:
        if len(call.args) > len(known):
            raise ValueError(f"{call} has too many arguments; its signature is "
                             f"{self.signature(call.name)}")
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
        return {n: _fitted(f"{call.name}: {n}", v, known[n].annotation)
                for n, v in options.items()}


sources = Registry("data source", "hourglass.data", 1, "(reading, **options) -> Collection")
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
detectors = Registry("detector", "hourglass.inference.detectors", 0,
                     "(**options) -> Rule: fit, score")
thresholds = Registry("threshold", "hourglass.inference.thresholds", 0,
                      "(**options) -> (scores, y) -> number")
metrics = Registry("metric", "hourglass.analysis.metrics", 1, "(snapshot) -> {name: number}")
figures = Registry("figure", "hourglass.analysis.figures.every", 1, "(snapshot) -> Figure")

REGISTRIES = {registry.kind.split()[-1] + "s": registry for registry in (
    models, sources, backbones, bottlenecks, likelihoods, corruptions, augmentations,
    terms, ramps, optimisers, schedules, stops, priors, detectors, thresholds, metrics, figures)}


KINDS = {"losses": "terms", "loss_terms": "terms", "loss": "terms", "weight_schedules": "ramps",
         "early_stopping": "stops", "lr_schedules": "schedules", "data": "sources",
         "datasets": "sources", "optimizers": "optimisers"}   # better or other names of kinds


def kind_of_part(name: str, kinds: Iterable[str] = ()) -> str:
    """The kind of part with this name: its plural, singular or another name, such as losses.

    Raises ValueError for an unknown kind.
    """
    kinds = list(kinds or REGISTRIES)
    plain = name.replace("-", "_").replace(" ", "_").lower()
    for candidate in (plain, f"{plain}s", KINDS.get(plain, ""), KINDS.get(f"{plain}s", "")):
        if candidate in kinds:
            return candidate
    raise ValueError(f"no kind of part is named {name!r}; "
                     f"{did_you_mean(name, [*kinds, 'losses', 'early_stopping'])}")


def usual_backbone(shape: tuple[int, ...]) -> str:
    """The default backbone for samples of that shape."""
    return {3: "conv", 2: "conv1d"}.get(len(shape), "mlp")
