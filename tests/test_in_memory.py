"""Data in memory needs no conversion: tensors, data sets, loaders, tables, images."""

import itertools
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import draw, stripes, train
from PIL import Image
from scipy import sparse
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
)

import hourglass
from hourglass.data.collect import collect
from hourglass.data.in_memory import gather
from hourglass.data.labels import natural, numbered, texts_of
from hourglass.data.read_image import Reading
from hourglass.data.storage import room

pandas = pytest.importorskip("pandas")

X, Y = stripes(), np.arange(60) % 3
T = torch.from_numpy(X)[:, None] / 255   # (60, 1, 10, 10)
NAMES = ["cat", "dog", "eel"]


class Samples(Dataset):
    """60 samples in a form of choice."""

    def __init__(self, form=lambda i: (T[i], int(Y[i])), length: int = 60):
        self.form, self.length = form, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int):
        if i >= 60:
            raise IndexError(i)
        return self.form(i)


class Stream(IterableDataset):
    """A stream of samples without an end."""

    def __iter__(self):
        return itertools.repeat(T[0])


class SizedStream(IterableDataset):
    """60 samples, and says so."""

    def __len__(self) -> int:
        return 60

    def __iter__(self):
        return zip(T, Y, strict=True)


class WithoutEnd(Dataset):
    """Every number is one of a sample."""

    def __getitem__(self, i: int):
        return T[0]


class Sequence_:
    """The old manner of sequences: numbers from 0, without a length."""

    def __getitem__(self, i: int):
        return X[0]


class Feature:
    """The type of a Hugging Face column, recognised by its attributes."""

    def __init__(self, dtype: str, names: list[str] | None = None):
        self.dtype = dtype
        if names:
            self.names = names


class Columns:
    """A data set in the manner of Hugging Face's."""

    def __init__(self, features: dict[str, Feature], columns: dict[str, list]):
        self.features, self.columns, self.column_names = features, columns, list(columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, key):
        return self.columns[key] if isinstance(key, str) else {
            name: column[key] for name, column in self.columns.items()}

    def __iter__(self):
        return (self[i] for i in range(len(self)))


class Foreign:
    """An array of another library, which gives itself as numpy's."""

    def __init__(self, values: np.ndarray):
        self.values, self.shape = values, values.shape

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self.values

    def __len__(self) -> int:
        return len(self.values)


class ByDLPack:
    """An array that only DLPack reads."""

    def __init__(self, values: torch.Tensor):
        self.values, self.shape = values, tuple(values.shape)

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


def pil(mode: str = "L") -> list[Image.Image]:
    return [Image.fromarray(image).convert(mode) for image in X]


def images() -> Columns:
    return Columns({"image": Feature("PIL.Image.Image"), "label": Feature("int64", NAMES),
                    "caption": Feature("string")},
                   {"image": pil(), "label": Y.tolist(), "caption": ["words"] * 60})


WITH_LABELS = {
    "pairs": Samples(),
    "dictionaries": Samples(lambda i: {"img": T[i], "target": Y[i]}),
    "one-hot labels": Samples(lambda i: (T[i], torch.eye(3)[Y[i]])),
    "numpy pairs": Samples(lambda i: (X[i], Y[i:i + 1])),
    "pairs with more": Samples(lambda i: (T[i], int(Y[i]), "note")),
    "TensorDataset": TensorDataset(T, torch.from_numpy(Y)),
    "Subset": Subset(Samples(), range(60)),
    "ConcatDataset": ConcatDataset([Subset(Samples(), range(25)),
                                    Subset(Samples(), range(25, 60))]),
    "loader": DataLoader(Samples(), 16),
    "shuffling loader": DataLoader(Samples(), 16, shuffle=True, drop_last=True),
    "loader of dictionaries": DataLoader(Samples(lambda i: {"x": T[i], "y": Y[i]}), 7),
    "loader without batches": DataLoader(Samples(), None),
    "loader by a sampler of batches": DataLoader(
        Samples(), batch_sampler=[range(0, 25), range(25, 60)]),
    "loader of a stream with a length": DataLoader(SizedStream(), 16),
    "stream with a length": SizedStream(),
    "list of pairs": list(zip(X, Y, strict=True)),
    "list of pairs of lists": [(image.tolist(), int(y)) for image, y in zip(X, Y, strict=True)],
    "generator of pairs": Samples,
    "x and y": (X, Y),
    "dictionary": {"x": X, "y": Y},
    "Hugging Face": images(),
    "PIL pairs": list(zip(pil(), Y, strict=True)),
}


