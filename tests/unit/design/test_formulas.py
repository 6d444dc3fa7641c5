"""Covariates by formula: what they mean, what they remember, and that no Python gets through them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesctc.design.formulas import settle
from bayesctc.design.grammar import TRANSFORMS
from bayesctc.errors import DataError, SpecError

pytestmark = pytest.mark.unit


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 40
    return pd.DataFrame(
        {
            "arm": np.resize(["A", "B", "C"], n),
            "age": rng.normal(56.0, 10.0, n),
            "grade": np.resize([1, 2, 3], n),
            "bone": rng.binomial(1, 0.5, n),
            "visceral": rng.random(n) < 0.5,
            "burden": np.append(0.0, rng.exponential(2.0, n - 1)),
            "sum of diameters": rng.exponential(30.0, n),
        },
        index=pd.Index([f"P{i}" for i in range(n)], name="patient_id"),
    )


def settled_values(formula, table):
    return settle(formula, table, "membership").evaluate(table, "membership")


def test_terms_without_the_intercept(table):
    covariates = settle("~ arm + age", table, "survival")
    assert covariates.names == ("arm[T.B]", "arm[T.C]", "age")
    assert covariates.columns == ("arm", "age")
    expected = np.column_stack([table["arm"] == "B", table["arm"] == "C", table["age"]])
    np.testing.assert_array_equal(covariates.evaluate(table, "survival"), expected)


@pytest.mark.parametrize("formula", ["~ 1", "1", " ~ 1 "])
def test_nothing_but_the_intercept(formula, table):
    covariates = settle(formula, table, "survival")
    assert covariates.names == ()
    assert covariates.evaluate(table, "survival").shape == (40, 0)


def test_transforms(table):
    age, bone = table["age"].to_numpy(), table["bone"].to_numpy()
    arms = [(table["arm"] == level).to_numpy(dtype=float) for level in "BC"]
    expected = {
        "~ scale(age)": [(age - age.mean()) / age.std(ddof=1)],
        "~ center(age)": [age - age.mean()],
        "~ log(age)": [np.log(age)],
        "~ log10(age) + bone": [np.log10(age), bone],
        "~ log2(age)": [np.log2(age)],
        "~ sqrt(age)": [np.sqrt(age)],
        "~ exp(bone)": [np.exp(bone)],
        "~ C(grade)": [table["grade"] == 2, table["grade"] == 3],
        "~ arm * bone": [*arms, bone, *(a * bone for a in arms)],
        "~ bone:age": [bone * age],
        "~ visceral": [table["visceral"]],
        "~ `sum of diameters`": [table["sum of diameters"]],
    }
    for formula, columns in expected.items():
        found = settled_values(formula, table)
        np.testing.assert_allclose(found, np.column_stack(columns).astype(float), rtol=1e-12, err_msg=formula)


def test_polynomial_and_spline_transforms_span_what_they_say(table):
    age = table["age"].to_numpy()
    for formula, n_terms in (("~ poly(age, 2)", 2), ("~ bs(age, df=4)", 4)):
        X = np.column_stack([np.ones(len(age)), settled_values(formula, table)])
        assert X.shape[1] == 1 + n_terms
        powers = np.vander((age - 56.0) / 10.0, 3)  # both hold every parabola
        np.testing.assert_allclose(X @ np.linalg.lstsq(X, powers, rcond=None)[0], powers, atol=1e-8)


def test_new_patients_are_scaled_by_the_mean_and_spread_of_the_old(table):
    covariates = settle("~ scale(age) + log(age)", table, "survival")
    new = pd.DataFrame({"age": [70.0]}, index=["N1"])
    expected = [[(70.0 - table["age"].mean()) / table["age"].std(ddof=1), np.log(70.0)]]
    np.testing.assert_allclose(covariates.evaluate(new, "survival"), expected, rtol=1e-12)


def test_polynomials_of_new_patients_are_those_of_the_old(table):
    for formula in ("~ poly(age, 2)", "~ bs(age, df=4)", "~ center(age)"):
        covariates = settle(formula, table, "survival")
        part = covariates.evaluate(table.iloc[5:9], "survival")
        np.testing.assert_allclose(part, covariates.evaluate(table, "survival")[5:9], err_msg=formula)


def test_levels_are_remembered(table):
    covariates = settle("~ arm", table, "survival")
    new = pd.DataFrame({"arm": ["C", "C"]}, index=["N1", "N2"])
    np.testing.assert_array_equal(covariates.evaluate(new, "survival"), [[0.0, 1.0], [0.0, 1.0]])
    only_a = pd.DataFrame({"arm": ["A"]}, index=["N1"])
    np.testing.assert_array_equal(covariates.evaluate(only_a, "survival"), [[0.0, 0.0]])


def test_levels_of_a_categorical_keep_its_order(table):
    ordered = table.assign(arm=pd.Categorical(table["arm"], categories=["C", "A", "B"]))
    covariates = settle("~ arm", ordered, "survival")
    assert covariates.names == ("arm[T.A]", "arm[T.B]")
    new = pd.DataFrame({"arm": ["B"]}, index=["N1"])
    np.testing.assert_array_equal(covariates.evaluate(new, "survival"), [[0.0, 1.0]])


def test_unknown_level_is_refused(table):
    covariates = settle("~ arm", table, "survival")
    new = pd.DataFrame({"arm": ["A", "D", "D"]}, index=["N1", "N2", "N3"])
    with pytest.raises(DataError) as refusal:
        covariates.evaluate(new, "survival")
    for part in ("survival", "'N2'", "arm", "'D'", "2 rows", "'A', 'B', 'C'"):
        assert part in str(refusal.value)


def test_unknown_level_among_samples_is_refused_with_its_value(table):
    """Several rows of one patient, as the longitudinal formula has them."""
    covariates = settle("~ arm", table, "longitudinal")
    new = pd.DataFrame({"arm": ["D", "D"]}, index=["N1", "N1"])
    with pytest.raises(DataError, match=r"longitudinal: patient 'N1' has arm = 'D', a level"):
        covariates.evaluate(new, "longitudinal")


def test_unknown_level_of_a_number_taken_as_a_factor_is_refused(table):
    covariates = settle("~ C(grade)", table, "survival")
    with pytest.raises(DataError, match=r"(?s)'N1'.*grade.*4"):
        covariates.evaluate(pd.DataFrame({"grade": [4]}, index=["N1"]), "survival")


def test_text_where_numbers_were_is_refused(table):
    covariates = settle("~ age", table, "survival")
    with pytest.raises(DataError, match=r"(?s)survival.*age"):
        covariates.evaluate(pd.DataFrame({"age": ["old"]}, index=["N1"]), "survival")


def test_missing_value_is_refused_with_its_patient(table):
    for column, missing in (("age", np.nan), ("arm", None)):
        broken = table.copy()
        broken.loc[["P3", "P7"], column] = missing
        with pytest.raises(DataError) as refusal:
            settle(f"~ {column}", broken, "membership")
        for part in ("membership", repr(column), "missing", "'P3'", "2 in all"):
            assert part in str(refusal.value)
        with pytest.raises(DataError, match="'P3'"):
            settle(f"~ {column}", table, "membership").evaluate(broken, "membership")


def test_missing_value_in_a_column_not_used_does_not_matter(table):
    broken = table.copy()
    broken.loc["P3", "age"] = np.nan
    assert settle("~ arm", broken, "membership").evaluate(broken, "membership").shape == (40, 2)


def test_unknown_column_is_refused_with_the_columns_there_are(table):
    with pytest.raises(SpecError) as refusal:
        settle("~ arm + weight", table, "survival")
    for part in ("survival", "'weight'", "Covariates are: arm, age, grade"):
        assert part in str(refusal.value)
    with pytest.raises(SpecError, match="'weight'"):
        settle("~ log(weight)", table, "survival")
    with pytest.raises(DataError, match="'arm'"):
        settle("~ arm", table, "survival").evaluate(table[["age"]], "survival")


def test_an_infinite_term_is_refused(table):
    covariates = settle("~ log(age)", table, "survival")
    with pytest.raises(DataError, match=r"survival.*not finite"):
        covariates.evaluate(pd.DataFrame({"age": [0.0]}, index=["N1"]), "survival")


def test_an_infinite_term_is_refused_when_the_formula_is_settled(table):
    """The log of a covariate that is 0 for one patient."""
    with pytest.raises((SpecError, DataError), match=r"survival.*burden"):
        settle("~ log(burden)", table, "survival")


@pytest.mark.parametrize("formula", ["~ bone - 1", "~ -1 + bone", "~ 0 + bone", "~ arm + 0", "~ arm - 1"])
def test_without_an_intercept_is_refused(formula, table):
    with pytest.raises(SpecError, match="no intercept"):
        settle(formula, table, "survival")


@pytest.mark.parametrize("formula", ["~ 0", "~ -1", "~ 1 - 1"])
def test_nothing_at_all_is_refused(formula, table):
    with pytest.raises(SpecError, match="intercept"):
        settle(formula, table, "survival")


@pytest.mark.parametrize("formula", ["arm ~ age", "os_time ~ 1", "~ age ~ bone", "age ~"])
def test_two_sided_formulas_are_refused(formula, table):
    with pytest.raises(SpecError, match="right-hand side only") as refusal:
        settle(formula, table, "survival")
    assert repr(formula) in str(refusal.value)


@pytest.mark.parametrize("formula", ["", "   ", None, 1, ["age"]])
def test_what_is_not_text_is_refused(formula, table):
    with pytest.raises(SpecError, match="formula is text"):
        settle(formula, table, "survival")


@pytest.mark.parametrize("formula", ["~ age +", "~ (age", "~ age age", "~ 2", "~ 2 * age", '~ "age"', "~ ."])
def test_what_does_not_parse_is_refused(formula, table):
    with pytest.raises(SpecError) as refusal:
        settle(formula, table, "survival")
    assert "survival" in str(refusal.value)
    assert repr(formula) in str(refusal.value)


def test_parts_are_refused(table):
    with pytest.raises(SpecError, match="survival"):
        settle("~ arm | age", table, "survival")


def test_a_constant_in_a_transform_is_refused_and_not_left_out(table):
    """A column's name in quotes is text, not the column."""
    for formula in ('~ C("arm")', "~ log(2)"):
        with pytest.raises(SpecError, match="survival"):
            settle(formula, table, "survival")


