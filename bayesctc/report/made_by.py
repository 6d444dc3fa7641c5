"""How a result was made: versions, seed, data, specification and settings, all read from the result."""

import json
from dataclasses import asdict

from bayesctc.model.spec import ModelSpec
from bayesctc.report.format import duration, tiny
from bayesctc.report.subject import Subject
from bayesctc.results.bayes_fit import BayesFit

PACKAGES = ("pymc", "nutpie", "arviz", "numba", "numpy", "pandas")


def versions(subject: Subject) -> dict[str, str]:
    """Versions of the software that made the fit."""
    if not subject.bayesian:
        return dict(subject.ml.search.versions)
    attrs = subject.bayes.idata.attrs
    names = {"bayesctc": "bayesctc_version", "python": "python", **{name: name for name in PACKAGES}}
    return {name: str(attrs[key]) for name, key in names.items() if key in attrs}


def software_text(subject: Subject) -> str:
    """Software and versions in one sentence."""
    return ", ".join(f"{name} {version}" for name, version in versions(subject).items()) + "."


def sampler_text(fit: BayesFit) -> str:
    """How a posterior was sampled."""
    a = fit.idata.attrs
    return (
        f"NUTS ({a['nuts_sampler']}, {a['adaptation']}, trees up to depth {a['max_depth']}), {a['chains']} chains "
        f"of {a['tune']} warm-up and {a['draws']} kept draws each"
    )


def search_text(subject: Subject) -> str:
    """How the likelihood was maximised."""
    s = subject.fit.search
    starts = f"{s.n_starts} starting value{'s' if s.n_starts != 1 else ''}"
    return (
        f"{starts} of the maximum-likelihood search ({s.optimiser}: at most {s.max_evaluations:,} evaluations of "
        f"the likelihood per start, until the expected gain of a step is below {tiny(s.climbed / 2)} log-likelihood "
        f"units, and at most {s.max_newton_steps} Newton steps; converged if {criterion(s)} is below "
        f"{tiny(s.converged)})"
    )


def criterion(search) -> str:
    """The convergence criterion as it is printed."""
    return search.criterion.replace("'", "′").replace("^-1", "⁻¹")


def facts(subject: Subject) -> list[tuple[str, str]]:
    """Headings and texts, in the order of a reader's questions."""
    rows, search = [("software", software_text(subject))], subject.fit.search
    if subject.bayesian:
        attrs = subject.bayes.idata.attrs
        rows.append(("method", f"Posterior by {sampler_text(subject.bayes)}"))
        rows.append(("start of the chains", f"Best interior mode of {search_text(subject)}"))
        seeds = f"{attrs['random_seed']} for the sampler, {search.random_seed} for the search for modes"
        rows.append(("random seeds", seeds))
        if "sampling_seconds" in attrs:
            rows.append(("time", f"{duration(float(attrs['sampling_seconds']))} for sampling this fit"))
    else:
        rows.append(("method", f"Maximum likelihood: {search_text(subject)}"))
        rows.append(("random seed", str(search.random_seed)))
        rows.append(("convergence", f"{criterion(search)} = {tiny(subject.ml.criterion)}"))
    limits = ", ".join(f"{name} {_limit(value)}" for name, value in search.bounds.items())
    rows.append(("bounds of an interior mode", limits))
    rows.append(("data fingerprint (SHA-256)", subject.fit.cohort.fingerprint))
    return rows


def _limit(value):
    if value is None:
        return "set by the data"
    return f"{value[0]:g} to {value[1]:g}" if isinstance(value, tuple) else f"{value:g} or more"


def spec_json(spec: ModelSpec) -> str:
    """The whole specification, priors included."""
    return json.dumps(asdict(spec), indent=2, ensure_ascii=False)
