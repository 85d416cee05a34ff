"""Images in tar shards: from files and from a server, in any order, whole or broken."""

import io
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, draw, train
from safetensors.torch import load_file

import hourglass as hg
from hourglass.data import shard_bytes
from hourglass.data.collect import collect, split
from hourglass.data.image_options import Reading
from hourglass.data.on_demand import OnDemand
from hourglass.data.shard_names import expanded
from hourglass.data.split_data import shuffled
from hourglass.run.folder import RunFolder
from hourglass.run.settings import make_settings
from hourglass.training.setup import prepare, resume
from hourglass.training.train import run as run_training

SHARDS, EACH = 4, 30


def picture(number: int, form: str = "png") -> bytes:
    """The content of the image with this number."""
    held = io.BytesIO()
    draw("lying" if number % 2 else "upright", number, 12, colour=False).save(held, form)
    return held.getvalue()


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a member to a tar archive."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def write_shards(folder: Path, label: str = "cls") -> list[Path]:
    """Shards of images with labels, and members that must not be opened."""
    folder.mkdir(parents=True, exist_ok=True)
    places = []
    for shard in range(SHARDS):
        places.append(folder / f"photos-{shard:03}.tar")
        with tarfile.open(places[-1], "w") as tar:
            for number in range(EACH * shard, EACH * (shard + 1)):
                add(tar, f"{number:06}.png", picture(number))
                if label == "json":
                    add(tar, f"{number:06}.json", json.dumps({"label": "ab"[number % 2]}).encode())
                elif label:
                    add(tar, f"{number:06}.{label}", str(number % 2).encode())
            add(tar, f"{number:06}.weights.pth", b"boom")
            add(tar, f"{number:06}.pyd", b"boom")
    return places


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(shard_bytes, "WAIT", 0.01)
    write_shards(tmp_path / "data")
    return tmp_path / "data"


PATTERN = "data/photos-{000..003}.tar"


def read(pattern: str = PATTERN, **options: str):
    """The collection of shards."""
    named = "".join(f", {name}={value!r}" for name, value in options.items())
    return collect(f"shards({pattern!r}{named})", Reading())


def test_shards_hold_the_images_of_their_files_in_order(photos):
    found = read()
    expected = np.stack([np.asarray(draw("lying" if i % 2 else "upright", i, 12, colour=False))
                         for i in range(SHARDS * EACH)])[..., None]
    assert isinstance(found.x, OnDemand) and found.x.shape == (120, 12, 12, 1)
    assert np.array_equal(found.x[:], expected)
    assert np.array_equal(found.x[[7, 100, 7]], expected[[7, 100, 7]])
    assert np.array_equal(found.x[5], expected[5])
    some = found.x.of(np.array([3, 50, 51, 119]))
    assert np.array_equal(some[:], expected[[3, 50, 51, 119]]) and some.keys[1] == "000050.png"
    assert np.array_equal(found.x.index_select(0, torch.tensor([90, 2])), expected[[90, 2]])
    assert found.classes == ("0", "1") and list(found.y[:3]) == [0, 1, 0]
    assert found.names[0] == "000000.png" and found.names[119] == "000119.png"


def test_an_index_is_made_once(photos, monkeypatch):
    first = read()
    monkeypatch.setattr(tarfile, "open", None)
    again = read()
    assert again.names == first.names and np.array_equal(again.x[:], first.x[:])
    for file in (photos.parent / "cache" / "hourglass" / "shards").iterdir():
        file.write_text("{")
    monkeypatch.undo()
    monkeypatch.chdir(photos.parent)
    monkeypatch.setenv("XDG_CACHE_HOME", str(photos.parent / "cache"))
    assert read().names == first.names, "a damaged one is made again"


def test_what_can_run_code_is_never_opened_and_named(photos):
    notes = " ".join(read().notes)
    assert "never opened, since loading them can run code: 4 .pth, 4 .pyd" in notes


@pytest.mark.parametrize(("label", "classes"), [("cls", ("0", "1")), ("json", ("a", "b")),
                                                ("txt", ("0", "1")), ("", ())])
def test_labels_are_where_webdataset_keeps_them(photos, label, classes):
    write_shards(photos, label)
    found = read()
    assert found.classes == classes and (found.y is None) == (not classes)
    if label:
        assert read(label="none").y is None
        with pytest.raises(ValueError, match=f"they have some in {label}"):
            read(label="caption")


def test_captions_are_no_classes(photos):
    with tarfile.open(photos / "captions.tar", "w") as tar:
        for i in range(20):
            add(tar, f"{i}.png", picture(i))
            add(tar, f"{i}.txt", f"this is picture {i}".encode())
    found = read("data/captions.tar")
    assert found.y is None and "20 different texts, so they are no classes" in " ".join(found.notes)


@pytest.mark.parametrize(("pattern", "names"), [
    ("a-{000..002}.tar", ["a-000.tar", "a-001.tar", "a-002.tar"]),
    ("{a,b}-{9..10}.tar", ["a-9.tar", "a-10.tar", "b-9.tar", "b-10.tar"]),
    ("https://host/x-{0..1}.tar", ["https://host/x-0.tar", "https://host/x-1.tar"]),
])
def test_patterns_count_and_choose(pattern, names):
    assert expanded(pattern) == names