@pytest.mark.parametrize("formula", ["~ age + center(age)", "~ arm + C(arm)", "~ bone + exp(bone)"])
def test_linearly_dependent_terms_are_refused(formula, table):
    with pytest.raises(SpecError, match=r"survival.*linearly dependent"):
        settle(formula, table, "survival")


# `MARK` stands for an expression that makes a file
EXPRESSIONS = [
    "MARK",
    "log(MARK)",
    "age + MARK",
    "C(MARK)",
    "scale(age, center=MARK)",
    "{MARK}",
    "{age + MARK}",
    "I(MARK)",
    "log((lambda: MARK)())",
    "{(lambda: MARK)()}",
    "{[MARK for _ in age]}",
    "log([MARK for _ in age])",
    "log({MARK})",
    "log({MARK: 1})",
    "log(f'{MARK}')",
    "{f'{MARK}'}",
    "log(age if MARK else age)",
    "log(age[MARK])",
    "log(age.apply(lambda _: MARK))",
    "{age.apply(lambda _: MARK)}",
    "{MARK if True else 0}",
    "log(*[MARK])",
    "scale(age, **{'x': MARK})",
    "log(x := MARK)",
    "{MARK and 1}",
    "log(MARK == 1)",
    "C(arm, contr.treatment(MARK))",
    "Q(MARK)",
    "bs(age, df=MARK)",
    "poly(age, degree=MARK)",
    "`MARK`",
    "arm:MARK",
    "(arm + MARK) ** 2",
]


