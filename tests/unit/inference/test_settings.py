"""`Settings`: what it refuses and in which words, and how public functions take it and its keywords."""

import dataclasses
import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import get_args, get_type_hints

import numpy as np
import pytest
from helpers import frames

import bayesctc as bc
from bayesctc.cli.arguments import build_parser
from bayesctc.errors import SpecError
from bayesctc.inference.settings import Settings

pytestmark = pytest.mark.unit

REFUSED = [
    ({"draws": 3}, "draws has to be a whole number of 4 or more; found 3."),
    ({"draws": 500.0}, "draws has to be a whole number of 4 or more; found 500.0."),
    ({"tune": 0}, "tune has to be a whole number of 1 or more; found 0."),
    ({"chains": True}, "chains has to be a whole number of 1 or more; found True."),
    ({"n_starts": 0}, "n_starts has to be a whole number of 1 or more; found 0."),
    ({"n_starts": "20"}, "n_starts has to be a whole number of 1 or more; found '20'."),
    ({"max_refits": -1}, "max_refits has to be a whole number of 0 or more; found -1."),
    ({"random_seed": 2**32}, "random_seed has to be a whole number from 0 to 4294967295; found 4294967296."),
    ({"random_seed": None}, "random_seed has to be a whole number from 0 to 4294967295; found None."),
    ({"cores": 0}, "cores has to be a whole number of 1 or more; found 0."),
    ({"executor": map}, "executor has to be a concurrent.futures.Executor; found type."),
    ({"nuts_sampler": "stan"}, "nuts_sampler has to be one of nutpie, pymc; found 'stan'."),
]
FUNCTIONS = {
    name: f for name in bc.__all__ if inspect.isfunction(f := getattr(bc, name)) and "options" in f.__annotations__
}
DEFAULTS = {
    "fit_ml": Settings(),
    "fit_bayes": Settings(draws=1000, tune=300, chains=4, n_starts=20, max_refits=10),
    "select_n_classes": Settings(draws=500, tune=200, chains=4, n_starts=20, max_refits=10),
    "select_families": Settings(draws=500, tune=200, chains=4, n_starts=20, max_refits=10),
    "compare_classifiers": Settings(draws=500, tune=200, chains=4, n_starts=20, max_refits=10),
    "cross_validate": Settings(n_starts=20),
    "run_sensitivity": Settings(draws=500, tune=200, chains=4, n_starts=20, max_refits=5),
}


def keywords(function) -> dict[str, object]:
    """Keywords a function takes by its options, with their types."""
    return get_type_hints(get_args(function.__annotations__["options"])[0])


def first_arguments(function) -> list[None]:
    """As many nothings as the function has arguments without a default: they are not looked at before its settings."""
    parameters = inspect.signature(function).parameters.values()
    return [None for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_a_bad_value_is_refused_wherever_it_is_given(given, message):
    with pytest.raises(SpecError) as found:
        Settings(**given)
    assert str(found.value) == message
    with pytest.raises(SpecError) as found:
        dataclasses.replace(Settings(), **given)
    assert str(found.value) == message
    takers = [f for f in FUNCTIONS.values() if set(given) <= set(keywords(f))]
    assert takers
    for function in takers:
        with pytest.raises(SpecError) as found:
            function(*first_arguments(function), **given)
        assert str(found.value) == message


def test_nothing_changes_it_and_numbers_are_pythons_own():
    with ThreadPoolExecutor(1) as executor:
        made = Settings(draws=np.int64(200), random_seed=np.uint32(7), cores=np.int8(2), executor=executor)
    assert [type(n) for n in (made.draws, made.random_seed, made.cores)] == [int] * 3
    for name in ("draws", "executor", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, name, 5)
    job = made.alone(random_seed=3)
    assert (job.executor, job.progress, job.random_seed, job.draws) == (None, False, 3, 200)
    assert made.executor is executor


def test_seeds_of_several_runs_stay_seeds():
    assert [Settings(random_seed=5).seeded(k).random_seed for k in range(3)] == [5, 6, 7]
    assert Settings(random_seed=2**32 - 1).seeded(1).random_seed == 0


def test_the_functions_that_take_settings():
    assert set(FUNCTIONS) == set(DEFAULTS)
    for name, function in FUNCTIONS.items():
        default = inspect.signature(function).parameters["settings"].default
        assert default == DEFAULTS[name]
        own, all_of_it = keywords(function), get_type_hints(Settings)
        assert {keyword: kind for keyword, kind in own.items() if all_of_it.get(keyword, kind) != kind} == {}
        told = inspect.getdoc(function)
        assert [keyword for keyword in own if keyword not in told] == []


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize(
    ("wrong", "right"), [("random_sead", "random_seed"), ("progres", "progress"), ("n_start", "n_starts")]
)
def test_an_unknown_keyword_is_named_with_the_nearest(name, wrong, right):
    function = FUNCTIONS[name]
    with pytest.raises(TypeError) as found:
        function(*first_arguments(function), **{wrong: 1})
    assert str(found.value) == f"{name}() got an unexpected keyword argument {wrong!r}; did you mean {right!r}?"


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("fit_ml", "bound", "bounds"),
        ("fit_ml", "executer", "executor"),
        ("fit_bayes", "rival", "rivals"),
        ("select_n_classes", "max_refit", "max_refits"),
        ("compare_classifiers", "cut_off", "cutoff"),
        ("run_sensitivity", "survival_month", "survival_months"),
    ],
)
def test_the_nearest_is_of_all_that_the_function_takes(name, wrong, right):
    with pytest.raises(TypeError, match=rf"^{name}\(\) .*'{wrong}'; did you mean '{right}'\?$"):
        FUNCTIONS[name](*first_arguments(FUNCTIONS[name]), **{wrong: 1})


