"""Commands that torchrun starts in several processes, and results in shards."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import TINY, Started, draw, stripes, train

from hourglass.cli.main import main
from hourglass.tasks.shares import parts_of

IMAGES = 300   # three batches of codes, two of scores
ALIKE = {   # a command's result, and the command
    "codes.csv": "embed run images.npy -o {}/codes.csv",
    "codes.npy": "embed run images.npy -o {}/codes.npy",
    "codes": "embed run images.npy -o {}/codes --shards 2",
    "scores.csv": "score run images.npy -o {}/scores.csv --detector error --threshold largest",
    "scores": "score run images.npy -o {}/scores --shards 2 --threshold quantile(0.5)",
    "out": "reconstruct run photos -o {}/out",
    "packed": "reconstruct run photos -o {}/packed --shards 1",
    "restored": "restore run photos -o {}/restored --corrupt noise(0.2)",
    "restored_tars": "restore run photos -o {}/restored_tars --shards 4",
    "samples.npy": "generate run -n 300 --prior mixture -o {}/samples.npy",
    "samples": "generate run -n 300 --prior mixture -o {}/samples --shards 3",
    "drawn": "generate run -n 3 -o {}/drawn",
    "small": "compress run images.npy -o {}/small --shards 2",
    "small.hg": "compress run images.npy -o {}/small.hg",
    "doubles.csv": "embed run images.npy --duplicates -o {}/doubles.csv",
}
SCRIPT = """
import sys
from hourglass.cli.main import main
for words in {commands!r}:
    sys.argv = ["hourglass", *words.split()]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, (words, ended.code)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a run, an array and images of several sizes; and the results of one process
    and of two, in one/ and two/."""
    folder, before, words = tmp_path_factory.mktemp("processes"), Path.cwd(), sys.argv
    os.chdir(folder)
    try:
        _fill()
    finally:
        os.chdir(before)
        sys.argv = words
    return folder


def _fill() -> None:
    np.save("images.npy", stripes(IMAGES))
    Path("photos").mkdir()
    for i in range(11):
        draw("lying", i, 10 + i % 2, colour=False).save(f"photos/{i}.png")
    Path("photos/broken.png").write_text("no image")
    train("images.npy", out="run", **TINY)
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        for command in ALIKE.values():
            sys.argv = ["hourglass", *command.format("one").split()]
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code in (0, 1), said.getvalue()   # 1: some are abnormal
    Path("one.txt").write_text(said.getvalue())
    commands = [*(command.format("two") for command in ALIKE.values()), "list losses"]
    Path("two.py").write_text(SCRIPT.format(commands=commands))
    started = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "two.py"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={
            **os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(Path.cwd() / "cache")})
    late = threading.Timer(400, started.terminate)   # torchrun then ends both
    late.start()
    printed, _ = started.communicate()
    late.cancel()
    assert started.returncode == 0, printed
    Path("two.txt").write_text(printed)


def contents(path: Path) -> dict[str, bytes]:
    """The files of a result."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return {str(file.relative_to(path)): file.read_bytes() for file in files if file.is_file()}


def of_shards(folder: Path) -> pd.DataFrame:
    """The table of a folder of shards."""
    shards = json.loads((folder / "manifest.json").read_text())["shards"]
    files = [shard["file"] for shard in shards]
    return pd.concat([pd.read_parquet(folder / name) for name in files], ignore_index=True)


@pytest.mark.parametrize("name", ALIKE)
def test_two_processes_write_what_one_writes(place, name):
    one, two = (contents(place / folder / name) for folder in ("one", "two"))
    assert one and two == one
    if "--shards" in ALIKE[name]:
        shards = json.loads(one["manifest.json"])["shards"]
        assert {shard["file"] for shard in shards} == {*one} - {"manifest.json"}


def test_two_processes_say_everything_once(place):
    one, two = ((place / f"{name}.txt").read_text() for name in ("one", "two"))
    for words in ("300 codes of 2 numbers", "broken.png (no image)", "300 samples of the prior",
                  "300 samples in"):
        assert two.count(words) == one.count(words) > 0, words


def test_commands_that_share_no_work_are_done_once_and_say_so(place):
    said = (place / "two.txt").read_text()
    assert said.count("one process compresses all samples into one file") == 1
    assert said.count("embed --duplicates does not share its work: the first process does") == 1
    assert said.count("list does not share its work: the first process does it") == 1


def test_a_score_of_torchrun_is_no_failure(place):
    assert "the exit code is 0 although samples are abnormal" in (place / "two.txt").read_text()


def test_shards_together_are_the_one_file(place):
    codes = of_shards(place / "one" / "codes")
    table = pd.read_csv(place / "one" / "codes.csv", dtype={"name": str})
    assert list(codes) == list(table) and np.allclose(codes["z_1"], table["z_1"])
    assert np.array_equal(np.load(place / "one" / "codes.npy")[:, 0], codes["z_1"])
    scores = of_shards(place / "one" / "scores")
    table = pd.read_csv(place / "one" / "scores.csv")
    assert np.allclose(scores["score"], table["score"], atol=1e-9)
    assert set(scores["verdict"]) == {"normal", "abnormal"}


