"""Latent diffusion: samplers against a closed form, its training, its run, prompts."""

import asyncio
import csv
import io
import shutil
import signal
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from conftest import stripes, train
from PIL import Image

import hourglass as hg
from hourglass.analysis.analyse import look_again
from hourglass.analysis.snapshot import load_snapshot
from hourglass.core.contracts import Clock
from hourglass.core.registry import denoisers
from hourglass.inference.prompted import DiffusionWish
from hourglass.inference.text_encoders.words import Words
from hourglass.model.diffusion_step import Conditions, MovingAverage
from hourglass.model.latent_diffusion import Condition, LatentDiffusion, dropped
from hourglass.model.noise_levels import NOISINGS, SAMPLERS, noise_levels, start_of
from hourglass.run.diffusion_settings import diffusion_settings
from hourglass.run.folder import RunFolder
from hourglass.serving.app import make_app
from hourglass.tasks.latent_diffusion import driven_diffusion, prepare

MEAN, STD = 0.7, 0.5   # of a Gaussian target, whose exact flow is known
TINY = "mlp(width=16, depth=1)"
SHAPES = {"mlp": (5,), "dit": (3, 5, 6), "unet": (2, 5, 7)}


def ideal(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """The expected u of x = u + sigma * noise, where u is normal with MEAN and STD."""
    return (STD ** 2 * x + sigma ** 2 * MEAN) / (STD ** 2 + sigma ** 2)


def exact(x: torch.Tensor, levels: list[float]) -> torch.Tensor:
    """Where the flow of that target ends from x."""
    return MEAN + (x - MEAN) * STD / (STD ** 2 + levels[0] ** 2) ** 0.5


def error(sampler: str, steps: int) -> float:
    levels = noise_levels(steps)
    x = levels[0] * torch.randn(200, generator=torch.Generator().manual_seed(0)).double()
    return float((SAMPLERS[sampler](ideal, x, levels) - exact(x, levels)).abs().mean())


@pytest.mark.parametrize(("sampler", "order"), [("euler", 1), ("heun", 2), ("dpm", 2)])
def test_samplers_follow_the_exact_flow_of_a_gaussian(sampler, order):
    few, many = error(sampler, 40), error(sampler, 80)
    assert many < (0.02 if order == 1 else 2e-3)
    assert few / many > 1.6 ** order   # twice the steps: half or a quarter of the error


def test_second_order_needs_fewer_steps():
    assert error("dpm", 20) < error("euler", 40) and error("heun", 20) < error("euler", 40)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_each_of_a_few_steps_brings_draws_nearer(sampler):
    one, two, eight = (error(sampler, steps) for steps in (1, 2, 8))
    assert eight < 0.4 * two and two < 0.9 * one


@pytest.mark.parametrize("noising", NOISINGS)
def test_the_ideal_network_makes_the_ideal_denoiser(noising):
    """Its expected target, put into the denoiser's formula, gives the expected latent."""
    sigma = torch.tensor([[0.05], [1.0], [30.0]])
    x = torch.randn(3, 4)
    skip, out, _, _ = NOISINGS[noising].coefficients(sigma)
    clean = (STD ** 2 * x + sigma ** 2 * MEAN) / (STD ** 2 + sigma ** 2)
    torch.testing.assert_close(skip * x + out * ((clean - skip * x) / out), clean)


def test_flow_matching_predicts_the_velocity_from_noise_to_latent():
    u, noise, sigma = torch.randn(6, 3), torch.randn(6, 3), torch.rand(6, 1) * 3 + 0.1
    x = u + sigma * noise
    skip, out, scale, time = NOISINGS["flow"].coefficients(sigma)
    torch.testing.assert_close((u - skip * x) / out, u - noise)
    torch.testing.assert_close(scale * x, time * u + (1 - time) * noise)   # on the straight path


def test_edm_keeps_the_variance_of_input_and_target():
    n = torch.Generator().manual_seed(0)
    u, noise = torch.randn(2, 200_000, 1, generator=n)
    for level in (0.1, 1.0, 20.0):
        sigma = torch.full((1, 1), level)
        skip, out, scale, _ = NOISINGS["edm"].coefficients(sigma)
        x = u + sigma * noise
        assert (scale * x).std() == pytest.approx(1, abs=0.01)
        assert ((u - skip * x) / out).std() == pytest.approx(1, abs=0.01)


def test_noise_falls_from_the_largest_level_to_none():
    levels = noise_levels(8)
    assert levels[0] == pytest.approx(80) and levels[-1] == 0 and len(levels) == 9
    assert levels == sorted(levels, reverse=True)
    assert noise_levels(8, 0.5)[0] == pytest.approx(1) == start_of(0.5)
    assert noise_levels(1) == [pytest.approx(80), 0]


@pytest.mark.parametrize("name", SHAPES)
def test_denoisers_begin_at_nothing_and_depend_on_what_they_are_told(name):
    text = {"mlp": TINY, "dit": "dit(width=32, depth=1, patch=2)",
            "unet": "unet(widths=(16, 32), blocks=1)"}[name]
    network = denoisers.make(text, SHAPES[name])
    u, told = torch.randn(2, *SHAPES[name]), torch.randn(2, network.width)
    assert network(u, told).shape == u.shape and not network(u, told).any()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    assert (network(u, told) - network(u, told + 1)).abs().max() > 1e-4


def test_dit_takes_vectors_too():
    network = denoisers.make("dit(width=32, depth=1, patch=3)", (7,))
    assert network(torch.randn(2, 7), torch.randn(2, 32)).shape == (2, 7)


@pytest.mark.parametrize(("text", "shape", "words"), [
    ("unet", (5,), "use mlp for vectors"), ("dit(width=30, heads=4)", (2, 4, 4), "divide"),
    ("dat", (2, 4, 4), "did you mean 'dit'")])
def test_denoisers_that_do_not_fit_are_refused(text, shape, words):
    with pytest.raises(ValueError, match=words):
        denoisers.make(text, shape)


def test_guidance_leads_away_from_what_is_not_told():
    model = LatentDiffusion(TINY, (3,), classes=2)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    told = Condition(torch.tensor([1, 0]), torch.zeros(2, 1), torch.zeros(2, dtype=torch.bool))
    x, nothing = torch.randn(2, 3), model.nothing(2)
    free, own, more = (model.guided(told, nothing, share)(x, 1.5) for share in (0, 1, 3))
    torch.testing.assert_close(more, free + 3 * (own - free))
    torch.testing.assert_close(free, model.denoised(x, torch.full((2,), 1.5), nothing))


def test_training_leaves_class_and_text_out_in_turn():
    n = 4000
    told = Condition(torch.zeros(n, dtype=torch.long), torch.ones(n, 1), torch.ones(n) > 0)
    found = dropped(told, torch.linspace(0, 1, n), classes=True, texts=True)
    kinds = {(bool(y >= 0), bool(t)): 0 for y in (-1, 0) for t in (0, 1)}
    for y, text in zip(found.y, found.has_text, strict=True):
        kinds[bool(y >= 0), bool(text)] += 1 / n
    assert kinds == {(False, False): pytest.approx(0.1, abs=0.01),
                     (False, True): pytest.approx(0.5, abs=0.01),
                     (True, False): pytest.approx(0.2, abs=0.01),
                     (True, True): pytest.approx(0.2, abs=0.01)}


def test_each_sample_is_told_one_of_its_own_texts():
    features = torch.arange(4.0)[:, None]
    conditions = Conditions(torch.tensor([3, -1, 5]), torch.tensor([0, 1, 1, 4]),
                            torch.tensor([2, 0, 1, 3]), features)
    told = conditions.of_samples(torch.tensor([0, 1, 2, 2, 2]),
                                 torch.tensor([0.9, 0.5, 0, 0.4, 0.99]))
    assert told.y.tolist() == [3, -1, 5, 5, 5]
    assert told.has_text.tolist() == [True, False, True, True, True]
    assert told.text[[0, 2, 3, 4], 0].tolist() == [2, 0, 1, 3]


def test_averaged_weights_follow_the_trained_ones():
    fast, slow = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    average = MovingAverage(fast, slow, 0.5)
    before = slow.weight.clone()
    average.at(Clock(100, 10, 0.5))
    torch.testing.assert_close(slow.weight, (before + fast.weight) / 2)
    average.at(None)
    torch.testing.assert_close(slow.weight, (before + fast.weight) / 2)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A run of images with two classes, whose codes are two numbers."""
    folder = tmp_path_factory.mktemp("latents")
    x = stripes(64)
    np.savez(folder / "stripes.npz", x=x, y=np.array(["dark", "bright"])[(x[:, 0, 0] > 0) * 1])
    train(folder / "stripes.npz", model="ae(2)", backbone="mlp", out=folder / "first", epochs=3,
          batch_size=16, quiet=True)
    return folder / "first"


@pytest.fixture(scope="module")
def diffused(first):
    """Latent diffusion on it, with a bag of words."""
    return hg.latent_diffusion(first, TINY, out=first.parent / "diffused", text="words", epochs=8,
                               batch_size=16, lr=0.01, ema=0.9, quiet=True)


def weights(path: Path) -> bytes:
    return (path / "denoiser" / "model.safetensors").read_bytes()


def test_latent_diffusion_learns_two_clusters_of_codes(first, diffused):
    codes = diffused.codes()
    own = {kind: codes.z[codes.y == kind].mean(0).numpy() for kind in (0, 1)}
    model = hg.latent_diffusion(first, "mlp(width=64, depth=2)", out=first.parent / "longer",
                                text="none", epochs=150, batch_size=51, lr=0.003, quiet=True)
    for kind, name in enumerate(model.classes):
        drawn = model.draw(200, name)[1].mean(0)
        near, far = (np.linalg.norm(drawn - own[k]) for k in (kind, 1 - kind))
        assert near < far / 3


def test_a_run_of_latent_diffusion_stands_alone(first, diffused, tmp_path):
    moved = shutil.copytree(diffused.folder.path, tmp_path / "moved")
    again = hg.load(moved)
    assert again.usual_prior() == "latent_diffusion"
    drawn = again.generate(5, label="dark", guidance=2, steps=4, seed=3)
    np.testing.assert_array_equal(drawn.array, diffused.generate(
        5, label="dark", guidance=2, steps=4, seed=3).array)
    assert drawn.labels.tolist() == ["dark"] * 5
    np.testing.assert_array_equal(again.encode(stripes(4)), hg.load(first).encode(stripes(4)))


def test_a_run_of_latent_diffusion_is_saved_as_one_file(diffused, tmp_path):
    file = diffused.save(tmp_path / "one.safetensors")
    again = hg.load(file)
    np.testing.assert_array_equal(again.generate(3, prompt="dark", steps=3).array,
                                  diffused.generate(3, prompt="dark", steps=3).array)
    assert not (again.folder.path / "denoiser" / "checkpoint.safetensors").exists()


def test_the_first_stage_is_left_as_it_was(first, diffused):
    assert not (first / "denoiser").exists() and hg.load(first).usual_prior() != (
        "latent_diffusion")


@pytest.mark.parametrize("denoiser", [TINY])
def test_resuming_is_exact(first, tmp_path, denoiser):
    options = {"text": "words", "batch_size": 16, "schedule": "constant", "quiet": True}
    whole = hg.latent_diffusion(first, denoiser, out=tmp_path / "whole", epochs=3, **options)
    part = hg.latent_diffusion(first, denoiser, out=tmp_path / "part", epochs=1, **options)
    (part.folder.path / "denoiser" / "latents.npy").unlink()   # then encoded again
    more = hg.latent_diffusion(part, resume=True, epochs=3, quiet=True)
    assert weights(more.folder.path) == weights(whole.folder.path)


def test_ctrl_c_keeps_what_was_trained(first, tmp_path):
    settings = diffusion_settings({"denoiser": TINY, "epochs": 500, "batch_size": 16})
    training = prepare(first, settings, tmp_path / "cut")
    seen = []
    with pytest.raises(KeyboardInterrupt):
        for event in driven_diffusion(training):
            seen.append(event)
            if getattr(event, "row", None):
                signal.raise_signal(signal.SIGINT)
    assert seen[-1] == f"To continue: hourglass train {tmp_path / 'cut'} --resume"
    assert hg.load(tmp_path / "cut").generate(2, steps=2).array.shape[0] == 2
    assert training.folder.read_record()["ended"] == "interrupted"
    with open(tmp_path / "cut" / "denoiser" / "history.csv") as file:
        done = len(list(csv.DictReader(file)))
    more = hg.latent_diffusion(tmp_path / "cut", resume=True, epochs=done + 1, quiet=True)
    assert more.folder.path == tmp_path / "cut"


def test_latents_and_captions_stay_on_disk(diffused):
    folder = diffused.folder.path / "denoiser"
    latents, captions = (np.load(folder / f"{name}.npy") for name in ("latents", "captions"))
    assert latents.shape[1:] == (2,) and len(captions) == 4   # two classes, two templates
    codes = diffused.codes()
    np.testing.assert_allclose(latents[:len(codes.z)], codes.z.numpy(), atol=1e-5)


def test_prompts_choose_and_lead_from_one_to_another(diffused):
    bright, dark = (diffused.draw(6, wish=DiffusionWish((text,), steps=4), seed=1)[1]
                    for text in ("bright", "dark"))
    between = diffused.draw(6, wish=DiffusionWish(("bright",), towards="dark", steps=4), seed=1)[1]
    np.testing.assert_allclose(between[0], bright[0], atol=1e-5)
    np.testing.assert_allclose(between[-1], dark[-1], atol=1e-5)
    assert not np.allclose(bright, dark)
    against = diffused.draw(6, wish=DiffusionWish(("bright",), negative="dark", steps=4), seed=1)[1]
    assert not np.allclose(against, bright)


def test_several_prompts_share_the_samples(diffused):
    both = diffused.generate(4, prompt=["bright", "dark"], steps=3, seed=2).array
    np.testing.assert_allclose(both[:2], diffused.generate(
        4, prompt="bright", steps=3, seed=2).array[:2], atol=1e-6)
    np.testing.assert_allclose(both[2:], diffused.generate(
        4, prompt="dark", steps=3, seed=2).array[2:], atol=1e-6)


def test_guided_samples_have_a_class_each(diffused):
    wanted = ["dark", "bright", "dark"]
    found = diffused.generate(3, label=wanted, guidance=2, steps=3, seed=2)
    assert found.labels.tolist() == wanted
    dark = diffused.generate(3, label="dark", guidance=2, steps=3, seed=2)
    np.testing.assert_allclose(found.array[[0, 2]], dark.array[[0, 2]], atol=1e-5)
    assert not np.allclose(found.array[1], dark.array[1])


def test_a_weak_change_stays_near_the_image(diffused):
    x = stripes(1)
    own = diffused.encode(x)
    weak, strong = (np.linalg.norm(diffused.generate(
        8, image=x, strength=strength, seed=1).codes - own) for strength in (0.02, 0.9))
    assert weak < 0.2 * strong


def test_draws_do_not_depend_on_how_many_are_drawn_together(diffused, monkeypatch):
    whole = diffused.draw(5, seed=4)[1]
    monkeypatch.setattr("hourglass.inference.prompted.BATCH", 2)
    np.testing.assert_allclose(diffused.draw(5, seed=4)[1], whole, atol=1e-5)


@pytest.mark.parametrize(("options", "words"), [
    ({"prompt": "zebra"}, "no caption that training saw has a word"),
    ({"prompt": "dark", "steps": 0}, "steps must be"),
    ({"prompt": "dark", "sampler": "ddim"}, "sampler must be one of"),
    ({"prompt": "dark", "guidance": -1}, "guidance must be"),
    ({"negative": "dark"}, "needs a prompt"),
    ({"prompt": ["dark", "bright", "dark"]}, "3 prompts need as many samples"),
    ({"prompt": "dark", "prior": "own"}, "need latent diffusion"),
    ({"strength": 0.3}, "is of the change of an")])
def test_wishes_without_meaning_are_refused(diffused, options, words):
    with pytest.raises(ValueError, match=words):
        diffused.generate(2, **options)


def test_a_run_without_latent_diffusion_refuses_prompts(first):
    with pytest.raises(ValueError, match="need latent diffusion"):
        hg.load(first).generate(2, prompt="dark")


@pytest.mark.parametrize(("settings", "words"), [
    ({"denoiser": "unet"}, "use mlp for vectors"), ({"noising": "ddpm"}, "noising must be one of"),
    ({"ema": 1}, "ema must be"), ({"size": 64}, "no effect on latent diffusion"),
    ({"text": "glove"}, "no text encoder is named"), ({"stop": "early(monitor='val_mse')"},
                                                      "val_loss and train_loss"),
    ({"epochs": 0}, "epochs must be")])
def test_settings_without_meaning_are_refused_and_leave_no_folder(first, tmp_path, settings, words):
    with pytest.raises(ValueError, match=words):
        hg.latent_diffusion(first, out=tmp_path / "new", quiet=True, **settings)
    assert not (tmp_path / "new").exists()


def test_latent_diffusion_trains_draws_and_goes_on_from_the_shell(first, tmp_path, hourglass):
    out = tmp_path / "new"
    words = f"train {first} --latent-diffusion '{TINY}' --text words --epochs 1 -o {out}"
    assert hourglass(f"{words} --no-report")[0] == 0
    code, said, _ = hourglass(f"generate {out} --prompt 'dark' --prompt bright --guidance 3 -n 4 "
                              f"--steps 3 -o {tmp_path / 'drawn.png'}")
    assert code == 0 and "4 samples of the prior latent_diffusion" in said
    assert (tmp_path / "drawn.png").is_file()
    code, _, told = hourglass(f"train {out} --resume")
    assert code == 2 and "has finished its 1 epoch." in told
    assert hourglass(f"train {out} --resume --epochs 2 --no-report")[0] == 0
    code, _, told = hourglass(f"train {first} --noising edm")
    assert code == 2 and "--latent-diffusion" in told
    code, _, told = hourglass("train digits --latent-diffusion dit")
    assert code == 2 and "needs the run of an autoencoder" in told


def test_a_report_looks_at_draws_of_latent_diffusion(diffused, tmp_path):
    copied = shutil.copytree(diffused.folder.path, tmp_path / "copied")
    metrics = look_again(RunFolder(copied), priors=["latent_diffusion"])   # which it draws
    assert any(name.startswith("latent_diffusion/") for name in metrics)
    assert "latent_diffusion" in load_snapshot(copied / "snapshot.npz", (), 0, ()).drawn


def test_the_server_draws_what_a_prompt_asks_for(diffused):
    app = make_app(diffused.trained)

    async def ask(**body) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app),
                                     base_url="http://here") as client:
            return await (client.post("/v1/generate", json=body, headers={"accept": "image/png"})
                          if body else client.get("/v1/model"))
    assert asyncio.run(ask()).json()["samplers"] == list(SAMPLERS)
    told = {"n": 1, "prompt": "dark", "guidance": 3, "steps": 3, "seed": 1}
    answer = asyncio.run(ask(**told))
    assert answer.status_code == 200, answer.text
    expected = diffused.generate(1, prompt="dark", guidance=3, steps=3, seed=1).array
    image = np.asarray(Image.open(io.BytesIO(answer.content)))
    np.testing.assert_allclose(image / 255, expected[0, :, :, 0].clip(0, 1), atol=0.01)
    for wrong in ({"prompt": "zebra"}, {"prompt": "dark", "prior": "own"}, {"negative": "dark"}):
        assert asyncio.run(ask(**wrong)).status_code == 422


def test_words_are_a_bag_that_is_made_again_from_what_it_remembers():
    own = Words(("A cat with two Hats", "a red hat", "cats"))
    again = Words(own.remembers)
    assert own.remembers == ("cat", "hat", "red", "two")
    torch.testing.assert_close(own.features(["red cats"]), again.features(["the cat, RED"]))
    assert own.unknown("a green cat") == ("green",)
    assert own.features(["green"]).norm() == 0 and own.features(["cat"]).norm() == 10
