"""The command `hourglass summary`: a model's layers, sizes and costs."""

from pathlib import Path
from typing import Any

from ..core.console import tell
from .options import Data, Recipe
from .settings_flags import chosen_settings, takes_settings
from .train import TYPED


@takes_settings(TYPED)
def summary(data: Data = "", recipe: Recipe = "", settings: Any = None) -> None:
    """Show layers, sizes and costs of a model before it is trained, or of a run.

    Takes the same arguments as hourglass train, or the folder of a run.

    Example: hourglass summary mnist --recipe tutorial_cae
    """
    from ..run.folder import is_run
    from ..run.settings import with_whole_path
    from ..tasks.costs import costs_of, settings_of_run
    if data and is_run(Path(data)):   # whose settings name its data for good
        chosen = settings_of_run(data, recipe, settings)
    else:
        chosen = with_whole_path(chosen_settings(data, recipe, settings))
    tell(costs_of(chosen))
