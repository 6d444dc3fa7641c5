"""What is compiled before the first fit: usual models, and an interruption that leaves everything as it was."""

from types import SimpleNamespace

import pytest

import bayesctc as bc
from bayesctc.cli import compile_ahead
from bayesctc.inference import ml as ml_module
from bayesctc.inference import nuts
from bayesctc.model.backends.compiled.composition import compile_kernel, compile_linked, compile_locate
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def families(monkeypatch):
    """Families that were to be compiled, in this process and in the one that is not started."""
    found = []

    def process(*, args, **_):
        return SimpleNamespace(start=lambda: found.extend(args[0]), join=lambda: None)

    monkeypatch.setattr(compile_ahead, "get_context", lambda _: SimpleNamespace(Process=process))
    monkeypatch.setattr(compile_ahead, "compile_family", found.append)
    return found


def test_the_default_model_is_fitted_with_an_endpoint_and_without(monkeypatch, capsys, families):
    found = []
    for module, name in ((ml_module, "fit_ml"), (nuts, "fit_bayes")):
        monkeypatch.setattr(module, name, lambda cohort, spec, name=name, **_: found.append((name, spec)))
    assert compile_ahead.main() == 0

    default = bc.ModelSpec()
    assert [name for name, _ in found] == ["fit_ml", "fit_bayes"] * 2
    assert [spec.endpoint for _, spec in found[::2]] == [default.endpoint, None]
    assert {spec.with_(n_classes=default.n_classes, endpoint=default.endpoint) for _, spec in found} == {default}
    assert "compiling the default model" in capsys.readouterr().err
    assert sorted(families) == sorted(FAMILIES)


compile_family = compile_ahead.compile_family


def test_a_family_is_compiled_with_the_hazards_that_are_named():
    compile_family("poisson")
    kernels = {name: compile_kernel((FAMILIES["poisson"],), hazard, False) for name, hazard in HAZARDS.items()}
    compiled = [name for name, kernel in kernels.items() if kernel.signatures]
    named = [name for name in HAZARDS if compile_ahead.is_compiled_ahead("poisson", name)]
    assert set(named) <= set(compiled)
    assert {"weibull", "none"} <= set(named) < set(HAZARDS)


def test_events_between_two_visits_and_associations():
    default, hazard = FAMILIES[bc.ModelSpec().family], HAZARDS[bc.ModelSpec().hazard]
    closed = [family for family in FAMILIES.values() if family.closed_form]
    others = [FAMILIES[name] for name in compile_ahead.UNDER_EVERY_HAZARD]
    for family in (*closed, default, *others):
        compile_family(family.name)
    linked = [(family, hazard) for family in closed]
    linked += [(family, HAZARDS[compile_ahead.WITH_KNOTS]) for family in others]
    kernels = [compile_kernel((family,), hazard, True) for family in (*closed, default)]
    kernels += [compile(*pair) for pair in linked for compile in (compile_linked, compile_locate)]
    assert all(kernel.signatures for kernel in kernels)


def test_an_interruption_is_no_error_of_ours(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(ml_module, "fit_ml", interrupted)
    assert compile_ahead.main() == 130
    assert "the first fit compiles what is missing" in capsys.readouterr().err
