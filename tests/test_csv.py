"""CSV files as people write them: read as intended, with a note on guesses, or refused."""

import bz2
import gzip
import lzma
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import train

from hourglass.data.collect import collect
from hourglass.data.column_values import as_numbers, as_switch
from hourglass.data.data_frames import notes_of, read_frame
from hourglass.data.dates import clock_times, read_times
from hourglass.data.pandas_library import python_texts
from hourglass.data.read_image import Reading
from hourglass.data.sources.table import read_table, whole

ROWS = 24


@pytest.fixture
def written(tmp_path):
    """Writes a file and reads it: the frame, and all that was said of it as one text."""
    def call(content: str | bytes, name: str = "t.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        frame = read_frame(path, **options)
        return frame, " | ".join(notes_of(frame))
    return call


@pytest.mark.parametrize("content, names, said", [
    ("1,2.5,a\n2,3.5,b\n9,1.5,a\n", ["column_1", "column_2", "column_3"], "not names"),
    ("2024-01-01,5\n2024-01-02,6\n", ["column_1", "column_2"], "not names"),
    ("   6.3e+01\n   6.2e+01\n", ["column_1"], "not names"),
    (" 1.0 2.5 3\n 1.5 2.5  3\n", ["column_1", "column_2", "column_3"], "not names"),
    ("0,1,2\n5.5,2.5,1\n4,3,2\n", ["0", "1", "2"], "taken as"),
    ("country,2019,2020\nx,1,2\ny,3,4\n", ["country", "2019", "2020"], "taken as"),
    ("2018,2019,2020\n5,6,9\n7,3,2\n", ["2018", "2019", "2020"], "taken as"),
    ("1,2,3\n5,2,9\n", ["column_1", "column_2", "column_3"], "not names"),
    ("a,0,1\nb,1,0\n", ["column_1", "column_2", "column_3"], "not names"),
    ("a,b\nx,y\nz,w\n", ["a", "b"], ""), ("a,b\n,\n1,2\n", ["a", "b"], "without any cell"),
    ("a b c\n1 0.5 2\n2 0.7 3\n", ["a", "b", "c"], ""),
    ('"a","b"\n"x1",0.5,2\n"x2",0.7,3\n', ["Unnamed: 0", "a", "b"], ""),
    ("a,b\n1,2,\n3,4,\n", ["a", "b"], ""), ("a;b;;\n1;2;;\n3;4;;\n;;;\n", ["a", "b"], "1 rows"),
    ("# made by a logger\n# time,v\n1,1.5\n# a gap\n2,3.5\n", ["time", "v"], "3 lines"),
    ("# a word\ntime,v\n1,1.5\n2,3.5\n", ["time", "v"], "1 lines"),
    ("#,name\n1,a\n2,b\n", ["#", "name"], ""), ("\n\na,b\n1,2\n", ["a", "b"], ""),
    ("\ufeffa,b\n1,2\n", ["a", "b"], ""), ("a,b\r\n1,2\r\n", ["a", "b"], ""),
    ("a,b\r1,2\r3,4\r", ["a", "b"], ""), ('"a\nb",c\n1,2\n3,4\n', ["a\nb", "c"], "")])
def test_headers_are_told_from_values(written, content, names, said):
    frame, notes = written(content)
    assert list(frame.columns) == names and said in notes and (bool(notes) or not said)
    lines = [line for line in content.replace("\r\n", "\n").replace("\r", "\n").split("\n")
             if line.strip(" ,;") and not line.startswith("# ")]
    header = names[0] != "column_1" and "# time" not in content
    assert len(frame) == len(lines) - header - ('"a\nb"' in content)


@pytest.mark.parametrize("content, wanted", [
    ("a;b\n1,5;1.234\n2,25;12.345\n", [[1.5, 1234], [2.25, 12345]]),
    ("1,5;2,7\n2,5;3,7\n", [[1.5, 2.7], [2.5, 3.7]]),
    ("a;b\n1.234,5;0.5\n2,5;0.75\n", [[1234.5, 0.5], [2.5, 0.75]]),
    ('a,b\n"1,234.50",5\n"12,345.1",6\n', [[1234.5, 5], [12345.1, 6]]),
    ('a,b\n"1,234",5\n"12,345",6\n', [[1234, 5], [12345, 6]]),
    ('a,b\n"1,5",5\n"2,75",6\n', [[1.5, 5], [2.75, 6]]),
    ("a;b\n1,234;5\n2,345;6\n", [[1.234, 5], [2.345, 6]]),
    ("a;b\n1 234,5;2\n2 345,5;3\n", [[1234.5, 2], [2345.5, 3]]),
    ("a;b\n1'234.5;2\n2'345.5;3\n", [[1234.5, 2], [2345.5, 3]]),
    ("a,b\n5%,$3\n8.5%,$9\n", [[5, 3], [8.5, 9]]),
    ("a;b\n-1,5;1e3\n+2,5;2E-1\n", [[-1.5, 1000], [2.5, 0.2]])])
def test_numbers_are_read_as_they_are_written(written, content, wanted):
    frame, _ = written(content)
    found = np.stack([as_numbers(frame[name])[0] for name in frame.columns], 1)
    np.testing.assert_allclose(found, wanted)


def test_a_guessed_decimal_mark_is_said_and_can_be_given(written):
    content = 'a,b\n"1,234",5\n"12,345",6\n'
    frame, notes = written(content)
    assert "thousands separator" in notes and as_numbers(frame["a"])[0].tolist() == [1234, 12345]
    frame, notes = written(content, decimal=",")
    assert frame["a"].tolist() == [1.234, 12.345] and "decimal comma" in notes
    _, notes = written("a;b\n1,5;1.234\n2,25;12.345\n")
    assert "decimal comma" in notes and "points in b" in notes


def test_dates_with_points_are_no_thousands(written):
    frame, _ = written("when;v\n01.02.2024;1,5\n13.02.2024;2,5\n")
    assert as_numbers(frame["when"]) is None and read_times(frame["when"]).order == "day"


def test_latin_1_is_read_with_a_word_and_other_bytes_are_refused(written):
    frame, notes = written("größe;x\n1,5;2\n2,5;3\n".encode("latin-1"))
    assert list(frame.columns) == ["größe", "x"] and "Windows-1252" in notes and "'ö'" in notes
    for wrong in (b"\xff\xfea\x00\x00", b"a\x00\xff\n1\n"):
        with pytest.raises(ValueError, match="UTF-8"):
            written(wrong)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_tables_are_read_and_damaged_ones_refused(written, pack):
    content = pack(b"a,b\n1,2\n3,4\n")
    assert written(content)[0].shape == (2, 2)
    with pytest.raises(ValueError, match="cut short or damaged"):
        written(content[:-6])


@pytest.mark.parametrize("content, said", [
    ("a,b\n1,2,3,4\n5,6,7,8\n", "4 cells under 2 names"), ("\n\n", "is empty"),
    (",,,\n,,,\n", "is empty|no cell")])
def test_rows_that_do_not_fit_are_refused(written, content, said):
    with pytest.raises(ValueError, match=said):
        written(content)


@pytest.mark.parametrize("texts, number", [
    (["1", "2", "-", "4"], True), (["1", "2", "unknown", "4"], True),
    (["1.5", "No Data", "2.5", "3.5"], True),
    (["A/5 21171", "113803", "PC 17599", "373450"], False),
    (["1", "2", "3", "other", "4", "some"], False), (["x", "y", "1"], False),
    ([*map(str, range(40)), "broken"], True)])
def test_a_column_of_texts_is_never_numbers_with_holes(texts, number):
    assert (as_numbers(pd.Series(texts)) is not None) == number


@pytest.mark.parametrize("values, wanted", [
    (["yes", "No", None], [1, 0, np.nan]), ([True, False, None], [1, 0, np.nan]),
    (["off", "on", "on"], [0, 1, 1]), (["TRUE", "false", ""], [1, 0, np.nan])])
def test_truth_values_are_switches(values, wanted):
    np.testing.assert_array_equal(as_switch(pd.Series(values))[0], wanted)
    assert as_switch(pd.Series(["yes", "maybe"])) is None
    assert as_switch(pd.Series([0, 1])) is None


@pytest.mark.parametrize("texts, wanted, order", [
    (["31/12/2024", "01/02/2024"], ["2024-12-31", "2024-02-01"], "day"),
    (["12/31/2024 1:05 PM", "01/02/2024 12:00 AM"],
     ["2024-12-31T13:05", "2024-01-02T00:00"], "month"),
    (["01.02.24 10:05", "02.02.24 10:06"], ["2024-02-01T10:05", "2024-02-02T10:06"], "day"),
    (["1-2-1999", "13-2-1999"], ["1999-02-01", "1999-02-13"], "day"),
    (["01/02/2024", "02/02/2024", "03/02/2024"], ["2024-02-01", "2024-02-02", "2024-02-03"],
     "day"),
    (["01/02/2024", "01/03/2024", "01/04/2024"], ["2024-01-02", "2024-01-03", "2024-01-04"],
     "month"),
    (["2024-05-31 01:02:03 PM", "2024-06-01 01:02:03 AM"],
     ["2024-05-31T13:02:03", "2024-06-01T01:02:03"], ""),
    (["2024/05/31 12:30", "2024/06/01"], ["2024-05-31T12:30", "2024-06-01"], ""),
    (["31 May 2024", "1 June 2024"], ["2024-05-31", "2024-06-01"], ""),
    (["May 31, 2024", "Jun 1, 2024"], ["2024-05-31", "2024-06-01"], "")])
def test_dates_are_read_by_what_the_whole_column_says(texts, wanted, order):
    found = read_times(pd.Series([*texts, None]))
    np.testing.assert_array_equal(found.values[:-1], np.array(wanted, "datetime64[ns]"))
    assert found.order == order and np.isnat(found.values[-1])


def test_dates_that_do_not_tell_are_said_and_can_be_told():
    texts = pd.Series(["05/06/2024", "07/08/2024"])
    assert "dates='day'" in read_times(texts).note
    assert read_times(texts, "day").values[0] == np.datetime64("2024-06-05")
    assert read_times(texts, "month").values[0] == np.datetime64("2024-05-06")
    both = pd.Series(["13/01/2024", "01/14/2024"])
    assert read_times(both) is None
    with pytest.raises(ValueError, match=r"13/01/2024.*01/14/2024"):
        read_times(both, strict=True)


@pytest.mark.parametrize("texts", [["1234", "2024"], ["18.00.00", "12.30.15"], ["12:30", "13:00"],
                                   ["a", "b"], ["1.5", "2.5"], ["192.168.0.1", "10.0.0.1"]])
def test_what_is_no_date_is_none(texts):
    assert read_times(pd.Series(texts)) is None


def test_times_of_day_are_read():
    texts = pd.Series(["18.00.00", "9:05", "6:30 PM", "12:00 am", "noon", "25:00", "23:59:59.5"])
    seconds = clock_times(texts) / np.timedelta64(1, "s")
    np.testing.assert_array_equal(seconds, [64800, 32700, 66600, 0, np.nan, np.nan, 86399.5])


def table(frame: pd.DataFrame, tmp_path: Path, options: str = ""):
    frame.to_csv(tmp_path / "rows.csv", index=False)
    return collect(f"table({str(tmp_path / 'rows.csv')!r}{options})", Reading())


@pytest.mark.parametrize("texts, what", [
    ([f"the part number {i} broke on a day" for i in range(ROWS)], "sentences"),
    ([f"CC(=O)O{'C' * i}" for i in range(ROWS)], "SMILES"),
    ([f"n{i}" for i in range(ROWS)], "names or codes")])
def test_free_texts_are_named_as_such_and_left_out(tmp_path, texts, what):
    frame = pd.DataFrame({"x": np.arange(float(ROWS)) ** 2, "text": texts})
    found = table(frame, tmp_path)
    assert found.shape == (1,) and any(what in note and "'text'" in note for note in found.notes)
    with pytest.raises(ValueError, match=what):
        table(frame[["text"]], tmp_path)


def test_categories_above_the_limit_are_taken_when_asked_for_by_name(tmp_path):
    frame = pd.DataFrame({"x": np.arange(120.0) ** 2, "code": [f"c{i % 60}" for i in range(120)]})
    assert table(frame, tmp_path).shape == (1,)
    found = table(frame, tmp_path, ", categories='code'")
    assert found.shape == (61,) and any("60 classes" in note for note in found.notes)


def european(rows: int = 40) -> str:
    number = np.random.default_rng(0).normal(1000, 300, rows)
    lines = [f"{1 + i % 28:02}.{1 + i % 12:02}.2024;{n:.2f};{'ja' if n > 1000 else 'nein'};;"
             .replace(f"{n:.2f}", f"{n:,.2f}".translate(str.maketrans(",.", ".,")))
             for i, n in enumerate(number)]
    return "\n".join(["Datum;Menge;gut;;", *lines, ";;;;"]) + "\n"


def test_every_command_reads_such_a_table_as_training_did(tmp_path, hourglass):
    path = tmp_path / "eu.csv"
    path.write_text(european(), encoding="cp1252")
    model = train(path, model="ae(2)", backbone="mlp(4)", epochs=1, out=tmp_path / "run",
                  quiet=True)
    columns = model.about["encoding"]["columns"]
    assert [c["kind"] for c in columns] == ["date", "number", "category"]
    assert columns[0]["order"] == "day" and 800 < columns[1]["mean"] < 1200
    codes = model.encode(path)
    three = "Datum;Menge;gut\n01.02.2024;1.234;ja\n02.03.2024;;nein\n;2.345;ja\n"
    (tmp_path / "few.csv").write_text(three)   # which does not tell by itself
    few = model.read(tmp_path / "few.csv")
    menge = few.x[[0, 2], 1] * columns[1]["std"] + columns[1]["mean"]
    np.testing.assert_allclose(menge, [1234, 2345], rtol=1e-4)
    for command in (f"score {tmp_path / 'run'} {path} -o {tmp_path / 's.csv'}",
                    f"embed {tmp_path / 'run'} {path} -o {tmp_path / 'e.npy'}",
                    f"data show {path}",
                    f"impute {tmp_path / 'run'} {tmp_path / 'few.csv'} -o {tmp_path / 'f.csv'}"):
        code, _, said = hourglass(command)
        assert code < 2, said
    np.testing.assert_allclose(np.load(tmp_path / "e.npy"), codes, rtol=1e-5)
    filled = pd.read_csv(tmp_path / "f.csv", dtype=str)
    assert filled.Menge.str.contains(",").sum() == 1 or filled.Menge[1].isdigit()
    assert filled.Datum.str.fullmatch(r"\d\d\.\d\d\.2024").all(), "as the others are written"


def test_dates_of_other_rows_are_read_in_the_order_of_training(tmp_path):
    when = [f"{d:02}/02/2024" for d in (*range(1, 20), *range(21, 26))]
    model = train(pd.DataFrame({"when": when, "v": np.arange(24.0) ** 2}), model="ae(1)",
                  backbone="mlp(4)", epochs=1, out=tmp_path / "run", quiet=True)
    column = model.about["encoding"]["columns"][0]
    x = model.read(pd.DataFrame({"when": ["05/06/2024"], "v": [3.0]})).x
    days = x[0, 0] * column["std"] + column["mean"]
    assert days == pytest.approx((np.datetime64("2024-06-05") - np.datetime64("1970-01-01")) /
                                 np.timedelta64(1, "D"), abs=0.01)


@pytest.mark.parametrize("name, out, kept", [
    ("titanic_names.csv", ("name", "ticket", "cabin"), 8), ("penguins.csv", (), 7)])
def test_real_tables_are_read(real, name, out, kept):
    found = whole(read_table(str(real / "tables" / name)))
    assert len(found.encoding["columns"]) == kept and set(found.encoding["left_out"]) == set(out)


def test_question_marks_of_adult_are_missing(real):
    found = read_frame(real / "tables" / "adult.csv.gz")
    assert found["workclass"].isna().sum() == 2799 and any("?" in n for n in notes_of(found))


@pytest.mark.parametrize("pattern", [r"(?P<a>\d)(?P=a)", r"(?=.*\d)\d\d", r"\d(?!\d\d)\d"])
def test_regular_expressions_on_texts_are_pythons_own(pattern):
    texts = python_texts(pd.Series(["11", None, "11"], dtype="str"))
    assert texts.str.fullmatch(pattern).to_list()[::2] == [True, True] and texts.dtype == object
