"""The command `hourglass impute`: missing cells of a table and gaps of a series."""

from pathlib import Path
from typing import Annotated

import typer

from .load_run import load_run
from .options import Device, Run


def impute(
    run: Run,
    table: Annotated[str, typer.Argument(help="A .csv or .parquet file with missing cells, "
                                          "or a .npy file of windows.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .csv or .parquet file; "
                                      "for windows a .npy file.")] = Path("full.csv"),
    device: Device = "cpu",
) -> None:
    """Fill in the missing cells of a table or the gaps of a series. The run must have been trained
    on a table or series with the same columns.

    Example: hourglass impute runs/1 rows.csv -o full.csv
    """
    from ..tasks.impute import impute as impute_table
    for line in impute_table(load_run(run, device, doing="imputing"), table, out):
        print(line)
    print(out)
