"""The figures of docs/benchmarks.md are those of benchmarks/results."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"−?\d[\d,]*(?:\.\d+)?")


def shown(start: str, last: str = "", page: str = PAGE) -> list[str]:
    """Numbers of the page between two texts, or to the end of the line of the first one."""
    assert page.count(start) == 1, start
    after = page.split(start)[1]
    return NUMBER.findall(after.split(last)[0] if last else after.splitlines()[0])


def agree(texts: list[str], values: list[float]) -> bool:
    """Whether each number that is shown is the value, rounded to its digits."""
    return len(texts) == len(values) and all(
        abs(float(text.replace("−", "-").replace(",", "")) - value) <= 0.500001 * 10.0 ** -len(text.partition(".")[2])
        for text, value in zip(texts, values, strict=True)
    )


def table(name: str, **kwargs) -> pd.DataFrame:
    return pd.read_csv(RESULTS / name, **kwargs)


def recovery() -> pd.DataFrame:
    found = table("class_recovery_summary.csv").query("mechanism == 'trial' and separation == 'wide'")
    return found.set_index("candidate")


def test_a_figure_that_is_rounded_wrongly_is_found():
    assert agree(["0.70", "−1,234.5"], [0.696, -1234.46])
    assert not agree(["0.70"], [0.694])
    assert not agree(["0.70"], [0.70, 0.63])
    assert shown("mean of ", page="a mean of −1,002.5 and 3 %\n4") == ["−1,002.5", "3"]


@pytest.mark.parametrize(
    ("label", "candidate"),
    [
        ("| the default |", "PLN, treatment (default)"),
        ("| with covariates of class membership and hazard |", "PLN, treatment, covariates"),
        ("(the default of earlier versions) |", "NB, quadratic, intercept"),
    ],
)
def test_class_recovery(label, candidate):
    assert agree(shown(label), list(recovery().loc[candidate, ["ari_joint", "lowest"]]))


def test_what_could_be_reached_and_the_number_of_classes():
    default = recovery().loc["PLN, treatment (default)"]
    assert agree(shown("| knowing every parameter of the generator |"), [default["oracle_joint"]])
    assert agree(shown("| the same, with covariates |"), [default["oracle_covariates"]])
    assert agree(shown("ICL chooses four classes in ", " trials"), [default["icl_4"], default["n"]])
    assert agree(shown("\nfour in ", "See"), [default["bic_4"], default["n"] - default["bic_4"]])


def test_families():
    gaussian = table("family_study_summary.csv").query("family == 'gaussian'")
    chosen = (gaussian["cohorts"] * gaussian["bic_true"]).sum()
    assert agree(shown("Under the gaussian family BIC chooses four classes in only ", " cohorts"), [chosen, 80])


@pytest.mark.parametrize(
    ("label", "method"),
    [
        ("| modal class, as if known |", "modal class"),
        ("| three-step BCH |", "three-step BCH"),
        ("\n| joint model |", "joint"),
    ],
)
def test_two_steps_and_one(label, method):
    rows = [
        table(f"three_ways_{how}.csv").query("method == @method and latent_class == 'class 3'").iloc[0]
        for how in ("well", "badly")
    ]
    assert agree(shown(label), [value for row in rows for value in (row["bias"], 100 * row["coverage"])])
    sizes = [value for row in rows for value in (row["n_cohorts"], row["mean_entropy"])]
    assert agree(shown("`python -m benchmarks.three_ways`: ", "Bias"), sizes)


def test_scans_hazards_and_switching():
    bias = table("scans_summary.csv", header=[0, 1], index_col=0)["median", "bias"]
    found = shown("scans every 9 weeks |", " with the true times")
    assert agree(found, [bias["intervals"], bias["scan dates"], bias["true times"]])
    largest = table("bathtub.csv").groupby(["truth", "hazard"])["largest"].mean()
    other = next(truth for truth in largest.index.levels[0] if truth != "bathtub")
    for label, truth in (("10 cohorts of 300 |", "bathtub"), ("| the same if the hazard is constant |", other)):
        assert agree(shown(label, "Weibull"), [largest[truth, "splines"], largest[truth, "weibull"]])
    rows = table("switching_summary.csv", index_col="specification")
    changing = rows.loc["treatment and progression as they change"]
    arm = rows.loc["arm as randomised (change ignored)"]
    assert agree(shown("hazard ratio is ", " with treatment"), [changing["bias"]])
    assert agree(shown("cover the truth in ", "of the\n"), [100 * changing["covered"]])
    assert agree(shown("trials), and ", " with the arm"), [arm["bias"]])


@pytest.mark.parametrize("landmark", [3, 6])
def test_prediction(landmark):
    rows = table("out_of_sample_summary.csv").query(
        "landmark == @landmark and specification == 'PLN, treatment (default)'"
    )
    rows = rows.set_index(["measure", "model"])["mean"]
    wanted = [rows[measure, model] for measure in ("auc", "brier") for model in ("joint model", "Cox: mean")]
    assert agree(shown(f"| month {landmark} | AUC |", "| month" if landmark == 3 else "## Are"), wanted)


@pytest.mark.parametrize(
    "quantity", ["log hazard ratio", "survival at 24 months, class 1", "survival at 24 months, class 2"]
)
def test_coverage(quantity):
    rows = table("sbc_coverage.csv").query("family == 'gaussian' and quantity == @quantity").set_index("method")
    assert agree(shown(f"| {quantity} |"), [100 * rows.loc["Bayes", "covered"], 100 * rows.loc["ML", "covered"]])
    assert (rows["n"] == 199).all()


def test_speed():
    def read(name):
        return json.loads((RESULTS / name).read_text(encoding="utf-8"))

    speed, stan, ours = (read(name) for name in ("speed.json", "stan.json", "bayesctc.json"))
    gradient, joint = speed["gradient"], speed["ml"]["joint_K4"]
    wanted = [gradient["469"]["milliseconds"], gradient["100000"]["milliseconds"]]
    assert agree(shown("| one gradient, 469 patients, 100,000 patients |", "ms |"), wanted)
    wanted = [joint["seconds_a_start"], joint["lcmm_seconds_a_start"]]
    assert agree(shown("joint, K = 4 |", " s |"), wanted)
    assert agree(shown("1,000 draws, gaussian |", " s |"), [speed["nuts"]["trial_seed1"]["sampling_seconds"]])
    wanted = [stan["sampling_seconds"], stan["compile_seconds"], ours["compile_seconds"]]
    assert agree(shown("| the same posterior in Stan |", " s) |"), wanted)
    wanted = [ours["ess_bulk_min_per_second"], stan["ess_bulk_min_per_second"]]
    assert agree(shown("| smallest effective sample size per second |"), wanted)
    lines = (RESULTS / "number_of_classes_beside_long.txt").read_text(encoding="utf-8").splitlines()
    first = {how: next(line for line in lines if line.startswith(f"trial, {how}:")) for how in ("default", "quick")}
    wanted = [float(re.search(r", (\d+) s, processor", line)[1]) for line in first.values()]
    assert agree(shown("K = 1 to 6 on the trial |", " s |")[:1], wanted[:1])
    assert agree(shown("with `quick=True` ", " s |"), wanted[1:])
    rows = table("scale.csv").query("patients == 100000").set_index("what")["value"]
    wanted = [rows["start"], rows["nuts_50_and_50"] / 2]  # of two chains, one after the other
    assert agree(shown("| 100,000 patients, default, one start; 100 draws |", " |"), wanted)


def test_false_alarms():
    share = table("checks.csv").query("scenario == 'true'")
    assert agree(
        shown("(false alarms: ", ")"), [100 * share["share"].min(), 100 * share["share"].max(), share["n"].iloc[0]]
    )