@pytest.mark.parametrize("name", WITH_LABELS)
def test_samples_and_labels_are_read_from_every_kind_of_data_set(name):
    data = WITH_LABELS[name]
    found = collect((pair for pair in zip(X, Y, strict=True)) if data is Samples else data,
                    Reading())
    assert found.shape == (1, 10, 10) and found.y.tolist() == Y.tolist()
    scale = 255 if found.x.max() > 1 else 1
    assert np.allclose(found.x[..., 0] / scale, X / 255)
    assert found.classes == (tuple(NAMES) if name == "Hugging Face" else ("0", "1", "2"))


WITHOUT_LABELS = {
    "uint8": X, "list": list(X), "tuple": tuple(X), "deque": deque(X), "nested list": X.tolist(),
    "values of a dictionary": dict(enumerate(X)).values(), "generator": iter(X),
    "objects": np.array([*X, None], object)[:-1], "torch": torch.from_numpy(X),
    "bfloat16": T.bfloat16(), "half": T.half(), "double": T.double(),
    "with gradients": T.clone().requires_grad_(), "int64": torch.from_numpy(X).long(),
    "list of bfloat16": list(T.bfloat16()), "sparse torch": T.to_sparse(),
    "another library's": Foreign(X), "DLPack's": ByDLPack(T), "list of DLPack's": [
        ByDLPack(t) for t in T],
    "data set of x": Samples(lambda i: T[i]), "PIL": pil(), "PIL in RGB": pil("RGB"),
    "PIL palette": [image.quantize(256) for image in pil("RGB")],
    "PIL of mixed modes": [image.convert(mode) for image, mode in zip(
        pil(), itertools.cycle(["L", "RGB", "RGBA", "LA", "1"]), strict=False)],
}


@pytest.mark.parametrize("name", WITHOUT_LABELS)
def test_arrays_of_every_library_precision_and_container_are_the_same_images(name):
    data = iter(X) if name == "generator" else WITHOUT_LABELS[name]
    found = collect(data, Reading(
        grey=True if any(word in name for word in ("RGB", "mixed", "palette")) else None))
    values = found.x[..., 0] / (255 if found.x.max() > 1 else 1)
    if "mixed" not in name:   # where 1 bit is left of some
        assert np.abs(values - X / 255).max() < 0.01
    assert found.x.shape == (60, 10, 10, 1) and found.y is None


def test_grey_among_colour_images_becomes_colour():
    mixed = pil()
    mixed[7] = draw("lying", 3, size=10)
    found = collect(mixed, Reading())
    assert found.x.shape == (60, 10, 10, 3) and (found.x[0] == X[0][..., None]).all()
    assert (found.x[7] == np.asarray(mixed[7])).all()


def test_pil_images_are_sized_and_inverted_once_as_files_are():
    pictures = [draw("lying", i, size=12 + i % 3) for i in range(9)]
    found = collect(pictures, Reading(size="8", grey=True, invert=True))
    again = collect([image.convert("L") for image in pictures], Reading(size="8", grey=True))
    assert found.x.shape == (9, 8, 8, 1) and np.abs(255. - found.x - again.x).max() <= 1


def test_paths_with_labels_are_read_as_files(here):
    paths = sorted((here / "photos").rglob("*.png"))[::5]
    y = [path.parent.name for path in paths]
    texts = [str(path) for path in paths]
    for data, labels in ((paths, y), (np.array(texts), y), (np.array(paths, object), y),
                         (pandas.Series(texts), y), (list(zip(paths, y, strict=True)), None)):
        found = collect(data, Reading(), labels)
        assert found.classes == ("lying", "upright") and found.shape == (3, 16, 16)
        assert [found.classes[k] for k in found.y] == y


def loader(data) -> DataLoader:
    return DataLoader(data, 8)


