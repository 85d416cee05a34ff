"""Sharing a model: a folder with its file and a card, here or on the Hugging Face Hub."""

import json
import tempfile
from pathlib import Path
from typing import Any

from ..analysis.report_sections import WORDS, in_order
from ..core.expressions import read
from ..core.files import is_link, read_file, write_out
from ..core.registry import OWN_NETWORKS
from ..run.folder import RunFolder, read_settings
from .single_file import save_file

HUB = "hub:"                    # before owner/name
FILE = "model.safetensors"
CARD = "README.md"
SHOWN = ("reconstructions", "samples", "codes")   # figures of the report that a card shows


def push(folder: RunFolder, target: str | Path) -> str:
    """Write a run's model and its card into a folder, or to the Hub as hub:owner/name; returns
    where they are. Raises ValueError where the Hub cannot be used."""
    if not str(target).startswith(HUB):
        write_package(folder, Path(target), str(target))
        return str(target)
    name = _name(str(target))
    hub = _hub()
    with tempfile.TemporaryDirectory() as temporary:
        write_package(folder, Path(temporary), str(target))
        try:
            api = hub.HfApi()
            api.create_repo(name, exist_ok=True)
            api.upload_folder(folder_path=temporary, repo_id=name)
        except Exception as error:   # of the network, of rights, of names
            raise ValueError(_unreachable(name, error)) from None
    return f"https://huggingface.co/{name}"


def pull(target: str) -> Path:
    """The model's file of hub:owner/name, downloaded or from the cache. Raises ValueError."""
    name, hub = _name(target), _hub()
    try:
        return Path(hub.hf_hub_download(name, FILE))
    except Exception as error:   # of the network, of rights, of names
        raise ValueError(_unreachable(name, error)) from None


def _name(target: str) -> str:
    name = target.removeprefix(HUB)
    if name.count("/") != 1 or not all(name.split("/")):
        raise ValueError(f"a model on the Hub is named hub:owner/name, not {target}")
    return name


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise ValueError("the Hub needs an extra: pip install 'hourglass[hub]'; a folder does "
                         "not") from None
    return huggingface_hub


def _unreachable(name: str, error: Exception) -> str:
    why = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (f"{name} on the Hub cannot be reached: {why}. Without a network, a folder takes its "
            f"place, as in model.push('shared/') and hg.load('shared/')")


def write_package(folder: RunFolder, out: Path, name: str) -> None:
    """The model as one file, its card and the card's pictures, into a folder. `name` is what
    hg.load takes."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; a model is pushed into a folder")
    out.mkdir(parents=True, exist_ok=True)
    save_file(folder, out / FILE)
    there = {figure: folder.figures / f"{figure}.png" for figure in SHOWN}
    pictures = [figure for figure, path in there.items() if path.is_file() and not is_link(path)]
    for figure in pictures:   # a link would give away another file
        write_out(out / f"{figure}.png", read_file(there[figure]))
    write_out(out / CARD, card(folder, pictures, name))


def card(folder: RunFolder, pictures: list[str], target: str) -> str:
    """A model card for the Hub: a description of the model, its figures, and how to use it."""
    record, settings = folder.read_record(), read_settings(folder.settings)
    metrics, intervals = record.get("metrics", {}), record.get("intervals", {})
    data = Path(str(settings["data"])).name
    rows = [f"| {name} | {metrics[name]:.5g} | {_between(intervals.get(name))} | "
            f"{WORDS.get(name.rpartition('/')[2], '')} |" for name in in_order(metrics)]
    table = ["| metric | value | 95 % | meaning |", "|---|---|---|---|", *rows] if rows else [
        "The run was not evaluated; model.report() does it."]
    parts = {name: _shown(str(settings[name])) for name in (
        "backbone", "bottleneck", "likelihood", "corruption", "condition", "loss", "prior")
        if settings.get(name)}
    return "\n".join([
        "---", "library_name: hourglass", "tags: [autoencoder]", "---", "",
        f"# {settings['model']} on {data}", "",
        f"An autoencoder, trained with Hourglass for {record.get('epochs', '?')} epochs "
        f"({record['parameters'].get('whole', 0):,} parameters).", "",
        "```python", "import hourglass as hg", *_loading(target, settings, record),
        "codes = model.encode(images)", "```", "",
        "## Parts", "", *(f"- {name}: `{text}`" for name, text in parts.items()), "",
        f"## Results on {record.get('split', 'unseen')} samples", "", *table, "",
        *(line for name in pictures for line in (f"## {name.capitalize()}", "",
                                                 f"![{name}]({name}.png)", ""))])


def _networks(text: str) -> dict[str, str]:
    """The classes of the user's own networks that a backbone's text names, by side."""
    call = read(text) if text.startswith(OWN_NETWORKS) else None
    return {side: str(call.kwargs[side]) for side in ("encoder", "decoder")
            if call is not None and side in call.kwargs}


def _shown(text: str) -> str:
    """A part as a reader of the card needs it."""
    own = _networks(text)
    return f"networks of its own, {' and '.join(own.values())}" if own else text


def _loading(target: str, settings: dict[str, Any], record: dict[str, Any]) -> list[str]:
    """The lines of Python that load the model, with the files and networks of its author."""
    own = dict(record.get("own_parts") or {})
    networks = _networks(str(settings.get("backbone", "")))
    files = sorted({Path(origin).name for origin in own.values() if origin}) or ["parts.py"]
    arguments = [f"{side}={network}(...)" for side, network in networks.items()]
    arguments += [f"parts={files}"] if own else []
    needs = [f"the code of {' and '.join(networks.values())}"] if networks else []
    needs += [f"{', '.join(files)}, which registers the {', the '.join(own)}"] if own else []
    return [*([f"# needs {'; '.join(needs)}"] if needs else []),
            f"model = hg.load({', '.join([json.dumps(target), *arguments])})"]


def _between(interval: Any) -> str:
    return f"{interval[0]:.5g} to {interval[1]:.5g}" if interval else ""
