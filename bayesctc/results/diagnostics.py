"""Whether draws can be trusted: R-hat, effective sample size, divergences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayesctc.data.outcome import Outcome
from bayesctc.model.design import Design
from bayesctc.model.layout import Layout
from bayesctc.model.nodes import NODE_ERROR
from bayesctc.process_wide import home_for_imports
from bayesctc.results.idata import natural_draws
from bayesctc.results.intervals import CI_PROB, parameter_rows
from bayesctc.shown import Printed, told_apart

# after Vehtari et al., Bayesian Analysis 2021;16:667
MAX_RHAT = 1.01
MIN_ESS_PER_CHAIN = 100
TAIL = 0.95  # the tail ESS is that of this quantile or of 1 - it, whichever is smaller
MOST_CUT_TREES = 0.05  # share of the draws
FEWEST_POSITIVE = 1.0  # expected samples with a cell, below which a class is known from zeros alone


@dataclass(frozen=True)
class Diagnostics:
    """Quality of the draws.

    Attributes
    ----------
    n_chains, n_draws : int
    max_rhat : float
        Largest rank-normalised split R-hat over parameters; 1.01 or less is good. NaN with one chain, or where that
        of any parameter is NaN.
    min_ess : float
        Smallest of the bulk and tail effective sample sizes, the latter of the 5 % and 95 % quantiles; 100 per chain or
        more is good. NaN where that of any parameter is NaN.
    n_divergences : int
    cut_trees : float
        Share of the draws whose tree of steps was cut at the largest depth: inefficient but not wrong.
    chains_left : tuple of int
        Chains that classify the patients differently from most; their draws are not in the posterior.
    at_mode : bool
        Whether the chains classify the patients like the ML mode from which they started.
    """

    n_chains: int
    n_draws: int
    max_rhat: float
    min_ess: float
    n_divergences: int
    cut_trees: float
    chains_left: tuple[int, ...]
    at_mode: bool

    @classmethod
    def of(cls, idata: xr.DataTree, layout: Layout) -> "Diagnostics":
        """Compute them from the draws, on the scale of the fit, so that they do not depend on the user's units."""
        theta = idata["internal"].dataset["theta"].transpose("chain", "draw", ...).to_numpy()
        table = quality(_scalars(layout.own(theta), parameter_rows(layout)))
        posterior, stats = idata["posterior"].dataset, idata["sample_stats"].dataset
        # With one class some parameters are constants; with several, a constant parameter means that a chain is stuck.
        judged = table if layout.n_classes > 1 else table.dropna(how="all")
        return cls(
            n_chains=posterior.sizes["chain"],
            n_draws=posterior.sizes["draw"],
            max_rhat=float(judged["rhat"].max(skipna=False)),
            min_ess=float(judged[["ess_bulk", "ess_tail"]].min(skipna=False).min(skipna=False)),
            n_divergences=int(stats["diverging"].sum()),
            cut_trees=float(stats["reached_max_treedepth"].mean()) if "reached_max_treedepth" in stats else 0.0,
            chains_left=tuple(int(c) for c in np.atleast_1d(idata.attrs.get("chains_left", []))),
            at_mode=bool(idata.attrs.get("at_mode", 1)),
        )

    def warnings(self) -> Iterator[str]:
        """What a reader should know before trusting the draws."""
        if self.chains_left:
            yield (
                f"{len(self.chains_left)} chain(s) left the mode explored by the others and were set aside: "
                f"{', '.join(map(str, self.chains_left))}"
            )
        if not self.at_mode:
            yield (
                "the chains left the likelihood's mode together: more than 10 % of the patients' class probability is "
                "in other classes than at the mode, which suggests that a class is barely identified"
            )
        if self.n_chains < 2:
            yield "one chain only: R-hat cannot be computed"
        elif not self.max_rhat <= MAX_RHAT:
            yield (
                f"R-hat is up to {told_apart(self.max_rhat, MAX_RHAT, 3)}, at most {MAX_RHAT} wanted: the chains have "
                "not mixed well enough; take more draws"
            )
        least = MIN_ESS_PER_CHAIN * self.n_chains
        if not self.min_ess >= least:
            yield (
                f"the smallest effective sample size is {told_apart(self.min_ess, least, 0)}, at least {least} wanted: "
                "intervals are imprecise; take more draws"
            )
        if self.n_divergences:
            yield f"{self.n_divergences} divergent transitions: the posterior may be explored only in part"
        if self.cut_trees > MOST_CUT_TREES:
            yield (
                f"{100.0 * self.cut_trees:.0f} % of the draws needed more steps than allowed: the posterior is hard to "
                "explore, which can happen with more classes than the data support"
            )


