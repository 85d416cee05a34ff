"""Small files that would become huge, or never end: refused in a line, by all that read them."""

import contextlib
import gzip
import io
import json
import os
import resource
import struct
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import stripes, train
from PIL import Image

import hourglass as hg
from hourglass.core import size_limits
from hourglass.core.tensor_files import load_tensors, load_texts, save_tensors
from hourglass.data.delimited import read_delimited

LARGE = size_limits.SMALL + 2**20
SOON = 20   # seconds, on a busy machine; the work itself is far below


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run on small images."""
    place = tmp_path_factory.mktemp("bombs")
    np.save(place / "x.npy", stripes())
    train(place / "x.npy", model="ae(2)", backbone="mlp((8,))", epochs=1, out=place / "run",
          batch_size=16, quiet=True)
    return place / "run"


@pytest.fixture
def run(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run").symlink_to(made)
    return hg.load("run").folder


def chunk(kind: bytes, content: bytes) -> bytes:
    return (struct.pack(">I", len(content)) + kind + content
            + struct.pack(">I", zlib.crc32(kind + content)))


def png_bomb() -> bytes:
    """50,000 x 50,000 pixels, said by a header, in a few kB."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 6, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b""))


def png_text_bomb() -> bytes:
    """A small image whose comment inflates to 256 MiB."""
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**28), 9))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    return (b"\x89PNG\r\n\x1a\n" + header + text + chunk(b"IDAT", zlib.compress(bytes(72)))
            + chunk(b"IEND", b""))


