"""A database for the trials of a study: its URL without the password, its driver, its errors."""

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from sqlalchemy import URL, Engine

PASSWORD = "HOURGLASS_STORAGE_PASSWORD"   # environment variable, for a URL without a password
EXAMPLE = "postgresql://user@host/name"
DRIVER = "postgresql+psycopg"
# libpq's own defaults wait for minutes when a host is off, or goes off
PATIENCE = {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5,
            "keepalives_count": 3, "tcp_user_timeout": 30_000}
PASSWORDS: dict[str, str] = {}   # of this process, by URL without a password
ENGINES: "weakref.WeakSet[Engine]" = weakref.WeakSet()


def without_password(url: str) -> str:
    """The URL as it may be written and printed. This process remembers its password. Raises
    ValueError for a text that is no URL."""
    from sqlalchemy import URL
    parsed = _parsed(url)
    password = parsed.password or parsed.query.get("password")
    if not password:
        return url
    plain = URL.create(
        parsed.drivername, parsed.username, None, parsed.host, parsed.port, parsed.database,
        parsed.difference_update_query(["password"]).query).render_as_string(hide_password=False)
    PASSWORDS[plain] = str(password)
    return plain


def password_of(url: str) -> str:
    """The password for a URL without one, from this process or its environment; "" if unknown."""
    return PASSWORDS.get(url) or os.environ.get(PASSWORD, "")


def open_database(url: str) -> "RDBStorage":
    """Connect to the database of a URL without a password, and make its tables. Raises the errors
    of the driver."""
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import IntegrityError, ProgrammingError
    parsed = _parsed(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername=DRIVER)
    if (password := password_of(url)) and parsed.username and not parsed.password:
        parsed = parsed.set(password=password)
    options: dict[str, Any] = {"pool_pre_ping": True}
    if parsed.drivername == DRIVER:
        options["connect_args"] = {n: v for n, v in PATIENCE.items() if n not in parsed.query}
    whole = parsed.render_as_string(hide_password=False)
    try:
        storage = RDBStorage(whole, engine_kwargs=options)
    except (IntegrityError, ProgrammingError):   # another command made the tables meanwhile
        storage = RDBStorage(whole, engine_kwargs=options)
    ENGINES.add(storage.engine)
    return storage


def close_connections() -> None:
    """Close all connections before a fork, so that no child holds one. They open again by
    themselves."""
    for engine in ENGINES:
        engine.dispose()


def failures() -> tuple[type[BaseException], ...]:
    """The errors of a storage that fails while it is used."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError
    return StorageInternalError, SQLAlchemyError


@contextmanager
def database_errors(url: str, then: str = "") -> Iterator[None]:
    """Turn the errors of a database in use into a ValueError, followed by the advice `then`."""
    try:
        yield
    except failures() as error:
        raise ValueError(f"the database {url} failed: {reason(error)}. {then}".strip()) from None


def reason(error: BaseException) -> str:
    """Why a database cannot be used, in a line."""
    causes = [error]
    while (cause := getattr(causes[-1], "orig", None) or causes[-1].__cause__) is not None:
        causes.append(cause)
    for cause in causes:
        if isinstance(cause, ModuleNotFoundError):
            how = "pip install 'hourglass[postgres]'" if cause.name == "psycopg" else (
                "install the driver of that name")
            return f"{cause}: {how}"
        if type(cause).__name__ == "PendingRollbackError":   # it broke within a transaction
            return "the connection to it was lost"
    line = " ".join(next((line for line in str(causes[-1]).splitlines() if line.strip()),
                         type(causes[-1]).__name__).split())
    if "no password" in line:
        line += (f". Set PGPASSWORD or {PASSWORD}, write the password into ~/.pgpass, or give "
                 f"--storage with it again")
    return line


def _parsed(url: str) -> "URL":
    """A URL, in parts. An error does not repeat the text, which may hold a password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(f"--storage is not the URL of a database: write {EXAMPLE}") from None
    if "@" in (parsed.host or "") + (parsed.database or ""):
        raise ValueError("--storage has more than one @: write %40 for each in the password")
    return parsed
