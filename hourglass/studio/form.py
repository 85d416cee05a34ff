"""The form of a training, made from the settings' own schema, and the check of what it holds."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from ..core.fields import Setting
from ..core.hints import bound_in_words, expected
from ..run.settings import Settings, make_settings, recipe_rows
from .roots import Roots
from .run_details import command_of, in_fields

GROUPS: dict[str, tuple[str, ...]] = {   # every setting stands in one of them
    "Model": ("model", "backbone", "decoder", "bottleneck", "likelihood", "corruption", "condition",
              "loss", "prior", "initial"),
    "Training": ("epochs", "minutes", "batch_size", "lr", "optimiser", "schedule", "stop", "clip",
                 "lag", "seed", "begin"),
    "Data": ("augment", "only", "labelled", "val", "test", "holdout", "binarise"),
    "Reading images": ("size", "fit", "crop", "pad", "grey", "invert", "range", "show", "strict",
                       "include", "exclude", "label_depth", "pages", "patches", "patches_each"),
    "Machine": ("device", "precision", "layout", "max_memory", "shard_model", "compile",
                "cuda_graph", "tensorboard"),
}
SUGGESTED = {   # settings whose texts name parts, and the kind of part
    "model": "models", "backbone": "backbones", "decoder": "backbones",
    "bottleneck": "bottlenecks", "likelihood": "likelihoods", "corruption": "corruptions",
    "augment": "augmentations", "loss": "terms", "prior": "priors", "optimiser": "optimisers",
    "schedule": "schedules", "stop": "stops"}
RESOLVED = {("precision", "32-true"), ("layout", "channels_last")}   # of "auto", by training
SETS = {   # sources that need no file, and what they are
    "digits": "1,797 handwritten digits of 8 x 8 pixels; here at once",
    "mnist": "70,000 handwritten digits, 28 x 28", "fashion_mnist": "70,000 clothes, 28 x 28",
    "kmnist": "70,000 Japanese letters, 28 x 28", "cifar10": "60,000 photographs, 32 x 32",
    "celeba": "faces, needs the data's files on this machine"}


def schema() -> list[dict[str, Any]]:
    """The groups of the form, each with its settings: name, kind, default, choices and help."""
    return [{"group": group, "settings": [_field(name, Settings.model_fields[name])
                                          for name in names]} for group, names in GROUPS.items()]


def _field(name: str, field: Setting) -> dict[str, Any]:
    kind, choices = _kind_of(field.annotation)
    bounds = " ".join(filter(None, map(bound_in_words, field.metadata)))
    return {"name": name, "kind": kind, "choices": choices, "default": field.default,
            "flag": field.flag, "about": field.description,
            "takes": f"{expected(field.annotation)} {bounds}".strip(),
            "parts": SUGGESTED.get(name, "")}


def _kind_of(hint: Any) -> tuple[str, list[str]]:
    """What a setting is typed into: a switch, choice, number or text."""
    if hint is bool:
        return "switch", []
    if hint == bool | None:
        return "choice", ["", "true", "false"]
    if get_origin(hint) is Literal:
        return "choice", [str(choice) for choice in get_args(hint)]
    kinds = [hint]
    for member in kinds:   # of unions and bounded numbers, what they are made of
        kinds += get_args(member)
    if str in kinds or any(isinstance(member, str) for member in kinds):
        return "text", []
    return ("whole" if float not in kinds else "number"), []


def parts() -> dict[str, list[dict[str, str]]]:
    """All parts by kind: name, how it is written, and what it is. The first call takes seconds,
    for the parts bring PyTorch."""
    from ..core.registry import REGISTRIES
    return {kind: [{"name": name, "text": registry.signature(name),
                    "about": registry.about(name)} for name in registry.parts]
            for kind, registry in REGISTRIES.items() if kind in SUGGESTED.values()}


def named_models() -> list[dict[str, Any]]:
    """The gallery: each named model, a sentence on it, and what it is composed of."""
    from ..core.registry import models
    gallery = []
    for name in models.parts:
        model = models.make(models.examples[name])
        gallery.append({"name": name, "text": models.signature(name), "about": models.about(name),
                        "parts": {part: text for part, text in vars(model).items()
                                  if text not in ("", "auto", "none")}})
    return gallery


def recipes() -> list[dict[str, str]]:
    """The recipes by name, with what they are for."""
    return [{"name": name, "about": about} for name, about in recipe_rows()]


def settings_from(values: Mapping[str, Any], roots: Roots) -> Settings:
    """The settings that a form holds; left out are those that keep their default. Raises
    ValueError for a wrong value, and for data or files outside the studio's folders."""
    settings = {name: typed(name, value) for name, value in values.items()
                if value not in ("", None)}
    data = roots.data(str(settings.pop("data", "")))
    roots.check_texts(str(value) for value in settings.values())
    return make_settings({**settings, "data": data})


