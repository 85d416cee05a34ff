"""Hooks of mkdocs: notebooks become pages, and no page may load anything from a network."""

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

LOADS = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?(?:https?:)?//",
                   re.IGNORECASE)
KEPT = re.compile(r"rel=[\"']?canonical")


def as_markdown(notebook: Path) -> str:
    """The cells of a notebook as a page: its text, its code, and what the code showed."""
    parts = []
    for cell in json.loads(notebook.read_text())["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
            continue
        parts.append(f"```python\n{text}\n```")
        parts += [_shown(output) for output in cell["outputs"]]
    return "\n\n".join(parts) + "\n"


def _shown(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        return f'<img alt="what the cell shows" src="data:image/png;base64,{data["image/png"]}">'
    return f"```text\n{''.join(output.get('text') or data['text/plain']).rstrip()}\n```"


def on_files(files: Any, config: Any) -> Any:
    """Adds a page for each notebook."""
    docs = Path(config.docs_dir)
    for notebook in sorted(docs.rglob("*.ipynb")):
        name = notebook.relative_to(docs).with_suffix(".md").as_posix()
        files.append(File.generated(config, name, content=as_markdown(notebook)))
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Refuses a page that loads a script, picture or style from another site."""
    for found in LOADS.finditer(output):
        if not KEPT.search(found.group()):
            raise PluginError(f"{page.file.src_uri} loads from a network: {found.group()}")
    return output