def scalar_draws(idata: xr.DataTree, layout: Layout) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of `parameter_rows`, and the draws of each: array (n_rows, n_chains, n_draws)."""
    rows = parameter_rows(layout)
    return rows, _scalars(natural_draws(idata["posterior"].dataset, layout), rows)


def _scalars(values: dict[str, np.ndarray], rows: pd.DataFrame) -> np.ndarray:
    """Draws of single numbers, array (n_rows, n_chains, n_draws), of arrays (n_chains, n_draws, ...) by name."""
    places = zip(rows["parameter"], rows["position"], strict=True)
    return np.stack([np.moveaxis(values[name], (0, 1), (-2, -1))[position] for name, position in places])


def quality(draws: np.ndarray, of: Sequence[str] = ("rhat", "ess_bulk", "ess_tail")) -> pd.DataFrame:
    """R-hat, bulk and tail ESS of draws (n_rows, n_chains, n_draws); NaN for what is constant, or not finite."""
    with home_for_imports():
        import arviz as az

    low, high = draws.min(axis=(1, 2)), draws.max(axis=(1, 2))  # the sd of equal draws may round to more than 0
    moves = np.isfinite(low) & np.isfinite(high) & (low < high)  # all but the membership of a single class
    data, axes = draws[moves], {"chain_axis": 1, "draw_axis": 2}  # arrays: labelled, they would take a third longer
    compute = {
        "rhat": lambda: az.rhat(data, **axes) if draws.shape[1] > 1 else np.nan,
        "ess_bulk": lambda: az.ess(data, method="bulk", **axes),
        "ess_tail": lambda: az.ess(data, method="tail", prob=TAIL, **axes),
    }
    table = pd.DataFrame(np.nan, index=range(len(draws)), columns=list(of))
    for name in of if moves.any() else ():
        table.loc[moves, name] = compute[name]()
    return table


def parameter_table(idata: xr.DataTree, layout: Layout) -> pd.DataFrame:
    """Posterior mean, sd, 95 % equal-tailed interval, R-hat, bulk and tail ESS, one row per scalar parameter."""
    rows, draws = scalar_draws(idata, layout)
    table, tail = rows.drop(columns="position"), (1 - CI_PROB) / 2
    with np.errstate(invalid="ignore", over="ignore"):  # a scale at covariates of 0 may overflow
        table["mean"], table["sd"] = draws.mean(axis=(1, 2)), draws.std(axis=(1, 2), ddof=1)
        table["lower"], table["upper"] = np.quantile(draws, [tail, 1 - tail], axis=(1, 2))
    return Printed(pd.concat([table, quality(draws)], axis=1))


def silence_warnings(events: np.ndarray, silent: Sequence[tuple[int, int]], design: Design) -> Iterator[str]:
    """Warnings about hazards on which the data have no information.

    Parameters
    ----------
    events : array (n_causes, n_classes)
        Expected events.
    silent : list of (cause, class)
        See `without_events`.
    """
    for c, g in silent:
        of = f" of {design.causes[c]}" if design.causes else ""
        yield (
            f"{design.layout.coords['latent_class'][g]} has {events[c, g]:.2g} expected events{of}: its hazard{of} is "
            "not estimable, nor are hazard ratios relative to it"
        )


def zero_warnings(samples: pd.DataFrame, outcome: Outcome, probabilities: pd.DataFrame) -> Iterator[str]:
    """Warnings about classes in which hardly any sample has a cell.

    Parameters
    ----------
    samples : DataFrame
        patient_id and the outcome of the samples in the analysis.
    outcome : Outcome
    probabilities : DataFrame
        Class probabilities, patients by classes.
    """
    positive = (
        samples.loc[samples[outcome.column] > 0, "patient_id"].value_counts().reindex(probabilities.index, fill_value=0)
    )
    for label, seen in probabilities.mul(positive, axis=0).sum().items():
        if seen < FEWEST_POSITIVE:
            yield (
                f"{label} has {seen:.2g} expected samples with a cell: its counts over time are not estimable, because "
                "zeros do not show how low they are"
            )


def node_warning(design: Design, error: float) -> str:
    """The warning if doubling the nodes of a quadrature changes a patient's log likelihood by `error`."""
    return (
        f"doubling the {design.n_nodes} nodes of each random effect changes a patient's log likelihood by up to "
        f"{error:.2g}, at most {NODE_ERROR:g} allowed: raise n_nodes"
    )