def given_in(settings: Mapping[str, Any], shape: tuple[int, ...] = (), words: Sequence[str] = (),
             count: int = 0) -> dict[str, Any]:
    """A run's settings as a form takes them: without defaults, without the parts that its named
    model brings, and without those that were chosen for its data. So another model or other data in
    the form brings its own. `words` are those of its command, if it is known: what they name, and
    the data, stays. The run has `count` training samples of this shape."""
    from ..core.registry import models
    own = {name: value for name, value in settings.items() if name in Settings.model_fields
           and value != Settings.model_fields[name].default}
    if words:
        return {name: value for name, value in own.items() if name in ("data", "epochs") or any(
            _names(word, Settings.model_fields[name].flag) for word in words)}
    from ..run.suited import usual_batch_size  # which brings torch
    brought = vars(models.make(str(settings["model"])))
    chosen = _chosen(str(settings["model"]), shape) | {
        ("batch_size", usual_batch_size(count, shape))}
    return {name: value for name, value in own.items() if (name, value) not in chosen
            and (name not in brought or value != brought[name])}


def _names(word: str, flag: str) -> bool:
    """Whether a word of a command is this flag, with its value if it takes one."""
    return word.partition("=")[0] in (flag, f"--no-{flag[2:]}")


def _chosen(model: str, shape: tuple[int, ...]) -> set[tuple[str, Any]]:
    """The parts that would be chosen for samples of a shape where none are named."""
    from dataclasses import replace

    from ..core.registry import models
    from ..run.suited import HOLES, OF_SERIES  # which bring torch
    parts = models.make(model)
    if len(shape) == 2 and parts.backbone == "auto":
        parts = replace(parts, backbone=OF_SERIES)
    choices = RESOLVED | ({("corruption", HOLES)} if len(shape) == 1 else set())
    for low, high in ((0.0, 1.0), (float("-inf"), float("inf"))):
        try:
            choices |= set(vars(parts.fitted(shape, low, high)).items()) if shape else set()
        except (ValueError, TypeError):
            continue
    return choices


def typed(name: str, value: Any) -> Any:
    """A text of the form as the setting's kind: "true" is a truth value where one is wanted."""
    field = Settings.model_fields.get(name)
    if field is not None and field.annotation == bool | None and value in ("true", "false"):
        return value == "true"
    return value


def check(values: Mapping[str, Any], roots: Roots) -> dict[str, Any]:
    """What a form holds, checked: the composed parts and the command, or what is wrong and, where
    it is known, in which setting."""
    try:
        settings = settings_from(values, roots)
        check_data(settings.data)
        from ..training.part_checks import check_texts  # which brings torch
        check_texts(settings)
    except (ValueError, TypeError, RecursionError) as error:
        return refused_form(error, values)
    composed = {name: text for name, text in vars(settings.parts()).items() if text}
    return {"ok": True, "parts": composed,
            "command": command_of({**settings.model_dump(), "data": _as_typed(values)})}


def check_data(data: str) -> None:
    """Raise ValueError, with the nearest name, for a text that names no data."""
    from ..core.registry import sources
    from ..data.find import find_call
    sources.check(find_call(data))


def refused_form(error: Exception, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong with a form and, where it is known, in which setting."""
    words = " ".join(str(error).split())
    first = words.partition(" ")[0].strip(":")
    where = first if first in Settings.model_fields else next(
        (name for name, value in values.items() if name in SUGGESTED and value
         and words.startswith(str(value).partition("(")[0] + ":")), "")
    return {"ok": False, "error": in_fields(words), "setting": where}


def _as_typed(values: Mapping[str, Any]) -> str:
    return str(values.get("data", "")).strip()
