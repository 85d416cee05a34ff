"""Ratings as data: read from files of many kinds, kept sparse, split as recommenders need it."""

import gzip
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ratings_text

import hourglass as hg
from hourglass.core.expressions import Call, read
from hourglass.data import ratings_file
from hourglass.data.collect import collect, split
from hourglass.data.find import find_call, settle
from hourglass.data.image_options import Reading
from hourglass.data.sources.ratings import Ratings
from hourglass.data.sparse_rows import SparseRows

ROWS = [("anna", "film one", 5, 30), ("anna", "film two", 4, 20), ("bob", "film one", 1, 10),
        ("bob", "film two", 5, 40), ("anna", "film three", 2, 50)]
SHARES = {"val": 0.2, "test": 0.2}


def read_in(path, **options) -> Ratings:
    call = Call("ratings", (str(path),), {"fewest": 1, "least": 1, **options})
    return collect(call, Reading())


def triples_of(found) -> set[tuple[str, str, float]]:
    rated = found.raw.matrix.tocoo()
    return {(found.raw.users[u], found.raw.items[i], float(v))
            for u, i, v in zip(rated.row, rated.col, rated.data, strict=True)}


def written(mark: str, header: str = "") -> str:
    lines = [mark.join(map(str, row)) for row in ROWS]
    return "\n".join([*([header.replace(",", mark)] if header else []), *lines]) + "\n"


WANTED = {(user, item, float(stars)) for user, item, stars, _ in ROWS}


@pytest.mark.parametrize("name, mark, header", [
    ("u.data", "\t", ""), ("ratings.dat", "::", ""), ("ratings.csv", ",", ""),
    ("ratings.csv", ",", "userId,movieId,rating,timestamp"),
    ("rows.csv", ";", "user_id,film,stars,date"), ("rows.tsv", "\t", "User,Item,Score,Time"),
    ("rows.txt", "|", "customer,product,rating,when"),
    ("ml.inter", "\t", "user_id:token,item_id:token,rating:float,timestamp:float")])
def test_a_file_is_read_by_its_marks_and_usual_names(name, mark, header, tmp_path):
    (tmp_path / name).write_text(written(mark, header))
    found = read_in(tmp_path / name)
    assert triples_of(found) == WANTED
    assert found.raw.time is not None


@pytest.mark.parametrize("order", [[3, 2, 0, 1], [1, 0, 3, 2]])
def test_columns_are_found_in_any_order(order, tmp_path):
    names = ["userId", "movieId", "rating", "timestamp"]
    text = "\n".join(",".join(str(row[i]) for i in order) for row in [names, *ROWS])
    (tmp_path / "a.csv").write_text(text)
    assert triples_of(read_in(tmp_path / "a.csv")) == WANTED


