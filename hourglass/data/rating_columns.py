"""Which column of a file of ratings holds users, items, ratings and times."""

import re
from collections.abc import Mapping, Sequence

from ..core.hints import did_you_mean

ROLES = ("user", "item", "rating", "time")
USUAL = {   # names of columns, in lower case and without marks between words
    "user": ("user", "userid", "users", "uid", "u", "username", "customer", "customerid", "member",
             "memberid", "client", "clientid", "visitor", "visitorid", "reviewer", "reviewerid",
             "profileid", "person", "personid", "account", "accountid", "reader", "listener"),
    "item": ("item", "itemid", "items", "iid", "i", "movie", "movieid", "film", "filmid", "book",
             "bookid", "isbn", "product", "productid", "asin", "parentasin", "song", "songid",
             "track", "trackid", "artist", "artistid", "album", "albumid", "anime", "animeid",
             "game", "gameid", "recipe", "recipeid", "article", "articleid", "business",
             "businessid", "restaurant", "restaurantid", "place", "placeid", "joke", "jokeid",
             "news", "newsid", "show", "showid", "video", "videoid", "course", "courseid"),
    "rating": ("rating", "ratings", "stars", "star", "score", "scores", "value", "overall",
               "bookrating", "ratingscore", "starrating", "count", "counts", "plays", "playcount",
               "weight", "preference", "grade", "mark", "points", "note"),
    "time": ("timestamp", "time", "times", "date", "datetime", "when", "ratedat", "createdat",
             "ratingtime", "unixreviewtime", "ts", "day"),
}
TITLES = ("title", "name", "movietitle", "itemname", "productname", "label", "filmtitle",
          "booktitle", "trackname", "songname", "artistname", "movie", "film", "description")


def plainly(name: str) -> str:
    """A column's name in lower case, without marks between words: movieId and movie_id are one.
    What stands behind a colon is a type (as in RecBole's files, user_id:token)."""
    return re.sub(r"[\W_]+", "", name.partition(":")[0].lower())


def role_of(name: str) -> str:
    """The usual role of a column with this name; "" for other names."""
    return next((role for role, names in USUAL.items() if plainly(name) in names), "")


def usual_columns(names: Sequence[str]) -> dict[str, int]:
    """The first column of each role that has a usual name: role -> index."""
    columns: dict[str, int] = {}
    for place, name in enumerate(names):
        columns.setdefault(role_of(name), place)
    return {role: columns[role] for role in ROLES if role in columns}


def find_columns(names: Sequence[str], by_role: Mapping[str, str], path: str) -> dict[str, int]:
    """The column of each role, role -> index: those named in `by_role`, then those with a
    usual name. Raises ValueError if users or items have none."""
    chosen = {role: name for role, name in by_role.items() if name}
    for role, name in chosen.items():
        if name not in names:
            raise ValueError(f"{path} has no column {name!r} for {role}; "
                             f"{did_you_mean(name, names)}")
    places = {role: list(names).index(name) for role, name in chosen.items()}
    taken = set(places.values())
    for role, place in usual_columns(names).items():
        if role not in places and place not in taken:
            places[role] = place
    lacking = [role for role in ("user", "item") if role not in places]
    if lacking:
        example = ", ".join(f"{role}='{name}'" for role, name in zip(lacking, names, strict=False))
        raise ValueError(f"{path} has the columns {', '.join(names[:8])}, and none has a usual "
                         f"name for {' or '.join(lacking)}. Name it, as in ratings({path!r}, "
                         f"{example})")
    return {role: places[role] for role in ROLES if role in places}


def by_order(count: int, path: str) -> dict[str, int]:
    """The columns of a file without names: user, item, rating, time. Raises ValueError for a file
    with one column."""
    if count < 2:
        raise ValueError(f"{path} has one column; ratings need a user and an item in each line, "
                         f"separated by tabs, commas, semicolons, bars or ::")
    return dict(zip(ROLES, range(count), strict=False))
