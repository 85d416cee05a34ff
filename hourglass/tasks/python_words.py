"""Messages in the words of Python: lr=0.001 where the command line says --lr 0.001."""

import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from contextvars import Token
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_args

from ..core.console import VOICE, WORDS, as_it_is, silent
from ..core.hints import did_you_mean
from ..core.registry import REGISTRIES
from ..core.wording import agree
from ..run.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
ROOT = str(Path(__file__).parent.parent)
NAMES = {"from": "begin", "class": "y", "plugin": "parts"}   # flags with another name in Python
ALSO = {"y": "label", "label": "y", "n_samples": "n", "num_samples": "n"}   # other words
# for a keyword, where a call has the second and not the first
SWITCHES = {"resume", "report", "frozen", "lossless", "nearest", "heatmaps", "own_size"}
KINDS = {"decoder": "backbones", "augment": "augmentations"}   # of parts that a flag takes
QUOTED = r"'[^']*'|\"[^\"]*\""
COMMAND = re.compile(rf"hourglass train ({QUOTED}|[^\s;,]+?)((?: --[a-z][\w-]*(?: (?:{QUOTED}|"
                     rf"(?!--)[^\s;]*[^\s;,.)]))?)+)")
FLAG = re.compile(rf"--(?P<no>no-)?(?P<name>[a-z][a-z0-9-]*)"
                  rf"(?:[ =](?P<value>(?!--)(?:{QUOTED}|\w+\([^)]*\)|"
                  rf"\d+(?:,\d+)+|[^\s,;:()]*[^\s,;:().])))?")
OUT = re.compile(rf"(?<![\w-])-o ({QUOTED}|[^\s,;]*[^\s,;.])")


def in_python(text: str) -> str:
    """A message as Python has it: flags as keywords, commands as calls."""
    text = COMMAND.sub(_call, text)
    text = OUT.sub(lambda match: f"save({_quoted(match[1])})", text)
    return agree(FLAG.sub(_keyword, text))


def _call(match: re.Match[str]) -> str:
    """`hourglass train RUN --resume --epochs 60` as hg.resume('RUN', epochs=60)."""
    flags = [_option(flag["no"], flag["name"], flag["value"]) for flag in FLAG.finditer(match[2])]
    resumes = "resume=True" in flags
    arguments = [_quoted(match[1]), *(flag for flag in flags if flag and flag != "resume=True")]
    return f"hg.{'resume' if resumes else 'train'}({', '.join(arguments)})"


def _keyword(match: re.Match[str]) -> str:
    name, value = _name(match["name"]), match["value"]
    if value is not None and _is_value(name, value):
        return _option(match["no"], match["name"], value)
    alone = _option(match["no"], match["name"], None) if match["no"] or _is_switch(name) else name
    return alone if value is None else f"{alone} {value}"


def _option(no: str | None, flag: str, value: str | None) -> str:
    name = _name(flag)
    if no or value is None:
        return f"{name}={not no}"
    if name == "parts":
        return f"{name}=[{_quoted(value)}]"
    return f"{name}={_quoted(value)}"


def _name(flag: str) -> str:
    return NAMES.get(flag, flag.replace("-", "_"))


def _quoted(value: str) -> str:
    plain = value.strip("'\"")
    return plain if _is_number(plain) or plain.isupper() else repr(plain)


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", value) is not None


def _is_switch(name: str) -> bool:
    setting = Settings.model_fields.get(name)
    return name in SWITCHES if setting is None else setting.annotation in (bool, bool | None)


def _is_value(name: str, value: str) -> bool:
    """Whether the word after a flag is its value, and not the next word of the sentence."""
    if re.match(r"['\"\d+-]|[A-Z]+$", value) or re.search(r"[/(]|\.\w+$", value):
        return True
    if _is_switch(name):
        return False
    setting = Settings.model_fields.get(name)
    if setting is not None and value in map(str, _choices(setting.annotation)):
        return True
    kind = KINDS.get(name, f"{name}s")
    return value in ("auto", "none") or (name == "device" and value in ("cpu", "cuda", "mps")) or (
        kind in REGISTRIES and value in REGISTRIES[kind].parts)


def _choices(hint: Any) -> list[Any]:
    return [choice for arg in get_args(hint) for choice in (_choices(arg) or [arg])]


@contextmanager
def voice(quiet: bool) -> Any:
    """A context where messages use Python's words. If `quiet`, only warnings are printed."""
    token, words = _speak(silent if quiet else in_python), WORDS.set(in_python)
    try:
        yield
    finally:
        WORDS.reset(words)
        if token:
            VOICE.reset(token)


def _speak(how: Callable[[str], str]) -> "Token[Callable[[str], str]] | None":
    """Speak so, unless it is silent or speaks so already."""
    return None if VOICE.get() in (silent, how) else VOICE.set(how)


def for_python(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose notes and errors speak Python. A ValueError of ours is raised again without
    the frames in which it was found. A keyword that it has not is answered with those it has."""
    takes = inspect.signature(function).parameters

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        named: Any = _own_keywords(function.__name__, takes, kwargs)
        token = _speak(in_python) if VOICE.get() is as_it_is else None
        try:
            return function(*args, **named)
        except ValueError as error:
            if type(error) is not ValueError or not _is_ours(error):
                raise
            words = in_python(str(error))
        finally:
            if token:
                VOICE.reset(token)
        raise ValueError(words)   # outside of `except`: with nothing before it
    return called


def _own_keywords(
    name: str, takes: Mapping[str, inspect.Parameter], keywords: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Keywords in the words of a function that takes these. Raises TypeError for others."""
    more = next((p for p in takes.values() if p.kind is p.VAR_KEYWORD), None)
    typed = get_args(more.annotation)[:1] if more else ()   # of Unpack[a typed dictionary]
    known = {*takes, *(typed[0].__annotations__ if typed else ())}
    named = {key if key in known or ALSO.get(key) not in takes else ALSO[key]: value
             for key, value in keywords.items()}
    unknown = next((key for key in named if key not in takes), None)
    if unknown is None or more:   # the function answers its further keywords itself
        return named
    own = [key for key in takes if key not in ("self", "model")]
    raise TypeError(f"{name.removesuffix('_of')}() takes no {unknown!r}; "
                    f"{did_you_mean(unknown, own)}")


def _is_ours(error: BaseException) -> bool:
    """Whether it was raised by a line of Hourglass, and not by what that called."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or trace.tb_frame.f_code.co_filename.startswith(ROOT)
