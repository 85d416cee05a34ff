"""What all pages of a studio share; all of it can be read from files again."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, Any

from annotated_types import Len
from pydantic import ConfigDict

from .catalogue import Catalogue
from .events import Events
from .held_sources import HeldSource
from .jobs import Jobs
from .models import Models
from .page_decoder import PageRuntime
from .roots import Roots
from .samples import Snapshots
from .studies import Studies

Text = Annotated[str, Len(0, 4000)]
Key = Annotated[str, Len(1, 64)]


KNOWN = ConfigDict(extra="forbid", strict=True)   # requests send nothing but what is known


@dataclass
class Studio:
    """A studio's folder and what is kept of it in memory."""

    roots: Roots
    jobs: Jobs
    catalogue: Catalogue
    events: Events
    models: Models
    snapshots: Snapshots = field(default_factory=Snapshots)
    studies: Studies = field(default_factory=Studies)
    runtime: PageRuntime = field(default_factory=PageRuntime)
    held: HeldSource = field(default_factory=HeldSource)
    drawer: ThreadPoolExecutor = field(   # matplotlib and data, one at a time
        default_factory=lambda: ThreadPoolExecutor(1, "studio"))
    is_warm: bool = False

    def warm(self) -> None:
        """Import what most pages need, once, while the person still looks at the first one."""
        if not self.is_warm:
            self.is_warm = True
            self.drawer.submit(_import_all)

    async def slowly(self, work: Callable[..., Any], *given: Any) -> Any:
        """Do what takes long, one after the other, while other requests are answered."""
        return await asyncio.get_running_loop().run_in_executor(self.drawer, work, *given)


def _import_all() -> None:
    from ..inference import trained  # noqa: F401   which brings torch
    from ..searching import importances, open_records  # noqa: F401
    from ..tasks import explore, inspect_data  # noqa: F401


def make_state(roots: Roots) -> Studio:
    """The state of a studio on these folders."""
    jobs = Jobs(roots.home)
    jobs.read()
    catalogue = Catalogue(roots.home, jobs)
    return Studio(roots, jobs, catalogue, Events(catalogue), Models(catalogue))
