"""Draws the two diagrams of the docs as SVG: the wings of the package, and what becomes of data."""

from collections.abc import Iterable, Mapping
from html import escape

WIDE, HIGH, GAP, MARGIN = 104, 44, 26, 16   # of a box and around it, in pixels
STEPS = {   # of the page Concepts: what a step is called, and what it holds
    "data": ("a set's name", "a folder, a table", "arrays in memory"),
    "composition": ("backbone", "bottleneck, likelihood", "corruption, loss"),
    "training": ("loop, validation", "early stopping", "checkpoint"),
    "run": ("weights, settings", "report, figures", "history"),
    "uses": ("reconstruct, restore", "generate, morph, embed", "score, compress, serve"),
}


def levels(imports: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Names by level: each stands right of everything that it may import."""
    level: dict[str, int] = {}
    for name, others in imports.items():   # from the bottom up
        level[name] = 1 + max((level[other] for other in others), default=-1)
    return [[name for name, at in level.items() if at == number]
            for number in range(max(level.values()) + 1)]


def wings_svg(imports: Mapping[str, Iterable[str]]) -> str:
    """The wings from left to right; each imports only wings to its left."""
    columns = levels(imports)
    tallest = max(map(len, columns))
    high = 2 * MARGIN + tallest * (HIGH + MARGIN) - MARGIN
    shapes = []
    for number, names in enumerate(columns):
        x = MARGIN + number * (WIDE + GAP)
        top = (high - len(names) * (HIGH + MARGIN) + MARGIN) / 2
        shapes += [_box(x, top + i * (HIGH + MARGIN), [name if "." in name else f"{name}/"])
                   for i, name in enumerate(names)]
        if number:
            shapes.append(_arrow(x - 3, x - GAP + 3, high / 2))
    return _svg(2 * MARGIN + len(columns) * (WIDE + GAP) - GAP, high,
                "The wings of hourglass: each imports only wings to its left", shapes)


def steps_svg() -> str:
    """From data to uses, from left to right."""
    wide, high, shapes = 168, 96, []
    for number, (name, lines) in enumerate(STEPS.items()):
        x = MARGIN + number * (wide + GAP)
        shapes.append(_box(x, MARGIN, [name, *lines], wide, high))
        if number:
            shapes.append(_arrow(x - GAP + 3, x - 3, MARGIN + high / 2))
    return _svg(2 * MARGIN + len(STEPS) * (wide + GAP) - GAP, high + 2 * MARGIN,
                f"From left to right: {', '.join(STEPS)}", shapes)


def _box(x: float, y: float, lines: list[str], wide: int = WIDE, high: int = HIGH) -> str:
    first = y + high / 2 - 9 * (len(lines) - 1) + 5
    texts = [f'<text class="{"" if i else "name"}" x="{x + wide / 2:g}" y="{first + 18 * i:g}">'
             f"{escape(line)}</text>" for i, line in enumerate(lines)]
    return f'<rect x="{x:g}" y="{y:g}" width="{wide}" height="{high}" rx="6"/>' + "".join(texts)


def _arrow(start: float, end: float, y: float) -> str:
    return f'<path d="M{start:g} {y:g} L{end:g} {y:g}" marker-end="url(#tip)"/>'


def _svg(wide: float, high: float, title: str, shapes: list[str]) -> str:
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" role="img">',
        f"<title>{escape(title)}</title>",
        "<style>rect{fill:#eef3fa;stroke:#35618f} text{font:13px sans-serif;text-anchor:middle;"
        "fill:#222} .name{font-weight:bold} path{stroke:#35618f;stroke-width:1.5}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#35618f"/></marker>'
        "</defs>",
        f'<rect width="{wide:g}" height="{high:g}" style="fill:#fff;stroke:none"/>',
        *shapes, "</svg>", ""])