REFUSED = {
    "a Dataset without bounds": (WithoutEnd, r"WithoutEnd has no length \(__len__\)"),
    "a loader of it": (lambda: loader(WithoutEnd()), "no length"),
    "a sequence without a length": (Sequence_, "Sequence_ has no length"),
    "an IterableDataset": (Stream, "Stream has no length"),
    "a loader of it ": (lambda: loader(Stream()), "no length"),
    "a stream of Hugging Face's": (lambda: SimpleNamespace(column_names=None, features=None),
                                   "no length"),
    "a length that is a lie": (lambda: Samples(length=70), "length of 70, and no sample 60"),
    "more than there is room for": (lambda: Samples(length=10**13), "GiB.*free"),
    "a length beyond numbers": (lambda: Samples(length=2**70), "no length"),
    "an empty Dataset": (lambda: Samples(length=0), "is empty"),
    "an empty list": (list, "empty"),
    "a faulty Dataset": (lambda: Samples(lambda i: {}["x"]), "sample 0 .*cannot be read: KeyError"),
    "unequal samples": (lambda: [X[0], X[1][:5]], r"sample 1 .*\(5, 10\).*\(10, 10\)"),
    "unequal pictures": (lambda: [*pil(), draw("lying", 1, 12)], 'sample 60.*size="64"'),
    "ragged lists": (lambda: [[1, 2], [3]], "of one shape"),
    "single numbers": (lambda: Samples(lambda i: torch.tensor(1.0)), "a single number"),
    "texts": (lambda: Samples(lambda i: "words"), "not numbers.*'words'"),
    "an unknown key": (lambda: Samples(lambda i: {"a": T[0], "b": T[1]}), "keys a, b"),
    "complex numbers": (lambda: np.zeros((5, 5), complex), "complex"),
    "a number": (lambda: 5, "not int"),
    "one value": (lambda: np.float32(3), "single value"),
    "a model": (lambda: torch.nn.Linear(2, 2), "not Linear"),
    "a class": (lambda: Samples, "not type"),
    "a meta tensor": (lambda: torch.empty(3, 3, device="meta"), "meta"),
    "a nested tensor": (lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
                        "nested"),
    "splits": (lambda: {"train": images(), "test": images()}, r"train\(data\['train'\]\)"),
    "columns of two lengths": (lambda: {"a": [1, 2], "b": [3]}, "a 2, b 1"),
    "a sparse cube": (lambda: sparse.coo_array((np.ones(2), ([0, 1], [1, 0], [0, 1]))),
                      r"rows \(N, D\)"),
    "an open file": (lambda: open(__file__), "pass its path"),
    "bytes": (lambda: b"words", "not bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_what_cannot_be_read_is_refused_and_nothing_hangs(name, tmp_path):
    make, words = REFUSED[name]
    with pytest.raises(ValueError, match=words) as refused:
        train(make(), out=tmp_path / "run", epochs=1)
    assert len(str(refused.value)) < 330


def test_an_iterable_without_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr("hourglass.data.iterables.IN_MEMORY", 2**22)
    with pytest.raises(ValueError, match="might never end"):
        gather(itertools.repeat(np.zeros((512, 512), np.float32)))


def test_a_sparse_matrix_is_dense_in_batches_and_says_what_it_takes():
    x = sparse.random(9000, 40, 0.05, "coo", rng=np.random.default_rng(0))
    found = gather(x)
    assert found.values.dtype == np.float32 and np.allclose(found.values, x.toarray())
    assert "5.00%" in found.notes[0] and "1.4 MiB in memory" in found.notes[0]
    counts = gather(sparse.csr_array((x.toarray() * 1000).astype(int))).values
    assert (counts == (x.toarray() * 1000).astype(int)).all()


def test_what_does_not_fit_into_memory_is_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("hourglass.data.storage.IN_MEMORY", 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = gather(DataLoader(Samples(), 16))
    assert isinstance(found.values, np.memmap) and np.allclose(found.values, T)
    assert isinstance(room(60, (10, 10), np.uint8), np.memmap)
    fewer = gather(DataLoader(SizedStream(), 16, sampler=None))
    assert len(fewer.values) == 60


@pytest.mark.parametrize("shape", [(60, 12), (60, 10, 10)])
def test_what_is_masked_is_missing(shape, tmp_path):
    rng = np.random.default_rng(0)
    x = np.ma.masked_array(rng.random(shape), rng.random(shape) < 0.2)
    found = collect(x, Reading())
    hidden = np.isnan(found.x).reshape(shape)
    assert (hidden == x.mask).all() and np.allclose(found.x.reshape(shape)[~hidden], x.compressed())
    model = train(x, model="ae(2)", backbone="mlp((8,))", epochs=1, out=tmp_path / "run",
                  quiet=True)
    assert np.isfinite(model.reconstruct(x)).all()
    assert (np.isnan(model.errors(x)).reshape(shape) == x.mask).all()
    pixels = np.ma.masked_array(stripes(), stripes() > 100)
    assert np.nanmax(collect(pixels, Reading()).x) <= 1


def frame():
    return pandas.DataFrame({"age": [20, 30, None] * 20, "kind": list("abc") * 20})


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_tables_of_arrow_and_polars_are_those_of_pandas(library):
    other = pytest.importorskip(library)
    table = other.Table.from_pandas(frame()) if library == "pyarrow" else other.DataFrame(
        frame().to_dict("list"), strict=False)
    found, wanted = collect(table, Reading(), Y), collect(frame(), Reading(), Y)
    assert np.array_equal(found.x, wanted.x, equal_nan=True) and found.classes == wanted.classes
    lazily = [table.lazy()] if library == "polars" else table.to_batches()
    assert np.array_equal(collect(lazily[0], Reading()).x, wanted.x, equal_nan=True)


def test_columns_in_a_dictionary_records_and_objects_are_tables():
    wanted = collect(frame(), Reading()).x
    records = frame().to_records(index=False)
    columns = Columns({"age": Feature("float64"), "kind": Feature("string"),
                       "label": Feature("int64", NAMES)},
                      {**frame().to_dict("list"), "label": Y.tolist()})
    rows = frame().to_dict("records")
    for data in (frame().to_dict("list"), records, rows, frame().to_numpy(object), columns):
        found = collect(data, Reading())
        assert np.array_equal(found.x, wanted, equal_nan=True)
    assert found.classes == tuple(NAMES) and found.y.tolist() == Y.tolist()
    assert collect(frame()["age"], Reading()).x.shape == (60, 1)
    for row in (frame().iloc[0], rows[0]):
        assert gather(row).values.shape == (1, 2)
    assert gather(pandas.Series(list(X))).values.shape == X.shape


LABELS = {
    "numbers": Y, "list": Y.tolist(), "floats": Y.astype(float), "torch": torch.from_numpy(Y),
    "bfloat16": torch.from_numpy(Y).bfloat16(), "column": Y[:, None], "one-hot": np.eye(3)[Y],
    "pandas": pandas.Series(Y), "categories": pandas.Series(Y).astype("category"),
    "frame": pandas.DataFrame({"y": Y}), "nullable": pandas.Series(Y, dtype="Int64"),
    "tuple of numpy's": tuple(np.int8(y) for y in Y), "list of tensors": [
        torch.tensor(y) for y in Y], "another library's": Foreign(Y),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_every_library_are_the_same_classes(name):
    labels, classes = numbered(LABELS[name], 60)
    assert labels.tolist() == Y.tolist() and classes == ("0", "1", "2")
    assert texts_of(LABELS[name]) == [str(y) for y in Y]


MISSING = {
    "None": [0, None, 1], "NaN": [0.0, float("nan"), 1.0], "NaN array": np.array([0, np.nan, 1]),
    "texts": ["a", None, "b"], "texts and NaN": ["a", float("nan"), "b"],
    "masked": np.ma.masked_array([0, 7, 1], [0, 1, 0]), "objects": np.array(["a", None, "b"]),
    "NA": pandas.Series([0, None, 1], dtype="Int64"),
    "category": pandas.Series(["a", None, "b"], dtype="category"),
    "tensor": torch.tensor([0.0, float("nan"), 1.0]),
}


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_label_is_no_class(name):
    labels, classes = numbered(MISSING[name], 3)
    assert labels.tolist() == [0, -1, 1] and classes in (("0", "1"), ("a", "b"))
    with pytest.raises(ValueError, match="1 of 3 classes are missing"):
        texts_of(MISSING[name])


def test_classes_are_in_natural_order():
    assert numbered(["10", "9", "2"], 3)[1] == ("2", "9", "10")
    assert numbered([10, 9, 2], 3)[1] == ("2", "9", "10")
    names = ["unit 10b", "unit 2", "Unit 1", "10", "9", "unit"]
    assert sorted(names, key=natural) == ["9", "10", "Unit 1", "unit", "unit 2", "unit 10b"]
    table = collect(frame(), Reading(), [f"fold{i % 12}" for i in range(60)])
    assert table.classes == tuple(f"fold{i}" for i in range(12))


@pytest.mark.parametrize("y, words", [
    (Y[:50], r"\(50,\) do not fit 60"), (np.random.rand(60), "measured"),
    ([None] * 60, "all labels are missing"), ([[1, 2], [3]] * 30, "one label per sample"),
    ("abc", "list or an array"), (np.random.rand(60, 4), "do not fit"), (5, "not int"),
])
def test_labels_that_are_none_say_so(y, words):
    with pytest.raises(ValueError, match=words):
        collect(X, Reading(), y)


def test_labels_beside_a_name_or_path_are_refused(here):
    for place in ("digits", Path("photos"), "rows.csv"):
        with pytest.raises(ValueError, match=r"name classes by folders or by a column"):
            train(place, y=[1, 2, 3], out="run")


def test_a_run_on_a_data_set_goes_on_and_every_method_takes_it(tmp_path):
    data = DataLoader(Samples(), 16, shuffle=True)
    model = train(data, model="ae(2)", backbone="mlp((8,))", epochs=1, out=tmp_path / "run",
                  quiet=True)
    assert model.classes == ("0", "1", "2")
    again = hourglass.resume(tmp_path / "run", data=data, epochs=2, report=False, quiet=True)
    z = again.encode(T.numpy())
    for same in (Samples(), data, list(T.bfloat16()), T.half(), torch.from_numpy(X), pil(),
                 [X[i] for i in range(60)], images(), iter(X)):
        assert np.abs(again.encode(same) - z).max() < 0.05
    for use in (again.reconstruct, again.restore, again.score, again.errors):
        assert np.allclose(use(Samples()), use(T.numpy()), atol=1e-5)
    assert again.compress(pil()) == again.compress(X)


def test_a_conditional_model_takes_the_labels_of_a_data_set(tmp_path):
    model = train(Samples(), model="cvae(2)", backbone="mlp((8,))", epochs=1, out=tmp_path / "run",
                  quiet=True)
    assert np.allclose(model.encode(Samples()), model.encode(T.numpy(), Y))
    assert np.allclose(model.encode(T.numpy(), torch.from_numpy(Y)), model.encode(T.numpy(), Y))
    with pytest.raises(ValueError, match="1 of 60 classes is missing"):
        model.encode(T.numpy(), [None, *Y[1:]])


def unlabelled(y: np.ndarray, every: int = 4) -> list:
    return [int(k) if i % every == 0 else None for i, k in enumerate(y)]


def test_samples_without_a_label_train_a_model_that_guesses(tmp_path, capsys):
    y = unlabelled(Y, 4)
    model = train(X, y=y, model="semi_supervised_vae(2)", backbone="mlp((8,))", epochs=1, val=3,
                  test=3, out=tmp_path / "run")
    splits = model.source().splits
    assert len(splits["train"]) == 54
    for name in ("val", "test"):
        assert (splits[name].y[splits[name].index] >= 0).all()
    batch = splits["train"].batch(torch.arange(54))
    assert ((batch.y >= 0).sum() == 9) and batch.y_observed is None
    codes = model.codes()
    assert (codes.y >= 0).all() and model.sample(3, y=["0", "1", "2"]).shape == (3, 10, 10, 1)
    assert len(model.classify(Samples(lambda i: (T[i], y[i])))) == 60
    assert "45 of 60 samples have no label" in capsys.readouterr().err


@pytest.mark.parametrize("settings, words", [
    ({"model": "ae(2)"}, "45 of 60 samples have no label.*semi_supervised_vae"),
    ({"model": "cvae(2)"}, "have no label"),
    ({"model": "semi_supervised_vae(2)", "val": 0, "test": 0}, "val or test above 0"),
    ({"model": "semi_supervised_vae(2)", "only": "1"}, "only 1: 45 samples have no label"),
    ({"model": "semi_supervised_vae(2)", "labelled": 16}, "to 9"),
])
def test_labels_that_are_missing_are_refused_where_no_model_can_use_them(settings, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        train(X, y=unlabelled(Y), out=tmp_path / "run", epochs=1, backbone="mlp((8,))",
              **{"val": 3, "test": 3, **settings})


def test_the_split_of_labelled_samples_does_not_depend_on_others():
    from hourglass.data.collect import split
    y = np.where(np.arange(60) % 2, Y, -1)
    found = collect(X, Reading(), [None if k < 0 else int(k) for k in y])
    assert found.y.tolist() == y.tolist()
    parts = split(found, {"val": 0.2, "test": 6}, seed=0).splits
    assert {name: len(part) for name, part in parts.items()} == {"train": 48, "val": 6, "test": 6}
    assert sorted(torch.cat([part.index for part in parts.values()]).tolist()) == [*range(60)]


def test_a_table_with_rows_without_a_label_is_read(here, hourglass):
    text = Path("rows.csv").read_text().splitlines()
    rows = [line if i % 5 == 0 else line.rsplit(",", 1)[0] + "," for i, line in enumerate(text)]
    Path("some.csv").write_text("\n".join(rows) + "\n")
    code, out, err = hourglass("data show \"table('some.csv', label='kind')\"")
    assert code == 0 and "2 classes" in out and "384 samples have no label" in out
    train("table('some.csv', label='kind')", model="semi_supervised_vae(2)", epochs=1, out="run",
          backbone="mlp((8,))", quiet=True)
    code, out, err = hourglass("embed run some.csv -o codes.csv")
    assert code == 0 and "the labels are not used" in err
