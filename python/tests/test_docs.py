"""Docstrings say what a call takes, gives and raises, in the form that numpydoc reads."""

import importlib
import inspect

import pytest

import hullscope as hs

validate = pytest.importorskip("numpydoc.validate", reason="numpydoc is not installed: pip install numpydoc").validate

#: No docstring; parameters that are not there, or of no type, or without a description, or with one that is not read as such; a
#: return value that is not described.
WANTED = {"GL08", "PR01", "PR02", "PR04", "PR05", "PR07", "PR10", "RT01", "YD01", "SS01", "GL07", "GL10"}


def named():
    """The modules and their public names; the modules of optional packages only where these are installed."""
    yield "hullscope", hs
    yield "hullscope.paper", hs.paper
    for name, needed in [("ray", "ray.data"), ("sklearn", "sklearn")]:
        try:
            importlib.import_module(needed)
        except ImportError:
            continue
        yield f"hullscope.{name}", getattr(hs, name)


def public():
    for module, found in named():
        for name in found.__all__:
            thing = getattr(found, name)
            if inspect.ismodule(thing):
                continue
            yield f"{module}.{name}", thing
            if inspect.isclass(thing) and not issubclass(thing, tuple):
                yield from ((f"{module}.{name}.{member}", getattr(thing, member)) for member in vars(thing) if member[0] != "_")


PUBLIC = dict(public())


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings_are_whole(name):
    # Users make none of the classes themselves, but the detector: what their constructors take is no part of the interface.
    made = inspect.isclass(PUBLIC[name]) and not name.endswith("HullDetector")
    wanted = WANTED - {"PR01"} if made else WANTED
    errors = [(code, text) for code, text in validate(name)["errors"] if code in wanted]
    assert not errors


@pytest.mark.parametrize("name", [name for name, thing in PUBLIC.items() if inspect.isroutine(thing)])
def test_what_takes_inputs_says_what_it_raises(name):
    takes = [parameter for parameter in inspect.signature(PUBLIC[name]).parameters if parameter not in ("self", "cls")]
    assert not takes or "\nRaises\n------\n" in inspect.getdoc(PUBLIC[name])
