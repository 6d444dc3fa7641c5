"""Classes that survival made, on the synthetic trial."""

import pytest

import bayesctc as bc

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def trial():
    return bc.load_trial().include(min_samples=3)


def test_survival_makes_a_class_of_pfs_and_the_fit_says_so(trial):
    spec = bc.ModelSpec(
        endpoint="pfs", family="negative_binomial", growth="quadratic", random_effects="intercept", common_shape=False
    )
    fit = bc.fit_ml(trial, spec, n_starts=8, progress=False)
    assert float(fit.parameters["shape"].sel(latent_class="tCTCmid")) == pytest.approx(3.27, abs=0.05)
    shares = fit.class_separation()["share_from_survival"].drop("total")
    assert shares.idxmax() == "tCTCmid"
    assert 0.55 < shares.max() < 0.7
    assert shares.nlargest(2).iloc[1] < 0.05
    (text,) = (w for w in fit.warnings if "reflects survival" in w)
    assert text.startswith("tCTCmid reflects survival (pfs) rather than the counts: 63 %")


@pytest.mark.parametrize("endpoint", ["os", "pfs", "ttf"])
def test_counts_make_the_classes_of_the_default(trial, endpoint):
    fit = bc.fit_ml(trial, bc.ModelSpec(endpoint=endpoint), n_starts=8, progress=False)
    assert fit.class_separation()["share_from_survival"].max() < 0.25
    assert not [w for w in fit.warnings if "reflects survival" in w]
