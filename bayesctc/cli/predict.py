"""The command `bayesctc predict`."""

import time

from bayesctc.cli.output import Output
from bayesctc.cli.reading import everyone_of, fit_of, in_months
from bayesctc.cli.results import finish
from bayesctc.cli.spoken import spoken


def predict(options, output: Output) -> None:
    """Survival of new patients from their counts up to a landmark."""
    (path,) = output.file(options.out)
    began = time.perf_counter()
    from bayesctc.data.scenario import scenario_from_csv
    from bayesctc.data.source import time_unit_of
    from bayesctc.predict.landmark_survival import predict_survival, prediction_table
    from bayesctc.results.intervals import CI_TEXT

    fit = fit_of(options)
    design, of_fit = fit.design, time_unit_of(fit.cohort.source)
    if options.time_unit is None:
        options.time_unit = of_fit
        print(f"times are read in {of_fit}, like those of the fit; --time-unit changes this")
    unit = options.time_unit
    options.map = _there(options)
    types = {**design.sample_types, **design.types, **design.interval_types}
    patients = everyone_of(options, fit.cohort.marker, types)
    landmark, horizons = in_months(options, options.landmark), in_months(options, options.horizons)
    assumed = options.scenario and scenario_from_csv(options.scenario, patients, landmark, dict(options.map), unit)
    found = predict_survival(fit, patients, landmark, horizons, intervals=assumed)
    table = prediction_table(found)
    given = dict(zip(found["horizon"].to_numpy(), sorted(options.horizons), strict=True))
    table = table.assign(landmark=options.landmark, horizon=table["horizon"].map(given))
    table.insert(3, "time_unit", unit)
    output.table(path, table, index=False)
    in_words = "" if unit == "months" else f" ({found.attrs['landmark']:.4g} months)"
    who = f"{patients.n_patients} patient{'' if patients.n_patients == 1 else 's'} alive at {options.landmark:g} {unit}"
    print(f"{who}{in_words}: survival ({fit.spec.endpoint}) with {CI_TEXT} intervals; horizons in {unit} after that")
    print(f"samples after the landmark, not used: {found.attrs['n_samples_after_landmark']}")
    if "n_intervals_after_landmark" in found.attrs:
        n = found.attrs["n_intervals_after_landmark"]
        then = "are carried forward" if options.scenario is None else "apply until the scenario begins"
        print(f"rows of intervals after the landmark, not used: {n}; the values known at the landmark {then}")
    for text in found.attrs["warnings"]:
        print(f"warning: {spoken(text, vars(options))}")
    finish(output, began)


def _there(options) -> list[tuple[str, str]]:
    """The user's names of columns, without those of follow-up that new patients do not have."""
    from bayesctc.data.columns import is_of_follow_up
    from bayesctc.data.problems import Problems
    from bayesctc.data.tables import table_from_csv

    table = table_from_csv(options.patients, {}, Problems())
    absent = [
        (ours, theirs)
        for ours, theirs in options.map
        if table is not None and is_of_follow_up(ours) and theirs not in table.frame
    ]
    if absent:
        names = ", ".join(theirs for _, theirs in absent)
        print(f"no column {names}: the patients are assumed to be alive and free of the endpoint at the landmark")
    return [pair for pair in options.map if pair not in absent]
