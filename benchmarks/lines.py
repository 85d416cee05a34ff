"""Lines of text: names of 18 languages, and sentences of the Penn Treebank.

    python benchmarks/lines.py names /path/to/names.zip [--folder results] [--epochs 40]
    python benchmarks/lines.py collapse /path/to/names.zip [--folder results] [--epochs 6]
    python benchmarks/lines.py sentences /path/to/ptb.zip [--folder results] [--minutes 30]

--quick takes fewer names, codes and sentences, to try it with a short --epochs or --minutes.

names: a conditional `text_vae` writes 100 names of each language. A logistic regression on the
counts of 1 to 4 characters in a row, trained on the model's own training names, says which language
each is of: right is the language asked for. Beside it is what it says of held-out names.
collapse: means against posterior collapse, each alone, on the same names without classes: -log p(x)
per test name by importance sampling, KL, mutual information and active dimensions, beside the
language model of the same size; and how often a name moved along the direction of a language is
put in it by the classifier, for the first free-bits model.
sentences: -log p(x) per test sentence of `text_vae`, by importance sampling, beside the language
model of the same size; a sentence's end counts as a token, and <unk> as a word. A run that is there
is resumed, or used as it is."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

import hourglass as hg
from hourglass.inference.latent_directions import find_attribute
from hourglass.inference.trained import Trained, load
from hourglass.run.folder import RunFolder, unfinished
from hourglass.tasks.reconstructed import reconstruction_of

SIZE = 200
EACH = 100      # names of each language
PLAIN = f"text_vae(16, width={SIZE}, word_dropout=0, free_bits=0)"
MEANS = {   # the model, the loss if another, and other settings
    "nothing": (PLAIN, "recon + kl", {}),
    "cyclical annealing": (PLAIN, "", {}),
    "free bits": (PLAIN, "recon + kl(free_bits=0.25)", {}),
    "committed rate": (PLAIN, "recon + kl", {"bottleneck": "gaussian(16, rate=4)"}),
    "encoder ahead": (PLAIN, "recon + kl", {"lag": 5}),
    "language model": (f"language_model(width={SIZE})", "", {})}
CODES = 100     # of importance sampling, for each sentence
FEW_SENTENCES = 20   # in a batch: more steps, and 4 nats less than with 64 after four epochs
QUICK = 5       # in place of both, with --quick
COMMON = {"batch_size": 64, "lr": 0.002, "schedule": "cosine", "clip": 5.0, "report": False}


def trained(folder: Path, data: str, **settings: Any) -> Trained:
    """The model of a run, trained now, resumed, or as it is there."""
    if not folder.exists():
        hg.train(data, out=folder, **{**COMMON, **settings})
    else:
        run = RunFolder(folder)
        if unfinished(run, run.read_record()):
            hg.resume(folder)
    return load(folder)


def as_table(rows: dict[str, dict[str, Any]]) -> list[str]:
    """Figures in Markdown, a row for each name."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    cells = [["", *names], ["---"] * (1 + len(names))]
    cells += [[what, *(_as_cell(row.get(name)) for name in names)] for what, row in rows.items()]
    return [f"| {' | '.join(row)} |" for row in cells]


def _as_cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{value:.3g}"


def names(place: str, folder: Path, epochs: int, each: int) -> dict[str, Any]:
    """Shares of generated and of held-out names that the classifier puts in their language."""
    model = trained(folder / "names", f"lines({place!r})", condition="label", epochs=epochs,
                    model=f"text_vae(16, width={SIZE}, word_dropout=0, free_bits=0.1)")
    source = model.source()
    held = {name: ([source.names[i] for i in split.index.tolist()],
                   split.y[split.index].numpy()) for name, split in source.splits.items()}
    judge = judge_of(model)
    asked = np.repeat(np.arange(len(source.classes)), each)
    made = model.sample(len(asked), y=[source.classes[k] for k in asked], temperature=0.8)
    said = judge.predict(made)
    known = set(held["train"][0])
    test, y = held["test"]
    right = judge.predict(test) == y
    return {"asked": float((said == asked).mean()),
            "by language": {name: float((said == asked)[asked == k].mean())
                            for k, name in enumerate(source.classes)},
            "held-out names": float(right.mean()),
            "held-out names, mean over languages": float(np.mean([right[y == k].mean()
                                                                  for k in np.unique(y)])),
            "not in training": float(np.mean([name not in known for name in made])),
            "some": [f"{source.classes[k]}: {made[i]}" for i, k in enumerate(asked)
                     if i % each < 3]}


