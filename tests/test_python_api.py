"""Hourglass from Python: names, types, signatures, compositions, own parts, words of errors."""

import inspect
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
import torch
from conftest import run_code, stripes
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import hourglass as hg
from hourglass.cli.settings_flags import takes_settings
from hourglass.core.registry import REGISTRIES, kind_of_part
from hourglass.run.aliases import DIM, NAMES
from hourglass.run.keywords import ResumeKeywords, TrainKeywords
from hourglass.run.settings import Settings, make_settings
from hourglass.tasks.python_words import in_python
from hourglass.training.setup import RESUMABLE
from hourglass.training.train_options import How

TINY = {"model": "ae(2)", "backbone": "mlp(8)", "epochs": 1, "quiet": True, "report": False}


@pytest.fixture(autouse=True)
def only_ours():
    """Own parts that a test registers go again."""
    before = {kind: (dict(r.parts), dict(r.own)) for kind, r in REGISTRIES.items()}
    yield
    for kind, (parts, own) in before.items():
        for held, kept in ((REGISTRIES[kind].registered, parts), (REGISTRIES[kind].own, own)):
            held.clear()
            held.update(kept)


def test_dir_lists_every_public_name_and_each_is_there():
    assert set(hg.__all__) <= set(dir(hg))
    for name in hg.__all__:
        assert getattr(hg, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        getattr(hg, 'trian')  # noqa: B009


def test_importing_hourglass_does_not_import_torch():
    code = "import sys, hourglass; dir(hourglass); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


STRICT = """# mypy: disallow-any-generics, disallow-subclassing-any, disallow-untyped-calls
# mypy: disallow-untyped-defs, disallow-incomplete-defs, check-untyped-defs, strict-equality
# mypy: disallow-untyped-decorators, warn-redundant-casts, warn-unused-ignores, warn-return-any
# mypy: no-implicit-reexport, extra-checks
"""   # what --strict is, for the script alone: then the cache of `make check` serves for the rest

SCRIPT = STRICT + """
from typing import assert_type
import numpy as np
import hourglass as hg
x = np.zeros((40, 8, 8), np.uint8)
model = hg.train(x, model=hg.parts.vae(4), loss=hg.losses.recon() + 2 * hg.losses.kl(), epochs=2,
                 learning_rate=0.01, callbacks=[lambda epoch, row: row["val_loss"] < 0.1, "mlflow"],
                 report="lazy", val=(x, None), quiet=True)
assert_type(model, hg.Trained)
assert_type(model.encode(x), np.ndarray)
assert_type(hg.list("losses").names, list[str])
again = hg.resume("runs/1", epochs=4, progress="bar")
images = hg.read("photos/", size=64).images
best = hg.compare([model, again])["mse"]

@hg.register("loss", "mine")
def mine(out: object, model: object) -> float:
    return 0.0
"""


def test_type_checkers_see_real_types(tmp_path):
    """One script is right; each of the others has one more line, which is wrong."""
    wrong = {"epochs": "hg.train(x, epochs='many')", "epoch": "hg.train(x, epoch=3)",
             "device": "hg.train(x, device=1)", "model": "hg.resume('runs/1', model='ae(2)')",
             "encoed": "model.encoed(x)", "trian": "hg.trian(x)"}
    for name, line in {"right": "", **wrong}.items():
        (tmp_path / f"{name}.py").write_text(SCRIPT + line + "\n")
    root = Path(hg.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(root / "pyproject.toml"),
         "--cache-dir", str(root / ".mypy_cache"), *map(str, tmp_path.glob("*.py"))],
        capture_output=True, text=True, cwd=root)
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(errors) == len(wrong), done.stdout + done.stderr
    for name in wrong:
        assert any(f"{name}.py:" in line and f'"{name}"' in line for line in errors), done.stdout


