"""The setting `show`: which channels of images the pictures of a run show."""

from ..core.channels import FEW, read_channels


def check_show(show: str, shape: tuple[int, ...]) -> None:
    """Raise ValueError if the data lacks these channels, or needs no choice."""
    if show and (len(shape) != 3 or shape[0] in (1, 3)):
        raise ValueError("show chooses channels of images that have other than 1 or 3 of them; "
                         "leave it out")
    if show:
        read_channels(show, shape[0])


def notes_on_show(show: str, shape: tuple[int, ...]) -> list[str]:
    """A note on channels that no picture shows."""
    if len(shape) != 3 or show or shape[0] <= FEW:
        return []
    return [f"pictures show channels 1, 2 and 3 of {shape[0]}; choose others with --show 3,2,1, or "
            f"all with --show all, one panel each"]