def judge_of(model: Trained) -> Any:
    """A classifier of names, trained on the model's own training names."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    source = model.source()
    rows = source.splits["train"]
    judge = make_pipeline(CountVectorizer(analyzer="char_wb", ngram_range=(1, 4), lowercase=False),
                          LogisticRegression(max_iter=300, class_weight="balanced", C=10))
    return judge.fit([source.names[i] for i in rows.index.tolist()], rows.y[rows.index].numpy())


def names_in_tables(found: dict[str, Any]) -> list[dict[str, dict[str, Any]]]:
    """The shares of all names, and those of each language."""
    usual = {"generated": found["asked"], "held out": found["held-out names"],
             "held out, mean over languages": found["held-out names, mean over languages"],
             "generated and not in training": found["not in training"]}
    return [{name: {"share": f"{value:.1%}"} for name, value in usual.items()},
            {name: {"generated in the language asked for": f"{value:.0%}"}
             for name, value in found["by language"].items()}]


def collapse(place: str, folder: Path, epochs: int, codes: int) -> dict[str, Any]:
    """What each means against collapse costs and gives, and the directions of languages."""
    found: dict[str, Any] = {}
    for name, (model_text, loss, more) in MEANS.items():
        given = {"loss": loss} if loss else {}
        model = trained(folder / f"collapse {name}", f"lines({place!r})", model=model_text,
                        epochs=epochs, **given, **more)
        result = model.evaluate(codes, "test").record
        metrics = reconstruction_of(model, model.source().to(model.device, torch.contiguous_format),
                                    "test", 1000).metrics
        found[name] = {"nll": result.get("nll", metrics["nats"]), **{
            key: metrics.get(key) for key in ("kl", "mutual_information", "active_units")},
            "minutes": model.folder.read_record()["seconds"] / 60}
    found["directions"] = directions(load(folder / "collapse free bits"))
    return found


def collapse_in_tables(found: dict[str, Any]) -> list[dict[str, dict[str, Any]]]:
    """A row for each means, and the shares before and after a move."""
    means = {name: {"-log p(x)": row["nll"], **{key.replace("_", " "): row[key] for key in (
        "kl", "mutual_information", "active_units", "minutes")}}
        for name, row in found.items() if name != "directions"}
    return [means, {what: {"put in the language": f"{share:.1%}"}
                    for what, share in found["directions"].items()}]


def directions(model: Trained) -> dict[str, float]:
    """Of 300 unseen names, the share that the classifier puts in a language, before and after a
    move along its direction, and along a random one of the same length; means over languages."""
    judge, codes = judge_of(model), model.codes()
    rows = model.source().splits["test"]
    names = [model.source().names[i] for i in rows.index[rows.evenly(300)].tolist()]
    z, draw, shares = model.encode(names), np.random.default_rng(0), []
    for kind, name in enumerate(model.classes):
        way = find_attribute(name, codes, model.classes, model.source, True).direction
        other = draw.normal(size=way.shape).astype(np.float32)
        other *= np.linalg.norm(way) / np.linalg.norm(other)
        shares.append([float((judge.predict(list(model.decode(z + move))) == kind).mean())
                       for move in (0 * way, 1.5 * way, 1.5 * other)])
    return dict(zip(("before", "along", "random"), np.mean(shares, 0).tolist(), strict=True))


def sentences(place: str, folder: Path, minutes: float, codes: int, limit: int | None
              ) -> dict[str, Any]:
    """-log p(x) per test sentence, with and without a code; of the latter it is exact."""
    data, found = f"lines({place!r}, level='word')", {}
    for name, text in (("ptb_vae", f"text_vae(32, width={SIZE}, dropout=0.2, word_dropout=0)"),
                       ("ptb_lm", f"language_model(width={SIZE}, dropout=0.2)")):
        model = trained(folder / name, data, model=text, epochs=12, minutes=minutes,
                        batch_size=FEW_SENTENCES)
        record = model.evaluate(codes, "test", limit).record
        metrics = record.get("metrics", {})
        kept = {"-log p(x)": record.get("nll", metrics.get("nats")), "error": record.get("error"),
                "KL": record.get("bound", {}).get("divergence"),
                "perplexity of a token": 2**record.get("bits", metrics.get("bits_per_token"))}
        found[name] = {key: value if value is None else f"{value:.1f}"
                       for key, value in kept.items()}
    return found


def main() -> None:
    """Measure, and print and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("names", "collapse", "sentences"))
    parser.add_argument("place")
    parser.add_argument("--folder", type=Path, default=Path("results"))
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} names and codes of each")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    each, codes = (QUICK, QUICK) if given.quick else (EACH, CODES)
    found: dict[str, Any]
    if given.what == "names":
        found = names(given.place, given.folder, given.epochs, each)
        tables = names_in_tables(found)
    elif given.what == "collapse":
        found = collapse(given.place, given.folder, given.epochs, codes)
        tables = collapse_in_tables(found)
    else:
        found = sentences(given.place, given.folder, given.minutes, codes,
                          QUICK * EACH if given.quick else None)
        tables = [found]
    (given.folder / f"{given.what}.json").write_text(json.dumps(found, indent=2) + "\n")
    for table in tables:
        print(*as_table(table), "", sep="\n")


if __name__ == "__main__":
    main()
