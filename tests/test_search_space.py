"""Spaces: texts with holes, their names, what fills them, and what is refused in one line."""

import itertools
import re

import numpy as np
import pytest

from hourglass.core.registry import likelihoods
from hourglass.run.load_data import load_source
from hourglass.run.settings import make_settings
from hourglass.searching.costs import costs_of, extremes, read_limits, refused_by
from hourglass.searching.default_spaces import with_defaults
from hourglass.searching.holes import ChoiceHole, NumberHole, read_template
from hourglass.searching.objectives import columns_of
from hourglass.searching.space import at_end, every, expanded, from_values, read_space

QUIET = {"say": lambda text: None}


def by_hand(text: str) -> list[str]:
    """Every text that a text with holes can become, by replacing one innermost hole after the
    other: independent of the reader and of names."""
    hole = re.search(r"\{([^{}]*)\}", text)
    if hole is None:
        return [text]
    found = re.fullmatch(r"(\d+)\.\.(\d+)(?: step (\d+))?", hole[1])
    values = (map(str, range(int(found[1]), int(found[2]) + 1, int(found[3] or 1)))
              if found else hole[1].split("|"))
    return [whole for value in values
            for whole in by_hand(text[:hole.start()] + value + text[hole.end():])]


@pytest.mark.parametrize("text", [
    "ae({4..6})", "{8|16|32}", "conv(filters=({8|16}, {4..7}))", "mlp(({1..3}, {10..30 step 10}))",
    "{conv(filters=({8..9}, {1..2}))|mlp({64..66})}", "{a|b}({1..2}, {c|d({5..6}, {x|y})})",
    "64x{1..3}", "recon + {1..3} * kl(free_bits={0..1})", "no holes"])
def test_a_space_holds_exactly_the_texts_that_a_person_would_write(text):
    space = read_space({"backbone": text}, **QUIET)
    found = [space.fill(from_values(values))[0]["backbone"] for values in every(space)
             ] if space.holes else [text]
    assert sorted(found) == sorted(set(by_hand(text))) and len(found) == max(space.count, 1)


def test_independent_settings_multiply():
    space = read_space({"model": "ae({2..4})", "batch_size": "{16|32}", "epochs": 3}, **QUIET)
    found = {tuple(space.fill(from_values(values))[0].items()) for values in every(space)}
    wanted = {(("epochs", 3), ("model", f"ae({d})"), ("batch_size", b))
              for d, b in itertools.product((2, 3, 4), ("16", "32"))}
    assert found == wanted and space.count == 6


def test_holes_are_named_by_their_places():
    space = read_space({
        "model": "ae({4..64})", "lr": "{1e-4..1e-2}",
        "optimiser": "{adam|sgd(momentum={0.5..0.9})}",
        "backbone": "{conv(filters=({8|16}, {4..16}), kernel={3|5})|mlp({64..512})|mlp(({8..9},))}",
        "loss": "recon + {0.1..0.9} * kl(free_bits={0..2})", "corruption": "noise({0.1..0.5})"},
        **QUIET)
    assert list(space.holes) == [
        "model.dim", "lr", "optimiser", "optimiser.sgd.momentum", "backbone",
        "backbone.conv.filters.0", "backbone.conv.filters.1", "backbone.conv.kernel",
        "backbone.mlp.widths", "backbone.mlp.widths.0", "loss.kl", "loss.kl.free_bits",
        "corruption.noise.std"]


def test_the_same_place_in_two_options_has_two_names():
    space = read_space({"backbone": "{mlp({8..16})|mlp({100..200})}"}, **QUIET)
    assert list(space.holes) == ["backbone", "backbone.mlp.widths", "backbone.mlp.widths.2"]


@pytest.mark.parametrize("text, whole, log", [
    ("{4..64}", True, False), ("{4..400}", True, True), ("{1e-4..1e-2}", False, True),
    ("{0.1..0.5}", False, False), ("{1..64 log}", True, True),
    ("{1e-4..1e-2 linear}", False, False),
    ("{-3..3}", True, False), ("{-1.5..1.5}", False, False), ("{0..500}", True, False)])
def test_a_range_is_whole_without_point_or_exponent_and_log_over_decades(text, whole, log):
    (hole,) = read_template(text).own()
    assert isinstance(hole, NumberHole) and (hole.whole, hole.log) == (whole, log)


def test_numbers_are_written_short_and_within_their_bounds():
    (hole,) = read_template("{0.12346..0.98764}").own()
    assert hole.text(0.5555555) == "0.5556"
    for end in (hole.low, hole.high):
        assert hole.low <= float(hole.text(end)) <= hole.high


@pytest.mark.parametrize("text, words", [
    ("ae({})", "empty hole"), ("ae({4-64})", "write {4..64}"), ("ae({4,8})", "as in {4|8}"),
    ("ae({64..4})", "smaller number first: {4..64}"), ("ae({4..4})", "holds one value; write 4"),
    ("ae({4..64)", "never closed"), ("ae(4..64})", "without a {"), ("{8}", "neither a range"),
    ("{a|b|a}", "names 'a' twice"), ("{1..4|16}", "{{1..4}|16}"), ("{0..4 log}", "above 0"),
    ("{1..4 stpe 2}", "write log, linear"), ("{0.1..4 step 2}", "whole"),
    ("{1..1e400}", "too large"), ("{a|" * 30 + "b" + "}" * 30, "nested")])
