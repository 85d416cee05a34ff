"""The page about Python tells the truth: its code runs from top to bottom."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "python.md"


def test_the_code_of_the_page_about_python_runs_in_order(here):
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    assert code.count("hg.train(") >= 6
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={**os.environ, "XDG_CACHE_HOME": str(here / "cache")})
    assert done.returncode == 0, done.stderr
    for made in ("morph.gif", "slant.png", "grid.png", "digits.safetensors", "shared/README.md"):
        assert (here / made).stat().st_size > 100
