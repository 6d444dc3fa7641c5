"""What made a result: versions, seed, data, specification, settings, and the call that makes it again."""

import importlib.metadata
import json
import platform
from dataclasses import asdict, fields

import numpy as np

from bayesctc._version import __version__
from bayesctc.model.spec import ModelSpec
from bayesctc.report.format import duration
from bayesctc.report.subject import Subject

PACKAGES = ("pymc", "nutpie", "arviz", "numba", "numpy", "pandas")


def versions(subject: Subject) -> dict[str, str]:
    """Versions that made the fit; for an ML fit, which keeps none, those of now."""
    if subject.bayesian:
        attrs = subject.bayes.idata.attrs
        names = {"bayesctc": "bayesctc_version", "python": "python", **{name: name for name in PACKAGES}}
        return {name: str(attrs[key]) for name, key in names.items() if key in attrs}
    here = {name: importlib.metadata.version(name) for name in ("scipy", "numba", "numpy", "pandas")}
    return {"bayesctc": __version__, "python": platform.python_version(), **here}


def software_text(subject: Subject) -> str:
    """Software and versions in one sentence."""
    text = ", ".join(f"{name} {version}" for name, version in versions(subject).items())
    return f"{text}." if subject.bayesian else f"{text} (versions when this report was written)."


def sampler_text(subject: Subject) -> str:
    """How the posterior was sampled."""
    a = subject.bayes.idata.attrs
    return (f"NUTS ({a.get('nuts_sampler', 'unknown')}), {a.get('chains', '?')} chains of {a.get('tune', '?')} "
            f"warm-up and {a.get('draws', '?')} kept draws each")  # fmt: skip


def facts(subject: Subject) -> list[tuple[str, str]]:
    """Heading and text, in the order a reader asks."""
    rows = [("software", software_text(subject))]
    if subject.bayesian:
        attrs = subject.bayes.idata.attrs
        rows.append(("method", f"Posterior by {sampler_text(subject)}"))
        rows.append(("random seed", str(attrs.get("random_seed", "unknown"))))
        if "sampling_seconds" in attrs:
            rows.append(("time", f"{duration(float(attrs['sampling_seconds']))} for the sampling of this fit"))
    else:
        ml = subject.ml
        rows.append(("method", f"Maximum likelihood from {ml.n_starts} starting value(s)"))
        rows.append(("random seed", str(ml.random_seed)))
        rows.append(("convergence", f"g′H⁻¹g / m = {ml.criterion:.2g} (converged below 10⁻⁶)"))
    rows.append(("data fingerprint (SHA-256)", subject.fit.cohort.fingerprint))
    return rows


def spec_json(spec: ModelSpec) -> str:
    """The whole specification, priors included."""
    return json.dumps(asdict(spec), indent=2, ensure_ascii=False)


def code(subject: Subject) -> str:
    """Python that makes the result again."""
    spec = subject.spec
    default = ModelSpec()
    always = ("n_classes", "growth", "random_effects", "family", "endpoint")
    changed = [f for f in fields(spec) if f.name not in ("priors", *always)
               and getattr(spec, f.name) != getattr(default, f.name)]  # fmt: skip
    arguments = [*(f"{name}={getattr(spec, name)!r}" for name in always),
                 *(f"{f.name}={getattr(spec, f.name)!r}" for f in changed)]  # fmt: skip
    priors = [f"{f.name}={getattr(spec.priors, f.name)!r}" for f in fields(spec.priors)
              if getattr(spec.priors, f.name) != getattr(default.priors, f.name)]  # fmt: skip
    if priors:
        arguments.append(f"priors=bc.Priors({', '.join(priors)})")
    steps = [f"#   {row.step}: {row.patients} patients, {row.samples} samples" for row in
             subject.fit.cohort.flow().itertuples()]  # fmt: skip
    if subject.marker is not None:
        steps.insert(0, f"#   read with marker=bc.{subject.marker!r}")
    return "\n".join(
        ["import bayesctc as bc", "", f"# cohort: fingerprint {subject.fit.cohort.fingerprint[:12]}", *steps,
         "spec = bc.ModelSpec(", *(f"    {argument}," for argument in arguments), ")", _call(subject)]
    )  # fmt: skip


def _call(subject):
    fit = subject.fit
    if not subject.bayesian:
        return f"fit = bc.fit_ml(cohort, spec, n_starts={fit.n_starts}, random_seed={fit.random_seed})"
    a = fit.idata.attrs
    names = ["draws", "tune", "chains", *([] if subject.selection else ["nuts_sampler"]), "random_seed"]
    settings = ", ".join(f"{name}={_plain(a[name])!r}" for name in names if name in a)
    if subject.selection is None:
        return f"fit = bc.fit_bayes(cohort, spec, {settings})"
    ks = [int(k) for k in subject.selection.table.index]
    return f"selection = bc.select_n_classes(cohort, spec, n_classes={ks}, {settings})"


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value
