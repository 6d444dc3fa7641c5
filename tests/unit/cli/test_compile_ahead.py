"""What is compiled before the first fit: the default model, and an interruption that leaves everything as it was."""

import pytest

import bayesctc as bc
from bayesctc.cli import compile_ahead
from bayesctc.inference import ml as ml_module
from bayesctc.inference import nuts

pytestmark = pytest.mark.unit


def test_the_default_model_is_fitted_with_an_endpoint_and_without(monkeypatch, capsys):
    found = []
    for module, name in ((ml_module, "fit_ml"), (nuts, "fit_bayes")):
        monkeypatch.setattr(module, name, lambda cohort, spec, name=name, **_: found.append((name, spec)))
    assert compile_ahead.main() == 0

    default = bc.ModelSpec()
    assert [name for name, _ in found] == ["fit_ml", "fit_bayes"] * 2
    assert [spec.endpoint for _, spec in found[::2]] == [default.endpoint, None]
    assert {spec.with_(n_classes=default.n_classes, endpoint=default.endpoint) for _, spec in found} == {default}
    assert "compiling the default model" in capsys.readouterr().err


def test_an_interruption_is_no_error_of_ours(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(ml_module, "fit_ml", interrupted)
    assert compile_ahead.main() == 130
    assert "the first fit compiles what is not there yet" in capsys.readouterr().err
