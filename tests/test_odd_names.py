"""File names that are not text, or a trap: unchanged on disk, escaped where shown."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from conftest import draw, drawing_few, train
from PIL import Image

import hourglass as hg
from hourglass.core.files import write_whole
from hourglass.core.output_names import harmless, printable
from hourglass.data.collect import collect
from hourglass.data.image_options import Reading
from hourglass.inference.run_cache import cache_of
from hourglass.run.folder import RunFolder

RAW = b"caf\xe9.png"                     # Latin-1, as cameras and old archives write it
NAME, SHOWN = os.fsdecode(RAW), "caf%E9.png"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of images, some with names that are not UTF-8, and a run trained on it."""
    place = tmp_path_factory.mktemp("odd")
    for kind in ("th\udce9", "tea"):
        (place / "odd" / kind).mkdir(parents=True)
        for i in range(8):
            draw("lying", i, 10, colour=False).save(place / "odd" / kind / f"{i}.png")
    draw("upright", 3, 10, colour=False).save(place / "odd" / "tea" / NAME)
    train(place / "odd", model="ae(2)", backbone="mlp((8,))", epochs=1, batch_size=8,
          out=place / "run", quiet=True)
    return place


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """A new folder from which the run and the images are reached."""
    monkeypatch.chdir(tmp_path)
    for name in ("run", "odd"):
        Path(name).symlink_to(made / name)
    return tmp_path


def names_in(folder: str) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in Path(folder).rglob("*") if p.is_file()}


def plain(path: str) -> str:
    """A file's text, which must be UTF-8 and hold the name escaped."""
    text = Path(path).read_bytes().decode("utf-8")
    assert SHOWN in text
    return text


WRITTEN = {   # a command, and which file or folder it writes: names as text, or as files
    "embed run odd -o codes.csv": "codes.csv",
    "embed run odd --duplicates --within 0 -o doubles.csv": "",
    "embed run odd --nearest odd/tea/CAFE -n 3 -o near.csv": "near.csv",
    "score run odd -o scores.csv": "scores.csv",
    "score run odd -o scores.json": "scores.json",
    "data show odd -o sheet.png": "",
    "reconstruct run odd -o out": "out/",
    "restore run odd -o out": "out/",
    "score run odd --heatmaps out": "out/",
    "explore run -o page.html": "",
    "report run": "",
}


@pytest.mark.parametrize("command", WRITTEN)
def test_every_command_takes_names_that_are_no_text(command, here, hourglass, few_figures):
    code, out, err = hourglass(command.replace("CAFE", NAME))
    assert code in (0, 1), err
    assert NAME not in out + err
    written = WRITTEN[command]
    if written.endswith("/"):
        assert f"tea/{NAME}" in names_in(written)   # the same bytes as it had
    elif written:
        plain(written)


def test_compressed_files_come_back_under_the_same_bytes(here, hourglass):
    assert hourglass("compress run odd -o small.hg")[0] == 0
    assert hourglass("decompress run small.hg -o back")[0] == 0
    assert names_in("back") == names_in("odd")


def test_prepared_images_keep_their_names(here, hourglass):
    assert hourglass("data prepare odd -o p.npy --size 10 --grey")[0] == 0
    Path("p.npy.json").read_bytes().decode("ascii")
    assert f"tea/{NAME}" in collect("p.npy", Reading()).names
    assert hourglass("reconstruct run p.npy -o out")[0] == 0
    assert f"tea/{NAME}" in names_in("out")


def test_classes_are_texts(made):
    model = hg.load(made / "run")
    assert model.classes == ("tea", "th%E9")
    assert len(model.sample(2, "th%E9", prior="per_class")) == 2


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_archives_may_hold_such_names(kind, here, hourglass):
    if kind == "tar":
        with tarfile.open("odd.tar", "w") as tar:
            tar.add("odd/tea", "tea")
    else:
        with zipfile.ZipFile("odd.zip", "w") as held:
            for path in sorted(Path("odd/tea").iterdir()):
                held.write(path, f"tea/{printable(path.name)}")
        raw = Path("odd.zip").read_bytes()   # as programs of long ago wrote them: no UTF-8 flag
        Path("odd.zip").write_bytes(raw.replace(SHOWN.encode(), b"caf\xe9\xe9\xe9.png"))
    code, _, err = hourglass(f"reconstruct run odd.{kind} -o out")
    assert code == 0 and len(names_in("out")) == 9, err


@pytest.mark.parametrize("command", ["reconstruct run x.npy -o ODD", "generate run -n 2 -o ODD",
                                     "embed run x.npy -o ODD.csv", "embed run ODD.npy -o a.csv",
                                     "score run x.npy -o ODD.json", "generate ODD -n 2 -o a.png",
                                     "data show ODD.npy -o ODD.png", "report ODD",
                                     "compress run x.npy -o ODD.hg",
                                     "embed run NONE/ODD -o a.csv"])
