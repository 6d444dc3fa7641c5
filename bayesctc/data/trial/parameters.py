"""Every number that the generator of the synthetic trial uses, in one frozen object.

The values were set by hand so that the published figures are reproduced on average over seeds
(`benchmarks/trial_figures.py`). They are not estimates from patients.
"""

from dataclasses import dataclass

CLASSES = ("neg", "lo", "mid", "hi")
ARMS = ("paclitaxel", "nab-paclitaxel", "ixabepilone")
SUBTYPES = ("HR+/HER2-", "triple-negative", "HER2+")

DAYS_PER_MONTH = 30.4375
CYCLE_MONTHS = 28 / DAYS_PER_MONTH


@dataclass(frozen=True)
class PatientParameters:
    """Who enters the trial. Shares are probabilities; tuples follow `ARMS`, `SUBTYPES` and `CLASSES`."""

    n_treated: int = 783
    arm_shares: tuple[float, ...] = (0.355, 0.340, 0.305)  # the third arm closed a little early
    subtype_shares: tuple[float, ...] = (0.68, 0.25, 0.07)
    bone_shares: tuple[float, ...] = (0.68, 0.32, 0.45)  # share with bone metastasis, by subtype
    age_mean: float = 56.0  # years
    age_sd: float = 11.0
    age_range: tuple[float, float] = (27.0, 86.0)
    # Membership: softmax over classes of these log odds against neg.
    class_log_odds: tuple[float, ...] = (0.0, -1.06, -1.57, -2.78)
    class_bone: tuple[float, ...] = (0.0, 0.95, 1.20, 1.40)
    class_triple_negative: tuple[float, ...] = (0.0, -0.90, -1.05, -1.05)
    class_her2: tuple[float, ...] = (0.0, -0.30, -0.40, -0.40)


@dataclass(frozen=True)
class CountParameters:
    """The log concentration of tumour cells (natural log of cells per 7.5 mL), by class.

    For patient i of class g at month t:
    log c = plateau_g + p_i + (drop_g + d_i) exp(-t / tau) + (slope_g + s_i) t + visit noise,
    with all of p, d, s and the noise normal; the count is Poisson with mean c.
    """

    plateau: tuple[float, ...] = (-2.0, -1.0, 1.75, 4.1)
    drop: tuple[float, ...] = (2.55, 4.3, 2.5, 1.2)
    slope: tuple[float, ...] = (0.0, 0.10, 0.04, 0.03)  # per month: counts creep back up
    tau: float = 0.8  # months in which the first fall loses all but 37 %
    plateau_sd: tuple[float, ...] = (0.5, 0.6, 0.7, 0.7)
    drop_sd: tuple[float, ...] = (0.5, 0.75, 1.0, 0.6)
    slope_sd: float = 0.04  # per month
    visit_sd: tuple[float, ...] = (0.9, 0.65, 0.6, 0.6)


@dataclass(frozen=True)
class SurvivalParameters:
    """Weibull proportional hazards for death and for progression, tied by a Gaussian copula.

    Scales in months, effects as log hazard ratios: by class against neg, by arm and subtype against the first.
    """

    os_scale: float = 73.0  # months, reference patient of class neg
    os_shape: float = 1.25
    os_class: tuple[float, ...] = (0.0, 0.93, 1.58, 2.20)
    ttp_scale: float = 21.0  # months to progression
    ttp_shape: float = 1.10
    ttp_class: tuple[float, ...] = (0.0, 0.51, 0.75, 0.88)
    correlation: float = 0.5  # of the normal scores of death and progression
    arm: tuple[float, ...] = (0.0, 0.05, 0.20)
    subtype_os: tuple[float, ...] = (0.0, 0.60, -0.10)
    subtype_ttp: tuple[float, ...] = (0.0, 0.40, -0.10)
    bone: float = 0.10  # on both
    age_decade: float = 0.05
    toxicity_hazard: tuple[float, ...] = (0.024, 0.034, 0.034)  # per month on treatment, by arm
    cutoff_range: tuple[float, float] = (15.0, 56.0)  # months from start of treatment to the data cut-off
    dropout_hazard: float = 0.008  # per month, loss to follow-up


@dataclass(frozen=True)
class VisitParameters:
    """When blood is drawn. Cycles of 28 days; treatment starts on day 0."""

    cycles: tuple[int, ...] = (2, 4, 6, 8, 10)  # a sample at the start of each
    never_sampled: float = 0.20  # share of the treated without a usable baseline, hence without any sample
    missing: float = 0.11  # chance that a planned later sample was not taken
    failed: float = 0.0  # chance that a sample that was taken fails, whatever its count
    baseline_lead_days: float = 3.0  # mean of days before day 0, exponential, at most 21; half are drawn on day 0
    early_days: float = 3.0  # visits are up to this many days early
    delay_days: float = 3.5  # and late by an exponential time with this mean
    latest_days: float = 14.0  # but by no more than this
    end_of_treatment: float = 0.55  # chance of a sample when treatment ends, death aside
    end_window_days: float = 7.0  # within this many days of the end of treatment
    last_month: float = 10.0  # no sample later than this, whenever treatment ends
    min_gap_days: float = 10.0  # no end-of-treatment sample sooner than this after the last one


@dataclass(frozen=True)
class ScanParameters:
    """When progression is looked for: scans are planned at equal intervals from the start of treatment.

    Examples
    --------
    >>> samples, patients = bc.generate_trial(7, bc.TrialParameters(scans=bc.ScanParameters(every_weeks=6)))
    >>> [name for name in patients if name.startswith("pfs_")]
    ['pfs_left', 'pfs_right', 'pfs_time', 'pfs_event']
    """

    every_weeks: float = 9.0
    early_days: float = 4.0  # scans are up to this many days early
    delay_days: float = 5.0  # and late by an exponential time with this mean
    missed: float = 0.08  # chance that a planned scan was not done


@dataclass(frozen=True)
class TrialParameters:
    """All parameters of the generator.

    With `scans`, progression is seen at scans only; by default its day is known.

    Examples
    --------
    >>> figures = bc.TrialParameters()
    >>> [name for name in ("patients", "counts", "survival", "visits") if hasattr(figures, name)]
    ['patients', 'counts', 'survival', 'visits']
    """

    patients: PatientParameters = PatientParameters()
    counts: CountParameters = CountParameters()
    survival: SurvivalParameters = SurvivalParameters()
    visits: VisitParameters = VisitParameters()
    scans: ScanParameters | None = None
