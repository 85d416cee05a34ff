"""Numbers with their nouns in messages: "1 file is", "2 files are"."""

import re

ES = ("batch", "branch", "class", "index", "loss", "match", "pass", "patch", "process", "stretch")
IES = ("category", "copy", "entry", "property", "query")
NOUNS = (
    "account", "annotation", "attribute", "audio", "bit", "block", "board", "byte", "candidate",
    "caption", "cell", "centre", "channel", "character", "code", "column", "component",
    "configuration", "cycle", "day", "digit", "dimension", "document", "duplicate", "embedding",
    "epoch", "example", "feature", "field", "file", "film", "filter", "folder", "folding",
    "frame", "group", "heatmap", "hour", "image", "iteration", "item", "label", "layer",
    "level", "letter", "line", "link", "list", "map", "mask", "member", "metric", "minute",
    "model", "molecule", "month", "nat", "neighbour", "number", "page", "pair", "parameter",
    "part", "patient", "photo", "photograph", "picture", "pixel", "place", "point", "prompt",
    "rating", "record", "reconstruction", "result", "round", "row", "run", "sample", "score",
    "second", "section", "sentence", "seed", "series", "setting", "shard", "split", "step",
    "symbol", "term", "text", "tile", "time", "token", "trial", "tag", "unit", "user", "value",
    "vector", "week", "weight", "window", "word", "year")
PLURALS = {f"{noun}s": noun for noun in NOUNS if noun != "series"} | {
    f"{noun}es": noun for noun in ES} | {f"{noun[:-1]}ies": noun for noun in IES}
VERBS = {"are": "is", "were": "was", "have": "has", "do": "does", "hold": "holds", "lie": "lies",
         "need": "needs", "differ": "differs", "occur": "occurs", "come": "comes",
         "contain": "contains", "repeat": "repeats", "take": "takes", "show": "shows",
         "belong": "belongs"}
VERB = (r"(?P<aside>(?: of more than \w+ \w+)?, such as [^,;:]+,)?"
        rf"(?P<verb> (?:{'|'.join(VERBS)})\b)?")
BEFORE = r"(?<![\w.,:/'\"(=-])(?<!\bto )(?<!\bthan )(?<!\bthe )(?<!\d of )"   # not in 0.1 rows,
# --size 1, "0 to 1 values" or "none of the 1 items"
THINGS = "|".join(PLURALS)
ONE = re.compile(rf"{BEFORE}1 (?P<more>(?:(?!of )[a-z]+ )?)(?P<noun>{THINGS})\b{VERB}"
                 rf"(?P<rest>[^.;:(]*)")
ONE_OF = re.compile(rf"{BEFORE}(?P<one>1 of [\d,]+ (?:[a-z]+ )?(?:{THINGS})){VERB}"
                    rf"(?P<rest>[^.;:(]*)")


def counted(number: int, what: str) -> str:
    """"1 file", "2 files"."""
    plural = next((many for many, one in PLURALS.items() if one == what), f"{what}s")
    return f"{number:,} {what if number == 1 else plural}"


def agree(text: str) -> str:
    """A message in which "1 files are" is "1 file is": the last step before a person reads it.

    >>> agree("1 files cannot be read, and 1 of 12 rows have no label")
    '1 file cannot be read, and 1 of 12 rows has no label'
    """
    text = ONE.sub(lambda m: f"1 {m['more']}{PLURALS[m['noun']]}{_after(m)}", text)
    return ONE_OF.sub(lambda m: f"{m['one']}{_after(m)}", text)


def _after(match: re.Match[str]) -> str:
    """What follows the noun, to the end of the clause: "are cut and are left out" becomes "is"."""
    verb, rest = match["verb"], agree(match["rest"])
    if verb:
        rest = re.sub(rf" and ({'|'.join(VERBS)})\b", lambda m: f" and {VERBS[m[1]]}", rest)
    return (match["aside"] or "") + (f" {VERBS[verb[1:]]}" if verb else "") + rest
