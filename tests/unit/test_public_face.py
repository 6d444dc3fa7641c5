"""What users and their type checkers see of the package: names, annotations, exported classes."""

import ast
import inspect
import sys
import types
import typing
from pathlib import Path

import pytest

import bayesctc as bc

pytestmark = pytest.mark.unit

PACKAGE = Path(bc.__file__).parent
FUNCTIONS = {name: each for name in bc.__all__ if inspect.isfunction(each := getattr(bc, name))}


def own_classes(hint) -> set[type]:
    """The package's classes in an annotation, however deep."""
    inside = typing.get_args(hint)
    found = set().union(*(own_classes(each) for each in inside)) if inside else set()
    if isinstance(hint, list):
        return set().union(*map(own_classes, hint))
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias) and hint.__module__.startswith("bayesctc"):
        found.add(hint)
    return found


def test_the_stub_is_the_list_of_names():
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    exported = {alias.asname: node.module for node in imports for alias in node.names if alias.asname == alias.name}
    assert sorted(exported) == sorted(bc.__all__) == dir(bc)
    for name, module in exported.items():
        assert getattr(bc, name) is getattr(sys.modules[module], name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        bc.nothing  # noqa: B018


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_and_result_is_annotated(name):
    function = FUNCTIONS[name]
    hints = typing.get_type_hints(function)
    assert set(hints) == {*inspect.signature(function).parameters, "return"}
    assert hints["return"] is not typing.Any


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_classes_of_annotations_are_exported(name):
    hints = typing.get_type_hints(FUNCTIONS[name])
    for keywords in inspect.signature(FUNCTIONS[name]).parameters.values():
        if keywords.kind is keywords.VAR_KEYWORD:
            del hints[keywords.name]  # a TypedDict, which nobody makes
    classes = set().union(*map(own_classes, hints.values()))
    assert {each.__name__ for each in classes if getattr(bc, each.__name__, None) is not each} == set()


def test_the_errors_are_exported():
    from bayesctc import errors

    raised = {name for name, each in vars(errors).items() if inspect.isclass(each)}
    assert raised <= set(bc.__all__)
    assert all(issubclass(getattr(bc, name), bc.BayesctcError) for name in raised)
