"""Named data sets: digits, MNIST and similar ones, CIFAR."""

import io
import tarfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from einops import rearrange

from ...core.contracts import Collection
from ...core.registry import sources
from ..fetch import Remote, find_all
from ..read_image import Reading, shape_images
from .idx_files import read_idx

TEN = tuple("0123456789")
FASHION = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "trainers", "bag",
           "ankle boot")
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
STORAGE = "https://storage.googleapis.com"
IDX_FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
             "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
IDX_MIRRORS = {
    "mnist": ("https://ossci-datasets.s3.amazonaws.com/mnist/",
              f"{STORAGE}/cvdf-datasets/mnist/"),
    "fashion_mnist": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                      f"{STORAGE}/tensorflow/tf-keras-datasets/"),
    "kmnist": ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
}
# digests of the archive and of its content (archives are sometimes compressed again)
IDX_DIGESTS = {
    "mnist": (("f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
              ("d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
              ("9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
              ("ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637")),
    "fashion_mnist": (("8d4fb7e6c68d591d4c3dfef9ec88bf0d", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
                      ("25c81989df183df01b3e8a0aad5dffbe", "9018921c3c673c538a1fc5bad174d6f9"),
                      ("bef4ecab320f06d8554ea6380940ec79", "8181f5470baa50b63fa0f6fddb340f0a"),
                      ("bb300cfdad3c16e7a12a480ee83cd310", "15d484375f8d13e6eb1aabb0c3f46965")),
    "kmnist": (("bdb82020997e1d708af4cf47b453dcf7",), ("e144d726b3acfaa3e44228e80efcd344",),
               ("5c965bf0a639b31b8f53240b1b52f4d7",), ("7320c461ea6c1c855c0b718fb2a4b134",)),
}
CIFAR_MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
CIFAR_DIGESTS = {
    "cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    "cifar-100-binary.tar.gz": "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
}


@sources.add("digits")
def digits(reading: Reading) -> Collection:
    """1,797 handwritten digits of 8x8 pixels from scikit-learn; no download needed."""
    rows = _digits_of_sklearn()
    pixels = rearrange(rows[:, :-1], "n (h w) -> n h w 1", h=8)
    images = np.rint(pixels * (255 / 16)).astype(np.uint8)
    return Collection(shape_images(images, reading), rows[:, -1].astype(np.int64), TEN)


def _digits_of_sklearn() -> np.ndarray:
    """Rows (1797, 65) of pixels and a label, from scikit-learn's file. Importing
    scikit-learn takes longer than importing torch."""
    package = find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits  # for versions with another path
    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target])


@sources.add("mnist")
def mnist(reading: Reading, together: bool = False) -> Collection:
    """MNIST: 70,000 handwritten digits, 28x28 grey (LeCun et al., 1998). together=True joins its
    training and test images."""
    return _idx_set("mnist", TEN, reading, together)


@sources.add("fashion_mnist")
def fashion_mnist(reading: Reading, together: bool = False) -> Collection:
    """Fashion-MNIST: 70,000 garments, 28x28 grey (Xiao et al., 2017, arXiv 1708.07747)."""
    return _idx_set("fashion_mnist", FASHION, reading, together)


@sources.add("kmnist")
def kmnist(reading: Reading, together: bool = False) -> Collection:
    """KMNIST: 70,000 cursive kana, 28x28 grey (Clanuwat et al., 2018, arXiv 1812.01718)."""
    return _idx_set("kmnist", KANA, reading, together)


@sources.add("cifar10")
def cifar10(reading: Reading) -> Collection:
    """CIFAR-10: 60,000 photographs of ten things, 32x32 colour (Krizhevsky, 2009)."""
    archive = _cifar_archive("cifar10", "cifar-10-binary.tar.gz")
    return read_cifar(archive, "batches.meta.txt", 1, reading)


@sources.add("cifar100")
def cifar100(reading: Reading) -> Collection:
    """CIFAR-100: 60,000 photographs of a hundred things, 32x32 colour (Krizhevsky, 2009)."""
    archive = _cifar_archive("cifar100", "cifar-100-binary.tar.gz")
    return read_cifar(archive, "fine_label_names.txt", 2, reading)


def _idx_set(
    name: str, classes: tuple[str, ...], reading: Reading, together: bool
) -> Collection:
    files = [Remote(file, tuple(f"md5:{d}" for d in digests), IDX_MIRRORS[name])
             for file, digests in zip(IDX_FILES, IDX_DIGESTS[name], strict=True)]
    train_x, train_y, test_x, test_y = map(read_idx, find_all(name, files))
    collection = _train_and_test(train_x[..., None], train_y, test_x[..., None], test_y, classes,
                                 reading)
    return replace(collection, parts={}) if together else collection


def _cifar_archive(name: str, file: str) -> bytes:
    digest = f"sha256:{CIFAR_DIGESTS[file]}"
    return find_all(name, [Remote(file, (digest,), CIFAR_MIRRORS)])[0]


def read_cifar(archive: bytes, names_file: str, labels: int, reading: Reading) -> Collection:
    """The images in CIFAR's binary archive (uncompressed tar). The last label byte is used."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = {m.name.rpartition("/")[2]: m for m in tar.getmembers() if m.isfile()}
        contents = {name: tar.extractfile(m).read() for name, m in members.items()}  # type: ignore
    trains = [contents[n] for n in sorted(contents) if n.startswith(("data_batch", "train."))]
    tests = [contents[n] for n in sorted(contents) if n.startswith(("test_batch", "test."))]
    classes = tuple(contents[names_file].decode().split())
    (train_x, train_y), (test_x, test_y) = (
        _cifar_records(b"".join(blobs), labels) for blobs in (trains, tests))
    return _train_and_test(train_x, train_y, test_x, test_y, classes, reading)


def _cifar_records(content: bytes, labels: int) -> tuple[np.ndarray, np.ndarray]:
    records = np.frombuffer(content, np.uint8).reshape(-1, labels + 3072)
    planes = rearrange(records[:, labels:], "n (c h w) -> n h w c", c=3, h=32)
    return planes, records[:, labels - 1]


def _train_and_test(
    train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray, test_y: np.ndarray,
    classes: tuple[str, ...], reading: Reading,
) -> Collection:
    x = shape_images(np.concatenate([train_x, test_x]), reading)
    y = np.concatenate([train_y, test_y]).astype(np.int64)
    order = np.arange(len(x))
    parts = {"train": order[:len(train_x)], "test": order[len(train_x):]}
    return Collection(x, y, classes, parts=parts)
