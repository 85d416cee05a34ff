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
    settings = {}
    for entry in fields(kind):
        hint, *bounds = (get_args(entry.type) if get_origin(entry.type) is Annotated
                         else (entry.type,))
        flag = entry.metadata["flag"] or f"--{entry.name.replace('_', '-')}"
        settings[entry.name] = Setting(hint, tuple(bounds), entry.default,
                                       entry.metadata["description"], flag)
    return MappingProxyType(settings)
