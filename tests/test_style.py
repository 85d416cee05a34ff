"""The house style holds: who may import whom, sizes, hints, no repeated runs, no torchvision."""

import ast
import importlib.util
import re
import statistics
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from wings import CLIMBS, KINDS, WINGS

import hourglass
from hourglass.cli.main import COMMANDS

ROOT = Path(hourglass.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))


def modules_imported(file: Path) -> set[str]:
    """Paths below hourglass/ of the modules of ours that a file imports, functions included."""
    folder = file.relative_to(ROOT).parent.parts
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*folder[:len(folder) - node.level + 1], *filter(None, [node.module])]
            base = [part for name in base for part in name.split(".")]
            found |= {_path_of([*base, alias.name]) or _path_of(base) for alias in node.names}
    return found - {""}


def _path_of(parts: list[str]) -> str:
    path = ROOT.joinpath(*parts)
    if path.with_suffix(".py").is_file():
        return "/".join(parts) + ".py"
    return "/".join(parts) if path.is_dir() and parts else ""


def kind_of(path: str) -> str:
    """The kind of part that a file belongs to, or itself."""
    return next((kind for kind in KINDS if path == kind or path.startswith(f"{kind}/")), path)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_point_one_way(file):
    path = file.relative_to(ROOT).as_posix()
    own = path.partition("/")[0]
    if own in ("__init__.py", "__main__.py"):
        return
    others = {imported for imported in modules_imported(file)
              if imported.partition("/")[0] != own}
    extra = {other for other in others if other.partition("/")[0] not in WINGS[own][1]}
    extra -= CLIMBS.get(path, set())
    assert not extra, f"{path} imports {extra}"
    if kind_of(path) in KINDS:
        within = {kind_of(i) for i in modules_imported(file) - others} - {kind_of(path)}
        assert within <= KINDS[kind_of(path)], f"{path} imports {within}"


def test_no_files_import_one_another_in_a_circle():
    """Not even inside functions: code that two files need from each other belongs below both."""
    wanted = {file.relative_to(ROOT).as_posix(): modules_imported(file) for file in FILES}
    for path, others in wanted.items():   # `from . import x` of a wing is its __init__.py
        wanted[path] = {f"{other}/__init__.py" if f"{other}/__init__.py" in wanted else other
                        for other in others} - {path}
    try:
        TopologicalSorter(wanted).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_every_file_stands_in_a_wing():
    there = {file.relative_to(ROOT).parts[0] for file in FILES}
    assert there == {*WINGS, "__init__.py", "__main__.py"}


def functions(tree: ast.AST):
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def lines_of(function: ast.FunctionDef) -> int:
    first = function.body[0]
    doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return function.end_lineno - function.lineno + 1 - (
        first.end_lineno - first.lineno + 1 if doc else 0)


def parameters(function: ast.FunctionDef) -> list[ast.arg]:
    args = function.args
    return [a for a in (*args.posonlyargs, *args.args, *args.kwonlyargs) if a.arg != "self"]


def is_part(file: Path, function: ast.FunctionDef) -> bool:
    """A registered part, whose arguments are what people write in its text; or a command, whose
    arguments are its flags."""
    if (file.parent.name, file.stem) == ("cli", function.name):
        return True
    return any(isinstance(d, ast.Call) and isinstance(d.func, ast.Attribute)
               and d.func.attr in ("add", "command") for d in function.decorator_list)


@cache   # not at import: every process of the suite would read all files
def trees() -> dict[Path, ast.Module]:
    return {file: ast.parse(file.read_text()) for file in FILES}


def every_function() -> list[tuple[Path, ast.FunctionDef]]:
    return [(file, f) for file, tree in trees().items() for f in functions(tree)]


def test_files_and_functions_keep_their_budgets():
    sizes = {f: len(f.read_text().splitlines()) for f in FILES}
    assert max(sizes.values()) <= 400 and statistics.median(sizes.values()) <= 120
    lengths = {f"{file.name}:{f.name}": lines_of(f) for file, f in every_function()}
    assert max(lengths.values()) <= 60, max(lengths, key=lengths.get)
    assert statistics.median(lengths.values()) <= 9


def test_every_command_stands_in_the_file_of_its_name():
    for name, command in COMMANDS.items():
        assert command.__module__ == f"hourglass.cli.{name}"
        assert command.__name__ in (name, "list_parts")   # list would hide Python's own


def test_functions_take_few_parameters_and_are_hinted():
    for file, f in every_function():
        assert is_part(file, f) or len(parameters(f)) <= 9, f"{file.name}:{f.name}"
        assert all(a.annotation for a in parameters(f)), f"{file.name}:{f.name} is not hinted"


def test_every_file_and_public_function_says_what_it_holds():
    for file, tree in trees().items():
        assert ast.get_docstring(tree), f"{file} has no opening sentence"
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
                assert ast.get_docstring(node), f"{file.name}:{node.name} has no docstring"


def test_nothing_is_written_twice():
    runs = defaultdict(set)
    total = 0
    for file in FILES:
        code = [(i, line.strip()) for i, line in enumerate(file.read_text().splitlines())
                if line.strip() and not line.strip().startswith(("#", '"""'))]
        total += len(code)
        for start in range(len(code) - 4):
            text = "\n".join(line for _, line in code[start:start + 5])
            if len(text) > 80 and "import " not in text:
                runs[text].add((file, start))
    twins = sum(5 * len(places) for places in runs.values() if len(places) > 1)
    assert twins <= 0.03 * total


def test_our_classes_do_not_inherit_from_one_another():
    own = {n.name for tree in trees().values() for n in ast.walk(tree)
           if isinstance(n, ast.ClassDef)}
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                assert not own & {b.id for b in node.bases if isinstance(b, ast.Name)}, node.name


def test_no_two_classes_share_a_name():
    files = defaultdict(set)
    for file, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                files[node.name].add(file.relative_to(ROOT).as_posix())
    assert not {name: found for name, found in files.items() if len(found) > 1}


def test_nothing_needs_torchvision_or_loads_pickles():
    assert importlib.util.find_spec("torchvision") is None, "something installed torchvision"
    for file in FILES:
        text = file.read_text()
        for word in ("torchvision", "import pickle", "torch.save(",
                     "allow_pickle=True", " eval(", "exec("):
            assert word not in text, f"{file.name} has {word}"
        unsafe = re.findall(r"torch\.load\((?![^\n]*weights_only=True\))", text)
        assert not unsafe, f"{file.name} has torch.load without weights_only=True"


def test_every_module_that_a_text_names_exists():
    """A script in quotes, of a test or a benchmark, is read by no linter and breaks in a move."""
    root, broken = Path(__file__).parent.parent, []
    texts = [path for folder in ("tests", "benchmarks", "docs", "hourglass")
             for path in (root / folder).rglob("*") if path.suffix in (".py", ".md", ".jinja")]
    for path in [*texts, *root.glob("*.md"), root / "Makefile"]:
        text = path.read_text()
        modules = re.findall(r"(?:from|import) (hourglass(?:\.\w+)+)", text)
        broken += [f"{path}: {name}" for name in modules if not _exists(name)]
        files = re.findall(r"hourglass/[\w/]+\.(?:py|js|jinja)", text)
        broken += [f"{path}: {name}" for name in files if not (root / name).exists()]
    assert not broken, broken


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
