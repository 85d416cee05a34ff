"""Latent diffusion that draws a part of an image anew, and how noise levels are weighed."""

import numpy as np
import pytest
import torch
from conftest import stripes, train
from PIL import Image

import hourglass as hg
from hourglass.inference.prompted import DiffusionWish, kept_places
from hourglass.model.latent_diffusion import LatentDiffusion, holding
from hourglass.model.noise_levels import SAMPLERS, noise_levels, noising_of
from hourglass.training.latent_diffusion import learnt_by_heart

TINY = "mlp(width=16, depth=1)"
MEAN, STD = 0.7, 0.5   # of a Gaussian target, whose exact flow is known


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """Latent diffusion on maps (2, 5, 5) of stripes in two classes."""
    folder = tmp_path_factory.mktemp("maps")
    x = stripes(64)
    np.savez(folder / "stripes.npz", x=x, y=np.array(["dark", "bright"])[(x[:, 0, 0] > 0) * 1])
    train(folder / "stripes.npz", model="ae(2)", backbone="conv(filters=4)",
          bottleneck="gaussian_map(2)", loss="recon + 0.001 * kl", out=folder / "first", epochs=3,
          batch_size=16, quiet=True)
    return hg.latent_diffusion(folder / "first", TINY, out=folder / "run", text="words", epochs=4,
                               batch_size=16, lr=0.01, ema=0.9, quiet=True)


def half() -> np.ndarray:
    """A mask (10, 10) of the lower half."""
    return np.arange(10)[:, None].repeat(10, 1) >= 6


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_known_places_flow_to_what_is_known_and_others_to_their_own(sampler):
    def ideal(x: torch.Tensor, sigma: float) -> torch.Tensor:
        return (STD ** 2 * x + sigma ** 2 * MEAN) / (STD ** 2 + sigma ** 2)

    levels, noise = noise_levels(60), torch.randn(200, 2, dtype=torch.double)
    u = torch.full((200, 2), 3.0, dtype=torch.double)
    kept = torch.tensor([[True, False]])
    x = levels[0] * noise + u
    found = SAMPLERS[sampler](holding(ideal, u, kept), x, levels)
    torch.testing.assert_close(found[:, 0], u[:, 0])
    free = SAMPLERS[sampler](ideal, x, levels)
    torch.testing.assert_close(found[:, 1], free[:, 1])


def test_a_mask_keeps_the_rest_of_the_image(mapped):
    x = stripes(1) / 255
    found = mapped.generate(5, image=stripes(1), mask=half(), prompt="bright", steps=6, seed=1)
    np.testing.assert_allclose(found.array[:, :6, :, 0], np.repeat(x[:, :6], 5, 0), atol=1e-6)
    own = mapped.encode(stripes(1))
    np.testing.assert_allclose(found.codes[:, :, :3], np.repeat(own, 5, 0)[:, :, :3], atol=1e-5)
    assert found.codes[:, :, 3:].std(0).mean() > 0.1   # the rest differs from draw to draw


def test_a_part_is_drawn_wholly_anew_unless_a_strength_is_given(mapped):
    def changed(**more) -> float:
        found = mapped.generate(8, image=stripes(1), mask=half(), steps=6, seed=1, **more).codes
        return float(np.abs(found - mapped.encode(stripes(1)))[:, :, 3:].mean())
    assert changed(strength=0.05) < 0.3 * changed()


def test_a_place_that_is_masked_in_part_is_drawn_as_a_whole():
    anew = np.zeros((8, 8), bool)
    anew[3, 4] = True
    kept = kept_places(anew, (2, 4, 4))[0, 0]
    assert (~kept).nonzero().tolist() == [[1, 2]]
    padded = kept_places(np.pad(anew, (0, 1)), (2, 5, 5))[0, 0]   # of 10x10, 9x9 were known
    assert not padded[:3, 1:4].any()


def test_masks_are_files_too_from_the_shell(mapped, tmp_path, hourglass):
    Image.fromarray(stripes(1)[0]).save(tmp_path / "a.png")
    Image.fromarray(half().astype(np.uint8) * 255).save(tmp_path / "mask.png")
    run = mapped.folder.path
    code, _, told = hourglass(f"generate {run} --image {tmp_path / 'a.png'} --mask "
                              f"{tmp_path / 'mask.png'} --prompt dark --steps 3 -n 3 -o "
                              f"{tmp_path / 'drawn.npy'}")
    assert code == 0, told
    drawn = np.load(tmp_path / "drawn.npy")
    np.testing.assert_allclose(drawn[:, :6, :, 0], np.repeat(stripes(1)[:, :6] / 255, 3, 0),
                               atol=1e-6)
    code, _, told = hourglass(f"generate {run} --mask {tmp_path / 'mask.png'} -n 3")
    assert code == 2 and "--image" in told


@pytest.mark.parametrize(("options", "words"), [
    ({"mask": np.zeros((10, 10))}, "same everywhere"), ({"mask": np.eye(4)}, "4x4 pixels"),
    ({"mask": np.eye(10), "image": ""}, "gets new content")])
def test_masks_without_meaning_are_refused(mapped, options, words):
    with pytest.raises(ValueError, match=words):
        mapped.generate(2, **{"image": stripes(1), **options})


def test_a_mask_of_vectors_is_refused():
    with pytest.raises(ValueError, match="latents that are maps"):
        kept_places(half(), (5,))
    assert DiffusionWish(anew=half()).is_told


@pytest.mark.parametrize("text", ["flow(min_snr=5)", "edm(min_snr=5)"])
def test_min_snr_bounds_the_weight_of_the_error_of_the_denoised(text):
    sigma = torch.tensor([0.01, 0.1, 0.5, 2.0, 30.0], dtype=torch.double)
    model = LatentDiffusion("mlp(width=8, depth=1)", (3,), noising=text).double()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    u, noise = torch.randn(2, 5, 3, dtype=torch.double)
    told = model.nothing(5)
    clean = model.denoised(u + sigma[:, None] * noise, sigma, told)
    expected = (1 / sigma ** 2).clamp(max=5) * (clean - u).square().mean(1)
    torch.testing.assert_close(model.loss(u, sigma, noise, told), expected)


def test_times_are_uniform_or_logit_normal():
    normal = torch.randn(20_000, generator=torch.Generator().manual_seed(0)).double()
    even = 1 / (1 + noising_of("flow(times='uniform')").draw(normal))
    shares = torch.histc(even, 10, 0, 1) / len(even)
    torch.testing.assert_close(shares, torch.full((10,), 0.1).double(), atol=0.01, rtol=0)
    logit = (1 / (1 + noising_of("flow(mean=0.5, std=0.8)").draw(normal))).logit()
    assert float(logit.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(logit.std()) == pytest.approx(0.8, abs=0.02)


def test_a_validation_loss_that_rises_is_said_to_mean_copies():
    epochs = list(range(1, 41))
    fell = [1 / e for e in epochs]
    assert not learnt_by_heart(epochs, fell, "runs/2") and not learnt_by_heart([1, 2], [1, 9], "r")
    risen = fell[:20] + [0.05 + 0.001 * i for i in range(20)]
    said = learnt_by_heart(epochs, risen, "runs/2")
    assert "around epoch 21" in said or "around epoch 20" in said
    assert "copies" in said and "hourglass generate runs/2 --nearest" in said
    noisy = [0.5 + 0.01 * (-1) ** e for e in epochs]
    assert not learnt_by_heart(epochs, noisy, "runs/2")
