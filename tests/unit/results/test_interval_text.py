"""How wide intervals are is said in one place; `make lint` finds it elsewhere."""

import pytest

from bayesctc.results.intervals import CI_PROB, CI_TEXT

pytestmark = pytest.mark.unit


def test_text_is_of_the_probability():
    assert CI_TEXT == "95 %"
    assert CI_PROB == 0.95
