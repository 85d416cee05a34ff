"""How close models, filters, interpolation and inpainting bring corrupted images to clean ones.

    .venv/bin/python benchmarks/restoration.py                  # trains, then prints a table
    .venv/bin/python benchmarks/restoration.py --only "faces, a hole=runs/3"
    .venv/bin/python benchmarks/restoration.py --quick          # a smoke run

Each task trains its recipe (up to --minutes), or takes a given run. All methods get the same unseen
images with the same noise. The other methods get more than any user knows: BM3D the true noise
level, inpainting the exact mask, the median filter the size that comes closer to the clean images.
BM3D and OpenCV take part where they are installed. Intervals of the mean are at 95 %, by bootstrap
over the images. They do not cover other seeds.
"""

import argparse
from pathlib import Path

import hourglass as hg
from hourglass.analysis.metrics.bootstrap import of_mean
from hourglass.analysis.metrics.reconstruction import peak_ratio, structural_similarity
from hourglass.analysis.report_sections import MAKERS
from hourglass.analysis.snapshot import CLEAN, RESTORED
from hourglass.analysis.take_snapshot import restored
from hourglass.core.console import say
from hourglass.data.split_data import Source
from hourglass.model.autoencoder import Autoencoder

TASKS = {   # a recipe and what differs from it
    "MNIST, noise": ("keras_denoise", {}),
    "faces, noise, 80 % dropped": ("denoise_faces", {}),
    "faces, a hole": ("inpaint_faces", {}),
    "faces, a watermark": ("unwatermark", {}),
    "faces, 4 times smaller": ("inpaint_faces", {"corruption": "downscale(4)"}),
    "CIFAR-10, grey": ("recolour_cifar", {}),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", nargs="*", metavar="TASK=RUN", help=f"tasks: {', '.join(TASKS)}")
    parser.add_argument("--minutes", type=float, default=10, help="of training for each task")
    parser.add_argument("--images", type=int, default=200, help="that are compared")
    parser.add_argument("--cifar", default="cifar10", help="CIFAR-10 as another source, or a path")
    parser.add_argument("--out", default="runs/restoration", help="folder for what is trained")
    parser.add_argument("--only", action="store_true", help="only the runs that are named")
    parser.add_argument("--quick", action="store_true", help="seconds of training, few images")
    return parser.parse_args()


def trained(task: str, given: argparse.Namespace) -> hg.Trained:
    """The task's run, or one that is trained now."""
    recipe, changes = TASKS[task]
    out = Path(given.out) / task.replace(", ", "_").replace(" ", "_").replace("%", "percent")
    if (out / "model.safetensors").is_file():
        return hg.load(out)
    say(f"training: {task}")
    data = {"data": given.cifar} if recipe == "recolour_cifar" else {}
    minutes = 0.05 if given.quick else given.minutes
    return hg.train(**data, recipe=recipe, out=out, minutes=minutes, report=False, **changes)


def rows(task: str, model: Autoencoder, source: Source, most: int) -> list[str]:
    """The task's lines of the table: everybody's images against the clean ones."""
    say(f"comparing: {task}")
    images_of = restored(model, source, most)
    clean, lines = images_of.pop(CLEAN), []
    for name, images in images_of.items():
        scores = [of_mean(peak_ratio(clean, images)), of_mean(structural_similarity(clean, images))]
        cells = " | ".join(f"{s.value:.{d}f} ({s.low:.{d}f} to {s.high:.{d}f})"
                           for s, d in zip(scores, (2, 3), strict=True))
        who = f"**{MAKERS[name]}**" if name == RESTORED else MAKERS.get(name, name)
        lines.append(f"| {task} | {who} | {cells} |")
    return lines


def main() -> None:
    given = arguments()
    runs = dict(text.split("=", 1) for text in given.runs)
    unknown = set(runs) - set(TASKS)
    if unknown:
        raise SystemExit(f"no task is named {min(unknown)!r}; there are {', '.join(TASKS)}")
    print("## Restoration\n")
    print("| corrupted images | by | PSNR, dB (95 %) | SSIM (95 %) |\n|---|---|---|---|")
    remarks = []
    for task in runs if given.only else TASKS:
        model = hg.load(runs[task]) if task in runs else trained(task, given)
        source = model.source()
        count = 4 if given.quick else min(given.images, len(source.splits[source.unseen]))
        print("\n".join(rows(task, model.model, source, count)), flush=True)
        record = model.folder.read_record()
        seconds = model.folder.read_history()[-1]["seconds"]
        remarks.append(f"{task}: `{model.model.corruption}`, {record['parameters']['whole']:,} "
                       f"parameters, {seconds:.0f} s of training, {count} {source.unseen} images")
    print("\n" + ".\n".join(remarks) + ".")


if __name__ == "__main__":
    main()