@pytest.mark.parametrize(("pattern", "said"), [
    ("a-{3..1}.tar", "must count upwards"), ("a-{x}.tar", "does neither"),
    ("a-{0..99999999}.tar", "must count upwards, by less than 1,000,000"),
    ("{0..9999}{0..9999}.tar", "names 100,000,000 shards"),
    ("data/*.zip", "matches no .tar file"), ("ftp://host/a.tar", "not from ftp"),
    ("s3://no-such-bucket/a.tar", r"another package: pip install 'hourglass\[s3\]'"),
    ("data/photos-{000..004}.tar", "photos-004.tar cannot be read"),
    ("data/photos-00{0,0}.tar", "is named twice"), ("data", None), ("data/*.tar", None),
])
def test_patterns_that_name_no_shards_are_refused(photos, pattern, said):
    if said is None:
        assert len(read(pattern).x) == 120
        return
    with pytest.raises(ValueError, match=said):
        read(pattern)


def test_a_sample_keeps_its_split_when_shards_are_added(photos):
    shares = {"val": 0.2, "test": 0.2, "holdout": 0.1}
    few, all_of_them = read("data/photos-{000..002}.tar"), read()
    a, b = (split(found, shares, 0) for found in (few, all_of_them))
    names = {name: {few.names[i] for i in part.index.tolist()} for name, part in a.splits.items()}
    later = {name: {all_of_them.names[i] for i in part.index.tolist()}
             for name, part in b.splits.items()}
    assert all(names[name] <= later[name] for name in names)
    assert sum(map(len, later.values())) == 120
    assert 12 <= len(later["val"]) <= 36 and "a hash of the samples' names" in b.notes[0]
    counted = split(read(), {"val": 7, "test": 5}, 0).splits
    assert len(counted["val"]) == 7 and len(counted["test"]) == 5