def test_signature_settings_and_flags_agree():
    settings = set(Settings.model_fields)
    parameters = inspect.signature(hg.train).parameters
    assert settings <= set(parameters)
    for name, setting in Settings.model_fields.items():
        if name not in ("data", "decoder"):
            assert parameters[name].default == setting.default, name
            assert f"    {name}: " in hg.train.__doc__, name

    @takes_settings([name for name in settings if name != "data"])
    def command(settings=None):
        """A command with all flags."""
    flags = set(inspect.signature(command).parameters)
    assert settings - {"data"} == flags - {DIM}
    typed = set(TrainKeywords.__annotations__)
    how = set(How.__dataclass_fields__)
    series = {"window", "stride", "columns", "time", "id", "label", "drop", "dates", "decimal"}
    ratings = {"explicit", "least", "fewest", "split", "fold_in", "items", "user", "item", "rating"}
    lines = {"level", "limit", "vocabulary", "lower", "column", "label", "notation"}
    tables = {"label", "drop", "categories", "dates", "decimal"}
    others = how | tables | series | ratings | lines
    assert typed == (settings - {"data"}) | set(NAMES) | {DIM, "validation_data"} | others
    assert set(ResumeKeywords.__annotations__) == RESUMABLE | (how - {"overwrite"}) | {"val"}
    assert set(inspect.signature(hg.resume).parameters) >= RESUMABLE


def test_the_types_of_keywords_take_what_settings_take():
    hints = get_type_hints(TrainKeywords)
    for name, setting in Settings.model_fields.items():
        if name not in ("data", "val"):
            kind = type(setting.default)
            assert kind is type(None) or kind.__name__ in str(hints[name]) or kind is str, name


def test_list_shows_the_parts_of_a_kind_under_its_names():
    assert hg.list("losses").names == hg.list("terms").names == hg.list("loss").names
    assert "kl" in hg.list("losses").names and "fast_cae" in hg.list("recipes").names
    assert "<table>" in hg.list("models")._repr_html_() and "vae(dim=16)" in repr(hg.list("model"))
    assert "terms" in hg.list().names
    with pytest.raises(ValueError, match="did you mean 'bottlenecks'"):
        hg.list("bottelnecks")


def test_parts_are_objects_whose_text_is_that_of_the_part():
    assert str(hg.parts.gaussian(16)) == "gaussian(16)"
    assert hg.parts.conv(filters=[16, 8], norm="batch") == "conv(filters=(16, 8), norm='batch')"
    assert str(hg.parts.spectral(of=hg.parts.mlp(8))) == "spectral(of='mlp(8)')"
    assert str(hg.losses.recon() + 0.5 * hg.losses.kl()) == "recon + 0.5 * kl"
    assert str(2 * (hg.losses.recon() - hg.losses.kl(free_bits=0.1))) == (
        "2 * recon - 2 * kl(free_bits=0.1)")
    assert str(hg.losses.ramp(0, 4) * hg.losses.kl() + hg.losses.recon()) == (
        "ramp(0, 4) * kl + recon")
    assert str(sum([hg.parts.noise(0.1), hg.parts.mask(0.5)])) == "noise(0.1) + mask(0.5)"
    assert "gaussian" in dir(hg.parts) and "kl" in dir(hg.losses)
    assert hg.parts.plain(np.int64(3)) == "plain(3)"


@pytest.mark.parametrize(("make", "match"), [
    (lambda: hg.parts.gaussian(0), "dim must be a whole number from 1"),
    (lambda: hg.parts.gaussian(width=3), "takes no 'width'"),
    (lambda: hg.losses.kl() + 1, "can be added to a part"),
    (lambda: float("nan") * hg.losses.kl(), "finite number"),
    (lambda: hg.losses.kl() * (hg.losses.kl() + hg.losses.recon()), "multiplies a sum")])
def test_wrong_compositions_are_refused_when_they_are_made(make, match):
    with pytest.raises(ValueError, match=match):
        make()
    with pytest.raises(AttributeError, match="did you mean 'gaussian'"):
        hg.parts.gausian(3)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6).filter(bool), st.sampled_from(["recon", "kl"])),
                min_size=1, max_size=4))
