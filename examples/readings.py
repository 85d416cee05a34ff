"""Time series, from a table of readings to abnormal stretches and a forecast, in five minutes.

    python examples/readings.py [FOLDER]

It writes 40 days of hourly readings of three sensors of an invented plant, and 10 later days with
two faults: a valve that sticks, and a sensor that drifts. Then it gives the commands that anyone
would give: train a network for a minute, score the later days, and forecast the next day.
"""

from pathlib import Path

import numpy as np
import pandas as pd

DAYS, LATER = 40, 10
FAULTS = {"flow": (60, 84), "pressure": (150, 190)}   # hours of the later days
COMMANDS = (
    "train \"series('readings.csv', window=48)\" --corruption 'future(24)' --minutes 1 "
    "--no-report --out run",
    "score run later.csv --label fault -o scores.csv --plot scores.png",
    "impute run readings.csv --ahead 24 -o next.csv",
)


def readings(hours: int, first: int = 0, seed: int = 0) -> pd.DataFrame:
    """Hourly readings of three sensors: a daily cycle, how one follows another, and noise."""
    draw, t = np.random.default_rng(seed), first + np.arange(hours)
    flow = 10 + 3 * np.sin(2 * np.pi * t / 24) + 0.3 * draw.normal(size=hours)
    pressure = 2 + 0.4 * flow + 0.1 * draw.normal(size=hours)
    warmth = 40 + 5 * np.sin(2 * np.pi * (t - 5) / 24) + 0.5 * draw.normal(size=hours)
    times = pd.Timestamp("2024-03-01") + pd.to_timedelta(t, "h")
    return pd.DataFrame({"time": times, "flow": flow, "pressure": pressure, "warmth": warmth})


def write(folder: Path) -> None:
    """Write the readings, and later ones with faults, which a column marks."""
    folder.mkdir(parents=True, exist_ok=True)
    readings(24 * DAYS).to_csv(folder / "readings.csv", index=False)
    later = readings(24 * LATER, 24 * DAYS, 1)
    later["fault"] = 0
    for a, b in FAULTS.values():
        later.loc[a:b, "fault"] = 1
    a, b = FAULTS["flow"]
    later.loc[a:b, "flow"] = later.flow[a]
    a, b = FAULTS["pressure"]
    later.loc[a:b, "pressure"] += np.linspace(0, 1.5, b - a + 1)
    later.to_csv(folder / "later.csv", index=False)


if __name__ == "__main__":
    from commands import example
    example(__doc__, Path("readings"), write, COMMANDS)
