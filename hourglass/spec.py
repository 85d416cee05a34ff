"""Names to parts: the registries, and the texts "gaussian(16)" and "recon + 4 * kl"."""

import ast
import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

Part = TypeVar("Part", bound=Callable[..., Any])

LONGEST = 20_000  # characters of a text: some tell of each column of a wide table

Count = Annotated[int, Ge(1)]
Depth = Annotated[int, Ge(0)]
Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
Rate = Annotated[float, Ge(0), Lt(1)]
Fit = Literal["crop", "pad", "stretch"]   # how an image of another aspect comes to a size
Initial = Literal["data", "glorot", "pytorch"]   # how weights begin
SYNONYMS = {"latent_dim": "dim", "encoding_dim": "dim", "z_dim": "dim", "kernel_size": "kernel",
            "strides": "stride", "units": "widths", "hidden_dims": "widths", "p": "share",
            "stddev": "std", "sigma": "std"}   # other tools' names of options


@dataclass(frozen=True)
class Call:
    """A part as it was asked for: its name and literal arguments."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        given = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"{self.name}({', '.join(given)})" if given else self.name


class Summand(NamedTuple):
    """A summand of a formula: a number and perhaps a ramp, times a part."""

    weight: float
    ramp: Call | None
    call: Call


def did_you_mean(wrong: str, right: Iterable[str]) -> str:
    """What to say of a wrong name: the nearest right one, and all of them if they are few."""
    right = list(right)
    near = difflib.get_close_matches(wrong.lower(), right, n=1)
    listed = f"there are {', '.join(right)}" if 0 < len(right) <= 40 else ""
    if not near:
        return listed
    return f"did you mean {near[0]!r}?" + (f" ({listed})" if listed and len(right) > 1 else "")


def read(text: str) -> Call:
    """Read "name" or "name(1, key=2)"; nothing in it is evaluated."""
    return _call(_expression(text), text)


def read_sum(text: str) -> list[Summand]:
    """Read "recon + 4 * kl(free_bits=0.5)", or with a ramp, "recon + ramp(0, 4) * kl"."""
    return [_weighed(node, text, sign) for sign, node in _summands(_expression(text))]


def _expression(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise ValueError(f"a text of {len(text)} characters is too long to be a part's name")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"cannot read {text!r}; write it as name or name(1, key=2), a loss also "
                         f"as a sum such as recon + 4 * kl") from None


def _call(node: ast.expr, text: str) -> Call:
    if isinstance(node, ast.Name):
        return Call(node.id)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError(f"cannot read {text!r}; write it as name or name(1, key=2)")
    if any(keyword.arg is None for keyword in node.keywords):
        raise ValueError(f"cannot read {text!r}: ** is not for texts")
    return Call(node.func.id, tuple(_literal(a, text) for a in node.args),
                {str(k.arg): _literal(k.value, text) for k in node.keywords})


def _literal(node: ast.expr, text: str) -> Any:
    try:
        value = ast.literal_eval(node)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError
        return value
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise ValueError(f"in {text!r}, {ast.unparse(node)!r} is neither a finite number, a quoted "
                         f"text nor a tuple of them") from None


def _summands(node: ast.expr, sign: float = 1.0) -> Iterator[tuple[float, ast.expr]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from _summands(node.left, sign)
        yield from _summands(node.right, sign if isinstance(node.op, ast.Add) else -sign)
    else:
        yield sign, node


def _weighed(node: ast.expr, text: str, sign: float) -> Summand:
    *before, part = _factors(node)
    if before and isinstance(part, ast.Constant | ast.UnaryOp):
        raise ValueError(f"in {text!r}, write the weight before its term, as in 4 * kl")
    given = [factor for factor in before if isinstance(factor, ast.Call)]
    if len(given) > 1:
        raise ValueError(f"{text!r} has two ramps before one term")
    weight = sign
    for factor in before:
        if factor in given:
            continue
        value = _literal(factor, text)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"in {text!r}, the weight {ast.unparse(factor)!r} is no number")
        weight *= value
    return Summand(weight, _call(given[0], text) if given else None, _call(part, text))


def _factors(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), *_factors(node.right)]
    return [node]


class Registry:
    """The parts of one kind, by name.

    Parts are made as `part(*given, **options)`: `given` comes from the program, the options from
    the text. They are checked against the part's signature and its hints.
    """

    def __init__(self, kind: str, home: str, given: int, contract: str):
        self.kind, self.home, self.given, self.contract = kind, home, given, contract
        self.registered: dict[str, Callable[..., Any]] = {}
        self.examples: dict[str, str] = {}

    @property
    def parts(self) -> dict[str, Callable[..., Any]]:
        """All parts of the kind; the first look imports the module that registers them."""
        import_module(self.home, __package__)
        return self.registered

    def add(self, name: str, example: str | None = None) -> Callable[[Part], Part]:
        """Register a part; one that cannot be made without arguments brings an example."""
        def put(part: Part) -> Part:
            self.registered[name] = part
            self.examples[name] = example or name
            return part
        return put

    def make(self, text: str, *given: Any) -> Any:
        """The part that the text names."""
        return self.build(read(text), *given)

    def build(self, call: Call, *given: Any) -> Any:
        """The part that a call names."""
        options = self.check(call)
        return self.parts[call.name](*given, **options)

    def check(self, call: Call) -> dict[str, Any]:
        """The options that a call gives, as the part's hints want them; raises ValueError."""
        if call.name not in self.parts:
            raise ValueError(f"no {self.kind} is named {call.name!r}; "
                             f"{did_you_mean(call.name, self.parts)}")
        return self._options(call, self.options(call.name))

    def options(self, name: str) -> dict[str, inspect.Parameter]:
        """The arguments that a text may give to the part of that name."""
        parameters = list(inspect.signature(self.parts[name]).parameters.items())[self.given:]
        return {n: p for n, p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}

    def signature(self, name: str) -> str:
        """The part and its arguments as one would type them, such as "gaussian(dim=16)"."""
        options = [p.name if p.default is p.empty else f"{p.name}={p.default!r}"
                   for p in self.options(name).values()]
        return f"{name}({', '.join(options)})" if options else name

    def about(self, name: str) -> str:
        """The first line of the part's docstring."""
        return (inspect.getdoc(self.parts[name]) or "").partition("\n\n")[0].replace("\n", " ")

    def _options(self, call: Call, known: dict[str, inspect.Parameter]) -> dict[str, Any]:
        if len(call.args) > len(known):
            raise ValueError(f"{call} has too many arguments; it is {self.signature(call.name)}")
        options = dict(zip(known, call.args, strict=False))
        for name, value in call.kwargs.items():
            if name not in known and SYNONYMS.get(name) in known:
                name = SYNONYMS[name]
            if name not in known:
                takes = did_you_mean(name, known) or "it takes no arguments"
                raise ValueError(f"{call.name} takes no {name!r}; {takes}")
            if name in options:
                raise ValueError(f"{call} gives {name!r} twice")
            options[name] = value
        missing = [n for n, p in known.items() if p.default is p.empty and n not in options]
        if missing:
            raise ValueError(f"{call.name} needs {missing[0]!r}, as in {self.examples[call.name]}")
        return {n: _fitted(f"{call.name}: {n}", v, known[n].annotation)
                for n, v in options.items()}


