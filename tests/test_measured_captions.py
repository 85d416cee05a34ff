"""Captions of what is measured in images: their grammar, and which images have which word."""

import numpy as np
import pytest
import torch

import hourglass as hg
from hourglass.data.collect import split
from hourglass.data.measured_captions import WORDS, measured_captions, sentences
from hourglass.data.sources.arrays import from_array
from hourglass.run.diffusion_settings import diffusion_settings


@pytest.mark.parametrize(("name", "words", "found"), [
    ("3", ("slanted", "thick"), ("3", "a three", "a three, slanted", "a three, thick",
                                 "a three, slanted, thick")),
    ("8", ("thin",), ("8", "an eight", "an eight, thin")),
    ("tea_cup", (), ("tea cup", "a tea cup")),
    ("10", (), ("10", "a 10")),
    ("", ("wide",), ("a shape", "a shape, wide"))])
def test_captions_name_the_class_alone_with_each_word_and_with_all(name, words, found):
    assert sentences(name, words) == found


def bars(count: int = 40) -> np.ndarray:
    """White bars (N, 12, 12) on black, of two kinds, short and long; each kind from one to four
    columns thick, and leaning from not at all to four columns to the right."""
    x = np.zeros((count, 12, 12), np.float32)
    for i in range(count):
        height, thick, lean = (6, 12)[i % 2], 1 + (i // 2) % 4, (i // 8) % 5
        for row in range(height):
            start = 2 + round(lean * (height - 1 - row) / (height - 1))
            x[i, row, start:start + thick] = 1
    return x


def described(x: np.ndarray, kind: str = "strokes") -> tuple[list[tuple[str, ...]], str]:
    """The captions of these images of two classes, all of training, and the note."""
    found = split(from_array(x, np.arange(len(x)) % 2), {}, 0)
    captions, note = measured_captions(found, kind)
    return list(captions), note


def test_words_are_of_the_quarters_of_a_class():
    x = bars(80)
    captions, note = described(x)
    ink = x.sum((1, 2))
    for kind in (0, 1):   # a short thick bar has less ink than a long thin one
        own = np.arange(len(x)) % 2 == kind
        low, high = np.quantile(ink[own], [0.25, 0.75])
        for caption, value in zip(np.array(captions, object)[own], ink[own], strict=True):
            words = caption[-1].split(", ")
            assert ("thick" in words) == (value > high) and ("thin" in words) == (value < low)
    assert "slanted" in captions[39][-1] and "upright" in captions[0][-1]
    assert "thin and thick" in note and "of a class" in note


def test_dark_strokes_are_measured_as_bright_ones_are():
    bright, dark = described(bars()), described(1 - bars())
    assert bright[0] == dark[0] and "dark on bright" in dark[1]


def test_words_of_colour_pictures_say_how_warm_and_bright_they_are():
    x = np.random.default_rng(0).random((40, 6, 6, 3)).astype(np.float32) / 4
    x[:8, :, :, 0] += 0.7
    x[8:16, :, :, 2] += 0.7
    found = split(from_array(x), {}, 0)
    captions, note = measured_captions(found, "colours")
    assert all("warm" in texts[-1] for texts in captions[:8])
    assert all("cold" in texts[-1] for texts in captions[8:16])
    assert captions[0][0] == "a shape" and "of a class" not in note


def test_images_that_are_alike_get_no_words():
    captions, _ = described(np.repeat(bars(2), 10, 0))
    words = {word for pair in WORDS["strokes"].values() for word in pair}
    assert not any(words & set(text.split(", ")) for texts in captions for text in texts)


@pytest.mark.parametrize(("values", "words"), [
    ({"captions": "sizes"}, "captions must be one of"),
    ({"captions": "strokes", "text": "none"}, "need a text encoder"),
    ({"noising": "flow(times='cosine')"}, "times must be"),
    ({"noising": "flow(min_snr=0)"}, "min_snr"),
    ({"noising": "edm(steps=3)"}, "edm takes no 'steps'")])
def test_settings_of_captions_and_noise_are_checked_at_once(values, words):
    with pytest.raises(ValueError, match=words):
        diffusion_settings(values)


def test_colours_of_grey_images_and_measures_of_vectors_are_refused():
    with pytest.raises(ValueError, match="--captions strokes"):
        described(bars(), "colours")
    with pytest.raises(ValueError, match="are measured in images"):
        measured_captions(split(from_array(np.random.default_rng(0).random((20, 3))), {}, 0),
                          "strokes")


def test_a_prompt_steers_what_its_word_measures(tmp_path):
    x = bars(160)
    np.savez(tmp_path / "bars.npz", x=x, y=np.where(np.arange(len(x)) % 2, "long", "short"))
    first = hg.train(str(tmp_path / "bars.npz"), model="ae(6)", backbone="mlp(widths=64)",
                     out=tmp_path / "first", epochs=30, batch_size=32, lr=0.005, report=False,
                     quiet=True)
    model = hg.latent_diffusion(first, "mlp(width=48, depth=1)", out=tmp_path / "run", epochs=40,
                                text="words", captions="strokes", batch_size=32, lr=0.003,
                                quiet=True)
    thick, thin = (model.generate(16, prompt=f"long, {word}", steps=8, guidance=2).array.mean()
                   for word in ("thick", "thin"))
    assert thick > 1.5 * thin


def test_letters_that_are_also_articles_are_known_as_classes():
    from hourglass.inference.text_encoders.words import Words
    encoder = Words(("A", "B", "a picture of B"))
    assert encoder.remembers == ("a", "b", "picture")
    assert torch.equal(encoder.features(["A"])[0].nonzero().flatten(), torch.tensor([0]))
    assert not encoder.unknown("a B")
