"""A calculator's page read back: what its markup holds, and its script run by V8 (mini-racer) without a browser."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
from py_mini_racer import MiniRacer

import bayesctc as bc
from bayesctc.design.formulas import level_text
from bayesctc.model.design import FORMULAS

STUB = Path(__file__).parent / "page_stub.js"
RUN = """
const ready = () => ready.made || (ready.made = withDraws(JSON.parse(byId("data").textContent).model));
const predicted = (patients, horizons) => JSON.stringify(patients.map((each) => predict(ready(), each, horizons)));
"""


class Markup(HTMLParser):
    """Elements of a page: (name, attributes), and the texts of scripts and style sheets."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.raw: list[tuple[str, dict, str]] = []
        self.shown: list[str] = []
        self._inside: tuple[str, dict] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = (tag, dict(attrs)) if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.raw.append((*self._inside, data))
        else:
            self.shown.append(data)

    @property
    def data(self) -> dict:
        """What the script reads."""
        (text,) = (text for _, attrs, text in self.raw if attrs.get("type") == "application/json")
        return json.loads(text)

    @property
    def script(self) -> str:
        """What is run."""
        (text,) = (text for name, attrs, text in self.raw if name == "script" and not attrs.get("type"))
        return text


class Running:
    """A page whose script has started."""

    def __init__(self, text: str):
        self.markup = Markup(text)
        self._engine = MiniRacer()
        made = [
            f"document.createElement({json.dumps(name)}).setAttribute('id', {json.dumps(attrs['id'])});"
            for name, attrs in self.markup.elements
            if "id" in attrs
        ]
        data = json.dumps(json.dumps(self.markup.data))
        made.append(f"elements.data.textContent = {data};")
        self._engine.eval("\n".join([STUB.read_text(), *made, self.markup.script, RUN]))

    def ask(self, function: str, *arguments):
        """The value of a function of the page, or of the stub."""
        return self._engine.call(function, *arguments)

    def type(self, **values) -> None:
        """Type into fields by id."""
        for field, text in values.items():
            self.ask("type", field, text)

    def press(self, field: str) -> None:
        """Choose or press."""
        self.ask("press", field)

    def text(self, field: str) -> str:
        """The text of an element."""
        return self._engine.eval(f"elements[{json.dumps(field)}].textContent")

    def texts(self, field: str) -> list[str]:
        """Texts of an element's children, none where it is hidden."""
        return json.loads(self._engine.eval(f"JSON.stringify(texts({json.dumps(field)}))"))

    def predict(self, patients: list[dict], horizons) -> dict[str, np.ndarray]:
        """Class probabilities, survival and limits of patients, without the form."""
        found = json.loads(self.ask("predicted", patients, list(map(float, horizons))))
        curves = [[each["survival"], *each["incidence"]] for each in found]

        def of(name):  # (n_curves, n_patients, n_horizons)
            unknown = [np.nan] * len(horizons)
            return np.array([[unknown if c[name] is None else c[name] for c in each] for each in curves]).swapaxes(0, 1)

        by_name = {name: of(name) for name in ("value", "lower", "upper")}
        return {"classes": np.array([each["classes"] for each in found]), **by_name}


def alive_at(cohort: bc.Cohort, endpoint: str, landmark: float) -> bc.Cohort:
    """Patients who may be predicted for."""
    first = cohort.samples.groupby("patient_id")["time"].min().reindex(cohort.patients.index)
    there = (cohort.patients[f"{endpoint}_time"] > landmark) & (first <= landmark)
    return cohort.select(cohort.patients.index[there])


def as_typed(fit, cohort: bc.Cohort, landmark: float) -> list[dict]:
    """Patients as the page's function takes them, written apart from the package's way."""
    outcome, found = fit.design.outcome, []
    for patient in cohort.patients.index:
        own = cohort.samples[(cohort.samples["patient_id"] == patient) & (cohort.samples["time"] <= landmark)]
        volume = own["volume_ml"] if "volume_ml" in own else pd.Series(1.0, index=own.index)
        columns = zip(own["time"], own[outcome.column], volume, strict=True)
        samples = [{"time": float(t), "value": float(y), "volume": float(v)} for t, y, v in columns]
        covariates = {}
        for part in (getattr(fit.design, name) for name in FORMULAS):
            for name in set(part.columns) - {"time"}:
                value = cohort.patients.loc[patient, name]
                covariates[name] = level_text(value) if name in part.levels else float(value)
        found.append({"landmark": landmark, "samples": samples, "covariates": covariates})
    return found


def assert_same(fit, page: Running, landmark: float, horizons=(1.0, 6.0, 24.0), atol=1e-9, n=20) -> None:
    """Hold a page to `predict_survival`, for n of the fit's patients who are alive at the landmark."""
    patients = alive_at(fit.cohort, fit.spec.endpoint, landmark)
    patients = patients.select(patients.patients.index[:n])
    assert patients.n_patients == n
    wanted = bc.predict_survival(fit, patients, landmark, horizons)
    found = page.predict(as_typed(fit, patients, landmark), horizons)
    np.testing.assert_allclose(found["classes"], wanted["class_probability"], atol=atol, rtol=0)
    for ours, theirs in {"value": "survival_function", "lower": "lower", "upper": "upper"}.items():
        np.testing.assert_allclose(found[ours][0], wanted[theirs], atol=atol, rtol=0, err_msg=theirs)
        if fit.design.causes:
            incidence = wanted[{"value": "cumulative_incidence"}.get(ours, f"incidence_{ours}")]
            np.testing.assert_allclose(found[ours][1:], incidence, atol=atol, rtol=0, err_msg=f"incidence, {theirs}")
    if fit.spec.n_classes > 1:  # the comparison could fail: classes are told apart, not all for sure
        between = (wanted["class_probability"] > 0.01) & (wanted["class_probability"] < 0.99)
        assert between.any()
