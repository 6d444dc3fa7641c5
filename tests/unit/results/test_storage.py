"""A fit on disk is the same when it is read back."""

import dataclasses
import pickletools

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from stored_tables import NAMES, columns

import bayesctc as bc
from bayesctc.data import Cohort
from bayesctc.errors import BayesctcError, StorageError
from bayesctc.model.analysis import Analysis
from bayesctc.results.storage import load_fit

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def loaded(saved):
    return load_fit(saved)


def assert_same_answers(found, expected):
    """What a user asks of a fit, to the last bit."""
    pd.testing.assert_frame_equal(found.summary(), expected.summary(), check_exact=True)
    pd.testing.assert_frame_equal(found.class_probabilities, expected.class_probabilities, check_exact=True)
    pd.testing.assert_frame_equal(bc.hazard_ratios(found), bc.hazard_ratios(expected), check_exact=True)
    mine, theirs = (
        bc.predict_survival(fit, fit.cohort.landmark(6.0), landmark=6.0, horizons=[6.0, 12.0])
        for fit in (found, expected)
    )
    xr.testing.assert_identical(mine, theirs)


def test_draws_come_back_to_the_last_bit(made, loaded):
    assert loaded.idata.identical(made.idata)
    for group in made.idata.children:
        for name, variable in made.idata[group].dataset.variables.items():
            assert loaded.idata[group].dataset[name].dtype.kind == variable.dtype.kind, (group, name)
    np.testing.assert_array_equal(loaded.thetas, made.thetas)
    np.testing.assert_array_equal(loaded.mode_theta, made.mode_theta)


def test_cohort_comes_back(made, loaded):
    assert loaded.cohort.fingerprint == made.cohort.fingerprint
    pd.testing.assert_frame_equal(loaded.cohort.samples, made.cohort.samples)
    pd.testing.assert_frame_equal(loaded.cohort.patients, made.cohort.patients)
    pd.testing.assert_frame_equal(loaded.cohort.excluded, made.cohort.excluded)
    pd.testing.assert_frame_equal(loaded.cohort.flow(), made.cohort.flow())
    pd.testing.assert_frame_equal(loaded.cohort.flow("os"), made.cohort.flow("os"))
    assert len(made.cohort.flow()) == 3  # as read, selected, with two samples
    assert len(made.cohort.excluded) > 0
    assert loaded.cohort.baseline_window == made.cohort.baseline_window


def test_specification_comes_back(made, loaded, made_spec):
    assert loaded.spec == made_spec
    assert loaded.spec.priors.sigma_sd == 0.1 + 0.2
    assert loaded.design.layout == made.design.layout


def test_results_come_back(made, loaded):
    assert loaded.warnings == made.warnings == ("a chain – number 2 – left",)
    pd.testing.assert_frame_equal(loaded.modes, made.modes)
    pd.testing.assert_frame_equal(loaded.class_probabilities, made.class_probabilities)
    pd.testing.assert_frame_equal(loaded.class_probabilities_counts, made.class_probabilities_counts)
    pd.testing.assert_frame_equal(loaded.summary(), made.summary())
    pd.testing.assert_frame_equal(loaded.assignment, made.assignment)
    assert loaded.diagnostics == made.diagnostics
    assert repr(loaded) == repr(made)


def test_answers_come_back_to_the_last_bit(made, loaded):
    assert_same_answers(loaded, made)


def test_the_design_comes_back_with_the_order_of_levels(made, made_spec, tmp_path):
    """The reference level is the first category, not the first letter."""
    arm = made.cohort.patients["bone"].map({0: "placebo", 1: "drug"})
    levels = pd.CategoricalDtype(["placebo", "drug"])
    patients = made.cohort.patients.assign(arm=arm.astype(levels)).reset_index()
    fit = fit_of(made, Cohort(made.cohort.samples, patients), made_spec)
    assert fit.design.terms["survival"] == ("arm[T.drug]",)
    fit.save(tmp_path / "fit.nc")
    found = load_fit(tmp_path / "fit.nc")
    assert found.design.terms == fit.design.terms
    assert_same_answers(found, fit)


def fit_of(made, cohort, spec):
    """The draws of a fit with another cohort of the same patients, whose terms may have other names."""
    design = bc.model.design.Design.settle(cohort, spec)
    posterior = made.idata["posterior"].dataset.assign_coords(survival_term=list(design.terms["survival"]))
    groups = {name: xr.DataTree(made.idata[name].dataset) for name in made.idata.children}
    idata = xr.DataTree(children={**groups, "posterior": xr.DataTree(posterior)})
    return dataclasses.replace(made, analysis=Analysis.of(cohort, design), idata=idata, rivals=())


NATIVE = st.one_of(*columns(4).values()).filter(lambda s: getattr(s.dtype, "byteorder", "=") != ">")  # pandas takes
FURTHER = st.dictionaries(NAMES.filter(str.isprintable), NATIVE, max_size=4)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")  # of long reprs
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)  # most are refused
@given(of_samples=FURTHER, of_patients=FURTHER)
def test_a_cohort_that_was_accepted_comes_back_whatever_its_columns(made, made_spec, tmp_path, of_samples, of_patients):
    """Further columns of every type, under any name."""
    frames = [made.cohort.samples, made.cohort.patients.reset_index()]
    for frame, drawn in zip(frames, (of_samples, of_patients), strict=True):
        for name, few in drawn.items():
            if name not in frame:
                frame[name] = few.iloc[np.arange(len(frame)) % 4].array
    try:
        cohort = Cohort(*frames)
    except BayesctcError:
        assume(False)
    fit = fit_of(made, cohort, made_spec)
    fit.save(tmp_path / "fit.nc")
    found = load_fit(tmp_path / "fit.nc")
    for table in ("samples", "patients", "excluded"):
        pd.testing.assert_frame_equal(getattr(found.cohort, table), getattr(cohort, table), check_exact=True)
    assert found.idata.identical(fit.idata)
    pd.testing.assert_frame_equal(found.class_probabilities, fit.class_probabilities, check_exact=True)


