"""Searches whose trials are in PostgreSQL: shared, killed, moved, and with the server gone."""

import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import postgres_server
import pytest
import test_search
from test_search import LONG, TINY, children_of, exit_code_of, rows, searching, wait_for

import hourglass as hg
from hourglass.searching import database
from hourglass.searching.move_study import move_study
from hourglass.searching.study_folder import StudyFolder
from hourglass.training import train

data = test_search.data   # a working folder with x.npy
SHORT = LONG.replace("--epochs 40", "--epochs 12")
TRAINED = ("finished", "pruned", "failed")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a server, with its password: that of HOURGLASS_POSTGRES, or one of our own."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'hourglass[postgres]'")
    if os.environ.get("HOURGLASS_POSTGRES"):
        yield os.environ["HOURGLASS_POSTGRES"]
        return
    if postgres_server.programs() is None:
        pytest.skip("needs PostgreSQL: set HOURGLASS_POSTGRES to its URL, or install it")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:   # a socket's path is short
        try:
            yield postgres_server.start(Path(folder))
        finally:
            postgres_server.stop(Path(folder))


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database, with its password."""
    name = f"test{os.getpid()}"
    execute(server, f"drop database if exists {name} with (force)", f"create database {name}")
    yield server.replace("/postgres?", f"/{name}?")
    execute(server, f"drop database {name} with (force)")


def execute(server: str, *statements: str) -> list[tuple]:
    """Execute statements as the owner; the rows of the last one."""
    import psycopg
    with psycopg.connect(server, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_of_two_workers_one_is_killed_and_the_study_is_whole(data, hourglass, url, monkeypatch):
    monkeypatch.setenv(database.PASSWORD, postgres_server.PASSWORD)
    first = searching("search", "x.npy", "--model", "ae({2..60})", *SHORT.split(), "--trials", "3",
                      "--out", "s", "--storage", url)
    wait_for(Path("s/trials/0000/run.json"), first)
    trial, = children_of(first)
    os.kill(trial, signal.SIGSTOP)   # so that it is in the middle until it is killed
    second = searching("search", "s")
    wait_for(Path("s/trials/0001/run.json"), second)
    for victim in (first, trial):
        os.kill(victim, signal.SIGKILL)
    assert exit_code_of(first) == -signal.SIGKILL
    assert exit_code_of(second) == 0, Path("said.txt").read_text()
    said = Path("said.txt").read_text()
    assert "is resumed from its checkpoint" in said and "3 of 3 trials" in said
    code, out, err = hourglass(f"search s --trials 4 --storage {url}")   # and another one goes on
    assert code == 0 and "4 of 4 trials" in err, err
    table = rows("s")
    assert [int(row["trial"]) for row in table] == [*range(len(table))]
    trained = [row for row in table if row["state"] in TRAINED]
    assert len(trained) == 4 and {row["state"] for row in table} <= {"finished", "duplicate"}
    assert len({row["model.dim"] for row in trained}) == 4, "no configuration is trained twice"
    for row in trained:   # what the database has is what was trained
        history = hg.load(f"s/trials/{int(row['trial']):04}").history["val_loss"]
        assert float(row["val_loss"]) == min(history) and len(history) == 12
    kept = execute(url, "select number, state from trials order by number")
    assert kept == [(int(row["trial"]), "COMPLETE") for row in table]
    best = min(trained, key=lambda row: float(row["val_loss"]))
    assert f"best: trial {best['trial']}, " in out


def wrong(url: str, how: str) -> str:
    """That URL with a fault."""
    head, *_ = url.partition("?host=")
    return {"password": url.replace("f%40st", "sl0w"), "down": f"{head}?host=/nowhere",
            "database": url.replace("/test", "/no_test"),
            "host": head.replace("@/", "@10.255.255.1:5432/") + "?connect_timeout=1",
            "two @": url.replace("f%40st", "f@st"), "port": head.replace("@/", "@localhost:port/"),
            "no URL": "studies.db", "driver": url.replace("postgresql:", "postgresql+psycopg9:"),
            }[how]


@pytest.mark.parametrize("how, words", [
    ("password", 'password authentication failed for user "hourglass"'),
    ("down", 'connection to server on socket "/nowhere/.s.PGSQL.5432" failed'),
    ("database", 'database "no_test'), ("host", "10.255.255.1"),
    ("two @", "write %40 for each in the password"), ("port", "write postgresql://user@host/name"),
    ("no URL", "write postgresql://user@host/name"), ("driver", "cannot be used: ")])
def test_a_database_that_cannot_be_used_is_told_in_one_line(data, hourglass, url, how, words):
    code, _, err = hourglass(f"search x.npy --model 'ae({{2..4}})' {TINY} --out s --storage "
                               f"'{wrong(url, how)}'")
    last = err.splitlines()[-1]
    assert code == 2 and last.startswith("hourglass: --storage ") and words in last, err
    assert not any(word in last for word in ("Aone", "f@st", "sl0w")), "the password is not shown"
    assert not Path("s").exists()


def test_without_its_driver_a_database_names_the_extra(data, hourglass, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    code, _, err = hourglass("search x.npy --model 'ae({2..4})' --storage postgresql://u@h/d")
    assert code == 2 and "pip install 'hourglass[postgres]'" in err.splitlines()[-1]


def test_a_password_is_neither_written_nor_shown(data, hourglass, url, monkeypatch):
    code, out, err = hourglass(f"search x.npy --model 'ae({{2..60}})' {TINY} --trials 1 --out s "
                               f"--storage {url}")
    assert code == 0, err
    assert len(hg.Study("s").records.trials) == 1, "this process knows it"
    study = hg.search("x.npy", model="ae({2..60})", backbone="mlp(8)", epochs=1, batch_size=16,
                      val=0.2, trials=1, storage=url, out="t", quiet=True)
    assert study.best.number == 0
    hidden = [text.encode() for text in ("f@st", "f%40st", "f%2540st")]
    written = [path for path in Path().rglob("*") if path.is_file() and any(
        text in path.read_bytes() for text in hidden)]
    assert not written and "f%40st" not in out + err
    for password, words in (("", "Set PGPASSWORD"), ("sl0w", "password authentication failed")):
        monkeypatch.setattr(database, "PASSWORDS", {})
        monkeypatch.setenv(database.PASSWORD, password)
        with pytest.raises(ValueError, match=words):
            hg.Study("s")
        code, _, err = hourglass("search s --trials 2")
        assert code == 2 and words in err.splitlines()[-1]
    monkeypatch.setenv(database.PASSWORD, "")
    monkeypatch.setenv("PGPASSWORD", postgres_server.PASSWORD)
    assert len(hg.Study("s").records.trials) == 1


def stops_after_a_checkpoint(monkeypatch) -> None:
    """Let the first trial stop itself in the middle, once it has written its first checkpoint. A
    signal from outside may come when a short trial is over."""
    save = train.save

    def save_and_stop(training: train.Training) -> None:
        save(training)
        if not Path("stopped").exists():
            Path("stopped").touch()
            os.kill(os.getpid(), signal.SIGSTOP)
    monkeypatch.setattr(train, "save", save_and_stop)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_a_server_that_goes_away_loses_nothing(data, hourglass, server, url, monkeypatch):
    monkeypatch.setattr(train, "SHORTEST", 0.1)   # seconds between checkpoints
    stops_after_a_checkpoint(monkeypatch)
    monkeypatch.setenv(database.PASSWORD, postgres_server.PASSWORD)
    flags = LONG.replace("--epochs 40", "--epochs 30").replace("--prune none", "")
    process = searching("search", "x.npy", "--model", "ae({2..3})", *flags.split(), "--trials",
                        "2", "--out", "s", "--storage", url)
    wait_for(Path("stopped"), process)
    trial, = children_of(process)
    wait_for(Path(f"/proc/{trial}/status"), process, "T (stopped)")
    name = url.partition("?")[0].rpartition("/")[2]
    execute(server, f"alter database {name} allow_connections false",
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
    os.kill(trial, signal.SIGCONT)
    code = exit_code_of(process)
    said = Path("said.txt").read_text()
    assert code == 2, said
    assert re.search(r"hourglass: the database postgres.* failed: .*(not currently accepting "
                     r"connections|terminat|lost)", said.splitlines()[-1]), said
    assert said.endswith("Nothing that was trained is lost. To continue: hourglass search s\n")
    assert "Traceback" not in said
    begun = hg.load("s/trials/0000").history["val_loss"]
    assert 1 <= len(begun) < 30
    code, _, err = hourglass("search s")
    assert code == 2 and "not currently accepting connections" in err.splitlines()[-1]
    execute(server, f"alter database {name} allow_connections true")
    code, _, err = hourglass("search s")
    assert code == 0 and "trial 0 is resumed from its checkpoint" in err, err
    history = hg.load("s/trials/0000").history["val_loss"]
    assert len(history) == 30 and (history[:len(begun)] == begun).all()
    assert rows("s")[0]["state"] == "finished" and rows("s")[1]["state"] in TRAINED


def test_a_study_moves_from_its_journal_into_a_database(data, hourglass, url):
    command = f"search x.npy --model 'ae({{2..60}})' {TINY} --trials 2 --prune none --out s"
    assert hourglass(command)[0] == 0
    before = rows("s")
    code, _, err = hourglass(f"search s --trials 3 --storage {url}")
    assert code == 0 and "2 trials are copied into the new storage" in err, err
    assert rows("s")[:2] == before and len(rows("s")) == 3
    assert "f%40st" not in Path("s/study.toml").read_text()
    move_study(StudyFolder(Path("s")), "sqlite:///other.db")
    assert hg.Study("s").columns["val_loss"][:2] == [float(row["val_loss"]) for row in before]
    Path("other.db").unlink()
    for words in ("search s", "ensemble s --out e"):   # no study without trials
        code, _, err = hourglass(words)
        assert code == 2 and "has the result of trial 2, but sqlite:///other.db does not" in (
            err.splitlines()[-1])


def test_a_study_that_another_command_searches_is_not_moved(data, hourglass, url):
    process = searching("search", "x.npy", "--model", "ae({2..60})", *LONG.replace(
        "--epochs 40", "--epochs 90000").split(), "--trials", "1", "--out", "s")
    try:
        wait_for(Path("s/trials/0000"), process)
        asked = Path("s/study.toml").read_text()
        code, _, err = hourglass(f"search s --storage {url}")
        assert code == 2 and "another command trains in s" in err.splitlines()[-1]
        assert Path("s/study.toml").read_text() == asked
    finally:
        os.kill(process, signal.SIGINT)
        assert exit_code_of(process) == 130
