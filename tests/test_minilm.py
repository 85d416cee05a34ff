"""MiniLM: its network against BERT written out; and, where its weights are, what they know."""

import math

import pytest
import torch
from safetensors.torch import save_file

from hourglass.inference.text_encoders import minilm
from hourglass.inference.text_encoders.minilm import MiniLM, bert_of, is_installed

LAYERS, WORDS, PLACES = 2, 40, 16   # fewer than the real one has


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Random weights under the names and in the shapes of the package's file."""
    random, width = torch.Generator().manual_seed(0), minilm.WIDTH
    linear = {"attention.self.query": (width, width), "attention.self.key": (width, width),
              "attention.self.value": (width, width), "attention.output.dense": (width, width),
              "intermediate.dense": (4 * width, width), "output.dense": (width, 4 * width)}
    shapes = {f"embeddings.{kind}_embeddings.weight": (count, width) for kind, count in (
        ("word", WORDS), ("position", PLACES), ("token_type", 2))}
    for layer in range(LAYERS):
        for name, shape in linear.items():
            start = f"encoder.layer.{layer}.{name}"
            shapes |= {f"{start}.weight": shape, f"{start}.bias": shape[:1]}
    norms = ["embeddings.LayerNorm", *(
        f"encoder.layer.{i}.{kind}.LayerNorm" for i in range(LAYERS)
        for kind in ("attention.output", "output"))]
    shapes |= {f"{norm}.{kind}": (width,) for norm in norms for kind in ("weight", "bias")}
    return {name: torch.randn(shape, generator=random) / width ** 0.5 + ("LayerNorm.weight" in name)
            for name, shape in shapes.items()}


def written_out(w: dict[str, torch.Tensor], ids: list[int]) -> torch.Tensor:
    """BERT for one text without padding, step by step (Devlin et al., 2019, arXiv 1810.04805)."""
    def dense(h: torch.Tensor, name: str) -> torch.Tensor:
        return h @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(h: torch.Tensor, name: str) -> torch.Tensor:
        h = (h - h.mean(1, keepdim=True)) / (h.var(1, keepdim=True, unbiased=False) + 1e-12).sqrt()
        return h * w[f"{name}.LayerNorm.weight"] + w[f"{name}.LayerNorm.bias"]

    start = "embeddings."
    h = norm(w[f"{start}word_embeddings.weight"][ids]
             + w[f"{start}position_embeddings.weight"][:len(ids)]
             + w[f"{start}token_type_embeddings.weight"][0], "embeddings")
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}"
        q, k, v = (dense(h, f"{layer}.attention.self.{kind}").view(
            len(ids), minilm.HEADS, -1).transpose(0, 1) for kind in ("query", "key", "value"))
        scores = (q @ k.transpose(1, 2) / math.sqrt(minilm.WIDTH / minilm.HEADS)).softmax(2)
        seen = (scores @ v).transpose(0, 1).flatten(1)
        h = norm(h + dense(seen, f"{layer}.attention.output.dense"), f"{layer}.attention.output")
        wide = dense(h, f"{layer}.intermediate.dense")
        wide = wide * (1 + torch.erf(wide / math.sqrt(2))) / 2
        h = norm(h + dense(wide, f"{layer}.output.dense"), f"{layer}.output")
    mean = h.mean(0)
    return mean / mean.norm()


def test_the_network_is_bert_and_padding_changes_nothing(weights, tmp_path, monkeypatch):
    for name, value in {"LAYERS": LAYERS, "WORDS": WORDS, "PLACES": PLACES}.items():
        monkeypatch.setattr(minilm, name, value)
    save_file(weights, tmp_path / "model.safetensors")
    network = bert_of(tmp_path / "model.safetensors")
    texts = [[1, 5, 7, 9, 2], [1, 30, 2]]
    ids = torch.tensor([texts[0], [*texts[1], 0, 0]])
    there = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    found = network(ids, there)
    for row, text in zip(found, texts, strict=True):
        torch.testing.assert_close(row, written_out(weights, text), atol=1e-5, rtol=1e-4)


if is_installed():   # the extra is 90 MB, and needs packages that tests do not

    def test_minilm_knows_which_sentences_mean_the_same():
        encoder = MiniLM(())
        told = encoder.features(["a crimson heart", "a red heart", "the flag of Germany"])
        assert told.norm(dim=1).tolist() == pytest.approx([384 ** 0.5] * 3)
        same, other = told[0] @ told[1] / 384, told[0] @ told[2] / 384
        assert same > 0.6 > 0.4 > other
        alone = encoder.features(["a red heart"])[0]
        torch.testing.assert_close(alone, told[1], atol=1e-4, rtol=1e-3)   # padding changes nothing


def test_without_its_weights_it_is_said_which_extra_has_them(monkeypatch):
    monkeypatch.setattr(minilm, "PACKAGE", "a_package_that_is_not_there")
    minilm._loaded.cache_clear()
    with pytest.raises(ValueError, match=r"hourglass\[prompt\]"):
        MiniLM(())
    assert not is_installed()
