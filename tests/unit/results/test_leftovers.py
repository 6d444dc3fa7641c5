"""What killed runs left beside a file is removed by the next that writes there, and nothing else is."""

import os
import time

import pytest

from bayesctc.results import atomic
from bayesctc.results.atomic import check_writable, write_whole

pytestmark = pytest.mark.unit

GONE = 2**22 + 1  # beyond the largest number that Linux gives a process
OLD = atomic.LEFT_AFTER + 60.0


def left(folder, name, age=0.0):
    path = folder / name
    path.write_bytes(b"half")
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def ours(process, machine=None, of="fit.nc"):
    return f".{of}.bayesctc-{machine or atomic._machine()}-{process}-{'ab' * 6}.part"


@pytest.mark.parametrize(
    ("name", "age", "stays"),
    [
        (ours(GONE), 0.0, False),
        (ours(GONE, of="other.csv"), 0.0, False),
        (ours(os.getpid()), 0.0, True),
        (ours(os.getpid()), OLD, False),
        (ours(GONE, "0" * 8), 0.0, True),
        (ours(GONE, "0" * 8), OLD, False),
        (".fit.nc.0123456789ab.part", 0.0, True),
        (".fit.nc.0123456789ab.part", OLD, False),
        ("fit.nc.part", OLD, True),
        (".download.part", OLD, True),
        ("fit.nc.0123456789ab.part", OLD, True),
        (".hidden", OLD, True),
    ],
    ids=[
        "gone",
        "gone-other",
        "running",
        "running-old",
        "elsewhere",
        "elsewhere-old",
        "before",
        "before-old",
        "foreign",
        "download",
        "not-hidden",
        "hidden",
    ],
)
def test_what_is_removed(tmp_path, name, age, stays):
    path = left(tmp_path, name, age)
    write_whole(tmp_path / "fit.nc", b"new")
    assert path.exists() == stays
    assert (tmp_path / "fit.nc").read_bytes() == b"new"


def test_folders_and_links_are_left_alone(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / ours(GONE)).symlink_to(tmp_path / "mine")
    (tmp_path / ours(GONE, of="folder")).mkdir()
    write_whole(tmp_path / "fit.nc", b"new")
    assert len(list(tmp_path.iterdir())) == 4


def test_checking_leaves_nothing(tmp_path):
    check_writable(tmp_path / "fit.nc")
    assert list(tmp_path.iterdir()) == []
