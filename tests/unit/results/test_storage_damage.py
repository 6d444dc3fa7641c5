"""A damaged fit is refused, or was not damaged where it matters: never other numbers, never a crash."""

import io
import json
import os
import random
import re
import shutil

import h5netcdf
import h5py
import numpy as np
import pytest

from bayesctc.errors import StorageError
from bayesctc.results import storage
from bayesctc.results.disk import container
from bayesctc.results.disk.sealed import read_sealed, seal
from bayesctc.results.storage import load_fit

pytestmark = pytest.mark.unit

N_DAMAGES = 200


def damaged(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """One kind of damage, somewhere."""
    data, kind = (
        bytearray(content),
        rng.choice(["bit", "bits", "zeros", "noise", "cut", "appended", "moved", "dropped"]),
    )
    place = rng.randrange(len(data))
    if kind in ("bit", "bits"):
        for _ in range(1 if kind == "bit" else 20):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == "zeros":
        data[place : place + 4096] = bytes(len(data[place : place + 4096]))
    elif kind == "noise":
        data[place : place + 64] = rng.randbytes(len(data[place : place + 64]))
    elif kind == "cut":
        del data[place:]
    elif kind == "appended":
        data += rng.choice([b"\n", b"\0" * 4096, rng.randbytes(100), content])
    elif kind == "moved":
        piece = bytes(data[place : place + 100])
        del data[place : place + 100]
        data[:0] = piece
    else:
        del data[place : place + rng.randrange(1, 50)]
    return f"{kind} at {place} of {len(content)}", bytes(data)


@pytest.mark.parametrize("seed", range(N_DAMAGES))
def test_a_damaged_file_is_refused_by_name(saved, tmp_path, seed):
    """Every byte is under the digest: nothing but the very file is read."""
    content = saved.read_bytes()
    what, changed = damaged(content, random.Random(seed))
    if changed == content:
        return
    (tmp_path / "damaged.nc").write_bytes(changed)
    with pytest.raises(StorageError) as refusal:  # whatever was read as if nothing had been is a failure
        load_fit(tmp_path / "damaged.nc")
    said = str(refusal.value)
    assert re.search(r"damaged\.nc: .*(damaged|edited|cut short|an empty file|not a netCDF file)", said), what


def test_every_bit_of_the_last_line_counts(saved, tmp_path):
    content = saved.read_bytes()
    start = content.rindex(b"\nbayesctc fit")
    assert content[start:].count(b"\n") == 2
    for place in range(start, len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        (tmp_path / "damaged.nc").write_bytes(changed)
        with pytest.raises(StorageError, match="damaged"):
            read_sealed(tmp_path / "damaged.nc")


def edits(file):
    """What somebody may do with h5py, one after the other on copies."""
    spec = json.loads(file.attrs["spec"])
    yield "spec", lambda f: f.attrs.modify("spec", json.dumps({**spec, "common_shape": False}))
    yield "format", lambda f: f.attrs.modify("bayesctc_format", 99)
    yield "earlier format", lambda f: f.attrs.modify("bayesctc_format", 2)
    yield "new attribute", lambda f: f.attrs.create("mine", 1)
    yield "draws", lambda f: f["posterior/shape"].write_direct(np.full(f["posterior/shape"].shape, 2.0))
    yield "one count", lambda f: f["cohort_samples/column_2"].__setitem__(3, 77)
    yield "lost part", lambda f: f.__delitem__("cohort_patients")
    yield "external link", lambda f: f.__setitem__("posterior2", h5py.ExternalLink("/etc/passwd", "/x"))
    yield "soft link", lambda f: f.__setitem__("posterior2", h5py.SoftLink("/posterior"))
    yield "nothing", lambda f: None


def test_what_was_edited_is_refused(saved, tmp_path):
    with h5py.File(saved) as file:
        changes = list(edits(file))
    for what, change in changes:
        path = tmp_path / f"{what}.nc"
        shutil.copy(saved, path)
        with h5py.File(path, "a") as file:
            change(file)
        if path.read_bytes() == saved.read_bytes():
            assert what == "nothing"
            continue
        with pytest.raises(StorageError, match=r"damaged|edited"):
            load_fit(path)


@pytest.fixture
def resealed(saved, tmp_path):
    """A copy that was changed by h5py and sealed again: only its content can give it away."""

    def make(change):
        buffer = io.BytesIO(saved.read_bytes()[: saved.read_bytes().rindex(b"\nbayesctc fit")])
        with h5py.File(buffer, "a") as file:
            change(file)
        path = tmp_path / "resealed.nc"
        path.write_bytes(seal(buffer, storage.FORMAT))
        return path

    return make


def set_attribute(group, name, **changes):
    group.attrs[name] = json.dumps({**json.loads(group.attrs[name]), **changes})


def set_values(name, value):
    def change(file):
        values = file[name][...]
        values.flat[min(5, values.size - 1)] = value
        file[name][...] = values

    return change


def huge(file):
    """An array of 8 TB that takes no room."""
    del file["posterior/sigma"]
    file["posterior"].create_dataset("sigma", (10**6, 10**6), "f8", chunks=(1000, 1000))


def virtual(file):
    layout = h5py.VirtualLayout((2, 60), "f8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (2, 60))
    del file["posterior/sigma"]
    file["posterior"].create_virtual_dataset("sigma", layout)


def external(file):
    del file["posterior/sigma"]
    file["posterior"].create_dataset("sigma", (2, 60), "f8", external=[("/etc/passwd", 0, 960)])


def link(kind):
    def change(file):
        del file["posterior"]
        file["posterior"] = kind

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.__delitem__("cohort_patients"), "cohort_patients' is missing"),
        (lambda f: f.__delitem__("posterior"), "posterior' is missing"),
        (lambda f: f.__delitem__("posterior/sigma"), "sigma.*missing"),
        (lambda f: f.__delitem__("mode"), "mode' is missing"),
        (lambda f: f.__delitem__("modes"), "modes' is missing"),
        (lambda f: f.attrs.__delitem__("spec"), "spec' is missing"),
        (lambda f: f.attrs.__delitem__("warnings"), "warnings' is missing"),
        (lambda f: f.attrs.modify("cohort", "null"), "cohort' is missing"),
        (lambda f: f.attrs.modify("spec", "{"), "spec' is not JSON"),
        (lambda f: set_attribute(f, "spec", magic=1), "unknown field 'magic'|field 'magic'"),
        (lambda f: set_attribute(f, "spec", n_classes=0), "n_classes"),
        (lambda f: set_attribute(f, "spec", family="other"), "family"),
        (lambda f: set_attribute(f, "spec", n_classes=3), "posterior"),
        (lambda f: set_attribute(f, "spec", priors={"sigma_sd": -1.0}), "sigma_sd"),
        (lambda f: f.move("posterior/sigma", "posterior/other"), "sigma.*missing"),
        (link(h5py.ExternalLink("/etc/passwd", "/x")), "posterior is a link"),
        (link(h5py.SoftLink("/sample_stats")), "posterior is a link"),
        (lambda f: f.__setitem__("again", f["posterior"]), "under two names"),
        (lambda f: f.__setitem__("posterior/round", f["/"]), "under two names"),
        (huge, "too small"),
        (virtual, "another place"),
        (external, "another place"),
        (lambda f: f.create_dataset("odd", data=np.zeros(2, dtype=[("a", "i4")])), "which no saved fit has"),
        (set_values("posterior/sigma", np.nan), "sigma.*finite"),
        (set_values("posterior/sigma", -1.0), "sigma.*above 0"),
        (set_values("posterior/growth", np.inf), "growth.*finite"),
        (set_values("posterior/random_effect_sd", -0.1), "random_effect_sd"),
        (set_values("posterior/random_effect_corr", 1.5), "random_effect_corr"),
        (set_values("mode/theta", np.nan), "mode"),
        (set_values("cohort_samples/column_2", 77), "fingerprint"),
        (set_values("modes/column_4", 1.5), "smallest_class"),
    ],
)
def test_a_file_with_a_digest_that_cannot_be_a_fit(resealed, change, message):
    with pytest.raises(StorageError, match=message) as caught:
        load_fit(resealed(change))
    assert "resealed.nc" in str(caught.value)
    assert len(str(caught.value)) < 2000


