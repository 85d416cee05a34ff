"""What the tests share: small data in a folder of its own, and the real data where it is."""

import functools
import gc
import multiprocessing
import os
import shutil
import signal
import struct
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image
from threadpoolctl import threadpool_limits

from hourglass.core.registry import REGISTRIES
from hourglass.run.folder import RunFolder

if "PYTEST_XDIST_WORKER" in os.environ:   # workers with two threads each get in each other's way
    torch.set_num_threads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")   # what they start, too
    threadpool_limits(1)

settings.register_profile("unhurried", deadline=None)   # a busy machine is not a fault
settings.load_profile("unhurried")


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["hourglass.cli.main", "hourglass.training.train",
                              "hourglass.tasks.compare_models", "hourglass.tasks.generate",
                              "lightning_fabric", "sklearn.datasets"])


SLOW = frozenset((Path(__file__).parent / "slow.txt").read_text().split())   # files, and tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that slow.txt names, which `make test-fast` leaves out."""
    for item in items:
        name = item.name.partition("[")[0]
        if {item.path.name, f"{item.path.name}::{name}"} & SLOW:
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Let the garbage collector look seldom, and never at what all modules hold: looking through
    some million objects of torch again and again is a tenth of the suite's time."""
    gc.freeze()
    gc.set_threshold(10_000, *gc.get_threshold()[1:])


class Started:
    """The command line in a process of its own, which need not import anything. What it prints
    goes into the file `printed`; `env` are further variables of its environment."""

    def __init__(self, *words: str, printed: str = os.devnull, env: dict[str, str] | None = None):
        reader, writer = multiprocessing.Pipe(duplex=False)
        self.process = FORKS.Process(target=_command, args=(words, writer, printed, env))
        self.process.start()
        writer.close()
        self.said = os.fdopen(os.dup(reader.fileno()))

    def wait_for(self, words: str) -> None:
        """Until it says a line that begins so."""
        while not (line := self.said.readline()).startswith(words):
            assert line, f"it ended and never said {words}"

    def end(self, number: int) -> tuple[int, str]:
        """Send it that signal, if any; its exit code and all else that it said."""
        if number:
            os.kill(self.process.pid, number)
        late = threading.Timer(300, self.process.kill)   # so that the tests cannot hang
        late.start()
        with self.said:
            rest = self.said.read()
        self.process.join()
        late.cancel()
        return self.process.exitcode, rest


def _command(words: tuple[str, ...], said: Connection, printed: str = os.devnull,
             env: dict[str, str] | None = None) -> None:
    from hourglass.__main__ import main
    os.environ.update(env or {})
    signal.signal(signal.SIGINT, signal.default_int_handler)   # the background ignores it
    os.dup2(os.open(printed, os.O_WRONLY | os.O_CREAT, 0o600), 1)
    os.dup2(said.fileno(), 2)
    sys.argv = ["hourglass", *words]
    main()


def run_code(code: str, *words: str) -> tuple[int, str, str]:
    """Python code in a process of its own, which need not import anything: no part that this one
    registered is there. Returns its exit code, what it prints and what it says."""
    with tempfile.TemporaryDirectory() as held:
        process = FORKS.Process(target=_code, args=(code, words, held))
        process.start()
        process.join(300)
        if process.exitcode is None:
            process.kill()
            process.join()
        return process.exitcode, *((Path(held) / name).read_text() for name in ("out", "err"))


def _code(code: str, words: tuple[str, ...], held: str) -> None:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{held}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.argv = ["script.py", *words]
    exec(compile(code, "script.py", "exec"), {"__name__": "__main__"})


@pytest.fixture(autouse=True)
def own_parts_end_with_their_test() -> Iterator[None]:
    """Parts that a test registers, or a command in it, are gone for the next one."""
    before = {registry.kind: {*registry.own} for registry in REGISTRIES.values()}
    yield
    for registry in REGISTRIES.values():
        for name in {*registry.own} - before[registry.kind]:
            registry.own.pop(name)
            registry.registered.pop(name, None)


