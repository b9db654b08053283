"""The examples in the docstrings of the package that is imported, installed or from the checkout, run as they stand."""

import doctest
import importlib
import pkgutil

import pytest

import hullscope as hs

MODULES = ["hullscope", *(f"hullscope.{module.name}" for module in pkgutil.iter_modules(hs.__path__))]
#: Modules with examples, which must be found in each.
WITH_EXAMPLES = {f"hullscope{name}" for name in ("", "._arguments", "._compare", "._reference", "._result", "._words", ".sklearn")}
#: What the modules of optional packages import.
NEEDED = {"hullscope.ray": "ray.data", "hullscope.sklearn": "sklearn"}


def test_modules_with_examples_are_found():
    assert WITH_EXAMPLES <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_run(name):
    if name in NEEDED:
        pytest.importorskip(NEEDED[name])
    ran = doctest.testmod(importlib.import_module(name))
    assert ran.failed == 0, "the report above names the example"
    assert ran.attempted or name not in WITH_EXAMPLES