def test_a_sum_of_terms_reads_back_as_the_weights_it_was_made_with(terms):
    from hourglass.core.expressions import read_sum
    made = sum(weight * getattr(hg.losses, name)() for weight, name in terms)
    assert [(s.weight, s.call.name) for s in read_sum(made)] == terms


def test_objects_are_taken_wherever_texts_are(tmp_path):
    from sklearn.base import clone

    from hourglass.sklearn import AutoencoderTransformer
    made = make_settings({"model": hg.parts.vae(3), "loss": hg.losses.recon() + hg.losses.kl()})
    assert (made.model, made.loss) == ("vae(3)", "recon + kl")
    model = hg.train(stripes(), out=tmp_path / "run", **{**TINY, "model": hg.parts.vae(2)},
                     corruption=hg.parts.noise(0.1))
    assert len(model.sample(3, prior=hg.parts.kde())) == 3
    assert len(model.detector(hg.parts.knn(3), hg.parts.quantile(0.9)).score(stripes(5))) == 5
    estimator = AutoencoderTransformer(model=hg.parts.ae(2), epochs=1,
                                       settings={"backbone": hg.parts.mlp(8)})
    x = np.random.default_rng(0).normal(size=(20, 4))
    assert clone(estimator).fit(x).transform(x).shape == (20, 2)


def total_variation(out, model, power: float = 1.0):
    """How rough reconstructions are."""
    return out.px.mean.diff(dim=-1).abs().pow(power).flatten(1).sum(1)


def test_an_own_loss_from_a_cell_trains_and_its_run_says_in_a_new_process_what_is_missing(tmp_path):
    hg.register("loss", "tv")(total_variation)
    assert "tv(power=1.0)" in repr(hg.list("losses"))
    model = hg.train(stripes(), out=tmp_path / "run", loss="recon + 0.1 * tv(power=2)", **TINY)
    assert all("val_tv" in row for row in model.folder.read_history())
    np.save(tmp_path / "x.npy", stripes())
    code = f"import hourglass as hg; hg.resume({str(tmp_path / 'run')!r}, data={[1]}, epochs=2)"
    _, _, err = run_code(code)
    assert "parts that are not Hourglass's own: the term tv" in err
    assert "parts=[" in err and "--plugin" not in err


PLUGIN = """
import torch
from torch import nn
import hourglass as hg
from hourglass.core.contracts import Latent

@hg.register("bottleneck", "halves")
class Halves(nn.Module):
    def __init__(self, code, back, dim: int = 2):
        super().__init__()
        self.dim = dim
        self.reduce, self.expand = nn.Linear(code[0], dim), nn.Linear(dim, back[0])

    def forward(self, h, draw=False):
        return Latent(self.reduce(h) / 2)

    def sample_prior(self, n):
        return torch.randn(n, self.dim)

@hg.register("loss", "size")
def size(out):
    return out.latent.z.square().flatten(1).sum(1)
"""


def test_a_plugin_gives_the_command_line_own_parts_wherever_it_stands(here, hourglass):
    Path("parts.py").write_text(PLUGIN)
    code, _, err = hourglass("train images.npy --bottleneck halves(3) --loss 'recon + size' "
                             "--plugin parts.py --epochs 1 --backbone mlp(8) --no-report -o run")
    assert code == 0, err
    assert hourglass("--plugin parts.py list bottlenecks")[1].count("halves") == 1
    code = "import hourglass as hg; m = hg.load('run'{}); print(m.encode('images.npy').shape)"
    _, _, err = run_code(code.format(""))
    assert "the bottleneck halves" in err and "parts=['" in err
    _, out, err = run_code(code.format(", parts='parts.py'"))
    assert out.strip() == "(40, 3)", err