def gif_bomb() -> bytes:
    """A canvas of 65,535 x 65,535."""
    return b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6) + (
        b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x02\x4c\x01\x00;")


def tiff_bomb(side: int = 60_000, bits: int = 16) -> bytes:
    """Deflated strips that all begin at one place: side x side values in a few kB."""
    strip = zlib.compress(bytes(side * bits // 8))
    entries = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, bits), (259, 3, 1, 8),
               (262, 3, 1, 1), (277, 3, 1, 1), (278, 4, 1, side), (273, 4, 1, 8),
               (279, 4, 1, len(strip))]
    at = 8 + len(strip)
    body = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return (b"II*\0" + struct.pack("<I", at) + strip + struct.pack("<H", len(entries)) + body
            + bytes(4))


def zipped(name: str, size: int) -> bytes:
    """A zip of one file of `size` zeros."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(
            name, "w", force_zip64=True) as file:
        for _ in range(size // 2**20):
            file.write(bytes(2**20))
    return held.getvalue()


def tarred(name: str, size: int) -> bytes:
    """A packed tar of one file of `size` zeros."""
    held = io.BytesIO()
    with gzip.open(held, "wb", 9) as packed:
        info = tarfile.TarInfo(name)
        info.size = size
        packed.write(info.tobuf())
        for _ in range(size // 2**20):
            packed.write(bytes(2**20))
    return held.getvalue()


BOMBS = {   # as a file among good images
    "png": png_bomb, "text.png": png_text_bomb, "gif": gif_bomb, "tif": tiff_bomb,
    "32.tif": lambda: tiff_bomb(60_000, 32)}
COMMANDS = ("train PLACE --model 'ae(2)' --backbone mlp --epochs 1 --no-report -o new",
            "data show PLACE -o s.png", "data prepare PLACE -o p.npy", "embed run PLACE -o z.csv",
            "reconstruct run PLACE -o out", "restore run PLACE -o out", "score run PLACE",
            "compress run PLACE -o x.hg")


@pytest.fixture
def little_memory():
    """No more memory than this process has, and a little: what swells ends in a MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def soon(hourglass, command: str) -> tuple[int, str]:
    start = time.process_time()
    code, out, err = hourglass(command)
    assert time.process_time() - start < SOON, command
    assert "Traceback" not in out + err
    return code, out + err


@pytest.mark.parametrize("command, kind", [
    *((command, "tif") for command in COMMANDS), *((COMMANDS[1], kind) for kind in BOMBS)])
def test_an_image_that_would_fill_the_memory_is_left_out(command, kind, run, hourglass,
                                                         little_memory):
    Path("set").mkdir()
    for i, image in enumerate(stripes(12)):
        Image.fromarray(image).save(f"set/{i}.png")
    Path(f"set/bomb.{kind}").write_bytes(BOMBS[kind]())
    code, said = soon(hourglass, command.replace("PLACE", "set"))
    assert code in (0, 1, 2) and "bomb" in said, said


@pytest.mark.parametrize("place, content", [
    ("a.zip", lambda: zipped("a.png", LARGE)), ("a.tar.gz", lambda: tarred("a.png", LARGE)),
    ("b.tar.gz", lambda: tarred("notes.txt", LARGE))])
@pytest.mark.parametrize("command", ["data show PLACE -o s.png", "embed run PLACE -o z.csv"])
def test_an_archive_that_swells_is_refused(place, content, command, run, hourglass, little_memory):
    Path(place).write_bytes(content())
    code, said = soon(hourglass, command.replace("PLACE", place))
    assert code == 2 and ("made to fill" in said or "can be read" in said), said


def test_an_archive_in_an_archive_is_no_image(run, hourglass):
    inner = zipped("a.png", 2**20)
    with zipfile.ZipFile("nest.zip", "w") as held:
        for i in range(5):
            held.writestr(f"{i}.zip", inner)
            held.writestr(f"{i}.png", inner)
    code, said = soon(hourglass, "embed run nest.zip -o z.csv")
    assert code == 2 and "none of the images in nest.zip can be read" in said
    with zipfile.ZipFile("only.zip", "w") as held:
        held.writestr("inner.zip", inner)
    code, said = soon(hourglass, "embed run only.zip -o z.csv")
    assert code == 2 and "holds no images" in said


def test_a_zip_that_lies_about_a_size_gives_no_more_than_it_says(run, hourglass):
    content = bytearray(zipped("a.png", 2**26))
    for place in (content.find(b"PK\3\4") + 22, content.rfind(b"PK\1\2") + 24):
        content[place:place + 4] = struct.pack("<I", 100)
    Path("lie.zip").write_bytes(content)
    code, said = soon(hourglass, "embed run lie.zip -o z.csv")
    assert code == 2 and "lie.zip" in said


@pytest.mark.parametrize("name", ["x.npz", "x.csv.gz", "snapshot"])
def test_what_memory_does_not_hold_is_refused_with_the_figure(name, made, tmp_path, monkeypatch,
                                                              hourglass):
    monkeypatch.chdir(tmp_path)
    import shutil
    shutil.copytree(made, "run")
    monkeypatch.setattr(size_limits, "SMALL", 2**20)
    monkeypatch.setattr(size_limits, "memory_left", lambda: 2**24)
    monkeypatch.setattr("hourglass.data.delimited.memory_left", lambda: 2**24)
    monkeypatch.setattr("hourglass.data.delimited.SMALL", 2**20)
    if name == "x.npz":
        np.savez_compressed("x.npz", x=np.zeros((2**18, 10, 10), np.uint8))
        code, said = soon(hourglass, "embed run x.npz -o z.csv")
    elif name == "x.csv.gz":
        Path(name).write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 2**22))
        with pytest.raises(ValueError, match="GiB of memory") as told:
            read_delimited(Path(name))
        code, said = 2, str(told.value)
    else:
        np.savez_compressed("run/snapshot.npz", x=np.zeros((2**18, 10, 10), np.uint8))
        from hourglass.analysis.snapshot import Outdated, load_snapshot
        with pytest.raises(Outdated):
            load_snapshot(Path("run/snapshot.npz"))
        return
    assert code == 2 and "GiB of memory" in said and said.count("\n") <= 2, said


def npy_that_claims(shape: tuple[int, ...]) -> bytes:
    held = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        held, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return held.getvalue() + bytes(64)


