"""Networks of a user's own: any torch modules as encoder and decoder of a model.

They are kept as weights and the names of their classes, never pickled, so another process must be
given them again.
"""

import copy
import hashlib
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..core.contracts import Backbone
from ..core.expressions import Call, read
from ..core.registry import OWN_NETWORKS, backbones, usual_backbone

Key = tuple[str, str, str]   # side, name of the class, and the mark of its layers
NETWORKS: dict[Key, nn.Module] = {}   # as they were given, by the texts that name them


class GivenEncoder(nn.Module):
    """A user's encoder, x (B, *shape) -> h (B, ...). Its tuple of skips is empty."""

    given = True   # training starts with its weights

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        output = self.network(x)
        return (output[0] if isinstance(output, tuple | list) else output), ()


class GivenDecoder(nn.Module):
    """A user's decoder, h (B, ...) -> (B, *out)."""

    given = True

    def __init__(self, network: nn.Module, takes: tuple[int, ...]):
        super().__init__()
        self.network, self.takes = network, takes

    def forward(self, h: Tensor, skips: tuple[Tensor, ...] = ()) -> Tensor:
        params: Tensor = self.network(h)
        return params


def give(encoder: Any = None, decoder: Any = None, other: str = "auto") -> str:
    """Keep copies of networks for the models that use them, and return the backbone's text. A side
    that is not given comes from the backbone `other`. Raises ValueError for what is not a module.
    """
    sides = {"encoder": encoder, "decoder": decoder}
    options: dict[str, Any] = {}
    for side, network in sides.items():
        if network is None:
            continue
        if not isinstance(network, nn.Module):
            raise ValueError(f"{side} must be a torch module (torch.nn.Module), such as "
                             f"nn.Sequential(...), not {type(network).__name__}")
        name = type(network).__name__
        NETWORKS[side, name, _mark(network)] = copy.deepcopy(network).cpu()
        options |= {side: name, f"{side}_mark": _mark(network)}
    if encoder is None or decoder is None:
        options["other"] = other
    _register()
    return str(Call(OWN_NETWORKS, (), options))


def give_again(text: str, encoder: Any, decoder: Any) -> None:
    """Give the networks that a saved model's backbone names. Raises ValueError for others."""
    call = read(text)
    if call.name != OWN_NETWORKS:
        raise ValueError(f"this model has no networks of your own: its backbone is {call.name}; "
                         f"leave encoder and decoder out")
    for side, network in (("encoder", encoder), ("decoder", decoder)):
        if network is None:
            continue
        name = call.kwargs.get(side, "")
        if type(network).__name__ != name:
            raise ValueError(f"the {side} of this model is {name or 'not one of your own'}, not a "
                             f"{type(network).__name__}")
        NETWORKS[side, name, call.kwargs[f"{side}_mark"]] = copy.deepcopy(network).cpu()
    _register()


def _register() -> None:
    if OWN_NETWORKS not in backbones.parts:
        backbones.add(OWN_NETWORKS)(networks)
        backbones.own[OWN_NETWORKS] = ""


def _mark(network: nn.Module) -> str:
    """A text that distinguishes a network from others of its class: its layers and their sizes."""
    shapes = [(name, tuple(t.shape)) for name, t in network.state_dict().items()]
    return hashlib.sha256(f"{network!r} {shapes}".encode()).hexdigest()[:8]


def networks(
    shape: tuple[int, ...], out: tuple[int, ...], encoder: str = "", encoder_mark: str = "",
    decoder: str = "", decoder_mark: str = "", other: str = "auto",
) -> Backbone:
    """Networks of your own, by the names of their classes. The encoder takes x (B, *shape) and
    gives h (B, ...); the decoder takes h and gives what the likelihood is made of, (B, *out)."""
    usual = backbones.make(usual_backbone(shape) if other == "auto" else other, shape, out) if (
        not encoder or not decoder) else None
    forth: nn.Module
    if encoder:
        forth = GivenEncoder(_copy("encoder", encoder, encoder_mark))
        code = _code_of(forth, encoder, shape)
    else:
        assert usual is not None
        forth, code = usual.encoder, usual.code
    if not decoder:
        assert usual is not None
        usual.decoder.takes = usual.code
        return Backbone(forth, usual.decoder, code)
    back = _copy("decoder", decoder, decoder_mark)
    return Backbone(forth, GivenDecoder(back, _taken_by(back, decoder, code, out)), code)