@pytest.mark.parametrize(("words", "match"), [
    ("list models --plugin", "takes a file"), ("list models --plugin nowhere.py", "no file"),
    ("list models --plugin broken.py", "NameError"),
    ("train images.npy --loss recon+tv --epochs 1", "--plugin parts.py")])
def test_plugins_that_cannot_be_loaded_are_answered(words, match, here, hourglass):
    Path("broken.py").write_text("undefined_name")
    code, _, err = hourglass(words)
    assert code == 2 and match in err and len(err.splitlines()) <= 2


def test_a_name_of_ours_cannot_be_replaced_and_an_own_one_can():
    with pytest.raises(ValueError, match="gaussian is a bottleneck of Hourglass"):
        hg.register("bottleneck", "gaussian")
    with pytest.raises(ValueError, match="no kind of part is named 'bottle'"):
        hg.register("bottle", "mine")
    with pytest.raises(ValueError, match="a word"):
        hg.register("loss", "my loss")
    for height in (1, 2):
        hg.register("metric", "height")(lambda snapshot, height=height: height)
    assert REGISTRIES["metrics"].parts["height"](None) == {"height": 2}


@pytest.mark.parametrize("kind", ["loss", "losses", "Bottleneck", "data source", "metric", "ramps"])
def test_kinds_have_the_names_that_people_use(kind):
    assert kind_of_part(kind) in REGISTRIES


def fails(snapshot):
    """It fails."""
    raise ZeroDivisionError("one by nought")


def test_an_own_figure_or_metric_that_fails_never_loses_the_model(tmp_path, capsys, few_figures):
    names = {"failing": fails, "texts": lambda snapshot: "no figure",
             "nothing": lambda snapshot: None}
    for name, part in names.items():
        hg.register("figure", name)(part)
        hg.register("metric", name)(part)
    model = hg.train(stripes(), out=tmp_path / "run", **{**TINY, "quiet": False, "report": True})
    said = capsys.readouterr().err
    for name in names:
        assert f"the figure {name} is left out" in said, name
        assert f"the metric {name} is left out" in said, name
    assert model.folder.report.is_file() and len(model.encode(stripes(4))) == 4


def test_an_own_prior_metric_figure_and_detector_serve_a_run(tmp_path, few_figures):
    from matplotlib.figure import Figure

    @hg.register("prior", "wide")
    class Wide(nn.Module):
        """A normal of the codes' width, without `groups`."""

        def __init__(self, space, factor: float = 1.0):
            super().__init__()
            self.factor = factor
            self.register_buffer("std", torch.ones(space.dim))

        def fit(self, z, y):
            self.std = self.factor * z.std(0)

        def sample(self, y, temperature=1.0):
            return temperature * self.std * torch.randn(len(y), len(self.std))

    @hg.register("metric", "brightest")
    def brightest(snapshot):
        return float(snapshot.recon.max())

    @hg.register("figure", "empty")
    def empty(snapshot):
        return Figure()

    @hg.register("detector", "first")
    def first(seen, power: float = 1.0):
        return np.abs(seen.z[:, 0]) ** power

    model = hg.train(stripes(), out=tmp_path / "run", prior="wide(2.0)", **{**TINY, "report": True})
    record = model.folder.read_record()
    assert 0 <= record["metrics"]["brightest"] <= 1 and "wide(2.0)/sharpness" in record["metrics"]
    assert (model.folder.figures / "empty.png").is_file()
    assert model.sample(5).shape == model.sample(5, prior="wide").shape == (5, 10, 10, 1)
    z = model.encode(stripes(6))
    np.testing.assert_allclose(model.detector("first(power=2)").score(stripes(6)), z[:, 0] ** 2,
                               rtol=1e-4)


