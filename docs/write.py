"""Write a page per kind of part, and one of all settings, from the code's own docstrings.

    python docs/write.py [FOLDER]
"""

import inspect
import sys
from pathlib import Path

from hourglass.core.hints import expected
from hourglass.core.registry import REGISTRIES, Registry
from hourglass.run.settings import Settings, recipes


def page(kind: str, registry: Registry) -> str:
    what = f"{'An' if registry.kind[0] in 'aeiou' else 'A'} {registry.kind}"
    lines = [f"# {kind.capitalize()}", "", f"{what} is `{registry.contract}`.", ""]
    for name, part in sorted(registry.parts.items()):
        lines += [f"## `{registry.signature(name)}`", "", inspect.getdoc(part) or "", ""]
        lines += [f"- `{option}`: {expected(p.annotation)}"
                  + ("" if p.default is p.empty else f"; {p.default!r} if not given")
                  for option, p in registry.options(name).items()] + [""]
    return "\n".join(lines).rstrip() + "\n"


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
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for kind, registry in REGISTRIES.items():
        (folder / f"{kind}.md").write_text(page(kind, registry))
    (folder / "settings.md").write_text(settings_page())
    (folder / "recipes.md").write_text(recipes_page())


if __name__ == "__main__":
    main()
