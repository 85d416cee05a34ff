"""Warm start: begin with the weights of another run."""

from ..model.autoencoder import Autoencoder
from ..model.older_texts import backbone_of
from ..run.description import NOT_KEPT
from ..run.folder import open_run, read_settings
from ..run.settings import PARTS, READING, Settings, make_settings
from ..run.weights import read_description, read_model


def settings_of(settings: Settings, in_memory: bool) -> Settings:
    """Fill in parts and reading options that the settings leave open from the other run."""
    if not settings.begin:
        return settings
    folder = open_run(settings.begin)
    description = read_description(folder)
    its_own = make_settings(read_settings(folder.settings))
    usual = make_settings({})
    changes: dict[str, object] = {"begin": str(folder.path.resolve())}
    if settings.model == usual.model:
        changes |= {"model": its_own.model}
        changes |= {name: getattr(its_own, name) for name in PARTS if not getattr(settings, name)}
        if not settings.backbone:
            changes["backbone"] = backbone_of(its_own.backbone, {"format": description.format})
    arrays = settings.data.lower().endswith((".npy", ".npz"))
    if not in_memory and not arrays:   # arrays are never resized
        changes |= {name: getattr(description.reading, name) for name in READING
                    if getattr(settings, name) == getattr(usual, name) and name not in NOT_KEPT}
    return settings.with_(**changes)


def begin_with(run: str, model: Autoencoder) -> str:
    """Load another run's weights where names and shapes agree. Returns a note.

    Raises ValueError if nothing agrees.
    """
    weights, own = read_model(open_run(run))[0].state_dict(), model.state_dict()
    fitting = {name: value for name, value in weights.items()
               if name in own and own[name].shape == value.shape}
    if not fitting:
        raise ValueError(f"no weights of {run} fit this model; leave --from out, or pass the same "
                         f"--model and --backbone")
    model.load_state_dict(fitting, strict=False)
    fresh = sorted(set(own) - set(fitting))
    more = f"; new: {', '.join(fresh[:6])}{' ...' if len(fresh) > 6 else ''}" if fresh else ""
    return f"starts from {len(fitting)} of {len(own)} weights of {run}{more}"
