"""Parts of a user's own: registered from a cell, a file of plugins or an installed package."""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from torch import nn

from .contracts import Rule, Seen
from .part_contracts import ASSUMED, MODULES, NEEDED, REQUIRED, check_part
from .registry import REGISTRIES, Part, Registry, kind_of_part


def register(kind: str, name: str, example: str | None = None) -> Callable[[Part], Part]:
    """Register a part of your own under a name that texts can use from then on.

        >>> import hourglass as hg
        >>> @hg.register("loss", "size")
        ... def size_of_codes(out, model, power=2):
        ...     return out.latent.z.abs().pow(power).sum(1)
        >>> model = hg.train("digits", loss="recon + 0.1 * size(power=1)", epochs=1,
        ...                  report=False, quiet=True)

    `kind` is loss, bottleneck, backbone, likelihood, prior, metric, figure, source, detector or
    another that `hg.list()` shows; CONTRIBUTING.md has their contracts. A part that cannot be made
    without arguments needs an `example`, such as "tv(power=2)". Shorter forms are accepted too: a
    loss `(out, model, **options) -> (B,)`, a metric that returns a number, a detector
    `(seen, **options) -> (N,)`, and a source `(**options) -> x or (x, y)`. To register a name again
    replaces your part. Raises ValueError for a name that is taken by Hourglass.
    """
    registry = REGISTRIES[kind_of_part(kind)]
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"the name of a part is a word such as my_part, not {name!r}")
    if name in registry.parts and name not in registry.own:
        raise ValueError(f"{name} is a {registry.kind} of Hourglass; choose another name")

    def put(part: Part) -> Part:
        adapted = _adapted(registry.kind, name, part)
        registry.add(name, example)(adapted)
        registry.own[name] = _origin(part)
        return part
    return put


def _origin(part: Any) -> str:
    """The file that a part was written in; "" for a cell or a terminal."""
    try:
        file = inspect.getsourcefile(part) or ""
    except TypeError:
        file = ""
    return str(Path(file).resolve()) if file and Path(file).is_file() else ""


def _adapted(kind: str, name: str, part: Callable[..., Any]) -> Callable[..., Any]:
    """The part as its kind's contract has it, checked and completed when it is made."""
    first = next(iter(inspect.signature(part).parameters), "")
    if kind == "term" and first == "out" and not inspect.isclass(part):
        return _term_of(part)
    if kind == "metric":
        return _metric_of(name, part)
    if kind == "detector" and first == "seen":
        return _rule_of(part)
    if kind == "data source" and first != "reading":
        return _without_first(part, "reading", lambda reading, **options: part(**options))
    if kind in NEEDED or kind in REQUIRED:
        @wraps(part)
        def made(*arguments: Any, **options: Any) -> Any:
            return completed(kind, name, part(*arguments, **options))
        for attribute, value in vars(part).items():   # such as `groups` of a class
            if not attribute.startswith("__"):
                setattr(made, attribute, value)
        return made
    return part


def _without_first(
    part: Callable[..., Any], first: str, use: Callable[..., Any], skipped: int = 0
) -> Callable[..., Any]:
    """`use` with the part's signature, where `first` replaces its first `skipped` parameters."""
    own = list(inspect.signature(part).parameters.values())[skipped:]
    parameter = inspect.Parameter(first, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    wrapped = wraps(part)(use)
    wrapped.__signature__ = inspect.Signature([parameter, *own])  # type: ignore[attr-defined]
    return wrapped


def _term_of(part: Callable[..., Any]) -> Callable[..., Any]:
    """A loss term of a function (out, model, **options) -> (B,), or of one without the model."""
    takes_model = list(inspect.signature(part).parameters)[1:2] == ["model"]

    def term(model: nn.Module, **options: Any) -> Callable[..., Any]:
        return lambda out, model: part(out, *([model] if takes_model else []), **options)
    return _without_first(part, "model", term, 1 + takes_model)


def _rule_of(part: Callable[..., Any]) -> Callable[..., Any]:
    """A detector of a function (seen, **options) -> (N,)."""
    def rule(**options: Any) -> Rule:
        def score(seen: Seen, state: dict[str, np.ndarray]) -> np.ndarray:
            return np.asarray(part(seen, **options), np.float64)
        return Rule(lambda codes, held: {}, score, codes=False)
    own = list(inspect.signature(part).parameters.values())[1:]
    wrapped = wraps(part)(rule)
    wrapped.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]
    return wrapped


def _metric_of(name: str, part: Callable[..., Any]) -> Callable[..., Any]:
    """A metric that may return one number, or one a sample, under its own name."""
    @wraps(part)
    def metric(snapshot: Any, **options: Any) -> Any:
        values = part(snapshot, **options)
        return values if isinstance(values, Mapping) else {name: values}
    return metric


def completed(kind: str, name: str, part: Any) -> Any:
    """The part with what its contract assumes. Raises ValueError if it lacks what the contract
    needs."""
    if kind in MODULES and not isinstance(part, nn.Module):
        raise ValueError(f"the {kind} {name} must be a torch module (torch.nn.Module), not a "
                         f"{type(part).__name__}")
    lacking = [attribute for attribute in NEEDED.get(kind, ()) if not hasattr(part, attribute)]
    if lacking:
        raise ValueError(f"the {kind} {name} has no {' and no '.join(lacking)}; its contract is "
                         f"{REGISTRIES[f'{kind}s'].contract}")
    for attribute, value in ASSUMED.get(kind, {}).items():
        if not hasattr(part, attribute):
            setattr(part, attribute, value)
    if kind in REQUIRED:
        check_part(kind, name, part)
    return part


def own_parts() -> dict[str, str]:
    """Every part of a user's own, such as "term tv", and the file it was written in, or ""."""
    return {f"{registry.kind} {name}": origin for registry in REGISTRIES.values()
            for name, origin in registry.own.items()}


def is_own(registry: Registry, text: str) -> bool:
    """Whether the part that a text names is a user's own."""
    return text.partition("(")[0].strip() in registry.own


def load_parts(plugins: Any) -> None:
    """Have own parts registered: by a file such as parts.py, a module's name, a module, or several
    of these. Raises ValueError for what cannot be loaded."""
    if isinstance(plugins, str | Path | ModuleType) or callable(plugins):
        plugins = [plugins]
    if not isinstance(plugins, Iterable):
        raise ValueError(f"parts are files such as 'parts.py' or names of modules, not {plugins!r}")
    for plugin in plugins:
        if isinstance(plugin, str | Path):
            _load(str(plugin))


def _load(plugin: str) -> None:
    """Run a file of own parts, or import a module of them."""
    from importlib import import_module
    path = Path(plugin)
    try:
        if path.suffix != ".py":
            import_module(plugin)
            return
        if not path.is_file():
            raise ValueError(f"there is no file {plugin}; --plugin takes a Python file such as "
                             f"parts.py, or the name of a module")
        spec = spec_from_file_location(f"hourglass_plugin_{path.stem}", path)
        assert spec is not None and spec.loader is not None   # of a .py file there are both
        module = module_from_spec(spec)
        sys.modules[spec.name] = module   # where classes of the file look for themselves
        spec.loader.exec_module(module)
    except ValueError:
        raise
    except Exception as error:   # whatever somebody's own code raises
        raise ValueError(f"the parts in {plugin} cannot be loaded: {type(error).__name__}: {error}"
                         ) from error
