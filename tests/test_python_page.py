"""The page about Python tells the truth: its code runs from top to bottom."""

import os
import re
import sys
import traceback
from pathlib import Path

from conftest import FORKS

PAGE = Path(__file__).parent.parent / "docs" / "python.md"


def test_the_code_of_the_page_about_python_runs_in_order(here):
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    assert code.count("hg.train(") >= 6
    process = FORKS.Process(target=_run, args=(code, here))
    process.start()
    process.join()
    assert process.exitcode == 0, (here / "failed.txt").read_text()
    for made in ("morph.gif", "slant.png", "grid.png", "digits.safetensors", "shared/README.md"):
        assert (here / made).stat().st_size > 100


def _run(code: str, here: Path) -> None:
    """Runs in a process of its own, because it registers parts."""
    os.environ["XDG_CACHE_HOME"] = str(here / "cache")
    try:
        exec(compile(code, str(PAGE), "exec"), {"__name__": "__main__"})
    except BaseException:
        (here / "failed.txt").write_text(traceback.format_exc())
        sys.exit(1)
