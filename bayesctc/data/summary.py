"""A cohort in a few lines, for the terminal and the notebook."""

from html import escape

import pandas as pd

from bayesctc.data.content import Content
from bayesctc.data.doubts import data_warnings
from bayesctc.data.outcome import FREQUENCY
from bayesctc.data.status import in_words

NO_ENDPOINT = "none: survival needs two columns, such as os_time and os_event (columns={'os_time': ...})"


def summary_lines(content: Content, fingerprint: str) -> dict[str, str]:
    """The main facts about a cohort, by heading."""
    patients, samples = content.patients, content.samples
    n_samples = samples.groupby("patient_id").size().reindex(patients.index, fill_value=0)
    lines = {
        "patients": f"{len(patients):,}" + (f" ({len(content.excluded):,} excluded)" if len(content.excluded) else ""),
        "samples": f"{len(samples):,}",
        **({"samples without a value": in_words(content.failed_samples)} if len(content.failed_samples) else {}),
        "samples per patient": f"median {n_samples.median():g}, {n_samples.min()} to {n_samples.max()}",
    }
    if len(samples):
        time, value = samples["time"], samples[content.outcome.column]
        lines["sample times"] = f"{time.min():.1f} to {time.max():.1f} months, median {time.median():.1f}"
        if FREQUENCY not in content.outcome.answers:
            label = content.outcome.words.label
            lines[label] = f"median {value.median():g}, {value.min():g} to {value.max():g}"
        else:
            zero = 100 * (value == 0).mean()
            lines[content.outcome.column] = (
                f"median {value.median():g}, {value.min()} to {value.max():,}; 0 in {zero:.0f} % of samples"
            )
    lines |= content.outcome.told(content.samples, content.assumed)
    if content.sample_schema:
        lines["columns of samples"] = "; ".join(f"{name}: {c}" for name, c in content.sample_schema.items())
    lines["endpoints"] = "; ".join(_endpoint(content, name) for name in content.endpoints) or NO_ENDPOINT
    if content.samples_after_endpoint == "keep":
        lines["samples after an endpoint"] = "kept"
    if "entry" in patients:
        origin = "set by the inclusion rule" if content.entry_by_rule else "as given"
        lines["delayed entry"] = f"{origin}, {patients['entry'].min():.1f} to {patients['entry'].max():.1f} months"
    lines["covariates"] = ", ".join(content.covariates) or "none"
    if content.schema:
        lines["covariate types"] = "; ".join(f"{name}: {column}" for name, column in content.schema.items())
    if content.intervals is not None:
        lines["intervals"] = _intervals(content.intervals)
        types = (f"{name}: {column}" for name, column in content.interval_schema.items())
        lines["covariates of time"] = "; ".join(types)
    for k, text in enumerate(data_warnings(content), start=1):
        lines[f"warning {k}"] = text
    lines["fingerprint"] = fingerprint[:12]
    return lines


def summary_text(content: Content, fingerprint: str) -> str:
    """The summary for a terminal."""
    lines = summary_lines(content, fingerprint)
    width = max(map(len, lines))
    return "\n".join(["Cohort", *(f"  {heading:<{width}}  {text}" for heading, text in lines.items())])


def summary_html(content: Content, fingerprint: str) -> str:
    """The summary for a notebook."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(heading)}</th><td style="text-align:left">{escape(text)}</td></tr>'
        for heading, text in summary_lines(content, fingerprint).items()
    )
    return f"<table><caption>Cohort</caption><tbody>{rows}</tbody></table>"


def _intervals(intervals: pd.DataFrame) -> str:
    rows, first = intervals["patient_id"].value_counts(), ~intervals["patient_id"].duplicated()
    late = int((first & (intervals["start"] > 0.0)).sum())
    text = f"{len(intervals):,} rows; {int((rows > 1).sum()):,} of {len(rows):,} patients have more than one"
    return text + (f"; in {late:,} the first starts after 0, and its values are also used before it" if late else "")


def _endpoint(content: Content, name: str) -> str:
    time, event = content.patients[f"{name}_time"], content.patients[f"{name}_event"]
    causes = content.causes.get(name, ())
    each = ", ".join(f"{int((event == code).sum()):,} {cause}" for code, cause in enumerate(causes, start=1))
    n = f"{int((event > 0).sum()):,} events" + (f" ({each})" if each else "")
    if name in content.looked_for:
        sought, left = event.isin(content.looked_for[name]), content.patients[f"{name}_left"]
        n += f", {int((sought & (left < time)).sum()):,} between two visits"
    return f"{name}: {n}, median time {time.median():.1f} months"
