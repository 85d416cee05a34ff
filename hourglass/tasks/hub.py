"""Sharing a model: a folder with its file and a card, here or on the Hugging Face Hub."""

import tempfile
from pathlib import Path
from typing import Any

from ..analysis.report_sections import WORDS, in_order
from ..core.files import write_out
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
        write_package(folder, Path(target))
        return str(target)
    name = _name(str(target))
    hub = _hub()
    with tempfile.TemporaryDirectory() as made:
        write_package(folder, Path(made))
        try:
            api = hub.HfApi()
            api.create_repo(name, exist_ok=True)
            api.upload_folder(folder_path=made, repo_id=name)
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


def write_package(folder: RunFolder, out: Path) -> None:
    """The model as one file, its card and the card's pictures, into a folder."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; a model is pushed into a folder")
    out.mkdir(parents=True, exist_ok=True)
    save_file(folder, out / FILE)
    pictures = [name for name in SHOWN if (folder.figures / f"{name}.png").is_file()]
    for name in pictures:
        write_out(out / f"{name}.png", (folder.figures / f"{name}.png").read_bytes())
    write_out(out / CARD, card(folder, pictures))


def card(folder: RunFolder, pictures: list[str]) -> str:
    """A model card, as the Hub shows it: what the model is, its figures, and how it is used."""
    record, settings = folder.read_record(), read_settings(folder.settings)
    metrics, intervals = record.get("metrics", {}), record.get("intervals", {})
    data = Path(str(settings["data"])).name
    rows = [f"| {name} | {metrics[name]:.5g} | {_between(intervals.get(name))} | "
            f"{WORDS.get(name.rpartition('/')[2], '')} |" for name in in_order(metrics)]
    table = ["| metric | value | 95 % | meaning |", "|---|---|---|---|", *rows] if rows else [
        "The run was not evaluated; model.report() does it."]
    parts = {name: settings[name] for name in (
        "backbone", "bottleneck", "likelihood", "corruption", "condition", "loss", "prior")
        if settings.get(name)}
    return "\n".join([
        "---", "library_name: hourglass", "tags: [autoencoder]", "---", "",
        f"# {settings['model']} on {data}", "",
        f"An autoencoder, trained with Hourglass for {record.get('epochs', '?')} epochs "
        f"({record['parameters'].get('whole', 0):,} parameters).", "",
        "```python", "import hourglass as hg", 'model = hg.load("hub:OWNER/NAME")   # or a folder',
        "codes = model.encode(images)", "```", "",
        "## Parts", "", *(f"- {name}: `{text}`" for name, text in parts.items()), "",
        f"## Results on {record.get('split', 'unseen')} samples", "", *table, "",
        *(line for name in pictures for line in (f"## {name.capitalize()}", "",
                                                 f"![{name}]({name}.png)", ""))])


def _between(interval: Any) -> str:
    return f"{interval[0]:.5g} to {interval[1]:.5g}" if interval else ""
