"""Docstrings say what a call takes and gives, in the form that numpydoc reads."""

import inspect

import pytest

import hullscope as hs

validate = pytest.importorskip("numpydoc.validate", reason="numpydoc is not installed: pip install numpydoc").validate

#: No docstring; parameters that are not there, or not described, or of no type; a return value that is not described.
WANTED = {"GL08", "PR01", "PR02", "PR04", "PR05", "RT01", "YD01", "SS01", "GL07", "GL10"}


def public():
    for name in hs.__all__:
        thing = getattr(hs, name)
        if inspect.ismodule(thing):
            yield from (f"hullscope.{name}.{function}" for function in thing.__all__)
            continue
        yield f"hullscope.{name}"
        if inspect.isclass(thing) and not issubclass(thing, tuple):
            yield from (f"hullscope.{name}.{member}" for member in vars(thing) if not member.startswith("_"))


@pytest.mark.parametrize("name", list(public()))
def test_docstrings_are_whole(name):
    # Users make none of the classes themselves: what their constructors take is no part of the interface.
    made = inspect.isclass(getattr(hs, name.split(".")[1])) and name.count(".") == 1
    wanted = WANTED - {"PR01"} if made else WANTED
    errors = [(code, text) for code, text in validate(name)["errors"] if code in wanted]
    assert not errors
