"""Films for a new user, from a file of ratings to a list, in under five minutes on two cores.

    python examples/films.py [FOLDER] [--ratings ml-100k.zip]

Without --ratings, it draws the ratings of 800 people of four tastes. Then it gives the commands
that anyone would give: look at the ratings, train Mult-VAE on what people liked, compare it with
EASE and popularity on people that training has not seen, and recommend films to a new user.
"""

import argparse
import csv
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

GENRES = ("Western", "Comedy", "Space", "Heist")
FILMS, PEOPLE = 60, 800   # of each genre; in all
COMMANDS = (
    "data show {ratings}",
    "train {ratings} --model 'mult_vae(32, 128, dropout=0.7)' --epochs 40 --out run",
    "evaluate run -o users.csv",
    "recommend run history.csv -n 10 -o top.csv",
)


def draw(folder: Path, seed: int = 0) -> list[str]:
    """Write ratings.csv and movies.csv; returns the titles of a new user's films."""
    random = np.random.default_rng(seed)
    titles = [f"{genre} {number}" for genre in GENRES for number in range(1, FILMS + 1)]
    known = 1 / np.tile(np.arange(1, FILMS + 1), len(GENRES)) ** 0.7   # some are seen by many
    with (folder / "movies.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("movieId", "title"), *enumerate(titles, 1)])
    with (folder / "ratings.csv").open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(("userId", "movieId", "rating", "timestamp"))
        for user in range(1, PEOPLE + 1):
            taste = random.dirichlet([0.3] * len(GENRES))
            chance = known * np.repeat(taste, FILMS)
            count = int(random.integers(15, 50))
            seen = random.choice(len(titles), count, False, chance / chance.sum())
            for time, film in enumerate(seen.tolist()):
                mean = 2.5 + 2.5 * taste[film // FILMS] / taste.max()
                stars = int(np.clip(round(random.normal(mean, 0.7)), 1, 5))
                write.writerow((user, film + 1, stars, 10**9 + time))
    return ["Space 3", "Space 5", "Space 8", "Heist 2"]


def main() -> None:
    """Draw the ratings, and run the commands."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="films", type=Path,
                        help="a new folder for everything; default: films")
    parser.add_argument("--ratings", type=Path, help="ratings of your own, such as ml-100k.zip")
    parser.add_argument("--like", action="append", help="a film that the new user likes")
    given = parser.parse_args()
    if given.folder.exists():
        sys.exit(f"{given.folder} is there already; name another folder")
    if given.ratings and not given.like:
        sys.exit("--ratings needs films that a new user likes, as in --like 'Fargo (1996)'")
    given.folder.mkdir(parents=True)
    liked = given.like or draw(given.folder)
    (given.folder / "history.csv").write_text("\n".join(["title", *liked]) + "\n")
    ratings = shlex.quote(str(given.ratings.resolve()) if given.ratings else "ratings.csv")
    for command in COMMANDS:
        words = shlex.split(command.format(ratings=ratings))
        print(f"\n$ hourglass {shlex.join(words)}", flush=True)
        subprocess.run([sys.executable, "-m", "hourglass", *words], cwd=given.folder, check=True)
    print(f"\nThe map of the films is {given.folder}/run/figures/items.png, the whole report "
          f"{given.folder}/run/report.html")


if __name__ == "__main__":
    main()
