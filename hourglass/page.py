"""What the pages share: their templates, and pictures inside them."""

import base64
import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def template(name: str) -> Any:
    """The page of that name, to be rendered; texts in it are escaped."""
    loader = Environment(loader=PackageLoader("hourglass", "."), autoescape=True,
                         undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    loader.filters["text"] = lambda v: v if isinstance(v, str) else json.dumps(v)
    loader.filters["figures"] = lambda v: f"{v:.4g}"
    loader.filters["between"] = lambda v: f"({v[0]:.4g} to {v[1]:.4g})" if v else ""
    loader.filters["sentence"] = lambda v: v[:1].upper() + v[1:]
    return loader.get_template(f"{name}.html.jinja")


def embedded(content: bytes, kind: str) -> str:
    """A picture as a page holds it."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
