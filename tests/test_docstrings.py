"""The examples in the docstrings of everything public run, and give what they say."""

import doctest
import inspect

import pytest

import hourglass
import hourglass.pyod
import hourglass.sklearn

PUBLIC = {**{f"hourglass.{name}": getattr(hourglass, name) for name in hourglass.__all__},
          "sklearn.AutoencoderTransformer": hourglass.sklearn.AutoencoderTransformer,
          "sklearn.AutoencoderDetector": hourglass.sklearn.AutoencoderDetector,
          "pyod.AutoencoderOD": hourglass.pyod.AutoencoderOD}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_of_a_docstring_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(PUBLIC[name]) or ""
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert example.examples, f"{name} has no example"
    wrong: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(example, out=wrong.append)
    assert not wrong, "".join(wrong)
