"""Tables of every type that pandas has, for hypothesis, written apart from the package."""

import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

NAMES = st.one_of(
    st.sampled_from(["Hb (g/dL)", "CK18+/CD45-", "", " ", "a/b", ".", "..", "/", "'", '"', "a\nb", "a\0b", "ü", "x" * 3000,
                     "_nc4_non_coord_a", "chain", "column_0", "row", "\ud800", "=1+1", "💉"]),
    st.text(max_size=12),
)  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
FLOATS = st.floats(width=64)
MOMENTS = st.integers(-(2**61), 2**61)
CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(10**30, 10**31), FLOATS, st.text(max_size=5),
    st.decimals(), st.just(Decimal("1.10")), st.just(pd.NA), st.just(pd.NaT), st.binary(max_size=4), st.dates(),
    st.datetimes(), st.datetimes(timezones=st.just(ZoneInfo("Europe/Berlin"))), st.times(), st.timedeltas(),
    st.builds(np.int32, st.integers(-5, 5)), st.builds(np.float32, st.floats(width=32)), st.builds(np.bool_, st.booleans()),
    st.builds(np.str_, TEXT), st.lists(st.integers(), max_size=2), st.tuples(TEXT, FLOATS),
    MOMENTS.map(pd.Timestamp), MOMENTS.map(pd.Timedelta), MOMENTS.map(lambda n: pd.Timestamp(n, tz="US/Eastern")),
    st.just(datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))),
)  # fmt: skip


def _lists(cells, n):
    return st.lists(cells, min_size=n, max_size=n)


def _or_missing(cells):
    return st.one_of(cells, st.none())


def _integers(dtype):
    info = np.iinfo(dtype)
    return st.integers(int(info.min), int(info.max))


def _object(cells):
    values = np.empty(len(cells), dtype=object)
    for k, cell in enumerate(cells):
        values[k] = cell
    return pd.Series(values, dtype=object)


def _categorical(n, categories):
    """Codes with gaps, categories in any order, some of them used by nobody, ordered or not."""
    return st.builds(
        lambda index, order, seed, ordered: pd.Series(pd.Categorical.from_codes(
            np.random.default_rng(seed).integers(-1, len(index), n), dtype=pd.CategoricalDtype(index, ordered))),
        categories, st.permutations(range(3)), st.integers(0, 99), st.booleans(),
    )  # fmt: skip


def _categories():
    unique = {"min_size": 1, "max_size": 5, "unique": True}
    return st.one_of(
        st.lists(TEXT, **unique).map(lambda v: pd.Index(v, dtype="str")),
        st.lists(st.text(max_size=4), **unique).map(lambda v: pd.Index(v, dtype=object)),
        st.lists(st.integers(-9, 9), **unique).map(pd.Index),
        st.lists(st.floats(-9, 9), **unique).map(pd.Index),
        st.just(pd.Index([True, False])),
        st.just(pd.RangeIndex(3)),
        st.just(pd.interval_range(0, 3)),
        st.just(pd.date_range("2020", periods=3)),
        st.just(pd.array([2, 1], dtype="Int64")).map(pd.Index),
        st.just(pd.Index([1, "a", Decimal("2.0")], dtype=object)),
    )


