"""A part's full contract can be read in one place, and is checked before training starts."""

import numpy as np
import pytest
import torch
from torch import nn

import hourglass as hg
from hourglass.core import part_contracts as contracts
from hourglass.core.contracts import CodeSpace
from hourglass.core.part_contracts import check_part, members, offers
from hourglass.core.registry import bottlenecks, likelihoods, priors, terms
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.parts import Parts

KINDS = {"bottleneck": lambda text: bottlenecks.make(text, (8, 4, 4), (8, 4, 4)),
         "likelihood": likelihoods.make}
OPTIONAL = [(registry, example, contract) for registry, contract, examples in (
    (bottlenecks, contracts.LearnsInputs, ["vamp(2, 3)"]),
    (bottlenecks, contracts.Settles, ["sphere(3)", "topk(8, 2)", "vq(8, 2)"]),
    (bottlenecks, contracts.Discrete, ["vq(8, 2)", "fsq((3, 3))", "categorical(2, 3)"]),
    (bottlenecks, contracts.SeveralBooks, ["product_vq(8, 4, 2)"]),
    (likelihoods, contracts.Starts, ["bernoulli", "normal", "negative_binomial"]),
    (likelihoods, contracts.Adapts, ["normal('optimal')"]),
    (likelihoods, contracts.Shows, ["negative_binomial"]),
    (likelihoods, contracts.OfCounts, ["negative_binomial"]))
    for example in examples]


def images() -> np.ndarray:
    return np.random.default_rng(0).random((32, 8, 8)).astype(np.float32)


@pytest.fixture
def own_prior():
    """A user's own prior without the members that are named."""
    def add(*lacking: str) -> str:
        class Mine(nn.Module):
            groups = 1

            def __init__(self, space: CodeSpace):
                super().__init__()
                self.dim = space.dim

            def fit(self, z: torch.Tensor, y: torch.Tensor) -> None:
                pass

            def sample(self, y: torch.Tensor, temperature: float) -> torch.Tensor:
                return torch.zeros(len(y), self.dim)
        for name in lacking:
            delattr(Mine, name)
        priors.add("mine")(Mine)
        return "mine"
    assert priors.parts   # so that all others are there
    yield add
    priors.registered.pop("mine", None)
    priors.examples.pop("mine", None)


@pytest.mark.parametrize("kind", ["bottleneck", "likelihood"])
def test_every_part_offers_what_its_kind_must(kind):
    registry = {"bottleneck": bottlenecks, "likelihood": likelihoods}[kind]
    for name in registry.parts:
        check_part(kind, name, KINDS[kind](registry.examples[name]))


@pytest.mark.parametrize("name", priors.parts)
def test_every_prior_offers_what_priors_must(name):
    words = bottlenecks.make("vq(8, 2)", (8, 4, 4), (8, 4, 4))
    space = CodeSpace(50, 32, 2, words.sample_prior, (2, 4, 4), words.alphabet)
    check_part("prior", name, priors.make(priors.examples[name], space))


@pytest.mark.parametrize("registry, example, contract", OPTIONAL)
def test_optional_contracts_are_known_by_their_members(registry, example, contract):
    given = ((8, 4, 4), (8, 4, 4)) if registry is bottlenecks else ()
    assert offers(registry.make(example, *given), contract)
    plain = registry.make("plain(3)" if given else "continuous_bernoulli", *given)
    assert not offers(plain, contract) or contract is contracts.Starts


def test_terms_say_what_they_offer():
    model = Autoencoder(Parts(bottleneck="gaussian(2)", backbone="mlp(8)",
                              likelihood="bernoulli"), (1, 8, 8))
    found = {name: terms.make(name, model)
             for name in ("recon", "joint_kl", "gan", "learned_likeness")}
    assert offers(found["recon"], contracts.CountsHidden)
    assert offers(found["joint_kl"], contracts.Scheduled)
    assert not offers(found["gan"], contracts.Scheduled)
    rivals = [name for name, term in found.items() if offers(term, contracts.Adversarial)]
    assert rivals == ["gan", "learned_likeness"]
    assert offers(found["learned_likeness"], contracts.Fixed)
    assert not offers(found["gan"], contracts.Fixed)


def test_a_contract_names_members_alone():
    assert members(contracts.Prior) == ["groups", "fit", "sample"]
    assert members(contracts.Adversarial) == ["rival", "rate", "rival_loss"]


@pytest.mark.parametrize("lacking", [("groups",), ("sample",), ("fit", "groups")])
def test_a_prior_that_lacks_something_is_refused_before_training(lacking, own_prior, tmp_path):
    text = own_prior(*lacking)
    with pytest.raises(ValueError, match=f"the prior mine has no .*{lacking[0]}"):
        hg.train(images(), model="ae(2)", backbone="mlp(8)", prior=text, epochs=1, quiet=True,
                 report=False, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_prior_of_ones_own_is_fitted_and_drawn_from(own_prior, tmp_path):
    model = hg.train(images(), model="ae(2)", backbone="mlp(8)", prior=own_prior(), epochs=1,
                     quiet=True, report=False, out=tmp_path / "run")
    assert model.sample(3).shape == (3, 8, 8, 1) and not model.draw(3)[1].any()


@pytest.mark.parametrize("prior, says", [
    ("mixtur", "no prior is named"), ("mixture(dim=3)", "takes no"),
    ("pixelcnn", "needs a bottleneck with discrete codes")])
def test_a_prior_that_cannot_be_is_refused_before_training(prior, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        hg.train(images(), model="ae(2)", backbone="mlp(8)", prior=prior, epochs=1, quiet=True,
                 report=False, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_bottleneck_that_lacks_something_is_named(tmp_path):
    assert bottlenecks.parts

    @bottlenecks.add("thin")
    class Thin(nn.Module):
        """Codes that nothing expands."""

        def __init__(self, code: tuple[int, ...], back: tuple[int, ...]):
            super().__init__()
    try:
        with pytest.raises(ValueError, match="the bottleneck thin has no confined and no expand"):
            Autoencoder(Parts(bottleneck="thin", backbone="mlp(8)", likelihood="bernoulli"), (4,))
    finally:
        del bottlenecks.registered["thin"], bottlenecks.examples["thin"]
