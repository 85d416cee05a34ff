"""The pages of the docs are right: their commands parse, their parts exist, their links lead on."""

import ast
import inspect
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from test_pitfalls import FAULTS, PITFALLS
from typer.main import get_command

import hourglass as hg
from hourglass.cli.main import app
from hourglass.core.expressions import read_sum
from hourglass.core.registry import REGISTRIES
from hourglass.run.aliases import own_words
from hourglass.run.settings import Settings, chosen_recipe, make_settings
from hourglass.searching.space import at_end, read_space

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "docs"))
NOTEBOOKS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
WRITTEN = [page for page in PAGES if page.parent.name != "reference"]
KINDS = {"model": "models", "backbone": "backbones", "decoder": "backbones",
         "bottleneck": "bottlenecks", "likelihood": "likelihoods", "corruption": "corruptions",
         "augment": "augmentations", "loss": "terms", "optimiser": "optimisers",
         "schedule": "schedules", "stop": "stops", "prior": "priors", "detector": "detectors",
         "threshold": "thresholds"}   # an option: the kind of part that it names
WINDOWS = {"window", "id", "label", "stride"}   # options of series, which hg.train hands on


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    """The words of each command in a page, those in the text included, without its comments."""
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    inline = re.findall(r"`(hourglass [a-z][^`]*)`", page.read_text().replace("\n", " "))
    return [shlex.split(line, comments=True)[1:] for line in [*lines, *inline]
            if line.startswith("hourglass ")]


HELP = (ROOT / "docs" / "reference" / "commands.md").read_text()   # of every command
EXAMPLES = [shlex.split(line)[1:] for line in re.findall(r"^    (hourglass .*)$", HELP, re.M)]
COMMANDS = [*((page.relative_to(ROOT).as_posix(), words) for page in WRITTEN
              for words in commands(page)), *(("--help", words) for words in EXAMPLES)]


@pytest.mark.parametrize("page, words", COMMANDS, ids=[" ".join(words) for _, words in COMMANDS])
def test_every_command_of_the_docs_is_understood(page, words):
    """Names of commands, flags and their values, and the parts that they name."""
    command = get_command(app)
    if "--plugin" in words:   # which is taken away before the rest is read
        at = words.index("--plugin")
        words = [*words[:at], *words[at + 2:]]
    while hasattr(command, "commands"):
        if not words or words == ["--help"]:
            return
        assert words[0] in command.commands, f"{page}: no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    if "--help" in words or "..." in words or not words:
        return   # it speaks of the command as such
    named = [argument for argument in command.params if argument.param_type_name == "argument"
             and argument.required]
    if words[0].startswith("-"):   # so does one without what it works on
        words = [*["RUN" for _ in named], *words]
    words = [re.sub(r"^[A-Z]$", "1", word) for word in words]   # a number that the text names
    check_parts(command.make_context(command.name, words).params)


def check_parts(given: dict) -> None:
    """Refuses a part, or an option of one, that there is not."""
    typed = own_words({name: value for name, value in given.items() if value is not None
                       and name in Settings.model_fields}, lambda text: None)
    typed = read_space(typed, lambda text: None).fill(at_end(False))[0]   # of a search
    recipe = given.get("recipe") or ""
    known = {} if "/" in recipe or recipe == "NAME" else chosen_recipe(recipe) if recipe else {}
    if "model" in given:
        typed = vars(make_settings({**known, **typed}))
    for option, kind in KINDS.items():
        text = {**given, **typed}.get(option)
        if not isinstance(text, str) or text in ("", "auto", "own", "none", "identity"):
            continue
        for summand in read_sum(text):
            REGISTRIES[kind].check(summand.call)
            if summand.ramp:
                REGISTRIES["ramps"].check(summand.ramp)


def calls(code: str) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_python_of_a_page_names_what_there_is(page):
    for code in blocks(page, "python"):
        for call in calls(code):
            owner = getattr(getattr(call.func, "value", None), "id", "")
            thing = {"hg": hg, "hourglass": hg, "model": hg.Trained}.get(owner)
            if thing is None:
                continue
            function = getattr(thing, call.func.attr)
            if isinstance(function, property):   # a torch module, which is called itself
                continue
            takes = inspect.signature(function).parameters
            if any(one.kind is one.VAR_KEYWORD for one in takes.values()):
                continue   # options of a figure, which is called in tests/test_python_page.py
            known = {*takes, *Settings.model_fields, *WINDOWS}
            assert {word.arg for word in call.keywords if word.arg} <= known, ast.unparse(call)


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md"],
                         ids=lambda page: page.name)
def test_its_links_lead_to_files_of_the_repository(page):
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    assert links
    for link in links:
        assert link.startswith("https://") or (ROOT / link).is_file(), link


def test_the_files_that_contributing_names_exist():
    """Those that answer where something is: whole paths, and paths within hourglass/."""
    named = re.findall(r"`((?:[\w.]+/)+[\w.]*)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 30
    for path in named:
        assert (ROOT / path).exists() or (ROOT / "hourglass" / path).exists(), path


def test_every_pitfall_and_fault_that_tests_name_stands_in_the_docs():
    _, pitfalls, faults = (ROOT / "docs" / "pitfalls.md").read_text().split("\n## ")
    for text, count in ((pitfalls, PITFALLS), (faults, FAULTS)):
        numbers = [int(n) for n in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]
        assert numbers == list(range(1, count + 1))


def test_every_written_page_stands_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text()
    pages = [*(ROOT / "docs").rglob("*.md"), *(book.with_suffix(".md") for book in NOTEBOOKS)]
    for page in pages:
        assert page.relative_to(ROOT / "docs").as_posix() in menu, page


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_every_cell_of_a_notebook_runs(notebook, here):
    """With one epoch, in a folder of its own."""
    import notebooks
    shown = notebooks.run(notebooks.code_of(notebook), quick=True)
    pictures = [output for cell in shown for output in cell if "image/png" in str(output)]
    assert len(pictures) >= 2 or "search" in notebook.stem


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_a_notebook_is_small_and_translates_keras(notebook):
    text = "".join("".join(cell["source"]) for cell in json.loads(notebook.read_text())["cells"])
    assert "what you wrote in Keras" in text or "wrote in Keras" in text
    assert notebook.stat().st_size < 600_000
