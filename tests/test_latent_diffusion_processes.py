"""Latent diffusion that torchrun starts in several processes."""

from pathlib import Path

import numpy as np
import torch
from conftest import stripes, train
from safetensors.torch import load_file
from test_warm_start_and_processes import two_processes

from hourglass.run.folder import RunFolder


def test_two_processes_train_one_denoiser_and_go_on_with_it(here):
    np.save("stripes.npy", stripes(45))
    train("stripes.npy", model="ae(2)", backbone="mlp", out="first", epochs=1, batch_size=16,
          quiet=True)
    words = ["--batch-size", "8", "--no-report"]
    out, err = two_processes("train", "first", "--latent-diffusion", "mlp(width=16, depth=1)",
                             "--out", "two", "--epochs", "2", *words)
    assert "2 processes" in err and err.count("epoch 2/2") == 1, "one speaks"
    assert out.strip() == "two" and len(np.load("two/denoiser/latents.npy")) == 41
    before = load_file("two/denoiser/model.safetensors")
    Path("two/denoiser/latents.npy").unlink()   # then the first one encodes them again
    two_processes("train", "two", "--resume", "--epochs", "4", "--no-report")
    rows = RunFolder(Path("two/denoiser")).read_history()
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert all(np.isfinite(row["train_loss"]) for row in rows)
    after = load_file("two/denoiser/model.safetensors")
    moved = [name for name in after if not torch.equal(before[name], after[name])]
    assert "denoiser.leave.weight" in moved and "words.weight" not in moved