def test_an_own_source_and_likelihood_need_only_what_they_do(tmp_path):
    @hg.register("source", "noise_images")
    def noise_images(n: int = 40):
        x = np.random.default_rng(0).integers(0, 255, (n, 8, 8), np.uint8)
        return x, np.arange(n) % 2

    @hg.register("likelihood", "cauchy")
    class Cauchy(nn.Module):
        """Only `forward`: the contract's other names have usual values."""

        def forward(self, params):
            return torch.distributions.Cauchy(params, 1.0)

        def out(self, shape):
            return shape
    model = hg.train("noise_images(n=60)", likelihood="normal", out=tmp_path / "run", **TINY)
    assert model.classes == ("0", "1") and model.shape == (1, 8, 8)
    with pytest.raises(ValueError, match="the likelihood cauchy must be a torch module"):
        hg.register("likelihood", "cauchy")(lambda: 3)
        hg.train("noise_images", likelihood="cauchy", out=tmp_path / "no", **TINY)


@pytest.mark.parametrize(("kind", "made", "match"), [
    ("bottleneck", lambda code, back: nn.Identity(), "has no expand and no sample_prior"),
    ("bottleneck", lambda code, back: 3, "must be a torch module"),
    ("backbone", lambda shape, out: nn.Identity(), "has no encoder and no decoder and no code")])
def test_an_own_part_that_misses_its_contract_is_refused_before_training(kind, made, match,
                                                                        tmp_path):
    hg.register(kind, "mine")(made)
    with pytest.raises(ValueError, match=match):
        hg.train(stripes(), out=tmp_path / "run", **{**TINY, kind: "mine"})
    assert not (tmp_path / "run").exists()


class Encoder(nn.Module):
    """An own encoder with weights of a known size."""

    def __init__(self, width: int = 12):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(100, width), nn.ReLU())

    def forward(self, x):
        return self.layers(x)


class Decoder(nn.Module):
    """An own decoder, to logits."""

    def __init__(self, width: int = 12):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, 100), nn.Unflatten(1, (1, 10, 10)))

    def forward(self, h):
        return self.layers(h)


@pytest.mark.parametrize("given", [
    {"encoder": Encoder(), "decoder": Decoder()}, {"encoder": Encoder()},
    {"decoder": Decoder(5)}, {"encoder": Encoder(7), "decoder": Decoder(9)}])
def test_own_networks_train_and_come_back(given, tmp_path):
    settings = {**TINY, "backbone": "auto"} if len(given) == 2 else TINY
    begun = {name: [p.detach().clone() for p in net.parameters()] for name, net in given.items()}
    model = hg.train(stripes(), out=tmp_path / "run", **given, **settings)
    for name, net in given.items():   # what was given stays as it was
        assert all(torch.equal(p, q) for p, q in zip(net.parameters(), begun[name], strict=True))
        trained = getattr(model.net, name).network
        assert type(trained) is type(net)
        assert not torch.equal(trained.layers[1 if name == "encoder" else 0].weight,
                               begun[name][0])
    again = hg.load(tmp_path / "run")   # in this process they are known
    np.testing.assert_array_equal(again.encode(stripes(5)), model.encode(stripes(5)))
    more = hg.resume(tmp_path / "run", data=stripes(), epochs=2, quiet=True, report=False)
    assert len(more.folder.read_history()) == 2


def test_own_networks_are_asked_for_in_another_process(tmp_path):
    hg.train(stripes(), out=tmp_path / "run", encoder=Encoder(), decoder=Decoder(),
             **{**TINY, "backbone": "auto"})
    networks = "".join(map(inspect.getsource, (Encoder, Decoder)))
    script = (f"import sys\nimport numpy as np\nfrom torch import nn\n"
              f"import hourglass as hg\n\n\n{textwrap.dedent(networks)}\n"
              f"x = np.zeros((3, 10, 10), np.uint8)\n"
              f"run = {str(tmp_path / 'run')!r}\n"
              f"for given in sys.argv[1:]:\n"
              f"    try:\n"
              f"        print(hg.load(run, **eval(given)).encode(x))\n"
              f"    except ValueError as error:\n"
              f"        print(error)\n"
              f"    print('--')\n")
    _, out, err = run_code(
        script, "{}", "{'encoder': Encoder(), 'decoder': Decoder()}", "{'encoder': Decoder()}",
        "{'encoder': Encoder(5), 'decoder': Decoder()}")
    without, loaded, other, wider, _ = out.split("--\n")
    assert "networks of your own, Encoder and Decoder" in without, err
    x = np.zeros((3, 10, 10), np.uint8)
    assert loaded.strip() == str(hg.load(tmp_path / "run").encode(x))
    assert "is Encoder, not a Decoder" in other
    assert "size mismatch" in wider


