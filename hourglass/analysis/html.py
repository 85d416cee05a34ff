"""What the pages share: their templates, and pictures inside them."""

import base64
import io
import json
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from PIL import Image

LARGE = 300_000   # bytes of a drawing, from which it is packed harder
QUALITY = 88


def template(name: str) -> Any:
    """The page of that name, to be rendered; texts in it are escaped."""
    places = ChoiceLoader([PackageLoader("hourglass.analysis", "templates"),
                           PackageLoader("hourglass.analysis", ".")])   # explorer/ has its own
    loader = Environment(loader=places, autoescape=True, undefined=StrictUndefined,
                         trim_blocks=True, lstrip_blocks=True)
    loader.filters["text"] = lambda v: v if isinstance(v, str) else json.dumps(v)
    loader.filters["figures"] = lambda v: f"{v:.4g}"
    loader.filters["between"] = lambda v: f"({v[0]:.4g} to {v[1]:.4g})" if v else ""
    loader.filters["sentence"] = lambda v: v[:1].upper() + v[1:]
    return loader.get_template(f"{name}.html.jinja")


def picture(png: bytes) -> str:
    """A drawing as a page holds it: a large one, which is of photographs, as WebP."""
    if len(png) < LARGE:
        return embedded(png, "png")
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(buffer, "webp", quality=QUALITY)
    return embedded(buffer.getvalue(), "webp")


def embedded(content: bytes, kind: str) -> str:
    """A picture as a page holds it."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