def _fitted(label: str, value: Any, hint: Any) -> Any:
    """The value as the hint wants it (a list becomes a tuple, 1 becomes 1.0), or ValueError."""
    from pydantic import TypeAdapter, ValidationError
    try:
        if isinstance(value, bool) and hint is not bool:
            raise ValueError(f"{label} must be {expected(hint)}, not {value!r}")
        return TypeAdapter(hint).validate_python(value)
    except ValidationError:
        raise ValueError(f"{label} must be {expected(hint)}, not {value!r}") from None


def expected(hint: Any) -> str:
    """A hint in words: "a whole number from 1", "one of none, max, avg"."""
    plain = {int: "a whole number", float: "a number", str: "a text", bool: "True or False",
             type(None): "None"}
    if hint in plain:
        return plain[hint]
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return " ".join([expected(args[0]), *map(bound_in_words, args[1:])])
    if origin is Literal:
        return f"one of {', '.join(str(arg) for arg in args if arg != '')}"
    if origin is tuple:
        return f"a tuple such as (8, 4): each {expected(args[0])}"
    return " or ".join(expected(a) for a in args if a is not type(None)) or str(hint)


def bound_in_words(bound: Any) -> str:
    """A limit of a hint in words: "from 1"."""
    words = {"ge": "from", "gt": "above", "le": "up to", "lt": "below"}
    return next((f"{word} {getattr(bound, attribute):,.12g}" for attribute, word in words.items()
                 if hasattr(bound, attribute)), "")


sources = Registry("data source", ".data", 1, "(reading, **options) -> Collection")
backbones = Registry("backbone", ".backbones", 2, "(shape, out, **options) -> Backbone")
bottlenecks = Registry("bottleneck", ".bottlenecks", 2,
                       "(code, back, **options) -> module: h -> Latent; expand: z -> h")
likelihoods = Registry("likelihood", ".likelihoods", 0, "(**options) -> module: params -> p(x|z)")
corruptions = Registry("corruption", ".corruptions", 0, "(**options) -> (x -> x)")
ramps = Registry("ramp", ".ramps", 0, "(**options) -> Ramp")
augmentations = Registry("augmentation", ".augmentations", 0, "(**options) -> (x -> x)")
terms = Registry("term", ".terms", 1, "(model, **options) -> (out, model -> (B,))")
models = Registry("model", ".models", 0, "(**options) -> Parts")
optimisers = Registry("optimiser", ".optimisers", 2, "(parameters, lr, **options) -> Optimizer")
schedules = Registry("schedule", ".schedules", 0, "(**options) -> Schedule")
stops = Registry("stop", ".stopping", 0, "(**options) -> Stopping")
priors = Registry("prior", ".priors", 1,
                  "(space, **options) -> module: fit(z, y), sample(y, temperature), log_prob(z, y)")
detectors = Registry("detector", ".detectors", 0, "(**options) -> Rule: fit, score")
thresholds = Registry("threshold", ".thresholds", 0, "(**options) -> (scores, y) -> number")
metrics = Registry("metric", ".metrics", 1, "(snapshot) -> {name: number}")
figures = Registry("figure", ".figures", 1, "(snapshot) -> Figure")

REGISTRIES = {registry.kind.split()[-1] + "s": registry for registry in (
    models, sources, backbones, bottlenecks, likelihoods, corruptions, augmentations,
    terms, ramps, optimisers, schedules, stops, priors, detectors, thresholds, metrics, figures)}


def usual_backbone(shape: tuple[int, ...]) -> str:
    """The backbone for samples of that shape, where none is asked for."""
    return {3: "conv", 2: "conv1d"}.get(len(shape), "mlp")
