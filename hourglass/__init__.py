"""Hourglass: a workbench for autoencoders.

    import hourglass as hg
    model = hg.train("mnist", model="ae(32)")
    codes = model.encode("photos/")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:   # what type checkers and editors see
    from .core.composing import LOSSES as losses
    from .core.composing import PARTS as parts
    from .core.plugins import register
    from .inference.encoder_decoder import load_half
    from .searching.ensemble import ensemble
    from .searching.python_api import search
    from .searching.study import Study
    from .serving.from_python import serve
    from .studio.from_python import open_studio
    from .tasks.costs import summary
    from .tasks.data_calls import augment, prepare, show
    from .tasks.detect import detect
    from .tasks.feature_vectors import embed
    from .tasks.features import features
    from .tasks.finetune import finetune
    from .tasks.latent_diffusion import latent_diffusion
    from .tasks.list_parts import list_parts as list
    from .tasks.load import load
    from .tasks.model import Model
    from .tasks.model import Model as Trained
    from .tasks.read import read
    from .tasks.recommend import recommend
    from .tasks.side_by_side import compare
    from .tasks.train import report, resume, train

__version__ = "0.2.0"
_PUBLIC = {   # public name: its module and its name there
    "Model": "tasks.model.Model",
    "Study": "searching.study.Study",
    "Trained": "tasks.model.Model",   # as it was called before
    "augment": "tasks.data_calls.augment",
    "compare": "tasks.side_by_side.compare",
    "detect": "tasks.detect.detect",
    "embed": "tasks.feature_vectors.embed",
    "ensemble": "searching.ensemble.ensemble",
    "features": "tasks.features.features",
    "finetune": "tasks.finetune.finetune",
    "latent_diffusion": "tasks.latent_diffusion.latent_diffusion",
    "list": "tasks.list_parts.list_parts",
    "load": "tasks.load.load",
    "load_half": "inference.encoder_decoder.load_half",
    "losses": "core.composing.LOSSES",
    "open_studio": "studio.from_python.open_studio",
    "parts": "core.composing.PARTS",
    "prepare": "tasks.data_calls.prepare",
    "read": "tasks.read.read",
    "recommend": "tasks.recommend.recommend",
    "register": "core.plugins.register",
    "report": "tasks.train.report",
    "resume": "tasks.train.resume",
    "search": "searching.python_api.search",
    "serve": "serving.from_python.serve",
    "show": "tasks.data_calls.show",
    "summary": "tasks.costs.summary",
    "train": "tasks.train.train",
}
__all__ = ["Model", "Study", "Trained", "augment", "compare", "detect", "embed", "ensemble",
           "features", "finetune", "latent_diffusion", "list", "load", "load_half", "losses",
           "open_studio", "parts", "prepare", "read", "recommend", "register", "report", "resume",
           "search", "serve", "show", "summary", "train"]


if not TYPE_CHECKING:   # for whom every name would be right
    def __getattr__(name: str) -> Any:
        """Import a public name at its first use, because torch alone takes a second."""
        if name not in _PUBLIC:
            raise AttributeError(f"module 'hourglass' has no attribute {name!r}")
        from importlib import import_module
        module, _, attribute = _PUBLIC[name].rpartition(".")
        return getattr(import_module(f".{module}", __name__), attribute)


def __dir__() -> "tuple[str, ...]":
    return (*__all__, "__doc__", "__name__", "__path__", "__version__")