def test_shards_can_be_splits(photos):
    found = read("data/photos-{000..001}.tar", val="data/photos-002.tar",
                 test="data/photos-003.tar")
    source = split(found, {"val": 0.1, "test": 0.1}, 0)
    assert {name: part.index.tolist() for name, part in source.splits.items()} == {
        "train": [*range(60)], "val": [*range(60, 90)], "test": [*range(90, 120)]}


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_an_epoch_has_every_sample_once_in_an_order_of_blocks(photos, monkeypatch, processes):
    monkeypatch.setattr("hourglass.data.on_demand.BLOCK", 10)
    monkeypatch.setattr("hourglass.data.on_demand.WINDOW", 2)
    train_part = split(read(), {"val": 0.2}, 0).splits["train"]
    orders = [torch.cat(shuffled(train_part, 4, seed, epoch, processes)).tolist()
              for seed, epoch in ((0, 1), (0, 1), (0, 2), (1, 1))]
    assert orders[0] == orders[1] and orders[0] != orders[2] != orders[3] != orders[0]
    assert all(sorted(order) == [*range(len(train_part))] for order in orders)
    block = train_part.x.block[train_part.index.numpy()]
    for process in range(processes):   # its batches need two blocks at a time
        own = block[np.array(orders[0])][:3 * (len(block) // processes // 4) * processes]
        own = own[process::processes]
        assert max(len(set(own[start:start + 8])) for start in range(len(own) - 8)) <= 4
    if processes == 2:
        halves = [set(block[np.array(orders[0])][r:60:2]) for r in (0, 1)]
        assert not halves[0] & halves[1], "each process reads blocks of its own"


def test_a_training_on_shards_resumes_within_an_epoch_to_the_last_bit(photos):
    settings = make_settings({"data": f"shards({PATTERN!r})", "model": "ae(2)", "batch_size": 8,
                              "backbone": "mlp((8,))", "epochs": 2, "precision": "32-true"})
    for _ in run_training(prepare(settings, out="whole")):
        pass
    steps = run_training(prepare(settings, out="half"))
    for _ in range(5):
        next(steps)
    steps.close()   # which saves, as a signal does
    rest = resume(RunFolder(Path("half")), {})
    assert rest.state.epoch == 1 and rest.state.batch == 5
    for _ in run_training(rest):
        pass
    one, other = (load_file(f"{name}/model.safetensors") for name in ("whole", "half"))
    assert all(torch.equal(one[name], other[name]) for name in one)


class Served(BaseHTTPRequestHandler):
    """Files of a folder, with ranges, and with what may go wrong."""

    folder, trouble, asked = Path(), "", []

    def do_HEAD(self) -> None:
        self._send(False)

    def do_GET(self) -> None:
        self._send(True)

    def _send(self, body: bool) -> None:
        file = self.folder / self.path.lstrip("/")
        asked = (self.path, self.headers.get("Range"), body)
        first_time = asked not in self.asked
        type(self).asked.append(asked)
        if not file.exists():
            self.send_error(404)
            return
        content, first = file.read_bytes(), 0
        given = self.headers.get("Range")
        if given and self.trouble != "no ranges":
            first, last = given.removeprefix("bytes=").split("-")
            content = content[int(first):int(last) + 1]
        if body and (self.trouble == "errors" or (self.trouble == "some errors" and first_time)):
            self.send_error(503)
            return
        self.send_response(206 if given and self.trouble != "no ranges" else 200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if body and self.trouble == "cut" and first_time:
            self.wfile.write(content[:len(content) // 2])
            self.close_connection = True
        elif body:
            self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server(photos) -> Iterator[type[Served]]:
    """A server of data/ on this machine, at `address`."""
    handler = type("Own", (Served,), {"folder": photos, "asked": []})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    handler.address = f"http://127.0.0.1:{httpd.server_port}/photos-{{000..003}}.tar"
    yield handler
    httpd.shutdown()
    httpd.server_close()


@pytest.mark.parametrize("trouble", ["", "cut", "some errors"])
def test_a_server_gives_what_the_files_hold(server, trouble, capsys):
    server.trouble = trouble
    there, here = read(server.address), read()
    assert there.names == here.names and there.identity["digest"] == here.identity["digest"]
    assert np.array_equal(there.x[:], here.x[:])
    said = capsys.readouterr().err
    assert ("trying again" in said) == bool(trouble)
    assert said.startswith("reading shards from 127.0.0.1:")


def test_blocks_are_asked_for_and_not_images(server):
    x = read(server.address).x
    server.asked.clear()
    x.for_training().index_select(0, torch.randperm(120))
    assert len(server.asked) == SHARDS, "a block of each shard"
    server.asked.clear()
    x.for_training().index_select(0, torch.randperm(120))
    assert not server.asked, "they are kept"


@pytest.mark.parametrize(("trouble", "said"), [
    ("no ranges", "ignores ranges"), ("errors", "photos-000.tar cannot be read .*check the conn"),
    ("missing", "there is no shard http://.*photos-002.tar")])
def test_a_server_that_fails_is_told(server, photos, trouble, said):
    server.trouble = trouble
    if trouble == "missing":
        (photos / "photos-002.tar").unlink()
    with pytest.raises(ValueError, match=said):
        read(server.address)


@pytest.mark.parametrize(("spoil", "said"), [
    (lambda content: content[:len(content) // 2 + 100],
     "photos-001.tar is damaged, or was cut short"),
    (lambda content: content[:700], "photos-001.tar is damaged, or was cut short"),
    (lambda content: content[:2048] + b"x" * 512 + content[2560:], "photos-001.tar is damaged"),
    (lambda content: b"no tar at all" * 99, "photos-001.tar is damaged"),
    (lambda content: b"\x1f\x8b" + content, "compressed archive.*gunzip"),
    (lambda content: b"", "photos-001.tar"),
])
def test_a_broken_shard_is_named(photos, spoil, said):
    place = photos / "photos-001.tar"
    place.write_bytes(spoil(place.read_bytes()))
    with pytest.raises(ValueError, match=said):
        read()


def test_a_shard_without_its_end_is_told(photos):
    place = photos / "photos-001.tar"
    with tarfile.open(place) as tar:
        last = tar.getmembers()[-1]
    place.write_bytes(place.read_bytes()[:last.offset_data + 512])
    assert "1 shard without an end mark, such as data/photos-001.tar" in " ".join(read().notes)


def test_a_broken_image_is_named_with_its_shard(photos):
    with tarfile.open(photos / "photos-002.tar", "w") as tar:
        add(tar, "x.png", picture(0))
        add(tar, "y.png", picture(1)[:40])
    x = read().x
    with pytest.raises(ValueError, match=r"y.png in data/photos-002.tar cannot be read"):
        x[:]


def test_all_commands_take_shards(photos, hourglass):
    code, _, err = hourglass(f'train "{PATTERN}" --model "ae(2)" --backbone "mlp((8,))" --epochs 1 '
                             f'--batch-size 16 --out run --no-report')
    assert code == 0 and "120 images in 4 shards, read on demand" in err, err
    for command in ("embed run {} -o codes.csv", "score run {} -o scores.csv",
                    "reconstruct run {} -o out", "embed run {} -o codes --shards 2",
                    "data show {} -o sheet.png", "evaluate run", "score run -o own.csv",
                    "compress run {} -o small.hg", "data prepare {} -o prepared.npy"):
        code, _, err = hourglass(command.format(f'"{PATTERN}"'))
        assert code in (0, 1), (command, err)
    assert np.array_equal(np.load("prepared.npy"), read().x[:])
    assert len(list(Path("out").glob("*.png"))) == 120
    assert len(Path("codes.csv").read_text().splitlines()) == 121
    model = hg.load("run")
    assert np.allclose(model.encode(f"shards({PATTERN!r})"), model.encode(read().x[:]), atol=1e-5)
    code, _, err = hourglass(f'train "{PATTERN}" --patches 8 --out patches')
    assert code == 2 and "--patches" in err


def test_a_run_finds_its_shards_from_elsewhere(photos, hourglass, monkeypatch):
    train(f"shards({PATTERN!r})", out="run", **TINY)
    monkeypatch.chdir(photos)
    assert len(hg.load("../run").source().splits["train"]) > 60
