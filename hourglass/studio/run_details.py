"""All that the page of a run shows besides pictures: settings, curves, metrics, sections, log."""

import re
from pathlib import Path
from typing import Any

from ..analysis.report_sections import OF_PRIORS, SECTIONS, WORDS, in_order, titles
from ..core.output_names import printable
from ..core.registry import figures
from ..run.folder import RunFolder
from ..run.settings import Settings
from .entries import history_of, settings_in
from .jobs import Jobs, StartedJob, in_shell

PARTS = ("backbone", "decoder", "bottleneck", "likelihood", "corruption", "condition", "loss",
         "prior")
COMMAND = re.compile(r"hourglass [a-z]+ .*?(?=[.;,:)](?:\s|$)|$)")
FLAG = re.compile(r"(?<![\w-])--(?:no-)?([a-z][a-z0-9-]*)")


def details_of(path: Path, job: StartedJob) -> dict[str, Any]:
    """Settings with what they mean, metrics with intervals, and the report's sections. Raises
    ValueError for a damaged run."""
    folder = RunFolder(path)
    settings = settings_in(folder)
    record = folder.read_record() if (path / "run.json").is_file() else {}
    return {"settings": _settings(settings), "metrics": _metrics(record),
            "notes": [in_fields(printable(str(note))) for note in record.get("notes", [])],
            "verdict": in_fields(printable(str(dict(record.get("pca", {})).get("verdict", "")))),
            "environment": dict(record.get("environment", {})),
            "sizes": {name: record[name] for name in ("parameters", "multiply_adds")
                      if isinstance(record.get(name), dict)},
            "splits": dict(record.get("data", {})).get("splits", {}),
            "shape": dict(record.get("data", {})).get("shape", []),
            "split": str(record.get("split", "")), "sections": _sections(path),
            "has_model": folder.model.is_file(), "has_snapshot": folder.snapshot.is_file(),
            "has_report": folder.report.is_file(),
            "command": job.command if job.kind == "train" else command_of(settings, str(path)),
            "log": bool(job.pid)}


def data_size_in(path: Path) -> tuple[tuple[int, ...], int]:
    """The shape of a sample of a run, and the number of training samples; () and 0 where they are
    not known yet."""
    try:
        data = dict(RunFolder(path).read_record().get("data", {}))
        count = dict(data.get("splits", {})).get("train", 0)
        return tuple(int(size) for size in data.get("shape", [])), int(count)
    except (ValueError, OSError, TypeError):
        return (), 0


def _settings(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Each setting of a run, whether it is the usual one, and what it does."""
    return [{"name": name, "value": settings[name], "usual": settings[name] == field.default,
             "about": field.description, "is_part": name in PARTS or name == "model"}
            for name, field in Settings.model_fields.items() if name in settings]


def _metrics(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Metrics in the report's order, with 95 % intervals and what they mean."""
    values, intervals = record.get("metrics", {}), record.get("intervals", {})
    words = {**WORDS, **OF_PRIORS}
    return [{"name": name, "value": values[name], "interval": intervals.get(name),
             "about": words.get(name.rpartition("/")[2], "")} for name in in_order(values)]


def _sections(path: Path) -> list[dict[str, Any]]:
    """The report's questions, each with the pictures that answer it and are there."""
    there = {picture.stem for picture in (path / "figures").glob("*.png")}
    named = titles()
    sections = [{"question": question, "figures": [
        {"name": name, "title": title} for name, title in inner.items() if name in there]}
        for question, inner in SECTIONS.items()]
    others = sorted(there - named.keys())
    sections.append({"question": "What else?", "figures": [
        {"name": name, "title": name.replace("_", " ")} for name in others]})
    return [section for section in sections if section["figures"]]


def about_figures() -> dict[str, str]:
    """What each figure of a report shows."""
    return {name: figures.about(name) for name in figures.parts}


def in_fields(text: str) -> str:
    """A message for a page: it names the form's fields, where the command line has flags. A whole
    command stays as it is."""
    message, end = "", 0
    for command in COMMAND.finditer(text):
        message += FLAG.sub(_field, text[end:command.start()]) + command[0]
        end = command.end()
    return message + FLAG.sub(_field, text[end:])


def _field(flag: re.Match[str]) -> str:
    return f"“{flag[1].replace('-', '_')}”"


def progress_of(path: Path, after: int, job: StartedJob, jobs: Jobs) -> dict[str, Any]:
    """A run's history from row `after` on, its frames, and the end of its log."""
    rows = history_of(path)
    frames = sorted(frame.name for frame in (path / "frames").glob("*.png"))
    return {"from": min(after, len(rows)), "rows": rows[after:], "frames": frames,
            "log": printable_lines(jobs.log_of(job))}


def printable_lines(text: str) -> str:
    """A log as plain lines."""
    return "\n".join(printable(line) for line in text.replace("\r", "\n").splitlines())


def flags_of(settings: dict[str, Any]) -> list[str]:
    """The flags of `hourglass train` for those settings that differ from the usual ones."""
    words = []
    for name, value in settings.items():
        field = Settings.model_fields.get(name)
        if field is None or name == "data" or value == field.default or value is None:
            continue
        if isinstance(value, bool):
            words.append(field.flag if value else f"--no-{field.flag[2:]}")
        else:
            words.append(f"{field.flag}={value}")
    return words


def command_of(settings: dict[str, Any], out: str = "") -> str:
    """The command that trains with these settings."""
    place = [f"--out={out}"] if out else []
    return f"hourglass {in_shell(['train', *flags_of(settings), *place, str(settings['data'])])}"