def missing_networks(text: str) -> str:
    """A message on networks that a backbone's text names and this process lacks, or ""."""
    call = read(text)
    names = {side: str(call.kwargs[side]) for side in ("encoder", "decoder")
             if call.name == OWN_NETWORKS and side in call.kwargs}
    if all((side, name, call.kwargs.get(f"{side}_mark")) in NETWORKS
           for side, name in names.items()):
        return ""
    arguments = ", ".join(f"{side}={name}(...)" for side, name in names.items())
    return (f"this model has networks of your own, {' and '.join(names.values())}. Give them "
            f"again, from Python: hg.load(run, {arguments})")


def _copy(side: str, name: str, mark: str) -> nn.Module:
    """The network of that name as it was given, where new tensors are made now: on the device meta,
    a model is only measured."""
    if (side, name, mark) not in NETWORKS:
        raise ValueError(f"this model has a network of your own as {side}, {name}. Give it again, "
                         f"from Python: hg.load(run, {side}={name}(...))")
    network = copy.deepcopy(NETWORKS[side, name, mark])
    return network.to("meta") if torch.get_default_device().type == "meta" else network


@torch.no_grad()
def _passed(network: nn.Module, shape: Sequence[int]) -> Any:
    """The output of a network in evaluation mode for two samples of that shape."""
    trained = network.training
    device = next((p.device for p in network.parameters()), torch.get_default_device())
    output = network.eval()(torch.zeros(2, *shape, device=device))
    network.train(trained)
    return output


def _code_of(encoder: nn.Module, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape (...) of the encoder's h for one sample, by one forward pass."""
    try:
        h = _passed(encoder.network, shape)  # type: ignore[arg-type]
    except Exception as error:   # whatever somebody's own code raises
        raise ValueError(f"the encoder {name} fails on a batch of shape {(2, *shape)}, which this "
                         f"data has: {_short(error)}") from error
    if isinstance(h, tuple | list) and len(h) == 1:
        h = h[0]
    if isinstance(h, tuple | list):
        raise ValueError(f"the encoder {name} gives {len(h)} results, such as a mean and a "
                         f"log-variance; it must give one tensor, the features h (B, ...). The "
                         f"bottleneck, as of vae(8), makes mean and log-variance of h with a "
                         f"dense layer of its own")
    if not isinstance(h, Tensor) or h.ndim not in (2, 3, 4) or len(h) != 2:
        got = tuple(h.shape) if isinstance(h, Tensor) else f"a {type(h).__name__}"
        raise ValueError(f"the encoder {name} must give a tensor (B, D), (B, C, T) or (B, C, H, W) "
                         f"of a batch {(2, *shape)}; it gives {got}")
    return tuple(h.shape[1:])


def _taken_by(
    decoder: nn.Module, name: str, code: tuple[int, ...], out: tuple[int, ...]
) -> tuple[int, ...]:
    """The shape (...) of h that the decoder takes: the shape that the encoder gives, or as many
    numbers as its first dense layer takes. Checked by one forward pass. Raises ValueError."""
    dense = next((m.in_features for m in decoder.modules() if isinstance(m, nn.Linear)), None)
    errors, wrong = [], []
    for tried in dict.fromkeys([code, *([(dense,)] if dense else [])]):
        try:
            output = _passed(decoder, tried)
        except Exception as error:   # whatever somebody's own code raises
            errors.append(f"the decoder {name} fails on h of shape {(2, *tried)}, which the "
                          f"encoder gives: {_short(error)}")
            continue
        if not isinstance(output, Tensor) or tuple(output.shape) != (2, *out):
            got = (tuple(output.shape) if isinstance(output, Tensor) else
                   f"a {type(output).__name__}")
            flat = isinstance(output, Tensor) and output.numel() == 2 * math.prod(out)
            wrong.append(f"the decoder {name} must give {('B', *out)} for this data and "
                         f"likelihood; of h {(2, *tried)} it gives {got}".replace("'B'", "B")
                         + f". End it with nn.Unflatten(1, {out})" * (flat and len(got) == 2)
                         + ". Its output lacks the axis of channels, as nn.Unflatten(1, "
                         f"{out}) makes it" * (flat and len(got) == len(out)))
            continue
        return tried
    raise ValueError((wrong or errors)[0])   # an error of a decoder that runs helps more


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
