"""Files that are no fits, fits of earlier versions, and disks that cannot take one."""

import errno
import gzip
import os
import resource
import shutil
import signal
import threading
import warnings
import zipfile
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesctc.errors import StorageError
from bayesctc.model.log_prior import log_prior
from bayesctc.model.priors import Priors
from bayesctc.results import storage
from bayesctc.results.atomic import write_whole
from bayesctc.results.storage import load_fit

pytestmark = pytest.mark.unit

DATA = Path(__file__).parents[2] / "data"


def kinds_of_files():
    """A name, how it is made at a path, and what is said of it."""

    def classic(path):
        xr.Dataset({"x": ("t", [1.0])}).to_netcdf(path, engine="scipy")

    def other(path):
        xr.Dataset({"x": ("t", [1.0])}).to_netcdf(path, engine="h5netcdf")

    def archive(path):
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("a", "b")

    return [
        ("folder", Path.mkdir, "a folder, not a file"),
        ("empty", Path.touch, "an empty file"),
        ("csv", lambda p: p.write_text("patient_id,time,ctc\n" * 100), "a netCDF.* a text file that begins 'pat"),
        ("text", lambda p: p.write_text("ü" * 300), "a text file that begins 'üü"),
        ("html", lambda p: p.write_text("<!doctype html>"), "a text file that begins '<!doctype"),
        ("zip", archive, "a zip archive"),
        ("gzip", lambda p: p.write_bytes(gzip.compress(b"x")), "a gzip archive"),
        ("pickle", lambda p: p.write_bytes(b"\x80\x04\x95hello"), "a Python pickle"),
        ("zeros", lambda p: p.write_bytes(bytes(10_000)), "begins with zeros"),
        ("noise", lambda p: p.write_bytes(b"\x01\xff\xfe" * 400), "a file of another kind"),
        ("magic", lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n"), "damaged"),
        ("long magic", lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" * 500), "damaged"),
        ("classic", classic, "netCDF file of the classic kind"),
        ("other", other, "not a fit of bayesctc"),
        ("hdf5", lambda p: h5py.File(p, "w").close(), "not a fit of bayesctc"),
        ("pipe", os.mkfifo, "a device or pipe"),
        ("link to nothing", lambda p: p.symlink_to("nowhere"), "no such file"),
    ]


@pytest.mark.parametrize(("name", "make", "said"), kinds_of_files(), ids=[name for name, _, _ in kinds_of_files()])
def test_what_is_no_fit_is_called_what_it_is(tmp_path, name, make, said):
    path = tmp_path / f"{name}.nc"
    make(path)
    with pytest.raises(StorageError, match=said) as caught:
        load_fit(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_what_is_not_there_or_no_path(tmp_path):
    for path, said in (
        (tmp_path / "missing.nc", "no such file"),
        (tmp_path / "a\0b", "not the name of a file"),
        (tmp_path / ("x" * 300), "cannot be read"),
        (tmp_path / "missing" / "fit.nc", "no such file"),
    ):
        with pytest.raises(StorageError, match=said):
            load_fit(path)
    for odd in (None, 3, b"fit.nc", object()):
        with pytest.raises(StorageError, match="allowed: the name of a file"):
            load_fit(odd)  # type: ignore[arg-type]


def test_a_file_without_permission(saved, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("bayesctc.results.disk.sealed.open", refuse, raising=False)
    with pytest.raises(StorageError, match=r"cannot be read \(Permission denied\)"):
        load_fit(saved)


def test_a_fit_of_format_2_is_read():
    """Written by the version before this one, with the summary and the class probabilities that it gave."""
    fit = load_fit(DATA / "fit_format_2.nc")
    read = {"keep_default_na": False, "na_values": {"rhat": [""], "ess_bulk": [""], "ess_tail": [""]}}
    summary = pd.read_csv(DATA / "fit_format_2_summary.csv", dtype={"latent_class": str, "term": str}, **read)
    del summary["ess_tail"]  # of other quantiles then
    found = fit.summary().reset_index(drop=True).drop(columns="ess_tail")
    pd.testing.assert_frame_equal(found, summary.astype(found.dtypes), check_exact=False, rtol=1e-12)
    classes = pd.read_csv(DATA / "fit_format_2_classes.csv", dtype={"patient_id": str}, index_col="patient_id")
    np.testing.assert_allclose(fit.class_probabilities.to_numpy(), classes.to_numpy(), rtol=1e-8)
    assert list(fit.class_probabilities.index) == list(classes.index)

    assert fit.spec.survival == "~ arm"
    assert fit.spec.priors == Priors()  # its own are per unit of its data; the warning says so
    assert len(fit.rivals) == 1
    assert fit.rivals[0].idata["posterior"].sizes["draw"] == 4
    patients = fit.cohort.patients
    assert patients["stage"].isna().sum() == 2
    assert list(patients["prior_chemo"].cat.categories) == ["False", "True"]
    assert np.isnan(patients["age"]).sum() == 1
    assert fit.cohort.min_samples == 2
    assert len(fit.warnings) == 3  # two of its own, and that it was read from format 2


def test_a_fit_of_format_2_is_written_in_this_one(tmp_path):
    earlier = load_fit(DATA / "fit_format_2.nc")
    earlier.save(tmp_path / "fit.nc")
    found = load_fit(tmp_path / "fit.nc")
    assert found.idata.identical(earlier.idata)
    pd.testing.assert_frame_equal(found.cohort.patients, earlier.cohort.patients)
    assert found.rivals[0].cohort is found.cohort


def test_a_fit_of_format_3_is_read_with_the_groups_of_today(tmp_path):
    """Its posterior had correlation matrices, neither log prior nor observed data."""
    fit = load_fit(DATA / "fit_format_3.nc")
    summary = pd.read_csv(DATA / "fit_format_3_summary.csv", keep_default_na=False)
    found = fit.summary().reset_index(drop=True)
    pd.testing.assert_frame_equal(found, summary.astype(found.dtypes), check_exact=False, rtol=1e-12)
    with xr.open_datatree(DATA / "fit_format_3.nc") as stored:
        theirs, mine = stored["posterior"].to_dataset().load(), fit.idata["posterior"].dataset
        for name in theirs.data_vars:
            value = theirs[name].isel(random_effect=1, random_effect_other=0) if name.endswith("corr") else theirs[name]
            np.testing.assert_array_equal(mine[name].to_numpy().squeeze(), value.to_numpy().squeeze())
        for group in ("sample_stats", "log_likelihood"):
            assert fit.idata[group].to_dataset().drop_attrs().equals(stored[group].to_dataset().load())
    assert fit.idata.attrs["nuts_sampler"] == "made"
    for each in (fit, *fit.rivals):
        prior = sum(log_prior(each.thetas, each.design.layout, each.spec.priors).values())
        np.testing.assert_allclose(
            each.idata["log_prior"].dataset.to_dataarray().sum("variable").to_numpy().ravel(), prior
        )
        np.testing.assert_array_equal(each.idata["observed_data"]["ctc"], each.cohort.endpoint("os").samples["ctc"])
    fit.save(tmp_path / "fit.nc")
    assert load_fit(tmp_path / "fit.nc").idata.identical(fit.idata)


@pytest.mark.parametrize("target", ["posterior", "cohort_samples/ctc"])
def test_links_in_a_fit_of_format_2_are_refused(tmp_path, target):
    """It has no digest: what is looked at is looked at first."""
    path = tmp_path / "fit.nc"
    shutil.copy(DATA / "fit_format_2.nc", path)
    with h5py.File(path, "a") as file:
        del file[target]
        file[target] = h5py.ExternalLink("/etc/passwd", "/x")
    with pytest.raises(StorageError, match="is a link"):
        load_fit(path)


def test_a_changed_count_in_a_fit_of_format_2_is_refused(tmp_path):
    path = tmp_path / "fit.nc"
    shutil.copy(DATA / "fit_format_2.nc", path)
    with h5py.File(path, "a") as file:
        file["cohort_samples/ctc"][3] += 1
    with pytest.raises(StorageError, match="fingerprint"):
        load_fit(path)


def test_places_that_cannot_be_written_to(made, tmp_path):
    (tmp_path / "file").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path / "file" / "fit.nc", "could not be written"),
        (tmp_path / "nowhere" / "fit.nc", "could not be written"),
        (tmp_path, "folder"),
        (tmp_path / "pipe", "a device or a pipe"),
        (Path("/dev/null"), "a device"),
        (tmp_path / "a\0b", "could not be written"),
        (tmp_path / ("x" * 300), "could not be written"),
        (None, "allowed: the name of a file"),
        (b"fit.nc", "allowed: the name of a file"),
    ):
        with pytest.raises(StorageError, match=said):
            made.rivals[0].save(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "pipe"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_whose_name_fills_what_the_disk_allows(made, tmp_path):
    for name in ("x" * 255, "ü" * 127):
        made.rivals[0].save(tmp_path / name)
        assert load_fit(tmp_path / name).idata.identical(made.rivals[0].idata)


def in_a_child(work) -> int:
    """The end of a process that does the work: its exit code, or minus the signal that killed it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fork of a process with threads: the child only saves
        process = os.fork()
    if process == 0:
        code = 1
        try:
            code = work() or 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


@pytest.mark.parametrize("room", [0, 1000, 60_000])
def test_a_full_disk_costs_neither_the_fit_nor_the_process(made, tmp_path, room):
    """The system lets no file grow beyond some bytes; then the fit is saved elsewhere, that is, when it may."""
    old, new = tmp_path / "old.nc", tmp_path / "new.nc"
    old.write_bytes(b"an older fit")

    small = made.rivals[0]

    def work():
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        for path in (old, new):
            with pytest.raises(StorageError, match=r"could not be written \(File too large\)"):
                small.save(path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        small.save(tmp_path / "elsewhere.nc")

    assert in_a_child(work) == 0
    assert old.read_bytes() == b"an older fit"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["elsewhere.nc", "old.nc"]
    assert load_fit(tmp_path / "elsewhere.nc").idata.identical(small.idata)


@pytest.mark.parametrize("raised", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()])
def test_a_write_that_ends_badly_leaves_nothing_new(made, tmp_path, monkeypatch, raised):
    """The disk may say that it is full as late as when the file is flushed to it."""
    (tmp_path / "fit.nc").write_bytes(b"an older fit")

    def fail(number):
        raise raised

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError if isinstance(raised, OSError) else KeyboardInterrupt):
        made.rivals[0].save(tmp_path / "fit.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]
    assert (tmp_path / "fit.nc").read_bytes() == b"an older fit"


def test_too_little_memory_is_said(made, saved, tmp_path, monkeypatch):
    def fail(*args):
        raise MemoryError

    monkeypatch.setattr(storage.container, "write", fail)
    monkeypatch.setattr(storage.container, "read", fail)
    with pytest.raises(StorageError, match="MemoryError"):
        made.save(tmp_path / "fit.nc")
    with pytest.raises(StorageError, match="not enough memory"):
        load_fit(saved)


def test_a_run_that_is_killed_leaves_the_old_file_and_the_next_cleans_up(made, tmp_path):
    """Ten processes that do nothing but save, each killed at another moment."""
    path, rng = tmp_path / "fit.nc", np.random.default_rng(1)
    made.rivals[0].save(path)
    content, left = path.read_bytes(), 0

    def work(pause):
        threading.Timer(pause, os.kill, (os.getpid(), signal.SIGKILL)).start()
        while True:
            write_whole(path, content)

    for pause in rng.uniform(0.0, 0.3, 10):
        assert in_a_child(partial(work, pause)) == -signal.SIGKILL
        assert path.read_bytes() == content
        left += len(list(tmp_path.iterdir())) - 1
    assert left > 0, "nobody was killed while a file was there"
    made.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]
    assert load_fit(path).idata.identical(made.idata)
