"""What all pages of a studio share; all of it can be read from files again."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Len
from fastapi import Query
from pydantic import ConfigDict

from ..analysis.snapshot import Snapshot
from .catalogue import Catalogue
from .events import Events
from .held_sources import HeldSource
from .imports import import_all
from .jobs import Jobs
from .models import Models
from .page_decoder import PageRuntime
from .roots import Roots
from .samples import Snapshots
from .split_samples import SplitSamples
from .studies import Studies

Text = Annotated[str, Len(0, 4000)]
Key = Annotated[str, Len(1, 64)]
Name = Annotated[str, Query(max_length=64)]   # of a split


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
    looks: Snapshots = field(   # at all data of a run
        default_factory=lambda: Snapshots("model.safetensors", _look_at_all, 1))
    by_split: SplitSamples = field(default_factory=SplitSamples)
    studies: Studies = field(default_factory=Studies)
    runtime: PageRuntime = field(default_factory=PageRuntime)
    sources: HeldSource = field(default_factory=HeldSource)
    drawer: ThreadPoolExecutor = field(   # matplotlib and data, one at a time
        default_factory=lambda: ThreadPoolExecutor(1, "studio"))
    is_warm: bool = False

    def look_at(self, key: str, everything: bool = False, split: str = "",
                rows: Sequence[int] = ()) -> Snapshot:
        """The samples of a run: those that its report looked at, all of its data, or these rows of
        a split. Raises ValueError."""
        run = self.catalogue.run(key)
        if split:
            return self.by_split.look(run, split, rows)
        return (self.looks if everything else self.snapshots).of(run)

    def warm(self) -> None:
        """Import what most pages need, once, while the person still looks at the first one."""
        if not self.is_warm:
            self.is_warm = True
            self.drawer.submit(import_all)

    async def slowly(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do what takes long, one after the other, while other requests are answered."""
        await self.ready()
        return await asyncio.get_running_loop().run_in_executor(self.drawer, work, *arguments)

    async def aside(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do what needs PyTorch or matplotlib in a thread of its own."""
        await self.ready()
        return await asyncio.to_thread(work, *arguments)

    async def ready(self) -> None:
        """Wait until everything is imported."""
        await asyncio.to_thread(import_all)


def _look_at_all(weights: Path) -> Snapshot:
    from .all_samples import look_at_all  # which brings torch
    return look_at_all(weights)


def make_state(roots: Roots) -> Studio:
    """The state of a studio on these folders."""
    jobs = Jobs(roots.home)
    jobs.read()
    catalogue = Catalogue(roots.home, jobs)
    return Studio(roots, jobs, catalogue, Events(catalogue), Models(catalogue))