@pytest.mark.parametrize("shape", [(2**40, 10, 10), (2**62, 4), (2**70,), (-5, 10)])
@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_an_array_that_claims_more_than_its_file_has_is_refused(name, shape, run, hourglass):
    content = npy_that_claims(shape)
    if name == "x.npz":
        with zipfile.ZipFile(name, "w") as held:
            held.writestr("x.npy", content)
    else:
        Path(name).write_bytes(content)
    for command in ("embed run", "data show"):
        code, said = soon(hourglass, f"{command} {name} -o z.{'csv' if 'e' in command else 'png'}")
        assert code == 2 and name in said and said.count("\n") <= 2, said


class Dangerous:
    def __reduce__(self):
        return os.system, ("touch stolen",)


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_arrays_of_objects_are_refused_and_run_nothing(name, run, hourglass):
    objects = np.array([Dangerous(), Dangerous()], dtype=object)
    with open(name, "wb") as file:
        np.save(file, objects) if name == "x.npy" else np.savez(file, x=objects, y=objects)
    for command in ("embed run x -o z.csv", "data show x -o s.png", "train x --epochs 1 -o new",
                    "train \"series('x')\" --epochs 1 -o new"):
        code, said = soon(hourglass, command.replace("x ", f"{name} ").replace("'x'", f"'{name}'"))
        assert code == 2, said
    assert not Path("stolen").exists()


def header(tensors: dict, length: int | None = None, data: bytes = bytes(32)) -> bytes:
    head = json.dumps(tensors).encode()
    return struct.pack("<Q", len(head) if length is None else length) + head + data


def tensor(start: int, end: int, shape=(4,), kind: str = "F32") -> dict:
    return {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}


@pytest.mark.parametrize("content", [
    header({"a": tensor(0, 16)}, 2**63), header({"a": tensor(0, 16)}, 99_999_999),
    header({"a": tensor(0, 16), "b": tensor(8, 24)}), header({"a": tensor(0, 2**40)}),
    header({"a": tensor(16, 0)}), header({"a": tensor(0, 16, (2**62, 4))}),
    header({"a": tensor(0, 16, (-4,))}), header({"a": tensor(0, 16, kind="PICKLE")}),
    header({"a": {"dtype": "F32"}}), header({"a": float("nan")}), header({"a": tensor(8, 24)}),
    header({"__metadata__": {"hourglass": 3}, "a": tensor(0, 16)}), header({"__metadata__": []}),
    b"", b"\1", header({}, 2), b"{}" * 40, header({"a": tensor(0, 16)}) + b"more"])
def test_headers_of_weights_that_lie_are_refused(content, tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    try:
        tensors, texts = load_tensors(path)
    except ValueError as error:
        assert "w.safetensors" in str(error)
    else:   # an honest file of nothing
        assert not tensors and texts == {}
    with contextlib.suppress(ValueError):
        load_texts(path)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused(odd, made, tmp_path, monkeypatch, hourglass):
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    for path in made.iterdir():
        if path.is_file():
            Path("run", path.name).write_bytes(path.read_bytes())
    weights, texts = load_tensors(Path("run/model.safetensors"))
    first = sorted(weights)[0]
    weights[first] = torch.full_like(weights[first], odd)
    save_tensors(Path("run/model.safetensors"), weights, texts)
    for command in ("generate run -o a.png", f"embed run {made.parent / 'x.npy'} -o z.csv"):
        code, said = soon(hourglass, command)
        assert code == 2 and "not finite numbers" in said and first in said


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv", "x.zip", "x.tar", "x.png",
                                  "x.parquet"])
@pytest.mark.parametrize("command", ["embed run NAME -o z.csv", "data show NAME -o s.png"])
def test_a_pipe_in_place_of_data_does_not_hang(name, command, run, hourglass):
    os.mkfifo(name)
    code, said = soon(hourglass, command.replace("NAME", name))
    assert code == 2 and name in said and said.count("\n") <= 2


@pytest.mark.parametrize("source", ["ratings('p.parquet')", "ratings('p.data')", "table('p.csv')",
                                    "table('p.parquet')", "shards('p.tar')", "archive('p.zip')"])
def test_a_pipe_in_a_source_does_not_hang(source, run, hourglass):
    os.mkfifo(source.split("'")[1])
    code, said = soon(hourglass, f'data show "{source}" -o s.png')
    assert code == 2 and "p." in said and said.count("\n") <= 2