@pytest.mark.parametrize(("given", "match"), [
    ({"encoder": nn.Conv1d(1, 2, 3), "decoder": Decoder()}, r"encoder Conv1d fails on a batch of "),
    ({"encoder": nn.Flatten(0), "decoder": Decoder()}, "must give a tensor"),
    ({"encoder": Encoder(), "decoder": nn.Linear(12, 7)}, r"must give \(B, 1, 10, 10\)"),
    ({"encoder": Encoder(), "decoder": nn.Conv2d(3, 1, 1)}, r"fails on h of shape \(2, 12\)"),
    ({"encoder": 3}, "must be a torch module")])
def test_own_networks_of_wrong_shapes_are_refused_with_the_shapes(given, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        hg.train(stripes(), out=tmp_path / "run", **given, **{**TINY, "backbone": "auto"})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("said", "python"), [
    ("try a smaller --lr, --clip 1, or --precision 32-true",
     "try a smaller lr, clip=1, or precision='32-true'"),
    ("use --likelihood normal, or scale the data", "use likelihood='normal', or scale the data"),
    ("leave --augment out, or fill them in", "leave augment out, or fill them in"),
    ("To continue: hourglass train runs/1 --resume", "To continue: hg.resume('runs/1')"),
    ("hourglass train runs/1 --resume --epochs 60", "hg.resume('runs/1', epochs=60)"),
    ("hourglass train digits --from runs/1 --out NEW",
     "hg.train('digits', begin='runs/1', out=NEW)"),
    ("--no-report and --invert", "report=False and invert=True"),
    ("--model semi_supervised_vae learns to", "model='semi_supervised_vae' learns to"),
    ("--show 3,2,1 chooses others", "show='3,2,1' chooses others"),
    ("--bottleneck 'plain(3)' makes it learn", "bottleneck='plain(3)' makes it learn")])
def test_messages_have_pythons_words_in_python(said, python):
    assert in_python(said) == python


def test_no_flag_is_left_in_any_message_in_python():
    import re
    for file in Path(hg.__file__).parent.rglob("*.py"):
        for text in re.findall(r'"([^"\n]*--[a-z][^"\n]*)"', file.read_text()):
            assert not re.search(r"(?<!\w)--[a-z]", in_python(text)), (file.name, text)


def test_errors_in_python_are_short_and_name_keywords(tmp_path):
    wrong = [lambda: hg.train(stripes(), likelihood="poisson", out=tmp_path / "run", **TINY),
             lambda: hg.train(stripes(), lrr=3), lambda: hg.load(tmp_path / "nowhere"),
             lambda: hg.train(stripes(), augment="flip", binarise="fixed", out=tmp_path / "run",
                              **TINY)]
    for call in wrong:
        with pytest.raises(ValueError) as caught:
            call()
        assert "--" not in str(caught.value)
        frames = [frame for frame in caught.traceback if "hourglass" in str(frame.path)]
        assert len(frames) <= 3 and caught.value.__cause__ is None
        assert caught.value.__context__ is None


def test_errors_of_a_callers_own_code_keep_their_frames(tmp_path):
    def mine(epoch, row):
        raise ValueError("--mine")
    with pytest.raises(ValueError, match=r"^--mine$") as caught:
        hg.train(stripes(), out=tmp_path / "run", callbacks=mine, **TINY)
    assert any(frame.name == "mine" for frame in caught.traceback)
