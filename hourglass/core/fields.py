"""Fields of a class of settings: default, description and flag, read without pydantic."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_origin


@dataclass(frozen=True)
class Setting:
    """The declaration of a setting: its type, bounds and default."""

    annotation: Any              # its type, without bounds that hold for all of it
    metadata: tuple[Any, ...]    # these bounds, such as Ge(1)
    default: Any
    description: str
    flag: str                    # of the command line


def Field(default: Any, *, description: str, flag: str = "") -> Any:
    """A field of a dataclass of settings. `flag` is the command line's, if it is not the name."""
    return field(default=default, metadata={"description": description, "flag": flag})


def settings_of(kind: type) -> Mapping[str, Setting]:
    """The fields of a dataclass of settings, by name."""
    found = {}
    for each in fields(kind):
        hint, *bounds = (get_args(each.type) if get_origin(each.type) is Annotated
                         else (each.type,))
        flag = each.metadata["flag"] or f"--{each.name.replace('_', '-')}"
        found[each.name] = Setting(hint, tuple(bounds), each.default,
                                   each.metadata["description"], flag)
    return MappingProxyType(found)
