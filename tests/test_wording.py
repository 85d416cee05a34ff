"""Messages agree with their numbers, name what is near, and know other tools' words."""

import numpy as np
import pytest

from hourglass.core.console import say, tell
from hourglass.core.hints import FEW, NEAR, did_you_mean
from hourglass.core.other_words import NAMES_OF_OTHERS, known_by
from hourglass.core.registry import REGISTRIES, backbones, stops
from hourglass.core.wording import NOUNS, agree, counted
from hourglass.run.aliases import ANSWERS, LOSSES
from hourglass.run.settings import Settings, make_settings
from hourglass.tasks.python_words import in_python


@pytest.mark.parametrize("text, right", [
    ("1 files cannot be read", "1 file cannot be read"),
    ("x.csv: 1 empty lines are left out", "x.csv: 1 empty line is left out"),
    ("1 images of more than 8 bits, such as a.png, are", "1 image of more than 8 bits, such as "
     "a.png, is"), ("1 files, such as b.png, in c", "1 file, such as b.png, in c"),
    ("1 units are short and are left out; 2 are not", "1 unit is short and is left out; 2 are not"),
    ("1 of 1 labelled windows are found", "1 of 1 labelled windows is found"),
    ("none of the 1 items", "none of the 1 items"),
    ("1 of 12 rows have no label", "1 of 12 rows has no label"),
    ("1 categories, 1 stretches, 1 classes", "1 category, 1 stretch, 1 class"),
    ("11 files, 0.1 samples, 2,001 rows are", "11 files, 0.1 samples, 2,001 rows are"),
    ("0 to 1 images, fewer than 1 samples", "0 to 1 images, fewer than 1 samples"),
    ("samples 1, 2 are", "samples 1, 2 are"), ("window=1 steps", "window=1 steps")])
def test_one_thing_is_not_said_to_be_many(text, right, capsys):
    assert agree(text) == in_python(text) == right
    say(text)
    tell(text)
    said = capsys.readouterr()
    assert said.err == said.out == right + "\n"


def test_counted_things_have_their_plural():
    assert [counted(n, "batch") for n in (1, 2)] == ["1 batch", "2 batches"]
    assert counted(1234, "category") == "1,234 categories"
    assert all(agree(f"1 {noun}s are") == f"1 {noun} is" for noun in NOUNS if noun != "series")


def test_few_names_are_listed_and_of_many_the_near_ones():
    many = [f"part_{i}" for i in range(60)]
    assert did_you_mean("part_7", many).count("part_") <= NEAR
    assert did_you_mean("pra", ["par", "other"]) == "did you mean 'par'? (there are par, other)"
    near = did_you_mean("gausian", REGISTRIES["bottlenecks"].parts)
    assert "'gaussian'" in near and near.count(",") < FEW
    assert did_you_mean("critic_gan_3", ["kl", "vae_gan", "wae_gan"]).startswith(
        "did you mean 'vae_gan' or 'wae_gan'?")
    with pytest.raises(ValueError, match="see them all: hourglass list figures, such as"):
        REGISTRIES["figures"].make("zzz")


@pytest.mark.parametrize("kind, other, own", [
    ("likelihoods", "gaussian", "normal"), ("backbones", "cnn", "conv"),
    ("backbones", "fully_connected", "mlp"), ("bottlenecks", "VectorQuantizer", "vq"),
    ("stops", "EarlyStopping", "early"), ("schedules", "ReduceLROnPlateau", "plateau"),
    ("schedules", "CosineAnnealingLR", "cosine"), ("optimisers", "AdamW", "adamw"),
    ("terms", "kld", "kl"), ("terms", "reconstruction_loss", "recon"), ("models", "BetaVAE",
     "beta_vae"), ("models", "vanilla_vae", "vae"), ("models", "VQVAE", "vq_vae"),
    ("corruptions", "gaussian_noise", "noise"), ("augmentations", "RandomHorizontalFlip", "flip"),
    ("priors", "gmm", "mixture"), ("detectors", "reconstruction_error", "error")])
def test_parts_are_found_by_other_tools_names(kind, other, own):
    with pytest.raises(ValueError, match=f"no .* is named '{other}'; did you mean '{own}'"):
        REGISTRIES[kind].make(other)


