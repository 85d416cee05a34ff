"""Whatever a person gets wrong is answered in a line or two that say what to do, with code 2."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import draw, train

TRAIN = "train digits --epochs 1 --out new"


def bytes_at(path: str, content: bytes = b"") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content)


def array(path: str, values: np.ndarray) -> None:
    np.save(path, values, allow_pickle=values.dtype == object)


def truncated_zip() -> None:
    Path("cut.zip").write_bytes(Path("photos.zip").read_bytes()[:3000])


def zip_of(*names: str) -> None:
    with zipfile.ZipFile("some.zip", "w") as held:
        for name in names:
            held.writestr(name, b"nothing")


def mostly_broken() -> None:
    for i in range(10):
        bytes_at(f"photos/upright/broken{i}.png", b"\x89PNG\r\n\x1a\n broken")


def with_column_of_nan() -> None:
    values = np.ones((50, 4), np.float32)
    values[3, 2] = np.nan
    array("t.npy", values)


NOTHING = None
CASES = [
    # names
    ("train mnits", NOTHING, "no data source is named 'mnits'.*did you mean 'mnist'"),
    ("train digits --model aee", NOTHING, "no model is named 'aee'.*'ae'"),
    ("train digits --backbone cnv", NOTHING, "no backbone is named 'cnv'.*'conv'"),
    ("train digits --bottleneck 'gausian(16)'", NOTHING, "did you mean 'gaussian'"),
    ("train digits --likelihood bernouli", NOTHING, "did you mean 'bernoulli'"),
    ("train digits --loss recn", NOTHING, "no term is named 'recn'.*'recon'"),
    ("train digits --optimiser adma", NOTHING, "no optimiser is named 'adma'"),
    ("train digits --schedule cosin", NOTHING, "no schedule is named 'cosin'.*'cosine'"),
    ("train digits --stop erly", NOTHING, "no stop is named 'erly'.*'early'"),
    ("train digits --recipe tutorial_ca", NOTHING, "no recipe and no file named.*'tutorial_cae'"),
    ("trian digits", NOTHING, "trian.*train"),
    ("train digits --epoch 3", NOTHING, "--epoch.*--epochs"),
    ("list modles", NOTHING, "no kind of part is named 'modles'.*'models'"),
    ("list", NOTHING, None),
    # texts
    (f"{TRAIN} --bottleneck 'plain(16'", NOTHING, "cannot read 'plain\\(16'"),
    (f"{TRAIN} --bottleneck 'plain(dims=3)'", NOTHING, "takes no 'dims'.*'dim'"),
    (f"{TRAIN} --bottleneck 'plain(0)'", NOTHING, "dim must be a whole number from 1, not 0"),
    (f"{TRAIN} --bottleneck 'identity(3)'", NOTHING, "too many arguments"),
    (f"{TRAIN} --bottleneck 'plain(dim=x)'", NOTHING, "must be a finite number"),
    (f"{TRAIN} --bottleneck '__import__(\"os\")'", NOTHING, "no bottleneck is named"),
    (f"{TRAIN} --loss 'recon + recon'", NOTHING, "has a term twice"),
    (f"{TRAIN} --loss 'a * recon'", NOTHING, "must be a finite number"),
    (f"{TRAIN} --loss 'recon + kl'", NOTHING, "the loss needs a bottleneck"),
    (f"{TRAIN} --backbone 'conv(filters=(8, 4), kernel=(3,))'", NOTHING, "pass one kernel per "
     "block"),
    (f"{TRAIN} --backbone 'conv(filters=(8,)*3)'", NOTHING, "must be a finite number"),
    (f"{TRAIN} --backbone 'conv(pool=\"mx\")'", NOTHING, "one of none, max, avg"),
    (f"{TRAIN} --loss 'recon + ramp(0, 4, epochs=2, steps=9) * kl'", NOTHING, "only once"),
    (f"{TRAIN} --loss 'recon + rmp(0, 4) * kl'", NOTHING, "no ramp is named 'rmp'.*'ramp'"),
    (f"{TRAIN} --loss 'recon + ramp(0, 4, epochs=0) * kl'", NOTHING, "epochs must be.* above 0"),
    (f"{TRAIN} --loss 'recon + kl * 4'", NOTHING, "weight before its term"),
    (f"{TRAIN} --augment flp", NOTHING, "no augmentation is named 'flp'; did you mean 'flip'"),
    (f"{TRAIN} --augment '2 * flip'", NOTHING, "without weights"),
    (f"{TRAIN} --augment colour", NOTHING, "colour is for images with three channels"),
    ("train v.npy --augment flip", lambda: array("v.npy", np.random.randn(40, 5)),
     "'?flip'? is for images"),
    (f"{TRAIN} --condition lable", NOTHING, "condition must be one of .*label"),
    (f"{TRAIN} --layout last", NOTHING, "layout must be one of auto, channels_last"),
    (f"{TRAIN} --max-memory 0", NOTHING, "max_memory must be a number above 0"),
    (f"{TRAIN} --from nowhere", NOTHING, "nowhere is not a run folder"),
    ("train images.npy --model cvae --out new", NOTHING, "two classes or more"),
    (f"{TRAIN} --schedule 'cosine(warmup=2)'", NOTHING, "warmup must be"),
    ("train nowhere/ --loss recn", NOTHING, "no term is named 'recn'"),   # before data is read
    ("summary images.npy --model cvae", NOTHING, "two classes or more"),
    # data commands
    ("data show digits -o sheet.txt", NOTHING, "is a .png file, as in -o sheet.png"),
    ("data shwo digits", NOTHING, "shwo.*show"),
    ("data show nowhere/", NOTHING, "there is no file or folder nowhere/"),
    ("data show empty", lambda: Path("empty").mkdir(), "empty holds no images"),
    ("data prepare cut.zip -o c.npy", truncated_zip, "cut.zip is not a complete zip or tar"),
    ("data prepare photos -o c.zip", NOTHING, "prepared images are a .npy file"),
    ("data prepare photos -o images.npy", NOTHING, "images.npy exists, and is not a prepared file"),
    ("data prepare t.npy -o c.npy", lambda: array("t.npy", np.random.rand(40, 5)),
     "not images"),
    ("data prepare photos --size 0 -o c.npy", NOTHING, "size must be pixels"),
    ("data augment photos -n 0 -o more", NOTHING, "-n.*from 1|-n.*equal to 1"),
    ("data augment photos -n 5 -o photos", NOTHING, "photos exists and is not empty"),
    ("data augment t.npy -n 5 -o more", lambda: array("t.npy", np.random.rand(40, 5)),
     "holds no images to augment"),
    ("generate photos", NOTHING, "photos is not a run folder"),
    ("generate gone", NOTHING, "gone is not a run folder: it does not exist"),
    ("train digits --binarise maybe", NOTHING, "must be one of fixed, dynamic, threshold, not"),
    ("data show digits -o /proc/sheet.png", NOTHING, "/proc/sheet.png.* cannot be used"),
    # numbers
    (f"{TRAIN} --lr -1", NOTHING, "lr must be a number above 0"),
    (f"{TRAIN} --lr nan", NOTHING, "lr must be"),
    (f"{TRAIN} --batch-size 0", NOTHING, "batch_size must be a whole number from 1"),
    ("train digits --epochs many", NOTHING, "epochs must be a whole number from 1"),
    (f"{TRAIN} --val 1.5", NOTHING, "val must be a share below 1"),
    (f"{TRAIN} --val 0.99 --test 0.5", NOTHING, "nothing is left|val must be"),
    (f"{TRAIN} --size huge", NOTHING, "size must be pixels"),
    (f"{TRAIN} --size 99999", NOTHING, "size must be pixels"),
    (f"{TRAIN} --pad 4", NOTHING, "pad 4 is smaller than an image"),
    (f"{TRAIN} --device gpu", NOTHING, "device must be auto, cpu, cuda"),
    (f"{TRAIN} --device cuda:77", NOTHING, "has no device 'cuda:77'"),
    (f"{TRAIN} --precision 8", NOTHING, "precision must be one of auto, 32-true"),
    (f"{TRAIN} --seed -3", NOTHING, "seed must be a whole number from 0"),
    (f"{TRAIN} --fit squeeze", NOTHING, "fit must be one of crop, pad, stretch"),
    # files and folders
    ("train nowhere/", NOTHING, "there is no file or folder nowhere/"),
    ("train empty", lambda: Path("empty").mkdir(), "empty holds no images"),
    ("train texts", lambda: bytes_at("texts/a.pdf", b"hi"), "texts holds no images"),
    ("train photos", mostly_broken, "more than one in ten"),
    ("train photos --strict", lambda: bytes_at("photos/upright/bad.png", b"x"), "bad.png cannot"),
    ("train bad", lambda: bytes_at("bad/a.png", b"x"), "none of the images in .*bad can be read"),
    ("train tiny", lambda: (Path("tiny").mkdir(), draw("lying", 0).resize((1, 1)).save(
        "tiny/a.png")), "1x1 pixels, too small.*--size"),
    ("train cut.zip", truncated_zip, "cut.zip is not a complete zip or tar"),
    ("train some.zip", lambda: zip_of("readme.md"), "some.zip holds no images"),
    ("train a.tar", lambda: bytes_at("a.tar", b"not a tar"), "not a complete zip or tar"),
    ("train notes.md", lambda: bytes_at("notes.md", b"hi"), "neither a folder of images"),
    ("train x.npy", lambda: bytes_at("x.npy", b"\x93NUMPY"), "cut short or damaged"),
    ("train o.npy", lambda: array("o.npy", np.array([{}, {}])), "holds pickled objects"),
    ("train t.npy", with_column_of_nan, "missing or infinite: 1 of 200 values, in columns 2"),
    ("train s.npy", lambda: array("s.npy", np.zeros((4,))), "neither images.*nor vectors"),
    ("train e.npy", lambda: array("e.npy", np.zeros((0, 4))), "neither images.*nor vectors"),
    ("train w.npy", lambda: array("w.npy", np.zeros((9, 7, 8, 9, 2), np.uint8)), "neither images"),
    ("train t.npy --backbone conv", lambda: array("t.npy", np.random.rand(40, 5)),
     "convolutions need images.*mlp"),
    ("train n.npy --likelihood bernoulli", lambda: array("n.npy", np.random.randn(40, 5)),
     "for values from 0 to 1.*normal"),
    # runs and recipes
    (TRAIN, lambda: bytes_at("new/thing.txt"), "new exists and is not empty"),
    ("train digits --out new.txt", lambda: bytes_at("new.txt"), "cannot be used as a "
     "folder.*--out"),
    ("train digits --out new.txt/sub", lambda: bytes_at("new.txt"), "cannot be used as a "
     "folder.*--out"),
    (f"{TRAIN} --stop 'early(monitor=\"val_los\")'", NOTHING, "no value 'val_los'.*'val_loss'"),
    (f"{TRAIN} --loss 'recon + '", NOTHING, "a sum such as recon"),
    ("train f.npy", lambda: bytes_at("f.npy", b"\xff\xd8\xff JPEG"), "does not begin like a .npy"),
    ("train new --resume", lambda: Path("new").mkdir(), "new is not a run folder"),
    ("train --resume", NOTHING, "--resume needs a run's folder"),
    ("report photos", NOTHING, "photos is not a run folder"),
    ("reconstruct photos photos", NOTHING, "photos is not a run folder"),
    ("train --recipe r.toml", lambda: bytes_at("r.toml", b"epochs = = 3"), "be read as TOML"),
    ("train --recipe r.toml", lambda: bytes_at("r.toml", b"epoch = 3"), "no setting.*'epochs'"),
    ("train --recipe r.toml", lambda: bytes_at("r.toml", b"epochs = 'x'"), "epochs must be"),
]


@pytest.mark.parametrize("command, before, message", CASES, ids=[
    f"{i}: {command}" for i, (command, _, _) in enumerate(CASES)])
def test_bad_input_is_answered_in_two_lines(command, before, message, here, hourglass):
    if before:
        before()
    code, out, err = hourglass(command)
    if message is None:
        assert code == 0
        return
    lines = [line for line in err.splitlines() if line.startswith("hourglass: ")]
    assert code == 2, err
    assert len(lines) == 1 and "Traceback" not in err and not out
    import re
    assert re.search(message, lines[0]), lines[0]
    assert not list(here.glob("runs/*")), "what cannot work leaves no run behind"
    assert not list(here.glob("new/run.json"))


def test_a_setting_in_python_is_answered_alike():
    with pytest.raises(ValueError, match=r"no setting is named 'epoch'.*'epochs'"):
        train("digits", epoch=3)


def test_a_run_whose_files_are_damaged_says_which(here, hourglass):
    hourglass("train --no-report images.npy --epochs 1 --out run")
    whole = Path("run/model.safetensors").read_bytes()
    Path("run/model.safetensors").write_bytes(whole[:-50])
    assert "model.safetensors is not a complete weights file" in hourglass(
        "reconstruct run photos")[2]
    Path("run/model.safetensors").write_bytes(whole)
    Path("run/run.json").write_text("{")
    code, _, err = hourglass("report run")
    assert code == 2 and "run.json is damaged" in err