@pytest.mark.parametrize(
    ("name", "other"), [("fit_ml", "draws"), ("fit_bayes", "max_refits"), ("cross_validate", "tune")]
)
def test_a_setting_of_other_functions_is_refused(name, other):
    """Rather than taken and left unused."""
    with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected keyword argument '{other}'"):
        FUNCTIONS[name](*first_arguments(FUNCTIONS[name]), **{other: 4})


def test_settings_and_keywords_give_the_same_fit():
    cohort, spec = bc.Cohort(*frames(40, 3)), bc.ModelSpec(n_classes=2, growth="linear", family="gaussian")
    by_keywords = bc.fit_ml(cohort, spec, n_starts=3, random_seed=2, progress=False)
    at_once = bc.fit_ml(cohort, spec, settings=bc.Settings(n_starts=3, random_seed=2, progress=False))
    mixed = bc.fit_ml(cohort, spec, settings=bc.Settings(n_starts=9, random_seed=2, progress=False), n_starts=3)
    for other in (at_once, mixed):
        np.testing.assert_array_equal(other.theta, by_keywords.theta)
        assert other.search == by_keywords.search
    with pytest.raises(SpecError, match="settings has to be a Settings; found dict"):
        bc.fit_ml(cohort, spec, settings={"n_starts": 3})


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("fit", "fit_bayes"),
        ("select", "select_n_classes"),
        ("compare", "compare_classifiers"),
        ("sensitivity", "run_sensitivity"),
    ],
)
def test_the_command_line_starts_from_the_same(command, name):
    options = build_parser().parse_args([command, "samples.csv", "patients.csv", "--out", "there", "--classes", "3"])
    default = inspect.signature(FUNCTIONS[name]).parameters["settings"].default
    assert options.settings == default
    asked = (options.draws, options.tune, options.chains, options.starts, options.seed)
    assert asked == (default.draws, default.tune, default.chains, default.n_starts, default.random_seed)


@pytest.mark.parametrize("name", ["select_n_classes", "select_families", "compare_classifiers", "run_sensitivity"])
def test_too_few_draws_to_leave_patients_out_are_refused_before_anything_is_fitted(name, monkeypatch):
    monkeypatch.setattr("bayesctc.inference.ml.fit_analysis", None)
    cohort, spec = bc.Cohort(*frames(12, 3)), bc.ModelSpec(n_classes=2)
    more = {
        "select_n_classes": [1, 2],
        "select_families": ["gaussian"],
        "run_sensitivity": bc.SensitivityPlan([{"option": "cutoff", "value": 3}]),
    }
    given = [cohort, spec, *([more[name]] if name in more else [])]
    with pytest.raises(SpecError, match=r"draws=6 and chains=4 make 24 draws, .* allowed: 25 or more"):
        getattr(bc, name)(*given, draws=6, chains=4, progress=False)
