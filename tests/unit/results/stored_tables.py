"""Tables of every type that pandas has, for hypothesis, written apart from the package."""

import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

HARD_NAMES = [
    "Hb (g/dL)",
    "CK18+/CD45-",
    "",
    " ",
    "a/b",
    ".",
    "..",
    "/",
    "'",
    '"',
    "a\nb",
    "a\0b",
    "ü",
    "x" * 3000,
    "_nc4_a",
    "_FillValue",
    "chain",
    "column_0",
    "index",
    "row",
    "\ud800",
    "=1+1",
    "💉",
    "a,b",
    "$x$",
    "\t",
]
NAMES = st.sampled_from(HARD_NAMES) | st.text(max_size=12)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
FLOATS = st.floats(width=64)
MOMENTS = st.integers(-(2**61), 2**61)
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
ZONES = ("Europe/Berlin", "UTC", datetime.timezone(datetime.timedelta(hours=-3, minutes=-30)))
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**30, 10**31),
    FLOATS,
    st.text(max_size=5),
    st.decimals(allow_nan=False),
    st.sampled_from([Decimal("NaN"), Decimal("1.10"), pd.NA, pd.NaT]),
    st.binary(max_size=4),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.datetimes(),
    st.datetimes(timezones=st.just(ZoneInfo("Europe/Berlin"))),
    st.just(datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))),
    st.integers(-5, 5).map(np.int32),
    st.floats(width=32).map(np.float32),
    st.booleans().map(np.bool_),
    TEXT.map(np.str_),
    st.lists(st.integers(), max_size=2),
    st.tuples(TEXT, st.floats(allow_nan=False)),
    st.dictionaries(st.text(max_size=2), st.booleans(), max_size=2),
    MOMENTS.map(pd.Timestamp),
    MOMENTS.map(pd.Timedelta),
    MOMENTS.map(lambda n: pd.Timestamp(n, tz="US/Eastern")),
)
ARROW = {
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.float64(): FLOATS,
    pa.string(): TEXT,
    pa.bool_(): st.booleans(),
    pa.date32(): st.dates(),
    pa.decimal128(9, 2): st.decimals(-99999, 99999, places=2),
    pa.list_(pa.int64()): st.lists(st.integers(0, 9), max_size=2),
    pa.timestamp("us", "UTC"): st.integers(0, 10**15),
    pa.dictionary(pa.int8(), pa.string()): st.sampled_from(["a", "b"]),
    pa.struct([("x", pa.int8())]): st.fixed_dictionaries({"x": st.integers(0, 3)}),
}
_SOME = {"min_size": 1, "max_size": 5, "unique": True}
CATEGORIES = st.one_of(
    st.lists(TEXT, **_SOME).map(lambda v: pd.Index(v, dtype="str")),
    st.lists(st.text(max_size=4), **_SOME).map(lambda v: pd.Index(v, dtype=object)),
    st.lists(st.integers(-9, 9), **_SOME).map(pd.Index),
    st.lists(st.floats(-9, 9), **_SOME).map(pd.Index),
    st.sampled_from(
        [
            pd.Index([True, False]),
            pd.RangeIndex(3),
            pd.interval_range(0, 3),
            pd.date_range("2020", periods=3),
            pd.Index(pd.array([2, 1], dtype="Int64")),
            pd.Index([1, "a", Decimal("2.0")], dtype=object),
        ]
    ),
)


def _of(cells, n):
    return st.lists(cells, min_size=n, max_size=n)


def _numpy(cells, n, dtype):
    return _of(cells, n).map(lambda values: pd.Series(np.array(values, dtype=dtype)))


def _extension(cells, n, dtype):
    return _of(cells | st.none(), n).map(lambda values: pd.Series(pd.array(values, dtype=dtype)))


def _arrow(cells, n, kind):
    made = _of(cells | st.none(), n)
    return made.map(lambda values: pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values, type=kind))))


def _objects(cells, n):
    return _of(cells, n).map(lambda values: pd.Series(np.fromiter(values, dtype=object, count=n), dtype=object))