def test_every_group_variable_and_attribute_of_the_draws_comes_back(made, tmp_path):
    """Also those that the package does not write: whatever xarray allows to be there."""
    rng = np.random.default_rng(1)
    inner = xr.Dataset(
        {
            "a name (with blanks)": (("chain", "d 2"), rng.normal(size=(2, 3)).astype("f4"), {"unit": "mg/dL", "n": 3}),
            "flag": ("d 2", [True, False, True]),
            "text": ("d 2", np.array(["", "ü", "a\0b"], dtype=object)),
            "half": ("d 2", np.arange(3, dtype="f2")),
            "complex": ("d 2", np.array([1j, 2, 3])),
            "when": ("d 2", np.array(["2020-01-01", "NaT", "2021-05-06"], dtype="M8[ns]")),
            "one": ((), np.int8(3)),
            "none": (("empty", "d 2"), np.zeros((0, 3))),
            "big": ("d 2", np.arange(3, dtype=">i4")),
        },
        coords={"chain": [0, 1], "d 2": ["x", "y", "z"]},
        attrs={
            "none": None,
            "nan": float("nan"),
            "list": [1, "a"],
            "array": np.array([], dtype="i8"),
            "flag": True,
            "x" * 300: "long",
            "nested": {"a": (1, 2.5)},
        },
    )
    tree = made.idata.copy()
    tree["further"] = xr.DataTree(inner, children={"deeper": xr.DataTree(inner.rename({"flag": "rivals"}))})
    tree["modes"] = xr.DataTree(xr.Dataset({"theta": ("x", [1.0])}))  # a name that the file needs itself
    dataclasses.replace(made, idata=tree).save(tmp_path / "fit.nc")
    found = load_fit(tmp_path / "fit.nc").idata
    assert found.identical(tree)
    for node in tree.subtree:
        for name, variable in node.dataset.variables.items():
            assert found[node.path].dataset.variables[name].dtype == variable.dtype, (node.path, name)
    assert found["further"].attrs["array"].dtype == np.int64
    assert found["further"].attrs["nested"] == {"a": (1, 2.5)}


def test_other_readers_of_netcdf_see_the_draws(made, saved):
    with xr.open_datatree(saved) as tree:
        for group in ("posterior", "sample_stats", "log_likelihood"):
            theirs, mine = tree[group].to_dataset(), made.idata[group].to_dataset()
            xr.testing.assert_equal(theirs, mine)
        assert tree["sample_stats"]["diverging"].dtype == bool


def test_what_cannot_be_kept_is_refused_by_name(made, tmp_path):
    tree = made.idata.copy()
    tree["more"] = xr.DataTree(xr.Dataset({"thing": ("x", np.array([object()], dtype=object))}))
    with pytest.raises(StorageError, match=r"fit\.nc: .*/more, variable 'thing'.*type object cannot be stored"):
        dataclasses.replace(made, idata=tree).save(tmp_path / "fit.nc")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_kept_is_refused_before_anything_is_fitted(made, made_spec, monkeypatch):
    frame = made.cohort.patients.reset_index()
    frame["trace"] = pd.Series([object()] * len(frame), dtype=object)
    try:
        cohort = Cohort(made.cohort.samples, frame)
    except BayesctcError:
        return  # the cohort itself has refused it
    monkeypatch.setattr("bayesctc.inference.nuts.fit_analysis", None)
    monkeypatch.setattr("bayesctc.criteria.selection.one_class", None)
    for fit in (bc.fit_bayes, bc.select_n_classes):
        with pytest.raises(StorageError, match="patients, column 'trace'"):
            fit(cohort, made_spec)


def test_rivals_come_back_in_order(made, loaded):
    assert len(loaded.rivals) == 2
    for found, expected in zip(loaded.rivals, made.rivals, strict=True):
        assert found.idata.identical(expected.idata)
        assert found.idata.attrs["random_seed"] == expected.idata.attrs["random_seed"]
        np.testing.assert_array_equal(found.mode_theta, expected.mode_theta)
        assert found.rivals == ()
    assert not loaded.rivals[0].idata.identical(loaded.idata)


def test_saving_again_what_was_read_gives_the_same(loaded, made, tmp_path):
    loaded.save(tmp_path / "again.nc")
    assert load_fit(tmp_path / "again.nc").idata.identical(made.idata)


def test_the_file_holds_no_objects_of_python(saved):
    """HDF5 with plain types only, and no pickle anywhere in its bytes."""
    plain = []

    def visit(_, item):
        if isinstance(item, h5py.Dataset):
            plain.append(item.dtype.kind in "iufb" or h5py.check_string_dtype(item.dtype) is not None)

    with h5py.File(saved) as file:
        file.visititems(visit)
    assert len(plain) > 20
    assert all(plain)
    content = saved.read_bytes()
    for protocol in (2, 3, 4, 5):
        start = content.find(bytes([0x80, protocol]))
        while start >= 0:
            with pytest.raises(Exception):  # noqa: B017, PT011  whatever pickletools makes of bytes that are no pickle
                list(pickletools.genops(content[start : start + 100_000]))
            start = content.find(bytes([0x80, protocol]), start + 1)
    assert b"numpy._core.multiarray" not in content
    assert b"numpy.core.multiarray" not in content
