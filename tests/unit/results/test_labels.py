"""Names of classes: only what is shown changes."""

import numpy as np
import pytest

import bayesctc as bc
from bayesctc.errors import SpecError

pytestmark = pytest.mark.unit
NAMES = ("falls to 0 & stays", "<b>high</b>")
OLD = {"class 1": NAMES[0], "class 2": NAMES[1]}


@pytest.fixture(scope="module")
def two(reference_cohort, make_fit):
    """A posterior with a warning about a class."""
    spec = bc.ModelSpec(n_classes=2, growth="linear", family="gaussian", random_effects="intercept", common_shape=True)
    ml = bc.fit_ml(reference_cohort.select(reference_cohort.patients.index[:60]), spec, n_starts=2, progress=False)
    return make_fit(ml, 1, warnings=("class 2 has 0.3 expected events", "class 20 and subclass 1 are no classes"))


@pytest.fixture(scope="module")
def named(two):
    return two.with_labels(NAMES)


def test_tables_differ_by_the_names_alone(two, named):
    assert named.class_probabilities.columns.tolist() == list(NAMES)
    for table in ("class_probabilities", "quality", "expected_events"):
        assert getattr(two, table).rename(columns=OLD, index=OLD).equals(getattr(named, table))
    assert two.summary().replace({"latent_class": OLD}).equals(named.summary())
    assert named.idata["posterior"].dataset["latent_class"].to_numpy().tolist() == list(NAMES)
    curves = bc.class_trajectories(named, [0.0, 3.0])
    assert curves["latent_class"].to_numpy().tolist() == list(NAMES)
    same = curves.assign_coords(latent_class=["class 1", "class 2"])
    assert same.identical(bc.class_trajectories(two, [0.0, 3.0]))
    assert bc.hazard_ratios(named)["comparison"][0] == f"{NAMES[1]} vs {NAMES[0]}"
    assert two.design.layout.class_names == ["class 1", "class 2"]  # the fit itself is as it was


def test_warnings_have_the_names_however_often_it_is_named(two, named):
    wanted = (f"{NAMES[1]} has 0.3 expected events", "class 20 and subclass 1 are no classes")
    assert named.warnings == wanted
    assert two.with_labels(["events", "expected"]).with_labels(NAMES).warnings == wanted


def test_a_mapping_names_some(two, named):
    assert two.with_labels({2: "high"}).design.layout.class_names == ["class 1", "high"]
    assert named.with_labels({NAMES[0]: "low"}).design.layout.class_names == ["low", NAMES[1]]


def test_names_are_saved(named, tmp_path):
    named.save(tmp_path / "fit.nc")
    read = bc.load_fit(tmp_path / "fit.nc")
    assert read.design == named.design
    assert read.summary().equals(named.summary())
    assert read.warnings == named.warnings
    assert read.with_labels(["class 1", "class 2"]).class_probabilities.columns.tolist() == ["class 1", "class 2"]


def test_other_patients_have_them(named):
    applied = bc.Applied.of(named, named.cohort.at_baseline())
    assert applied.class_probabilities_counts.columns.tolist() == list(NAMES)
    again = applied.with_labels(["a", "b"])
    assert again.quality.index.tolist() == again.fit.quality.index.tolist() == ["a", "b"]


def test_markup_is_text_in_a_notebook(named):
    assert "&lt;b&gt;high&lt;/b&gt;" in named._repr_html_()
    assert "<b>high" not in named._repr_html_()


def test_other_numbers_of_classes_have_no_names(named):
    assert named.analysis.with_classes(3).design.layout.class_names == ["class 1", "class 2", "class 3"]


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (["a"], "a name for each of 2 classes, or a mapping of class to name; found 1 names"),
        ("ab", "a name for each of 2 classes, .*; found 'ab'"),
        (7, "a name for each of 2 classes, .*; found 7"),
        (["a", "a"], "classes 1 and 2 are both named 'a'"),
        (["a", " "], "class 2 has to be named by a line of text without spaces at its ends; found ' '"),
        (["a", "b\n"], "class 2 has to be named by a line of text"),
        (["a", 2], "class 2 has to be named by a line of text .*; found 2"),
        (["a", "total"], "'total' is taken in tables of classes"),
        ({3: "a"}, "a class is 1 to 2, or one of class 1, class 2; found 3"),
        ({True: "a"}, "found True"),
        ({"class 1": "class 2"}, "both named 'class 2'"),
    ],
)
def test_what_is_no_set_of_names_is_refused(two, labels, match):
    with pytest.raises(SpecError, match=match):
        two.with_labels(labels)


def test_numpy_texts_are_names(two):
    assert two.with_labels(np.array(["a", "b"])).design.labels == ("a", "b")
