"""Write docs/reference and the diagrams from the code's own docstrings, settings and wings.

    python docs/write.py [FOLDER]
"""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "tests")]

from diagrams import steps_svg, wings_svg  # noqa: E402
from typer.main import get_command  # noqa: E402
from wings import WINGS  # noqa: E402

import hourglass  # noqa: E402
from hourglass.cli.main import app  # noqa: E402
from hourglass.core.hints import expected  # noqa: E402
from hourglass.core.registry import REGISTRIES, Registry  # noqa: E402
from hourglass.run.settings import Settings, recipes  # noqa: E402

TRAINED = "hourglass.inference.trained.Trained"   # behind a Model
ADAPTERS = ("hourglass.sklearn.AutoencoderTransformer", "hourglass.sklearn.AutoencoderDetector",
            "hourglass.pyod.AutoencoderOD")


def page(kind: str, registry: Registry) -> str:
    what = f"{'An' if registry.kind[0] in 'aeiou' else 'A'} {registry.kind}"
    lines = [f"# {kind.capitalize()}", "", f"{what} is `{registry.contract}`.", ""]
    for name, part in sorted(registry.parts.items()):
        lines += [f"## `{registry.signature(name)}`", "", inspect.getdoc(part) or "", ""]
        lines += [f"- `{option}`: {expected(p.annotation)}"
                  + ("" if p.default is p.empty else f"; {p.default!r} if not given")
                  for option, p in registry.options(name).items()] + [""]
    return "\n".join(lines).rstrip() + "\n"


def index_page() -> str:
    lines = ["# Reference", "", "Written from the docstrings by `make docs`. `hourglass list` "
             "prints the same parts in a terminal.", "",
             "- [Python](api.md): functions and classes",
             "- [Contracts of parts](contracts.md), for parts of your own",
             "- [Commands](commands.md): what each takes and does",
             "- [Settings](settings.md): every flag of `hourglass train`",
             "- [Recipes](recipes.md): published set-ups", "",
             "| parts | number | a part is made and called as |", "|---|---|---|"]
    lines += [f"| [{kind}]({kind}.md) | {len(registry.parts)} | `{registry.contract}` |"
              for kind, registry in REGISTRIES.items()]
    return "\n".join(lines) + "\n"


def api_page() -> str:
    """All that `import hourglass` gives, and the estimators, for mkdocstrings to fill in."""
    public = [getattr(hourglass, name) for name in sorted(hourglass.__all__)]
    named = [f"{thing.__module__}.{thing.__qualname__}" for thing in public
             if inspect.isfunction(thing) or inspect.isclass(thing)]
    lines = ["# Python", "", "`import hourglass as hg` gives the first group by its last name: "
             "`hg.train`, `hg.load`. A trained model is a `Model`; what it does with samples are "
             "the methods of `Trained`, which it has too.", ""]
    for name in [*dict.fromkeys(named), TRAINED, *ADAPTERS]:
        lines += [f"::: {name}", ""]
    return "\n".join(lines).rstrip() + "\n"


def commands_page() -> str:
    """Every command with its help, arguments and flags. Flags of settings have a page of their own.
    """
    lines = ["# Commands", "", "What `hourglass COMMAND --help` prints. Commands that train also "
             "take every [setting](settings.md) as a flag.", ""]
    for words, command in _commands("hourglass", get_command(app)):
        about, _, examples = command.help.partition("Example")
        named = re.split(r"; *(?=hourglass )", " ".join(examples.partition(":")[2].split()))
        lines += [f"## {words}", "", about.strip(), ""]
        lines += [f"    {example.strip()}" for example in named if example.strip()]
        lines += ["", "| argument or flag | what it does |", "|---|---|"]
        context = command.make_context(command.name, [], resilient_parsing=True)
        lines += [f"| `{left}` | {_cell(right)} |" for left, right in
                  (p.get_help_record(context) or ("", "") for p in command.params
                   if p.name not in Settings.model_fields or p.param_type_name == "argument"
                   or len(command.params) < 20) if left] + [""]
    return "\n".join(lines).rstrip() + "\n"


def _commands(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    for name, below in sorted(command.commands.items()):
        if hasattr(below, "commands"):
            yield from _commands(f"{words} {name}", below)
        else:
            yield f"{words} {name}", below


def _cell(text: str) -> str:
    """Text that stays in one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def contracts_page() -> str:
    """What parts of each kind must and may offer, for mkdocstrings to fill in."""
    return ("# Contracts of parts\n\nFor those who write a part of their own; `CONTRIBUTING.md` "
            "says how to add one. A part has every member of the first contract of its kind. The "
            "others are optional.\n\n::: hourglass.core.part_contracts\n\n"
            "::: hourglass.core.contracts\n")


def settings_page() -> str:
    lines = ["# Settings", "", "Each is a flag of `hourglass train` (`batch_size` is "
             "`--batch-size`), a line of a recipe, and an argument of `hourglass.train`.", "",
             "| setting | what | if not given |", "|---|---|---|"]
    lines += [f"| `{name}` | {s.description} | {'' if s.default in (None, '') else s.default} |"
              for name, s in Settings.model_fields.items()]
    return "\n".join(lines) + "\n"


def recipes_page() -> str:
    lines = ["# Recipes", "", "`hourglass train --recipe NAME`; flags override what it says.", ""]
    for name, path in recipes().items():
        lines += [f"## {name}", "", "```toml", path.read_text().rstrip(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    reference = folder / "reference"
    reference.mkdir(exist_ok=True)
    for kind, registry in REGISTRIES.items():
        (reference / f"{kind}.md").write_text(page(kind, registry))
    for name, text in (("index", index_page()), ("api", api_page()),
                       ("commands", commands_page()), ("contracts", contracts_page()),
                       ("settings", settings_page()), ("recipes", recipes_page())):
        (reference / f"{name}.md").write_text(text)
    (folder / "wings.svg").write_text(wings_svg({w: below for w, (_, below) in WINGS.items()}))
    (folder / "steps.svg").write_text(steps_svg())


if __name__ == "__main__":
    main()
