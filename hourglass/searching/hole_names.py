"""Names of holes, from the places where they stand: model.dim, lr, backbone.filters.0."""

import ast
import re
from collections.abc import Iterator

from ..core.expressions import read_tree
from ..core.registry import REGISTRIES, Registry
from .holes import Template, named

PLACE = "hole_{}_"
PLACES = re.compile(r"hole_(\d+)_")
SUMS = ("loss", "corruption", "augment")   # texts in which several parts stand
KINDS = {"decoder": "backbones", "augment": "augmentations", "loss": "terms"}   # of a setting


def name_holes(setting: str, template: Template) -> Template:
    """The template of a setting, with a different name for each hole."""
    return _named(template, setting, setting, setting in SUMS, set())


def _named(
    template: Template, path: str, setting: str, summed: bool, taken: set[str]
) -> Template:
    names = [_free(name, taken) for name in _names(template, path, setting, summed)]
    call = re.compile(r"\w+")

    def nested(name: str, option: Template) -> Template:
        first = call.match(option.text)
        below = f"{name}.{first[0]}" if first else name
        return _named(option, below, setting, False, taken)
    return named(template, names, nested)


def _free(name: str, taken: set[str]) -> str:
    """The name, or the same with the first number that makes it another one."""
    number = 1
    while (free := name if number == 1 else f"{name}.{number}") in taken:
        number += 1
    taken.add(free)
    return free


def _names(template: Template, path: str, setting: str, summed: bool) -> list[str]:
    """Names of the template's own holes, not yet different from one another."""
    count = len(template.own())
    names = [path] * count
    if len(template.pieces) == 1 or not count:   # the hole is the whole text
        return names
    numbers = iter(range(count))
    text = "".join(piece if isinstance(piece, str) else PLACE.format(next(numbers))
                   for piece in template.pieces)
    registry = REGISTRIES.get(KINDS.get(setting, f"{setting}s"))
    try:
        tree = read_tree(text)
    except ValueError:   # no expression, such as 64x{32..64}
        return [f"{path}.{number + 1}" for number in range(count)]
    for number, where in _places(tree, path, summed, registry):
        names[number] = where
    return names


def _places(
    node: ast.AST, path: str, summed: bool, registry: Registry | None
) -> Iterator[tuple[int, str]]:
    """The number of each hole below a node, and its name."""
    if isinstance(node, ast.Name | ast.Constant):
        text = node.id if isinstance(node, ast.Name) else str(node.value)
        yield from ((int(number), path) for number in PLACES.findall(text))
    elif isinstance(node, ast.Call):
        yield from _of_call(node, path, summed, registry)
    elif isinstance(node, ast.Tuple | ast.List):
        for number, element in enumerate(node.elts):
            yield from _places(element, f"{path}.{number}", False, registry)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):   # 4 * kl
        term = _name_of(node.right)
        yield from _places(node.left, f"{path}.{term}" if term else path, False, registry)
        yield from _places(node.right, path, True, registry)
    else:
        both = isinstance(node, ast.BinOp) or summed
        for child in ast.iter_child_nodes(node):
            yield from _places(child, path, both, registry)


def _of_call(
    node: ast.Call, path: str, summed: bool, registry: Registry | None
) -> Iterator[tuple[int, str]]:
    name = _name_of(node)
    yield from _places(node.func, path, False, registry)
    inner = f"{path}.{name}" if summed and name else path
    known = list(registry.options(name)) if registry and name in registry.parts else []
    for number, argument in enumerate(node.args):
        option = known[number] if number < len(known) else str(number + 1)
        yield from _places(argument, f"{inner}.{option}", False, registry)
    for keyword in node.keywords:
        yield from _places(keyword.value, f"{inner}.{keyword.arg}", False, registry)


def _name_of(node: ast.AST) -> str:
    """The name of a part, if no hole stands in it."""
    name = node.func if isinstance(node, ast.Call) else node
    return name.id if isinstance(name, ast.Name) and not PLACES.search(name.id) else ""
