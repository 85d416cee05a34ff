"""The command `hourglass impute`: missing cells of a table and gaps of a series."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.console import tell
from .load_run import load_run
from .options import Device, Run


def impute(
    run: Run,
    table: Annotated[str, typer.Argument(help="A .csv or .parquet file with missing cells, "
                                          "or a .npy file of windows.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .csv or .parquet file; "
                                      "for windows a .npy file.")] = Path("full.csv"),
    ahead: Annotated[int, typer.Option(min=0, help="Forecast this many steps of a series, after "
                                       "its end.")] = 0,
    device: Device = "cpu",
) -> None:
    """Fill in the missing cells of a table or the gaps of a series, or forecast a series. The run
    must have been trained on a table or series with the same columns.

    Examples: hourglass impute runs/1 rows.csv -o full.csv; hourglass impute runs/line readings.csv
    --ahead 24 -o next.csv
    """
    model = load_run(run, device, doing="imputing")
    if ahead:
        from ..tasks.forecast import write_forecast
        lines = write_forecast(model, table, out, ahead)
    else:
        from ..tasks.impute import impute as impute_table
        lines = impute_table(model, table, out)
    for line in lines:
        tell(line)
    tell(out)