def test_paths_that_are_no_text_can_be_given(command, here, made, hourglass, few_figures):
    odd = os.fsdecode(b"caf\xe9")
    for name in ("x.npy", f"{odd}.npy"):
        np.save(name, np.zeros((4, 10, 10), np.uint8))
    Path(odd).symlink_to(made / "run")
    if "-o ODD" in command:
        Path(odd).unlink()
    code, out, err = hourglass(command.replace("ODD", odd))
    assert code in ((2,) if "NONE" in command else (0, 1)), err
    assert "\udce9" not in out + err
    if "ODD" in command.split()[-1] or code == 2:
        assert "caf%E9" in out + err


def test_a_terminal_without_utf_8_gets_names_escaped(here):
    done = subprocess.run([sys.executable, "-X", "utf8=0", "-m", "hourglass", "data", "show",
                           "odd"], capture_output=True, timeout=300,
                          env={**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"})
    assert done.returncode == 0 and b"th%E9" in done.stdout, done.stderr


def test_text_is_written_as_utf_8_whatever_it_holds(tmp_path):
    write_whole(tmp_path / "a.txt", f"é {NAME} \ud800")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == f"é {SHOWN} \\ud800"


@pytest.mark.parametrize("name, shown", [
    ("a\nb", "a%0Ab"), ("\x1b[2J", "%1B[2J"), ("\x9b31m", "%C2%9B31m"), ("é", "é"),
    ("100%", "100%"), ("\udcff", "%FF")])
def test_a_name_cannot_move_a_terminals_cursor(name, shown):
    assert printable(name) == shown
    assert harmless(f"{name}\tx\n").endswith("\tx\n")


def test_names_that_are_commands_to_a_terminal_are_escaped(here, hourglass, capsys):
    bad = Path("bad")
    bad.mkdir()
    for i in range(4):
        draw("lying", i, 10, colour=False).save(bad / f"{i}.png")
    (bad / "\x1b]0;title\x07.png").write_bytes(b"nothing")
    _, out, err = hourglass("embed run bad -o codes.csv")
    assert "\x1b" not in out + err and "%1B]0;title%07.png" in err


TRAPS = ("<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "$x^{", "{{7*7}}",
         "</script><script>alert(2)</script>")


@pytest.fixture(scope="module")
def trapped(tmp_path_factory):
    """A run whose classes, names, settings and notes are traps."""
    place = tmp_path_factory.mktemp("trapped")
    rng = np.random.default_rng(0)
    names = [trap.replace("/", "\u2215") for trap in TRAPS]
    for name in names:
        (place / "set" / name).mkdir(parents=True)
        for i in range(5):
            pixels = rng.integers(0, 255, (10, 10), np.uint8)
            Image.fromarray(pixels).save(place / "set" / name / f"{name}{i}.png")
    (place / "set" / names[0] / f"{names[0]}.png").write_bytes(b"none")
    with drawing_few():
        hg.train(place / "set", model="cvae(2)", backbone="mlp((8,))", epochs=1, batch_size=8,
                 out=place / "run", quiet=True)
    record = json.loads((place / "run" / "run.json").read_text())
    record["notes"] = [*record.get("notes", []), *TRAPS]
    record["environment"] |= {"processor": TRAPS[0], "machine": TRAPS[1]}
    record["metrics"] |= {TRAPS[0]: 1.0, f"{TRAPS[1]}/frechet": 2.0}
    record["ended"] = TRAPS[4]
    (place / "run" / "run.json").write_text(json.dumps(record))
    cache_of(RunFolder(place / "run")).keep_evaluation(TRAPS[0], {"words": list(TRAPS)})
    shutil.copytree(place / "run", place / TRAPS[0].replace("/", "\u2215"))
    return place


def elements(page: str) -> set[str]:
    """The elements and attributes that a browser finds in a page."""
    found: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list) -> None:
            found.update([tag, *(name for name, _ in attrs)])
    Reader().feed(page)
    return found


@pytest.mark.parametrize("page", ["report", "compare", "explore"])
def test_names_of_strangers_are_text_in_every_page(page, trapped, hourglass, tmp_path, monkeypatch):
    monkeypatch.chdir(trapped)
    out, other = tmp_path / "page.html", TRAPS[0].replace("/", "\u2215")
    code, _, err = hourglass({"report": "report run", "explore": f"explore run -o '{out}'",
                              "compare": f"compare run '{other}' -o '{out}'"}[page])
    assert code == 0, err
    text = (trapped / "run/report.html" if page == "report" else out).read_text()
    assert "alert" in text and "onerror" not in elements(text)
    assert not re.search(r"<script>alert|</script>\s*<script>alert|<img src=x", text)
    assert ("script" in elements(text)) == (page == "explore")