def test_a_wrong_hole_is_refused_with_what_is_right(text, words):
    with pytest.raises(ValueError) as refused:
        read_space({"model": text}, **QUIET)
    assert words in str(refused.value) and len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["val", "size", "holdout", "only", "device", "seed"])
def test_what_all_trials_must_share_has_no_hole(name):
    with pytest.raises(ValueError, match=f"{name} must be the same for all trials"):
        read_space({name: "{1..2}"}, **QUIET)


@pytest.mark.parametrize("values, words", [
    ({"backbon": "mlp({8..16})"}, "did you mean 'backbone'"),
    ({"n_trials": 3}, "did you mean 'trials'"), ({"trials": 3}, "pass --trials"),
    ({"settings": {"lr": "{1..2}"}}, "remove the line \\[settings\\]"),
    ({"qqqq": 1}, "hourglass search --help describes them all")])
def test_an_unknown_setting_is_named_with_its_neighbour(values, words):
    with pytest.raises(ValueError, match=words):
        read_space(values, **QUIET)


@pytest.mark.parametrize("words, values, said", [
    (["33", "34", "35"], {"batch_size": "32"}, "--batch-size '{32..35}'"),
    (["ae5", "ae6"], {"model": "ae4"}, "--model 'ae{4..6}'"),
    (["15", "20"], {"batch_size": "10", "epochs": "3"}, "--batch-size '{10..20 step 5}'"),
    (["mnist"], {"batch_size": "32"}, "")])
def test_braces_that_a_shell_expanded_are_recognised(words, values, said):
    assert (said in expanded(words, values)) if said else expanded(words, values) == ""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    place = tmp_path_factory.mktemp("space") / "x.npy"
    np.save(place, np.random.default_rng(0).integers(0, 255, (64, 8, 8), np.uint8))
    return load_source(make_settings({"data": f"array({str(place)!r})"}))


def test_the_smallest_and_largest_model_are_those_of_all(source):
    space = read_space({"model": "{ae({2..4})|vae({2..3})}", "batch_size": 16,
                        "backbone": "{mlp({8|64|16})|mlp(({4..6}, {3..5}))}"}, **QUIET)
    costs = [costs_of(space.settings(from_values(values)), source) for values in every(space)]
    found = extremes(space, source)
    assert found.smallest.parameters == min(c.parameters for c in costs)
    assert found.largest.parameters == max(c.parameters for c in costs)
    made = space.settings(from_values(found.most))
    assert costs_of(made, source) == found.largest


def test_a_space_whose_largest_model_cannot_be_made_is_refused_with_its_settings(source):
    space = read_space({"model": "k_sparse_ae(8, {4..16})"}, **QUIET)
    with pytest.raises(ValueError, match=r"cannot be made: model k_sparse_ae\(8, 16"):
        extremes(space, source)


def test_limits_are_read_and_hold_at_their_bound(source):
    costs = costs_of(make_settings({"model": "ae(2)", "backbone": "mlp(8)"}), source)
    bound = int(costs.parameters)
    assert refused_by(read_limits(f"parameters <= {bound}"), costs) == ""
    below = f"parameters < {bound}"
    assert f"limit is {below}" in refused_by(read_limits(below), costs)
    assert refused_by(read_limits("parameters >= 1, memory <= 1e9"), costs) == ""
    for wrong in ("parameters", "parameters = 3", "parmeters <= 3"):
        with pytest.raises(ValueError, match=r"'parameters <= 4723'|did you mean 'parameters'"):
            read_limits(wrong)


@pytest.mark.parametrize("model, holes", [
    ("vae", {"model.dim", "lr", "backbone.filters.0", "backbone.filters.1"}),
    ("beta_vae", {"model.dim", "model.beta", "lr", "backbone.filters.0", "backbone.filters.1"}),
    ("vae(16)", {"lr", "backbone.filters.0", "backbone.filters.1"}),
    ("beta_vae(8)", {"model.beta", "lr", "backbone.filters.0", "backbone.filters.1"})])
def test_a_named_model_has_a_default_space(model, holes):
    assert set(read_space(with_defaults({"model": model}, 3), **QUIET).holes) == holes


def test_every_named_model_has_a_default_space_that_can_be_made(source):
    from hourglass.core.registry import models
    for name in models.parts:
        text = models.examples[name] if name in ("ladder_vae", "joint_vae") else name
        space = read_space(with_defaults({"model": text}, 3), **QUIET)
        assert space.holes, name
        for high in (False, True):
            settings = space.settings(at_end(high))
            models.make(settings.model)


def test_a_choice_is_written_as_it_was_typed():
    (hole,) = read_template("{mlp(({8..16}, 4))|conv|'a|b'}").own()
    assert isinstance(hole, ChoiceHole) and hole.labels == ("mlp(({8..16}, 4))", "conv", "'a|b'")


# those of tables and of text are left out
@pytest.mark.parametrize("name", sorted({*likelihoods.parts} - {"mixed", "tokens"}))
def test_every_likelihood_can_be_searched_for(name):
    settings = make_settings({"data": "digits", "model": "ae(2)", "backbone": "mlp(8)",
                              "likelihood": likelihoods.examples[name]})
    assert {"val_loss", "val_mse"} <= {*columns_of(settings, load_source(settings))}
