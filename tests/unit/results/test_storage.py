"""A fit on disk: all of it or nothing, and the same when it is read back."""

import errno
import os
import pickletools

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesctc.errors import StorageError
from bayesctc.results.storage import load_fit

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def saved(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("fits") / "fit.nc"
    made.save(path)
    return path


@pytest.fixture(scope="module")
def loaded(saved):
    return load_fit(saved)


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


def test_a_file_where_a_folder_should_be(made, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="could not be written"):
        made.save(tmp_path / "file" / "fit.nc")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_missing_folder_and_a_folder_as_target(made, tmp_path):
    with pytest.raises(StorageError, match="could not be written"):
        made.save(tmp_path / "nowhere" / "fit.nc")
    with pytest.raises(StorageError, match="folder"):
        made.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("old", [None, b"an older fit"])
def test_a_full_disk_leaves_nothing_new(made, tmp_path, monkeypatch, old):
    target = tmp_path / "fit.nc"
    if old is not None:
        target.write_bytes(old)
    written = []

    def full(self, filepath, *args, **kwargs):
        with open(filepath, "wb") as file:
            written.append(file.write(b"\x89HDF half of a file"))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(filepath))

    monkeypatch.setattr(xr.DataTree, "to_netcdf", full)
    with pytest.raises(StorageError, match="No space left on device"):
        made.save(target)
    assert written
    assert [p.name for p in tmp_path.iterdir()] == ([] if old is None else ["fit.nc"])
    if old is not None:
        assert target.read_bytes() == old


def test_an_interruption_leaves_nothing_new(made, tmp_path, monkeypatch):
    def interrupted(self, filepath, *args, **kwargs):
        with open(filepath, "wb") as file:
            file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(xr.DataTree, "to_netcdf", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.save(tmp_path / "fit.nc")
    assert list(tmp_path.iterdir()) == []


def test_saving_over_an_older_fit(made, tmp_path):
    (tmp_path / "fit.nc").write_bytes(b"old")
    made.rivals[0].save(tmp_path / "fit.nc")
    assert load_fit(tmp_path / "fit.nc").idata.identical(made.rivals[0].idata)
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file(saved, tmp_path, share):
    content = saved.read_bytes()
    (tmp_path / "cut.nc").write_bytes(content[: int(share * len(content))])
    with pytest.raises(StorageError, match=r"cut\.nc"):
        load_fit(tmp_path / "cut.nc")


@pytest.mark.parametrize("place", [0.0, 0.06, 0.26, 0.42, 0.5, 0.62, 0.74, 0.94, 0.98])
def test_a_damaged_file_is_refused_or_read_as_it_was(saved, made, tmp_path, place):
    """A few hundred bytes overwritten: a StorageError, or, where they hold nothing that is read, the same fit.

    Draws are not covered by the fingerprint, which is of the data: damage there may go unseen.
    """
    content = bytearray(saved.read_bytes())
    start = int(place * len(content))
    content[start : start + 300] = b"\xff" * len(content[start : start + 300])
    (tmp_path / "damaged.nc").write_bytes(content)
    try:
        found = load_fit(tmp_path / "damaged.nc")
    except StorageError:
        return
    assert found.cohort.fingerprint == made.cohort.fingerprint
    assert found.spec == made.spec


def test_another_netcdf_file(tmp_path):
    xr.Dataset({"x": ("time", [1.0, 2.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(StorageError, match="not a fit"):
        load_fit(tmp_path / "other.nc")


def test_a_file_of_another_kind_and_a_missing_one(tmp_path):
    (tmp_path / "text.nc").write_text("patient_id,time,ctc\n" * 100)
    with pytest.raises(StorageError, match="not a netCDF file"):
        load_fit(tmp_path / "text.nc")
    with pytest.raises(StorageError, match="no such file"):
        load_fit(tmp_path / "missing.nc")
    with pytest.raises(StorageError):
        load_fit(tmp_path)


def test_a_later_format_is_refused(saved, tmp_path):
    path = tmp_path / "later.nc"
    path.write_bytes(saved.read_bytes())
    with h5py.File(path, "a") as file:
        file.attrs["bayesctc_format"] = 99
    with pytest.raises(StorageError, match="99"):
        load_fit(path)


def test_a_fit_that_lost_a_part_is_refused(saved, tmp_path):
    path = tmp_path / "poor.nc"
    path.write_bytes(saved.read_bytes())
    with h5py.File(path, "a") as file:
        del file["cohort_patients"]
    with pytest.raises(StorageError):
        load_fit(path)


def test_edited_data_are_refused(saved, tmp_path):
    path = tmp_path / "edited.nc"
    path.write_bytes(saved.read_bytes())
    with h5py.File(path, "a") as file:
        file["cohort_samples/ctc"][3] += 1
    with pytest.raises(StorageError, match="fingerprint"):
        load_fit(path)
