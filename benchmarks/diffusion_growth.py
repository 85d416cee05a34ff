"""Time and memory of a step of latent diffusion, as sizes grow; and many latents in flat memory.

    python benchmarks/diffusion_growth.py [--steps 4] [--latents 200000]

Each row is a process of its own: a denoiser of maps with 8 channels and an eighth of the image's
side takes `--steps` training steps, after one that does not count, and draws one sample in 20
steps, on one thread. Seconds are those of the processor. Memory is the most that the process held
above what it held before the denoiser was made.

The last lines: a small denoiser is trained for an epoch on `--latents` latents (4, 8, 8), kept on
disk as Hourglass keeps them. The memory of the process is looked at in each tenth: its own, and
with the pages of the file that the system keeps at hand and may drop.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from hourglass.core.malloc import keep_freed_memory
from hourglass.data.memory_map import OnDisk
from hourglass.data.split_data import Source, Split
from hourglass.model.diffusion_step import Conditions, DiffusionStep
from hourglass.model.latent_diffusion import Draw, LatentDiffusion
from hourglass.run.denoiser_file import DenoiserDescription
from hourglass.run.diffusion_settings import diffusion_settings
from hourglass.run.folder import RunFolder
from hourglass.training.latent_diffusion import fabric_of, prepare_diffusion, run_diffusion

CHANNELS, FACTOR = 8, 8
USUAL = {"denoiser": "unet", "size": 64, "width": 64, "batch": 32}
ROWS = ({}, {"size": 32}, {"size": 128}, {"size": 256}, {"width": 32}, {"width": 128},
        {"batch": 8}, {"batch": 128}, {"denoiser": "dit"}, {"denoiser": "dit", "size": 128})
SAID = 10   # times that memory is looked at


def memory(name: str = "VmRSS") -> float:
    """MiB that this process holds: all (VmRSS), its own (RssAnon), or at most so far (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"this system does not say {name}")


def text_of(row: dict[str, int | str]) -> str:
    """The denoiser as a person types it; as deep as is usual."""
    width = row["width"]
    return f"unet(widths=({width}, {2 * int(width)}), blocks=1)" if row["denoiser"] == "unet" else (
        f"dit(width={2 * int(width)}, depth=4)")


def one_row(row: dict[str, int | str], steps: int) -> dict[str, float]:
    """Seconds of a training step and of a draw, MiB, and weights."""
    keep_freed_memory()
    torch.manual_seed(0)
    side, batch = int(row["size"]) // FACTOR, int(row["batch"])
    x = torch.randn(batch, CHANNELS, side, side)
    nothing = torch.zeros(0, dtype=torch.long)
    conditions = Conditions(torch.full((batch,), -1), torch.zeros(batch + 1, dtype=torch.long),
                            nothing, torch.zeros(0, 1))
    before = memory()
    step = DiffusionStep(LatentDiffusion(text_of(row), tuple(x.shape[1:])), conditions, 0.999)
    optimiser = torch.optim.AdamW(step.model.parameters(), 1e-4)
    for number in range(steps + 1):
        if number == 1:
            begun = time.process_time()
        optimiser.zero_grad()
        step(x, torch.arange(batch))[0].backward()
        optimiser.step()
    took = (time.process_time() - begun) / steps
    peak, condition = memory("VmHWM"), step.model.nothing(1)
    begun = time.process_time()
    step.averaged.sample(x[:1], condition, condition, Draw(20))
    weights = sum(p.numel() for p in step.model.parameters())
    return {"step": took, "draw": time.process_time() - begun, "memory": peak - before,
            "weights": weights}


def many(count: int) -> list[str]:
    """Lines that say how much memory the training on so many latents takes."""
    with tempfile.TemporaryDirectory() as folder:
        place, own = Path(folder) / "latents.npy", Path(folder) / "denoiser"
        own.mkdir()
        latents = np.lib.format.open_memmap(place, "w+", np.float32, (count, 8, 8, 4))
        random = np.random.default_rng(0)
        for start in range(0, count, 1000):
            latents[start:start + 1000] = random.normal(size=latents[start:start + 1000].shape)
        latents.flush()
        del latents
        number = torch.arange(count)
        split = Split(OnDisk(np.load(place, mmap_mode="r")), number, number)
        about = DenoiserDescription("mlp(width=64, depth=1)", "flow", (4, 8, 8), 0, "", 0, (), (),
                                    "")
        settings = diffusion_settings({"denoiser": about.denoiser, "epochs": 1, "batch_size": 256,
                                       "text": "none", "seed": 0})
        conditions = Conditions(torch.full((count,), -1), torch.zeros(count + 1, dtype=torch.long),
                                torch.zeros(0, dtype=torch.long), torch.zeros(0, 1))
        training = prepare_diffusion(
            settings, Source({"train": split}, about.shape, float("-inf"), float("inf")),
            conditions, about, RunFolder(own), fabric_of(settings))
        lines, begun = [], time.process_time()
        batches = -(-count // 256)
        for i, _ in enumerate(run_diffusion(training), 1):
            if i % max(batches // SAID, 1) == 0:
                lines.append(f"| {min(i * 256, count):,} | {memory('RssAnon'):.0f} | "
                             f"{memory():.0f} |")
        size = place.stat().st_size / 2 ** 20
    return [f"{count:,} latents, {size:.0f} MiB on disk, one epoch in "
            f"{time.process_time() - begun:.0f} s", "",
            "| latents seen | own memory, MiB | with pages of the file |", "|---|---|---|", *lines]


def main() -> None:
    """Measure each row in a process of its own, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--latents", type=int, default=200_000)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.row:
        print(json.dumps(one_row(json.loads(args.row), args.steps)))
        return
    print("| image | denoiser | weights | batch | seconds a step | MiB | a draw, 20 steps, s |\n" +
          "|---" * 7 + "|")
    for change in ROWS:
        row = {**USUAL, **change}
        said = subprocess.run([sys.executable, __file__, "--row", json.dumps(row), "--steps",
                               str(args.steps)], check=True, capture_output=True, text=True)
        figures = json.loads(said.stdout.splitlines()[-1])
        print(f"| {row['size']}x{row['size']} | `{text_of(row)}` | "
              f"{figures['weights'] / 1e6:.1f} M | {row['batch']} | {figures['step']:.2f} | "
              f"{figures['memory']:.0f} | {figures['draw']:.2f} |", flush=True)
    print("\n" + "\n".join(many(args.latents)))


if __name__ == "__main__":
    main()
