"""The calculator in a real browser, where there is one: what it shows, that it asks for nothing, and how wide it is.

Its numbers and what it answers to what is typed are held to `predict_survival` everywhere, without a browser
(tests/unit/report/test_calculator_numbers.py, test_calculator_page.py).
"""

import pandas as pd
import pytest
from chromium import CHROMIUM, Browser
from helpers import frames

import bayesctc as bc

pytestmark = pytest.mark.integration
TYPE = """
const put = (id, text) => {
  const field = document.getElementById(id);
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
};
"""


@pytest.fixture(scope="module")
def fit():
    """One class, by maximum likelihood."""
    cohort = bc.Cohort(*frames(40, 4))
    spec = bc.ModelSpec(n_classes=1, growth="linear", family="gaussian", survival="~ arm")
    return bc.fit_ml(cohort, spec, n_starts=1, progress=False)


if CHROMIUM is not None:

    @pytest.fixture
    def browser(tmp_path):
        opened = Browser(tmp_path / "profile")
        yield opened
        opened.close()

    def test_in_a_browser(fit, browser, tmp_path):
        path = bc.write_calculator(fit, tmp_path / "calculator.html")
        browser.send("Emulation.setDeviceMetricsOverride", width=420, height=900, deviceScaleFactor=1, mobile=True)
        browser.send("Network.setCacheDisabled", cacheDisabled=True)
        browser.send("Page.navigate", url=path.as_uri())
        browser.until("document.readyState === 'complete' && !document.getElementById('form').hidden")
        browser.run(
            "{" + TYPE + "put('start', '2025-01-10'); put('when0', '2025-01-10'); put('value0', '12'); "
            "put('when1', '2025-03-12'); put('value1', '3'); put('covariate0', 'B'); }"
        )
        said = browser.until("document.getElementById('said').textContent")
        months = 61 / 30.4375
        samples = pd.DataFrame({"patient_id": "a", "time": [0.0, months], "ctc": [12, 3]})
        patient = bc.Cohort(samples, pd.DataFrame({"patient_id": ["a"], "arm": ["B"]}))
        found = bc.predict_survival(fit, patient, months, [12.0])
        value, lower, upper = (100 * found[name].item() for name in ("survival_function", "lower", "upper"))
        assert said == (
            f"Probability of being alive 12 months later: {value:.0f} % (95 % confidence interval: {lower:.0f} % to "
            f"{upper:.0f} %)."
        )
        assert browser.run("document.documentElement.scrollWidth") == 420  # nothing sticks out of a phone
        assert browser.run("document.querySelector('#picture svg polyline').getBoundingClientRect().width") > 200
        assert browser.run("getComputedStyle(document.querySelector('main')).maxWidth") == "820px"  # the style is on
        asked = {each["request"]["url"] for each in browser.named("Network.requestWillBeSent")}
        assert {url for url in asked if not url.startswith("data:")} == {path.as_uri()}  # the browser's own icons
        assert browser.named("Runtime.exceptionThrown") == browser.named("Log.entryAdded") == []
        # what the policy is for: a page that somebody has tampered with cannot call home
        browser.run("document.body.append(Object.assign(document.createElement('img'), {src: 'http://127.0.0.1:9/'}))")
        browser.until("true")
        assert browser.run("fetch('http://127.0.0.1:9/').catch(() => 0), true")
        time_out = "new Promise((done) => setTimeout(done, 200))"
        browser.send("Runtime.evaluate", expression=time_out, awaitPromise=True)
        refused = [each["entry"]["text"] for each in browser.named("Log.entryAdded")]
        assert sum("Content Security Policy" in text for text in refused) >= 2
