"""Models, formulas, numbers and files that are far too large or too deep: a line, quickly."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, stripes

import hourglass as hg
from hourglass.core.tensor_files import load_tensors, save_tensors
from hourglass.searching.study_setup import values_of
from hourglass.training import memory_check

MANY = str((8,) * 3000).replace(" ", "")   # widths of as many layers
QUICK = 3.0   # seconds of the processor's time: 2 on a quiet machine


@pytest.fixture
def run(copied_run):
    return copied_run.path


def refused(hourglass, command: str) -> str:
    """What is said of a command that is refused in a line, and soon."""
    begun = time.process_time()
    code, out, err = hourglass(command)
    took, said = time.process_time() - begun, err.splitlines()
    assert code == 2 and "Traceback" not in err, out + err
    assert took < QUICK and len(err) < 1000, (took, err)
    assert len([line for line in said if not line.startswith(("reading", "\r"))]) <= 2, err
    return said[-1]


@pytest.mark.parametrize("flags, figure", [
    ("--model ae(2) --backbone conv(filters=(1000000000,))", "TiB"),
    ("--model ae(1099511627776)", "TiB"),
    ("--model ae(2) --backbone mlp(1000000000)", "TiB"),
    ("--model vq_vae --bottleneck vq(words=1000000000000)", "TiB"),
    ("--model vae(16) --bottleneck vamp(count=100000000000)", "TiB"),
    (f"--model ae(2) --backbone mlp({MANY})", "more than 2,000 layers"),
    (f"--model ae(2) --backbone conv(filters={MANY},stride=1)", "more than 2,000 layers"),
    ("--model ae(2) --backbone conv(layers=1000000000)", "more than 2,000 layers"),
    ("--model ae(2) --backbone unet(layers=1000000000)", "more than 2,000 layers"),
    ("--model vae(4) --bottleneck flow(layers=1000000000)", "more than 2,000 layers")])
def test_what_a_model_needs_is_told_before_it_is_made(flags, figure, run, hourglass):
    words = " ".join(f"'{word}'" if "(" in word else word for word in flags.split())
    assert figure in refused(hourglass, f"train x.npy --epochs 1 --out new {words}")
    assert not Path("new").exists()
    begun = time.process_time()   # it tells the costs of a model that is only too large
    code, out, err = hourglass(f"summary x.npy {words}")
    assert code == 2 or figure in out, out + err
    assert time.process_time() - begun < QUICK and "Traceback" not in err


def test_images_that_are_made_too_large_are_refused_with_what_a_step_needs(run, hourglass,
                                                                           monkeypatch):
    monkeypatch.setattr(memory_check, "memory_of", lambda device: 16 * 2**30)   # of a usual machine
    np.save("few.npy", stripes(8))
    said = refused(hourglass, "train few.npy --model ae(2) --size 4096 --val 0 --test 0 --out new")
    assert "a training step of 8 samples needs at least" in said and "GiB" in said
    assert "--size smaller" in said and not Path("new").exists()


@pytest.mark.parametrize("size", ["1000000", "1000000000", "9" * 400])
def test_a_size_that_no_memory_holds_is_refused(size, run, hourglass):
    refused(hourglass, f"train x.npy --model ae(2) --size {size} --out new")
    refused(hourglass, f"embed run x.npy -o z.csv --size {size}")


@pytest.mark.parametrize("prior", ["flow(transforms=1000000000)", "pixelcnn(blocks=1000000000)",
                                   "maf(hidden=1000000000000)", "mixture(1000000000000)",
                                   "diffusion(hidden=1000000000000)"])
def test_a_prior_that_is_too_large_is_refused(prior, run, hourglass):
    refused(hourglass, f"generate run -o a.png --prior {prior}")


@pytest.mark.parametrize("change", [
    {"shape": [1, 60_000, 60_000]}, {"shape": [1, 4096, 4096]},
    {"parts": {"bottleneck": "plain(100000000)"}}, {"parts": {"backbone": f"mlp({MANY})"}},
    {"parts": {"backbone": "conv(layers=1000000000)"}}])
def test_a_description_of_a_larger_model_than_its_file_is_refused(change, run, hourglass):
    weights, texts = load_tensors(run / "model.safetensors")
    about = json.loads(texts["hourglass"])
    about |= {name: {**about[name], **value} if isinstance(value, dict) else value
              for name, value in change.items()}
    save_tensors(run / "model.safetensors", weights, {"hourglass": json.dumps(about)})
    assert "does not describe a model" in refused(hourglass, "generate run -o a.png")


FORMULAS = {"summands": " + ".join(["recon"] * 1500), "minus signs": "-" * 900 + "1 * recon",
            "brackets": "(" * 500 + "recon" + ")" * 500, "digits": f"{'9' * 400} * recon",
            "an option": f"recon + kl(free_bits={'9' * 400})"}


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_that_is_too_deep_is_refused_by_the_command(formula, run, hourglass):
    said = refused(hourglass, f"train x.npy --out new '--loss={FORMULAS[formula]}'")
    assert not Path("new").exists() and said.startswith("hourglass: ")


@pytest.mark.parametrize("flag", ["--epochs", "--lr", "--batch-size", "--seed", "--minutes",
                                  "--clip", "--max-memory", "--val"])
def test_numbers_of_400_digits_are_refused(flag, run, hourglass):
    begun = time.process_time()
    code, out, err = hourglass(f"train x.npy --out new {flag} {'9' * 400}")
    assert code == 2 and "Traceback" not in err and time.process_time() - begun < QUICK, out + err


def test_an_empty_recipe_or_space_is_refused(tmp_path, monkeypatch, hourglass, copied_run):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.toml").write_text("# nothing\n")
    for command in ("train digits --recipe empty.toml", "summary digits --recipe empty.toml"):
        code, _, err = hourglass(command)
        assert code == 2 and "empty.toml holds no settings" in err, err
    with pytest.raises(ValueError, match="holds no settings"):
        values_of("", "empty.toml", {})
    code, _, err = hourglass(f"summary {copied_run.path} --recipe fast_cae")
    assert code == 2 and "leave out the recipe 'fast_cae'" in err, err


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "epochs = " + "9" * 400, "x" * 200_000,
                                  "model = 3", "lr = 1e999", "\0"])
def test_a_recipe_of_a_stranger_is_refused_in_a_line(text, run, hourglass):
    Path("strange.toml").write_text(text)
    refused(hourglass, "train x.npy --recipe strange.toml --out new")


def test_a_deep_model_still_trains(run):
    hg.train("x.npy", out="new", report=False, **TINY | {
        "backbone": f"mlp({(4,) * 100})", "epochs": 1})
