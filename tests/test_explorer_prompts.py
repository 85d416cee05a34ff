"""The explorer's prompt box draws in the page what Python draws from the same noise."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from conftest import stripes, train
from playwright.sync_api import expect, sync_playwright

import hourglass as hg
from hourglass.analysis.explorer.runtime import runtime
from hourglass.core.random_numbers import seeded
from hourglass.inference.onnx_export import export_denoiser
from hourglass.inference.prompted import DiffusionWish
from hourglass.model.latent_diffusion import Condition, Draw, LatentDiffusion
from hourglass.tasks import prompt_box
from hourglass.tasks.explore import explore

CHROMIUM = Path("/usr/bin/chromium")
STEPS = 5


class Bytes:
    """A text encoder that is too large for a page, in name."""

    size, remembers = 4, ()

    def features(self, texts: list[str]) -> torch.Tensor:
        """How often each of four letters is in a text."""
        return torch.tensor([[float(text.count(letter)) for letter in "abdr"] for text in texts])

    def unknown(self, text: str) -> tuple[str, ...]:
        return ()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Latent diffusion on maps of stripes in two classes, with a bag of words."""
    folder = tmp_path_factory.mktemp("prompted")
    x = stripes(48)
    np.savez(folder / "stripes.npz", x=x, y=np.array(["dark", "bright"])[(x[:, 0, 0] > 0) * 1])
    train(folder / "stripes.npz", model="ae(2)", backbone="conv(filters=4)",
          bottleneck="gaussian_map(2)", loss="recon + 0.001 * kl", out=folder / "first", epochs=2,
          batch_size=16, quiet=True)
    return hg.latent_diffusion(folder / "first", "mlp(width=16, depth=1)",
                               out=folder / "run", text="words", epochs=2, batch_size=16, lr=0.01,
                               ema=0.5, quiet=True)


@pytest.fixture(scope="module")
def page(model):
    """Its explorer in a headless browser without a network; whatever goes wrong fails the test."""
    try:
        runtime()
    except ValueError as error:
        pytest.skip(f"needs the browsers' runtime: {error}")
    if not CHROMIUM.is_file():
        pytest.skip(f"needs a browser: {CHROMIUM}")
    out, wrong = model.folder.path / "page.html", []
    with pytest.MonkeyPatch.context() as patch:   # the page does not show what the judge says
        patch.setattr("hourglass.inference.features.classifier.STEPS", 5)
        explore(model.folder.path, out)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context()
        context.set_default_timeout(20_000)
        context.set_offline(True)
        opened = context.new_page()
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.goto(out.as_uri())
        opened.evaluate("hourglass.ready")
        yield opened
        browser.close()
    assert not wrong


def prior_of(model):
    return model.trained.prior("latent_diffusion")


def drawn(page) -> np.ndarray:
    page.evaluate("hourglass.settled()")
    return np.array(page.evaluate("Array.from(hourglass.code())"), np.float32)


@pytest.mark.parametrize(("prompt", "y", "guidance"), [
    ("bright", -1, 3), ("a picture of Dark, zebra", -1, 1), ("", 1, 2), ("", -1, 1)])
def test_the_page_draws_the_code_that_python_draws_from_the_same_noise(
        model, page, prompt, y, guidance):
    prior = prior_of(model)
    with seeded(7):
        noise = torch.randn(1, *prior.shape)
    page.evaluate("given => hourglass.prompted(given)", {
        "prompt": prompt, "y": y, "guidance": guidance, "steps": STEPS,
        "noise": noise.flatten().tolist()})
    wish = DiffusionWish((prompt,) if prompt else (), guidance=guidance, steps=STEPS)
    if not prompt and y < 0:   # without either, Python draws a class
        told = prior.model.nothing(1)
        expected = prior.model.sample(noise, told, told, Draw(STEPS, guidance)).numpy()
    else:
        expected, _ = prior.sample(1, np.array([y]) if y >= 0 else None, seed=7, wish=wish)
    np.testing.assert_allclose(drawn(page), expected.flatten(), atol=1e-3)


def test_the_box_takes_words_and_a_class_and_says_what_it_does_not_know(page):
    said = page.locator("#prompt [role=status]").first
    before = drawn(page)
    page.fill("#prompt [name=words]", "a bright zebra")
    page.locator("#prompt button").click()
    expect(said).to_contain_text("no caption had it: zebra", timeout=20_000)
    assert np.abs(drawn(page) - before).max() > 1e-3
    page.fill("#prompt [name=words]", "zebra")
    page.locator("#prompt button").click()
    expect(said).to_contain_text("No caption", timeout=20_000)
    assert page.locator("#prompt [name=asked] option").all_inner_texts() == [
        "any", "bright", "dark"]


@pytest.mark.parametrize("denoiser", ["mlp(width=16, depth=1)", "unet(widths=8, blocks=1)",
                                      "dit(width=16, depth=1)"])
def test_the_denoiser_as_onnx_gives_what_torch_gives_for_any_batch(model, denoiser):
    own = prior_of(model)
    network = LatentDiffusion(denoiser, own.shape, 2, own.about.size).eval()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    prior = replace(own, model=network)
    session = onnxruntime.InferenceSession(export_denoiser(prior))
    for count in (1, 3):
        x, sigma = torch.randn(count, *prior.shape), torch.rand(count) * 5 + 0.1
        told = Condition(torch.arange(count) - 1, torch.rand(count, prior.about.size),
                         torch.arange(count) % 2 == 0)
        with torch.no_grad():
            right = prior.model.denoised(x, sigma, told).numpy()
        found = session.run(None, {"x": x.numpy(), "sigma": sigma.numpy(), "y": told.y.numpy(),
                                   "text": told.text.numpy(), "told": told.has_text.numpy()})[0]
        np.testing.assert_allclose(found, right, atol=1e-4)


def test_a_denoiser_that_is_too_large_is_named_in_the_page(model, monkeypatch):
    monkeypatch.setattr(prompt_box, "MOST_WEIGHTS", 10)
    box = prompt_box.prompt_box(model.trained)
    assert "too large for a page" in box.about["refused"] and not box.denoiser


def test_prompts_are_chosen_among_captions_where_the_encoder_is_too_large(model):
    prior = prior_of(model)
    about = replace(prior.about, text="minilm", size=4)
    box = prompt_box.box_of(model.trained, replace(prior, about=about, encoder=Bytes()), b"")
    assert box.about["texts"] == ["bright", "dark"] and "too large" in box.about["note"]
    assert box.texts.tolist() == Bytes().features(["bright", "dark"]).tolist()


def test_a_run_without_latent_diffusion_has_no_prompt_box(model):
    first = hg.load(model.folder.path.parent / "first")
    assert prompt_box.prompt_box(first.trained) is None