def test_draws_of_other_dimensions_are_refused(saved, tmp_path):
    node = container.read(saved.read_bytes())
    facts = node.groups["log_likelihood"].facts["contents"]
    for variable in facts["variables"]:
        variable["dims"] = [{"patient": "chain", "chain": "patient"}.get(dim, dim) for dim in variable["dims"]]
    rewritten(node, tmp_path / "fit.nc")
    with pytest.raises(StorageError):
        load_fit(tmp_path / "fit.nc")


def rewritten(node, path):
    """A node as a sealed file."""

    def dimensions(group):
        group.arrays = {
            name: (tuple(f"{name}_{k}" for k in range(values.ndim)), values)
            for name, (_, values) in group.arrays.items()
        }
        for inner in group.groups.values():
            dimensions(inner)

    dimensions(node)
    path.write_bytes(seal(container.write(node), storage.FORMAT))


def test_a_later_format_is_refused(saved, tmp_path):
    buffer = io.BytesIO(saved.read_bytes()[: saved.read_bytes().rindex(b"\nbayesctc fit")])
    (tmp_path / "later.nc").write_bytes(seal(buffer, 99))
    with pytest.raises(StorageError, match="found format 99, up to 4 are read"):
        load_fit(tmp_path / "later.nc")


def test_a_file_without_its_last_line_is_refused(saved, tmp_path):
    content = saved.read_bytes()
    (tmp_path / "cut.nc").write_bytes(content[: content.rindex(b"\nbayesctc fit")])
    with pytest.raises(StorageError, match="its last line"):
        load_fit(tmp_path / "cut.nc")


def test_files_of_absurd_sizes_are_refused_unread(saved, tmp_path):
    """8 TB, of which nothing takes room on the disk."""
    for name in ("sealed.nc", "bare.nc"):
        path = tmp_path / name
        content = saved.read_bytes()
        path.write_bytes(content if name == "sealed.nc" else content[: content.rindex(b"\nbayesctc fit")])
        with open(path, "r+b") as file:
            file.truncate(8 * 10**12)
        with pytest.raises(StorageError, match="has something appended"):
            load_fit(path)


def test_nothing_of_hdf5s_stays_open_on_the_users_disk(saved, tmp_path, monkeypatch, made):
    """HDF5 gets memory only, on writing and on reading."""
    given = []

    def spied(own):
        def init(self, name, *args, **kwargs):
            given.append(name)
            own(self, name, *args, **kwargs)

        return init

    monkeypatch.setattr(h5py.File, "__init__", spied(h5py.File.__init__))
    monkeypatch.setattr(h5netcdf.File, "__init__", spied(h5netcdf.File.__init__))
    made.save(tmp_path / "fit.nc")
    load_fit(tmp_path / "fit.nc")
    assert len(given) >= 2
    assert [name for name in given if isinstance(name, str | bytes | os.PathLike)] == []