def test_names_of_others_lead_to_names_that_exist():
    ours = {name for registry in REGISTRIES.values() for name in registry.parts}
    ours |= {option for registry in REGISTRIES.values() for name in registry.parts
             for option in registry.options(name)}
    ours |= {*Settings.model_fields, "leaky_relu", "silu", "batch", "layer", "group", "instance",
             "constant", "codes"}
    assert not {*NAMES_OF_OTHERS} - ours
    assert known_by("Hidden-Sizes", ["widths", "norm"]) == ["widths"]
    assert known_by("widths", ["norm"]) == []


@pytest.mark.parametrize("word, own", [("LeakyReLU", "leaky_relu"), ("swish", "silu"),
                                       ("ELU", "elu")])
def test_activations_are_found_by_other_names(word, own):
    with pytest.raises(ValueError, match=f"activation must be .*did you mean '{own}'"):
        backbones.make(f"mlp(8, activation='{word}')", (4,), (4,))


@pytest.mark.parametrize("text, meant", [
    ("mlp(32, 16)", r"mlp\(\(32, 16\)\)"),
    ("mlp(64, 32, 16, 8, 4)", r"mlp\(\(64, 32, 16, 8, 4\)\)"),
    ("resnet(8, 16, 32)", r"resnet\(\(8, 16, 32\)\)")])
def test_several_numbers_for_one_tuple_are_answered_with_the_tuple(text, meant):
    with pytest.raises(ValueError, match=f"as one tuple: write {meant}"):
        backbones.make(text, (1, 16, 16), (1, 16, 16))


@pytest.mark.parametrize("text, note", [
    ("conv(16, 8, 4)", "conv(16, 8, 4) is read as conv(filters=16, kernel=8, stride=4); for 3 "
                       "layers write conv((16, 8, 4))"),
    ("conv(16, kernel=8)", ""), ("conv((16, 8, 4))", ""), ("mlp(32)", ""), ("auto", "")])
def test_numbers_that_may_be_layers_are_named(text, note):
    assert backbones.by_place(text) == note


@pytest.mark.parametrize("word, likelihood", [
    ("mse_loss", "normal"), ("MSELoss", "normal"), ("l1_loss", "laplace"),
    ("BCEWithLogitsLoss", "bernoulli"), ("binary_cross_entropy_with_logits", "bernoulli")])
def test_pytorchs_losses_name_their_likelihood(word, likelihood):
    assert word.lower() in LOSSES
    assert make_settings({"loss": f"{word} + 4 * kl"}).likelihood == likelihood


def test_a_likelihood_may_be_called_gaussian(capsys):
    assert make_settings({"likelihood": "gaussian"}).likelihood == "normal"
    assert "the likelihood gaussian is called normal here" in capsys.readouterr().err


@pytest.mark.parametrize("flags, words", [
    ("--beta 4", 'no such option: --beta; write --model "beta_vae(16, 4)", or --loss "recon'),
    ("--kl-weight 4", 'write --model "beta_vae'), ("--hidden-layers 3", '--backbone "mlp((512'),
    ("--n-epochs 2", "no such option: --n-epochs; did you mean --epochs?"),
    ("--lr-scheduler cosine", "did you mean --schedule?"), ("--num-workers 4", "in parallel"),
    ("--foo 4", "No such option: --foo")])
def test_flags_of_other_tools_are_answered(flags, words, hourglass):
    code, _, said = hourglass(f"train digits {flags}")
    assert code == 2 and words in said and len(said.splitlines()) < 3


def test_an_answer_names_texts_that_can_be_read():
    assert "did you mean" not in make_settings({"loss": "recon + ramp(epochs=10) * kl"}).loss
    assert all(text and not text.endswith(";") for text in ANSWERS.values())
    with pytest.raises(ValueError, match="hourglass train --help describes them all"):
        make_settings({"foo_bar_baz": 1})
    assert stops.make("early(patience=10)")


def test_a_model_whose_folder_is_gone_says_so(copied_run):
    import shutil

    import hourglass as hg
    model = hg.load(copied_run.path)
    assert len(model.history["epoch"]) == 2
    shutil.rmtree(copied_run.path)
    assert np.isfinite(model.encode(np.load("x.npy"))).all()
    with pytest.raises(ValueError, match=r"the run folder .* is gone, and the history with it"):
        _ = model.history