def columns(n):
    """A series of n rows."""
    signed = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    numpy = [_lists(_integers(d), n).map(lambda v, d=d: pd.Series(np.array(v, dtype=d))) for d in signed]
    floats = [
        _lists(st.floats(width=w), n).map(lambda v, w=w: pd.Series(np.array(v, dtype=f"f{w // 8}"))) for w in (16, 32, 64)
    ]
    masked = [
        _lists(_or_missing(_integers(d)), n).map(
            lambda v, d=d: pd.Series(pd.array(v, dtype=d.replace("i", "I", 1).replace("uI", "UI")))
        )
        for d in signed
    ]
    arrow = {
        pa.int32(): _integers("int32"), pa.float64(): FLOATS, pa.string(): TEXT, pa.bool_(): st.booleans(),
        pa.date32(): st.dates(), pa.decimal128(9, 2): st.decimals(-99999, 99999, places=2),
        pa.list_(pa.int64()): st.lists(st.integers(0, 9), max_size=2), pa.timestamp("us", "UTC"): st.integers(0, 10**15),
        pa.dictionary(pa.int8(), pa.string()): st.sampled_from(["a", "b"]),
        pa.struct([("x", pa.int8())]): st.fixed_dictionaries({"x": st.integers(0, 3)}),
    }  # fmt: skip
    return st.one_of(
        *numpy,
        *floats,
        *masked,
        *(_lists(_or_missing(cells), n).map(lambda v, t=t: pd.Series(pd.arrays.ArrowExtensionArray(pa.array(v, type=t))))
          for t, cells in arrow.items()),
        _lists(st.booleans(), n).map(lambda v: pd.Series(np.array(v, dtype=bool))),
        _lists(st.complex_numbers(), n).map(lambda v: pd.Series(np.array(v, dtype=complex))),
        _lists(_or_missing(st.booleans()), n).map(lambda v: pd.Series(v, dtype="boolean")),
        _lists(_or_missing(FLOATS), n).map(lambda v: pd.Series(pd.array(v, dtype="Float64"))),
        *(_lists(_or_missing(TEXT), n).map(lambda v, d=d: pd.Series(v, dtype=d))
          for d in ("str", "string", pd.StringDtype("python"), pd.StringDtype("pyarrow"),
                    pd.StringDtype("python", na_value=np.nan))),
        _categorical(n, _categories()),
        *(_lists(_or_missing(MOMENTS), n).map(lambda v, u=u: pd.Series(np.array(
            [np.datetime64("NaT", u) if x is None else np.datetime64(x // 10**9 if u == "s" else x, u) for x in v],
            dtype=f"M8[{u}]"))) for u in ("s", "ns")),
        _lists(MOMENTS, n).map(lambda v: pd.Series(np.array(v, dtype="m8[ns]"))),
        *(_lists(MOMENTS, n).map(lambda v, z=z: pd.Series(pd.DatetimeIndex(np.array(v, "M8[ns]"), tz="UTC").tz_convert(z)))
          for z in ("Europe/Berlin", "UTC", datetime.timezone(datetime.timedelta(hours=-3, minutes=-30)))),
        st.just(pd.Series(pd.period_range("2020-01", periods=n, freq="M"))),
        st.just(pd.Series(pd.arrays.IntervalArray.from_breaks(np.arange(n + 1.0), closed="left"))),
        _lists(st.sampled_from([0.0, 1.5]), n).map(lambda v: pd.Series(pd.arrays.SparseArray(v, fill_value=0.0))),
        _lists(CELLS, n).map(_object),
        _lists(_or_missing(st.integers()), n).map(_object),
        _lists(_or_missing(st.booleans()), n).map(_object),
    )  # fmt: skip


def _indexes(n):
    return st.one_of(
        st.just(pd.RangeIndex(n)),
        st.builds(lambda v, name: pd.Index([f"{k}{x}" for k, x in enumerate(v)], dtype="str", name=name),
                  _lists(TEXT, n), NAMES),
        st.builds(lambda start, name: pd.RangeIndex(start, start + 2 * n, 2, name=name), st.integers(-3, 3), NAMES),
        st.builds(lambda name: pd.Index(np.arange(n) / 3, name=name), NAMES),
        st.just(pd.date_range("2020-01-31", periods=n, freq="ME", name="when")),
        st.just(pd.MultiIndex.from_arrays([np.arange(n) % 2, [f"p{k}" for k in range(n)]], names=["a", None])),
    )  # fmt: skip


@st.composite
def tables(draw):
    """A table of up to four columns and six rows; names may be there twice."""
    n = draw(st.integers(0, 6))
    series = draw(st.lists(columns(n), max_size=4))
    frame = pd.DataFrame(dict(enumerate(series)), index=pd.RangeIndex(n))
    frame.columns = pd.Index(draw(_lists(NAMES, len(series))), dtype=draw(st.sampled_from([object])), name=draw(st.none() | NAMES))
    frame.index = draw(_indexes(n))
    return frame
