"""The options of the backbone `conv` that tutorials use, against layers written out by hand."""

import pytest
import torch
from torch import nn

import hourglass as hg
from hourglass.core.registry import backbones
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.older_texts import backbone_of
from hourglass.run.settings import make_settings, read_recipe

IMAGE = (1, 28, 28)


def convolutions(backbone):
    return [m for m in backbone.encoder.modules() if isinstance(m, nn.Conv2d)]


@pytest.mark.parametrize("text, kernels, strides", [
    ("filters=(4, 3, 2), kernel=(3, 5)", [(3, 5)] * 3, [(2, 2)] * 3),
    ("filters=(4, 3), kernel=(3, 5)", [(3, 5)] * 2, [(2, 2)] * 2),
    ("kernel=(3, 5)", [(3, 5)] * 2, [(2, 2)] * 2),
    ("filters=(4, 3), kernel=((3, 3), (5, 7))", [(3, 3), (5, 7)], [(2, 2)] * 2),
    ("filters=(4, 3, 2), kernel=(3, 5, 7)", [(3, 3), (5, 5), (7, 7)], [(2, 2)] * 3),
    ("filters=(4, 3, 2), stride=(2, 1, 2)", [(3, 3)] * 3, [(2, 2), (1, 1), (2, 2)]),
    ("filters=(4, 3, 2), stride=(2, 1)", [(3, 3)] * 3, [(2, 1)] * 3),
    ("filters=(4, 3), stride=((2, 2), (1, 2)), kernel=5", [(5, 5)] * 2, [(2, 2), (1, 2)])])
def test_kernels_and_strides_have_a_height_and_a_width_or_one_a_block(text, kernels, strides):
    found = convolutions(backbones.make(f"conv({text})", IMAGE, IMAGE))
    assert [layer.kernel_size for layer in found] == kernels
    assert [layer.stride for layer in found] == strides


@pytest.mark.parametrize("final", ["same", "valid", "direct"])
@pytest.mark.parametrize("up", ["transpose", "nearest", "bilinear"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("pool", ["none", "max"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 33, 26)])
def test_every_choice_comes_back_to_the_images_size(final, up, padding, pool, shape):
    made = backbones.make(f"conv(filters=(4, 3), kernel=(3, 5), stride=((2, 2), (1, 2)), "
                          f"final={final!r}, up={up!r}, padding={padding!r}, pool={pool!r})",
                          shape, shape)
    h, _ = made.encoder(torch.zeros(2, *shape))
    assert h.shape == (2, *made.code)
    assert made.decoder(h, ()).shape == (2, *shape)


def test_an_unpadded_encoder_is_torchs_own():
    made = backbones.make("conv(filters=(4, 3), kernel=(3, 5), padding='valid')", IMAGE, IMAGE)
    by_hand = nn.Sequential(nn.Conv2d(1, 4, (3, 5), 2), nn.ReLU(), nn.Conv2d(4, 3, (3, 5), 2),
                            nn.ReLU())
    by_hand.load_state_dict(made.encoder.layers.state_dict())
    x = torch.rand(2, *IMAGE)
    torch.testing.assert_close(made.encoder(x)[0], by_hand(x))
    assert made.code == (3, 6, 4)   # (28 - 3) // 2 + 1 = 13, then 6; (28 - 5) // 2 + 1 = 12, then 4


def test_the_decoders_dense_layer_can_stay_linear():
    usual, linear = (backbones.make(f"conv((4,){more})", IMAGE, IMAGE)
                     for more in ("", ", dense_activation=False"))
    assert isinstance(usual.decoder.layers[0], nn.ReLU)
    assert not isinstance(linear.decoder.layers[0], nn.ReLU)
    weights = [sum(p.numel() for p in made.decoder.parameters()) for made in (usual, linear)]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("text", ["kernel=(3, 5, 7)", "stride=(1, 2, 1)", "kernel=((3, 3),)"])
def test_as_many_kernels_as_blocks_are_asked_for(text):
    with pytest.raises(ValueError, match=r"pass one .* per block"):
        backbones.make(f"conv(filters=(4, 3), {text})", IMAGE, IMAGE)


def test_an_activation_may_be_called_linear():
    made = backbones.make("conv((4,), activation='linear')", IMAGE, IMAGE)
    x = torch.rand(1, *IMAGE)
    torch.testing.assert_close(made.encoder(2 * x)[0] - made.encoder(x)[0],
                               made.encoder(x)[0] - made.encoder(0 * x)[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("named, likelihood", [
    ("linear", "normal"), ("sigmoid", "bernoulli"), ("mae", "laplace")])
def test_an_outputs_activation_names_its_likelihood(named, likelihood):
    assert make_settings({"likelihood": named}).likelihood == likelihood


@pytest.mark.parametrize("recipe, shape, weights", [
    ("tutorial_cae", IMAGE, 4723), ("fast_cae", IMAGE, 4723), ("keras_conv_ae", IMAGE, 28353)])
def test_published_counts_of_weights_stay(recipe, shape, weights):
    parts = make_settings(read_recipe(recipe)).parts().fitted(shape, 0, 1)
    assert sum(p.numel() for p in Autoencoder(parts, shape).parameters()) == weights


@pytest.mark.parametrize("text, means", [
    ("conv(filters=(4, 3), kernel=(3, 5))", "kernel=((3, 3), (5, 5))"),
    ("conv((4, 3), (3, 5))", "kernel=((3, 3), (5, 5))"),
    ("spectral('conv((4, 3), (3, 5))')", "kernel=((3, 3), (5, 5))"),
    ("conv(filters=(4, 3), kernel=(3, 3))", "kernel=(3, 3)"), ("mlp", "mlp"),
    ("unet((4, 3))", "unet((4, 3))")])
def test_a_pair_of_kernels_in_an_older_run_is_one_a_block(text, means):
    assert means in backbone_of(text, {})
    assert backbone_of(text, {"format": 2}) == text


def test_a_new_run_keeps_its_height_and_width(tmp_path):
    x = torch.rand(32, 12, 12).numpy()
    model = hg.train(x, out=tmp_path / "run", backbone="conv((4, 3), (3, 5))", model="ae(2)",
                     epochs=1, report=False, quiet=True)
    again = hg.load(tmp_path / "run").model
    assert convolutions(again)[0].kernel_size == (3, 5)
    assert (hg.load(tmp_path / "run").encode(x) == model.encode(x)).all()
    hg.resume(tmp_path / "run", data=x, epochs=2, report=False, quiet=True)
