"""What the client exports says what it is for, to the last method."""

import enum
import inspect
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import pytest

import teed_client
import teed_client.trio

OURS = ("teed_client", "teed_protocol")
DESCRIBED = (FunctionType, classmethod, staticmethod, property)


def _exported(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Every public name and what it stands for, and whatever is public in the classes."""
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, enum.Enum):
            continue  # its class tells about it
        yield name, thing
        if inspect.isclass(thing):
            yield from ((f"{name}.{each}", member) for each, member in _members(thing))


def _members(exported: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties, with those that our own base classes bring."""
    ours = [base for base in exported.__mro__ if base.__module__.split(".")[0] in OURS]
    for base in reversed(ours):  # the docstring of a method may stand where it is declared
        for name, member in vars(base).items():
            if not name.startswith("_") and isinstance(member, DESCRIBED):
                yield name, member


@pytest.mark.parametrize("module", [teed_client, teed_client.trio], ids=lambda it: it.__name__)
def test_everything_that_is_exported_has_a_docstring(module: ModuleType) -> None:
    seen = set()
    told = set()
    for name, thing in _exported(module):
        seen.add(name)
        if (thing.__doc__ or "").strip():
            told.add(name)
    assert {"Context.open_session", "Session.invoke", "Buffer.view"} <= seen
    assert sorted(seen - told) == []