def _categorical(n):
    """Codes with gaps, some of them used by nobody, ordered or not."""

    def make(categories, seed, ordered):
        codes = np.random.default_rng(seed).integers(-1, len(categories), n)
        return pd.Series(pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories, ordered)))

    return st.builds(make, CATEGORIES, st.integers(0, 99), st.booleans())


def _integers(dtype):
    info = np.iinfo(dtype)
    return st.integers(int(info.min), int(info.max))


def _moments(n, unit):
    return _numpy(MOMENTS.map(lambda x: np.datetime64(x // 10**9 if unit == "s" else x, unit)), n, f"M8[{unit}]")


def _zoned(n, zone):
    return _numpy(MOMENTS, n, "M8[ns]").map(lambda series: series.dt.tz_localize("UTC").dt.tz_convert(zone))


def columns(n):
    """Strategies for a series of n rows, by what they are of."""
    nullable = {dtype: dtype.replace("i", "I", 1).replace("u", "U") for dtype in INTEGERS}
    text = {
        "str": "str",
        "string": "string",
        "python": pd.StringDtype("python"),
        "pyarrow": pd.StringDtype("pyarrow"),
        "python, NaN": pd.StringDtype("python", na_value=np.nan),
    }
    return {
        **{dtype: _numpy(_integers(dtype), n, dtype) for dtype in INTEGERS},
        **{f"float{bits}": _numpy(st.floats(width=bits), n, f"f{bits // 8}") for bits in (16, 32, 64)},
        **{name: _extension(_integers(dtype), n, name) for dtype, name in nullable.items()},
        **{f"arrow {kind}": _arrow(cells, n, kind) for kind, cells in ARROW.items()},
        **{f"text {name}": _extension(TEXT, n, dtype) for name, dtype in text.items()},
        **{f"moments in {unit}": _moments(n, unit) for unit in ("s", "ns")},
        **{f"moments in {zone}": _zoned(n, zone) for zone in ZONES},
        "big-endian": _numpy(FLOATS, n, ">f8"),
        "bool": _numpy(st.booleans(), n, bool),
        "complex": _numpy(st.complex_numbers(), n, complex),
        "boolean": _extension(st.booleans(), n, "boolean"),
        "Float64": _extension(FLOATS, n, "Float64"),
        "categorical": _categorical(n),
        "durations": _numpy(MOMENTS, n, "m8[ns]"),
        "periods": st.just(pd.Series(pd.period_range("2020-01", periods=n, freq="M"))),
        "intervals": st.just(pd.Series(pd.arrays.IntervalArray.from_breaks(np.arange(n + 1.0), closed="left"))),
        "sparse": _of(st.sampled_from([0.0, 1.5]), n).map(lambda v: pd.Series(pd.arrays.SparseArray(v))),
        "objects": _objects(CELLS, n),
        "objects, whole numbers": _objects(st.integers() | st.none(), n),
        "objects, flags": _objects(st.booleans() | st.none(), n),
        "objects, text": _objects(st.text(max_size=4), n),
    }


def _indexes(n):
    return st.one_of(
        st.just(pd.RangeIndex(n)),
        st.builds(lambda start, name: pd.RangeIndex(start, start + 2 * n, 2, name=name), st.integers(-3, 3), NAMES),
        st.builds(lambda texts, name: pd.Index(texts, dtype="str", name=name), _of(TEXT, n), NAMES),
        NAMES.map(lambda name: pd.Index(np.arange(n) / 3, name=name)),
        st.just(pd.date_range("2020-01-31", periods=n, freq="ME", name="when")),
        st.just(pd.MultiIndex.from_arrays([np.arange(n) % 2, [f"p{k}" for k in range(n)]], names=["a", None])),
    )


@st.composite
def tables(draw):
    """A table of up to four columns and six rows; names may be there twice."""
    n = draw(st.integers(0, 6))
    series = draw(st.lists(st.one_of(*columns(n).values()), max_size=4))
    frame = pd.DataFrame(dict(enumerate(series)), index=pd.RangeIndex(n))
    frame.columns = pd.Index(draw(_of(NAMES, len(series))), dtype=object, name=draw(st.none() | NAMES))
    frame.index = draw(_indexes(n))
    return frame