def test_parquet_frames_and_packed_files_hold_the_same(tmp_path):
    frame = pd.DataFrame(ROWS, columns=["user", "item", "rating", "time"])
    frame.to_parquet(tmp_path / "a.parquet")
    text = written(",", "user,item,rating,time")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(tmp_path / "ml.zip", "w") as held:
        held.writestr("ml-100k/u.data", written("\t"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "ratings.dat").write_text(written("::"))
    for name in ("a.parquet", "a.csv.gz", "ml.zip", "folder"):
        assert triples_of(read_in(tmp_path / name)) == WANTED, name
    from hourglass.data.data_by_kind import as_kind
    found = as_kind(frame, "ratings", None, {"fewest": 1, "least": 1.0})
    assert triples_of(found) == WANTED


def test_blocks_give_what_the_whole_file_gives(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text(ratings_text(60, 30))
    whole = triples_of(read_in(tmp_path / "a.csv"))
    monkeypatch.setattr(ratings_file, "BLOCK", 100)
    assert triples_of(read_in(tmp_path / "a.csv")) == whole and len(whole) == 900


def test_ids_stay_texts_with_blanks_zeros_and_marks(tmp_path):
    (tmp_path / "a.csv").write_text('user,item,rating\n007,"War, and peace",5\n7,Amélie,4\n'
                                    'NA,"a ""b""",3\n')
    assert triples_of(read_in(tmp_path / "a.csv")) == {
        ("007", "War, and peace", 5.0), ("7", "Amélie", 4.0), ("NA", 'a "b"', 3.0)}
    (tmp_path / "b.csv").write_bytes("user,item,rating\n1,Amélie,5\n2,Amélie,4\n".encode("latin-1"))
    found = read_in(tmp_path / "b.csv")
    assert ("1", "Amélie", 5.0) in triples_of(found) and "Latin-1" in " ".join(found.notes)


def test_the_last_of_repeated_ratings_counts_by_time_or_by_place(tmp_path):
    (tmp_path / "a.csv").write_text("user,item,rating,time\n1,x,5,30\n1,x,2,10\n1,y,4,1\n")
    found = read_in(tmp_path / "a.csv")
    assert triples_of(found) == {("1", "x", 5.0), ("1", "y", 4.0)}
    assert "1 ratings repeat a user and an item; the last one by time counts" in found.notes
    (tmp_path / "b.csv").write_text("user,item,rating\n1,x,5\n1,x,2\n1,y,4\n")
    found = read_in(tmp_path / "b.csv")
    assert ("1", "x", 2.0) in triples_of(found)
    assert any("the last one in the file counts" in note for note in found.notes)


def test_rows_without_a_rating_a_user_or_an_item_are_left_out_and_counted(tmp_path):
    (tmp_path / "a.csv").write_text("user,item,rating\n1,x,5\n1,y,\n1,z,NaN\n2,x,inf\n,x,3\n3,,4\n")
    found = read_in(tmp_path / "a.csv")
    assert triples_of(found) == {("1", "x", 5.0)}
    told = " ".join(found.notes)
    assert "3 of 6 rows whose rating is missing" in told and "1 of 6 rows without a user" in told
    assert "1 of 6 rows without an item" in told


def test_users_without_an_item_that_counts_are_left_out_and_counted(tmp_path):
    (tmp_path / "a.csv").write_text("user,item,rating\n1,x,5\n1,y,4\n2,x,1\n3,y,5\n")
    found = collect(f"ratings('{tmp_path}/a.csv', fewest=2)", Reading())
    assert found.raw.users == ["1"]
    told = " ".join(found.notes)
    assert "1 of 3 users have fewer than 2 items" in told
    assert "1 of 3 users have no item that counts" in told
    assert "from a rating of 4 on (75% of the ratings" in told


@pytest.mark.parametrize("text, option, words", [
    ("", "", "is empty"),
    ("user,item,rating\n", "", "holds no rating"),
    ("only\na\nb\n", "", "one column"),
    ("when,what,how\nmon,x,5\n", "", "none has a usual name for user or item"),
    ("user,item,rating\n1,x,good\n2,x,5\n", "", "ratings must be numbers"),
    ("user,item,rating\n1,x,5\n", "", "no user has 5 items or more"),
    ("user,item,rating\n1,x,1\n1,y,2\n", ", least=4", "no rating is 4 or more"),
    ("user,item,rating\n1,x,1\n1,y,2\n", ", split='last'", "needs times"),
    ("user,item\n1,x\n1,y\n", ", explicit=True", "no column of ratings"),
    ("user,item,rating\n1,x,1\n", ", user='who'", "has no column 'who' for user"),
    ("user,item,rating\n1,x,1\n", ", items='none.csv'", "no file none.csv"),
    ("user,item,time\n1,x,yesterdayish\n", "", "neither a number nor a date"),
    ("\0\0\0", "", "not a text")])
def test_bad_files_are_refused_in_a_line(text, option, words, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=words) as refused:
        collect(f"ratings('{tmp_path}/a.csv'{option})", Reading())
    assert "\n" not in str(refused.value)


def test_a_missing_file_a_folder_without_ratings_and_a_damaged_zip_are_refused(tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"PK\3\4 no zip")
    for path, words in (("none.csv", "there is no file"), ("", "holds no u.data"),
                        ("bad.zip", "holds no u.data")):
        with pytest.raises(ValueError, match=words):
            collect(f"ratings('{tmp_path / path}')", Reading())


@pytest.mark.parametrize("name, text, kind", [
    ("u.data", written("\t").replace("anna", "1").replace("bob", "2").replace("film ", "")
        .replace("one", "1").replace("two", "2").replace("three", "3"), "ratings"),
    ("a.csv", "user_id,movie_id,rating\n1,2,5\n1,3,4\n", "ratings"),
    ("a.csv", "user,item\n1,2\n1,3\n", "table"),
    ("a.csv", "age,height,weight\n1,2,5\n1,3,4\n", "table"),
    ("a.csv", "1\t2\t5\t880000000\n1\t3\t4\t880000001\n", "ratings"),
    ("a.csv", "1,2,5\n1,3,4\n", "table"),
    ("a.csv", "0.1,2,5,1\n0.2,3,4,2\n", "table")])
def test_a_file_of_ratings_is_told_by_looking_and_said(name, text, kind, tmp_path, capsys):
    (tmp_path / name).write_text(text)
    assert find_call(str(tmp_path / name)).name == kind
    said = capsys.readouterr().err
    assert ("is read as ratings(" in said.replace("so it ", "")) == (kind == "ratings") or (
        "write ratings(" in said)
    if kind == "ratings":
        assert read(settle(str(tmp_path / name))).name == "ratings"


def test_titles_are_read_from_the_file_beside_or_the_one_that_is_named(tmp_path):
    (tmp_path / "u.data").write_text("1\t1\t5\t1\n1\t2\t5\t2\n2\t1\t4\t3\n")
    (tmp_path / "u.item").write_bytes("1|Amélie (2001)|x\n2|Heat (1995)|y\n".encode("latin-1"))
    (tmp_path / "names.csv").write_text('movieId,title\n1,"Good, bad"\n')
    found = read_in(tmp_path / "u.data")
    assert found.encoding["titles"] == ["Amélie (2001)", "Heat (1995)"]
    assert any("u.item" in note for note in found.notes)
    named = read_in(tmp_path / "u.data", items=str(tmp_path / "names.csv"))
    assert named.encoding["titles"] == ["Good, bad", ""]


def test_users_are_held_out_with_a_part_of_their_items(here):
    source = split(collect("ratings('ratings.csv', fewest=2)", Reading()), SHARES, seed=3)
    train, test = source.splits["train"], source.splits["test"]
    assert train.encoder_input is None and isinstance(train.x, SparseRows)
    assert not set(train.index.tolist()) & set(test.index.tolist())
    batch = test.batch(torch.arange(len(test)))
    seen, whole = batch.encoder_input.bool(), batch.x.bool()
    assert (seen <= whole).all() and (whole & ~seen).any(1).all() and seen.any(1).all()
    count = whole.sum(1)
    hidden = (whole & ~seen).sum(1)
    assert hidden.tolist() == [min(max(1, int(0.2 * n + 1e-9)), n - 1) for n in count.tolist()]
    again = split(collect("ratings('ratings.csv', fewest=2)", Reading()), SHARES, seed=3)
    repeated = again.splits["test"].batch(torch.arange(3)).encoder_input
    assert torch.equal(repeated, batch.encoder_input[:3])
    other = split(collect("ratings('ratings.csv', fewest=2)", Reading()), SHARES, seed=4)
    assert other.splits["test"].index.tolist() != test.index.tolist()


def test_items_that_no_training_user_has_are_left_out(tmp_path):
    lines = [f"u{i},common {j},5" for i in range(10) for j in range(4)]
    lines += [f"u{i},own {i},5" for i in range(10)]
    (tmp_path / "a.csv").write_text("user,item,rating\n" + "\n".join(lines))
    source = split(collect(f"ratings('{tmp_path}/a.csv', fewest=2)", Reading()), SHARES, seed=0)
    assert source.shape == (4 + 6,)
    owned = {item for item in source.encoding["items"] if item.startswith("own")}
    assert owned == {f"own {i}" for i in source.splits["train"].index.tolist()}
    assert any("4 items that no training user has" in note for note in source.notes)


def test_the_last_items_are_those_of_the_latest_times(tmp_path):
    rows = [(user, f"i{(user + place) % 12}", 5, 100 - place) for user in range(12)
            for place in range(6)]   # later items come first in the file
    (tmp_path / "a.csv").write_text("user,item,rating,time\n" + "\n".join(
        ",".join(map(str, row)) for row in rows))
    source = split(collect(f"ratings('{tmp_path}/a.csv', split='last')", Reading()), SHARES, 0)
    names = source.encoding["items"]
    for name, place in (("test", 0), ("val", 1)):
        part = source.splits[name]
        batch = part.batch(torch.arange(len(part)))
        held = batch.x.bool() & ~batch.encoder_input.bool()
        assert (held.sum(1) == 1).all() and len(part) == 12
        found = [names[int(row.nonzero())] for row in held]
        assert found == [f"i{(user + place) % 12}" for user in part.index.tolist()]
        assert (batch.encoder_input.sum(1) == 5 - place).all()
    train = source.splits["train"]
    assert (train.batch(torch.arange(12)).x.sum(1) == 4).all()


def test_explicit_ratings_have_holes_and_mean_zero(here):
    source = split(collect("ratings('ratings.csv', explicit=True)", Reading()), SHARES, 0)
    train = source.splits["train"]
    batch = train.batch(torch.arange(len(train)))
    assert batch.known.sum(1).tolist() == [10.0] * len(train)
    values = batch.x[batch.known.bool()]
    assert values.mean().item() == pytest.approx(0, abs=1e-5)
    assert values.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert (batch.x[batch.known == 0] == 0).all()
    stars = values * source.encoding["std"] + source.encoding["mean"]
    assert set(stars.round(decimals=3).tolist()) <= {2.0, 5.0}


def test_sparse_rows_are_the_dense_ones(here):
    found = collect("ratings('ratings.csv', fewest=2)", Reading()).x
    dense = found.matrix.toarray()
    assert np.array_equal(found[:], dense) and np.array_equal(found[3], dense[3])
    index = torch.tensor([5, 0, 5])
    part = found.index_select(0, index)
    assert len(part.values) == int((dense[index] != 0).sum()), "only stored values travel"
    assert np.array_equal(part.dense().numpy(), dense[index])
    assert found.nbytes < dense.nbytes and found.shape == dense.shape


def test_options_of_images_are_refused_for_ratings(here):
    for option, words in (({"range": "0,5"}, "range is for images"),
                          ({"binarise": "fixed"}, "binarise fixed is for images"),
                          ({"only": "3"}, "no classes")):
        with pytest.raises(ValueError, match=words):
            hg.train("ratings.csv", model="mult_dae(2,4)", epochs=1, report=False, quiet=True,
                     **option)