def test_shards_of_images_are_decompressed_together(place, monkeypatch, hourglass):
    monkeypatch.chdir(place)
    for name in ("small", "small.hg"):
        code, out, err = hourglass(f"decompress run one/{name} -o {name}.npy")
        assert code == 0 and out.startswith("300 samples"), err
    shards, whole = (np.load(f"{name}.npy").astype(int) for name in ("small", "small.hg"))
    assert np.abs(shards - whole).mean() < 2, "codes are rounded by the samples of their shard"


@pytest.mark.parametrize(("total", "count"), [(0, 3), (1, 1), (128, 2), (1000, 3), (300, 7)])
def test_parts_are_all_samples_once_in_whole_batches(total, count):
    parts = parts_of(total, count)
    assert len(parts) == count and [row for part in parts for row in part] == [*range(total)]
    assert all(part.start % 128 == 0 for part in parts if len(part))
    batches = [-(-len(part) // 128) for part in parts]
    assert max(batches) - min(batches) <= 1


def test_a_killed_command_goes_on_with_the_missing_shards(place, monkeypatch, hourglass):
    monkeypatch.chdir(place)
    np.save("many.npy", np.concatenate([stripes(IMAGES)] * 10))
    words = "embed run many.npy --shards 23 -o"
    started = Started(*words.split(), "killed")
    late = time.monotonic() + 60
    while not Path("killed/part-00001-of-00023.parquet").exists():
        assert time.monotonic() < late
        time.sleep(0.001)
    started.end(signal.SIGKILL)
    whole = {file.name: file.stat().st_mtime_ns for file in Path("killed").glob("*.parquet")
             if Path(f"{file}.json").exists()}
    code, out, err = hourglass(f"{words} killed")
    assert code == 0 and "3,000 codes of 2 numbers" in out, err
    said = f"{len(whole)} of 23 shards {'was' if len(whole) == 1 else 'were'} there already"
    assert said in err or len(whole) == 23
    assert whole == {name: Path("killed", name).stat().st_mtime_ns for name in whole}
    hourglass(f"{words} quiet")
    killed, quiet = contents(Path("killed")), contents(Path("quiet"))
    assert {name for name in killed if not name.endswith(".part")} == {*quiet}
    assert {name: killed[name] for name in quiet} == quiet


def test_a_damaged_shard_is_made_again(place, monkeypatch, hourglass):
    monkeypatch.chdir(place)
    words = "embed run images.npy -o damaged --shards 3"
    hourglass(words)
    before, shard = contents(Path("damaged")), Path("damaged/part-00001-of-00003.parquet")
    shard.write_bytes(shard.read_bytes()[:-1])
    Path("damaged/part-00002-of-00003.parquet").unlink()
    code, _, err = hourglass(words)
    assert code == 0 and contents(Path("damaged")) == before
    assert f"{shard} does not have its checksum; it is made again" in err
    assert "1 of 3 shards was there already" in err


@pytest.mark.parametrize(("words", "said"), [
    ("embed run photos -o {}", "another request: its samples is 300, and yours 11"),
    ("embed other images.npy -o {}", "another request: its weights is"),
    ("score run images.npy -o {}", "another request: its command is \"embed\", and yours"),
    ("embed run images.npy -o photos", "photos exists, is not empty and has no manifest.json"),
    ("embed run images.npy -o a.npy --shards 2", "pass a folder, such as -o a"),
    ("generate run --grid 8 --shards 2 -o {}", "make one picture; leave --shards out"),
])
def test_shards_of_another_request_are_refused(place, monkeypatch, hourglass, words, said):
    monkeypatch.chdir(place)
    if not Path("other").exists():
        train("images.npy", out="other", seed=1, **TINY)
    before = contents(Path("one/codes"))
    code, _, err = hourglass(words.format("one/codes"))
    assert code == 2 and said in err
    assert contents(Path("one/codes")) == before


def test_a_damaged_manifest_is_refused(place, monkeypatch, hourglass):
    monkeypatch.chdir(place)
    words = "embed run images.npy -o spoilt --shards 3"
    hourglass(words)
    manifest = Path("spoilt/manifest.json")
    whole = manifest.read_text()
    for text, said in ((whole[:-9], "is damaged"), ("[]", "is damaged"),
                       (whole.replace('"rows": 128', '"rows": 127'), "is damaged|changed by hand"),
                       (whole.replace('"bytes": ', '"bytes": 1'), "changed by hand")):
        manifest.write_text(text)
        code, _, err = hourglass(words)
        assert code == 2 and any(part in err for part in said.split("|")), err
        assert "delete spoilt" in err
