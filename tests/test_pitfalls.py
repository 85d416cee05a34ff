"""Every known pitfall and every fault that was found in a peer has a test that names it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

PITFALLS, FAULTS = 23, 15


@cache
def named() -> dict[tuple[str, int], list[str]]:
    """The tests that name a pitfall or a fault in their first sentence, by its number."""
    found: dict[tuple[str, int], list[str]] = {}
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                said = (ast.get_docstring(node) or "").partition(":")[0]
                for kind, numbers in re.findall(r"(Pitfall|Fault)s? ((?:\d+(?:, | and )?)+)", said):
                    for number in re.findall(r"\d+", numbers):
                        found.setdefault((kind, int(number)), []).append(node.name)
    return found


@pytest.mark.parametrize("kind, number", [
    *(("Pitfall", n + 1) for n in range(PITFALLS)), *(("Fault", n + 1) for n in range(FAULTS))])
def test_every_known_pitfall_and_fault_has_its_test(kind, number):
    assert named().get((kind, number)), f"no test names {kind} {number}"