@pytest.mark.parametrize("maker", ["open({path!r}, 'w')", "__import__('os').mkdir({path!r})"], ids=["open", "import"])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_python_in_a_formula_is_refused_and_not_executed(expression, maker, table, tmp_path):
    made = tmp_path / "made"
    formula = "~ " + expression.replace("MARK", maker.format(path=str(made)))
    with pytest.raises(SpecError):
        settle(formula, table, "survival")
    assert not made.exists()


def test_a_column_named_like_python_is_looked_up_and_not_executed(table, tmp_path):
    name = f"open({str(tmp_path / 'made')!r}, 'w')"
    odd = table.rename(columns={"age": name})
    np.testing.assert_array_equal(settled_values(f"~ `{name}`", odd), table[["age"]])
    assert not (tmp_path / "made").exists()


def test_the_expressions_above_would_make_the_file(tmp_path):
    """They do in Python; the test above would notice."""
    made = tmp_path / "made"
    eval(f"__import__('os').mkdir({str(made)!r})")  # noqa: S307
    assert made.exists()


@pytest.mark.parametrize(
    "formula",
    [
        "~ np.log(age)",
        "~ numpy.log(age)",
        "~ age.mean()",
        "~ log(age.values)",
        "~ {age.values}",
        "~ {age.__class__}",
        "~ log(age.__class__)",
        "~ {age > 50}",
        "~ C(age > 50)",
        "~ abs(age)",
        "~ print(age)",
        "~ eval('age')",
        "~ exec('age')",
        "~ getattr(age, 'mean')",
        "~ globals()",
        "~ table",
        "~ log(table)",
        "~ lag(age)",
        "~ hashed(arm)",
        "~ I(age)",
        "~ patsy.builtins",
        "~ scale(age)(age)",
        "~ age(1)",
        "~ C(arm, contr.sum)",
    ],
)
def test_names_other_than_columns_and_transforms_are_refused(formula, table):
    with pytest.raises(SpecError) as refusal:
        settle(formula, table, "survival")
    assert "survival" in str(refusal.value)


def test_a_refused_call_names_what_is_allowed(table):
    with pytest.raises(SpecError) as refusal:
        settle("~ arm + np.log(age)", table, "survival")
    for part in ("np.log(age)", "columns", "numbers", *TRANSFORMS):
        assert part in str(refusal.value)


def test_a_file_beside_the_formula_is_not_read(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("evil.py").write_text("import pathlib; pathlib.Path('made').touch()")
    for formula in ("~ evil", "~ log(evil)", "~ evil.x", "~ {evil}", "~ __import__('evil')"):
        with pytest.raises(SpecError):
            settle(formula, table, "survival")
    assert not Path("made").exists()