@pytest.fixture(autouse=True)
def onnx_operators_are_read_once() -> None:
    """PyTorch reads them all anew for each network that it exports, in half of the time that it
    takes."""
    module = sys.modules.get("torch.onnx._internal.exporter._registration")
    if module and not hasattr(module.ONNXRegistry.from_torchlib, "cache_info"):
        registry = module.ONNXRegistry
        registry.from_torchlib = staticmethod(functools.cache(registry.from_torchlib))


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def draw(kind: str, number: int, size: int = 16, colour: bool = True) -> Image.Image:
    """A picture of bars (upright or lying), its place given by the number."""
    pixels = np.full((size, size, 3), 20, np.uint8)
    place = (3 * number) % (size - 3)
    bar = (slice(None), slice(place, place + 3))
    pixels[bar if kind == "upright" else bar[::-1]] = (200, 40 + 5 * (number % 40), 90)
    return Image.fromarray(pixels) if colour else Image.fromarray(pixels).convert("L")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with photos/ (two classes of 20), photos.zip and images.npy."""
    monkeypatch.chdir(tmp_path)
    for kind in ("upright", "lying"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for i in range(20):
            draw(kind, i).save(tmp_path / "photos" / kind / f"{i:03}.png")
    for folder, least in (("clean", 0), ("noisy", 60)):
        (tmp_path / folder).mkdir()
        for i in range(20):
            draw("lying", i).point(lambda v, least=least: max(v, least)).save(
                tmp_path / folder / f"{i:03}.png")
    for i, name in enumerate("abc"):
        draw("lying", i).save(tmp_path / f"{name}.png")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as held:
        for file in sorted((tmp_path / "photos").rglob("*.png")):
            held.write(file, file.relative_to(tmp_path))
    for number, kind in enumerate(("upright", "lying")):
        with tarfile.open(tmp_path / f"shards-{number}.tar", "w") as held:
            for file in sorted((tmp_path / "photos" / kind).iterdir()):
                held.add(file, f"{kind}-{file.name}")
    images = [np.asarray(draw(k, i, colour=False)) for i in range(20) for k in ("upright", "lying")]
    np.save(tmp_path / "images.npy", np.stack(images))
    (tmp_path / "glyphs").mkdir()
    for name, values in (("images-idx3", np.stack(images)), ("labels-idx1", np.arange(40) % 2)):
        (tmp_path / "glyphs" / f"train-{name}-ubyte").write_bytes(
            bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
            + values.astype(np.uint8).tobytes())
    lines = [f"2024-01-{1 + i // 24:02} {i % 24:02}:00,{np.sin(i)},{'ab'[i % 2]}\n"
             for i in range(480)]
    for name in ("rows.csv", "readings.csv"):
        (tmp_path / name).write_text("when,value,kind\n" + "".join(lines))
    (tmp_path / "words.txt").write_text("one small word\nand two\n" * 10)
    (tmp_path / "zinc.csv").write_text("smiles,logP\n" + "CCO,0.1\nc1ccccc1O,1.4\n" * 10)
    (tmp_path / "ratings.csv").write_text(ratings_text(40, 20))
    return tmp_path


def ratings_text(users: int, items: int, seed: int = 0) -> str:
    """Ratings as csv: users of two tastes, who give most items of theirs 5 stars, and others 2."""
    draw, lines = np.random.default_rng(seed), ["user,item,rating,timestamp"]
    for user in range(users):
        for item in draw.permutation(items)[:items // 2].tolist():
            liked = item % 2 == user % 2
            stars = 5 if liked == (draw.random() < 0.9) else 2
            lines.append(f"u{user},film {item},{stars},{1_000_000 + int(draw.integers(10_000))}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def real() -> Path:
    """The folder of real data; without it the test is skipped."""
    folder = os.environ.get("HOURGLASS_DATA")
    if not folder:
        pytest.skip("needs real data: set HOURGLASS_DATA to its folder")
    return Path(folder)


@pytest.fixture
def hourglass(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs the command line in this process: hourglass("train digits") -> (code, out, err)."""
    import shlex

    from hourglass.cli.main import main

    def call(command: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["hourglass", *shlex.split(command)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err
    return call


@contextmanager
def drawing_few() -> Iterator[None]:
    """Reports have two figures. All of them take a second, and few tests are about figures."""
    figures = REGISTRIES["figures"]
    whole = figures.parts
    figures.registered = {name: whole[name] for name in ("curves", "reconstructions")}
    try:
        yield
    finally:
        figures.registered = whole


@pytest.fixture
def few_figures() -> Iterator[None]:
    """For a test that draws reports and is about something else."""
    with drawing_few():
        yield


def stripes(n: int = 60) -> np.ndarray:
    """n grey images of 10x10 pixels (N, 10, 10), each row all dark or all bright."""
    rows = np.random.default_rng(0).integers(0, 2, (n, 10, 1), np.uint8) * 200
    return np.repeat(rows, 10, axis=2)


def train(*given, **settings):
    """Train without the report, which takes longer than such small models do."""
    import hourglass
    return hourglass.train(*given, report=False, **settings)


# detectors that look at a model's errors and codes; test_feature_detectors.py has the others
OF_ERRORS = [name for name in REGISTRIES["detectors"].parts if name not in (
    "patch_knn", "patch_gaussian", "feature_autoencoder", "feature_knn")]
TINY = {"model": "ae(2)", "backbone": "mlp((8,))", "epochs": 2, "batch_size": 16,
        "precision": "32-true", "quiet": True}


def train_tiny(place):
    """Train a tiny model with its report on x.npy, in the folder `place`, as the run `place/run`.
    """
    import hourglass
    np.save(place / "x.npy", stripes())
    hourglass.train(place / "x.npy", out=place / "run", **TINY)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """A folder with x.npy and a run with its report; copied, never changed."""
    place = tmp_path_factory.mktemp("tiny")
    train_tiny(place)
    return place


@pytest.fixture
def copied_run(tiny_run, tmp_path, monkeypatch) -> RunFolder:
    """A copy of that run, in a working folder with x.npy."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_run / "run", "run")
    shutil.copy(tiny_run / "x.npy", "x.npy")
    return RunFolder(Path("run"))
