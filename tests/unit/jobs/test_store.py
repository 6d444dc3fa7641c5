"""Results on disk and in memory; keys and seeds."""

import pytest

from bayesctc.errors import StorageError
from bayesctc.jobs.store import Store, digest, seed_of

pytestmark = pytest.mark.unit

KEY = digest("a")


def made(value=0.1 + 0.2):
    return {"key": KEY, "reason": "", "rows": [["class_share", "class 1", None, value, 1e-300, 2 / 3]]}


@pytest.mark.parametrize("on_disk", [True, False])
def test_what_is_put_comes_back_to_the_last_digit(tmp_path, on_disk):
    folder = tmp_path / "new" / "results" if on_disk else None
    store = Store(folder)
    assert store.get(KEY, "3 classes") is None
    store.put(KEY, "3 classes", made())

    again = Store(folder) if on_disk else store
    found = again.get(KEY, "3 classes")
    assert found is not None
    assert found["rows"] == made()["rows"]
    assert found == store.get(KEY, "3 classes")


def test_two_runs_write_the_same_file(tmp_path):
    for _ in range(2):
        store = Store(tmp_path)
        store.put(KEY, "3 classes", made())
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert len(files) == 1

    assert next(iter(files)).startswith("3-classes-")
    assert next(iter(files)).endswith(".json")


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"format": 1, "key": "another"}', '{"format": 0}'])
def test_a_damaged_file_is_refused_not_believed(tmp_path, text):
    store = Store(tmp_path)
    store.put(KEY, "3 classes", made())
    (path,) = tmp_path.iterdir()
    path.write_text(text)

    with pytest.raises(StorageError, match="delete it"):
        Store(tmp_path).get(KEY, "3 classes")


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="not a folder"):
        Store(tmp_path / "file")


def test_what_is_no_number_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        Store(tmp_path).put(KEY, "3 classes", made(float("nan")))
    assert list(tmp_path.iterdir()) == []


def test_keys_and_seeds_follow_the_content():
    a, b = {"option": "n_classes", "value": 3}, {"value": 3, "option": "n_classes"}

    assert digest(a) == digest(b)
    assert digest(a) != digest({**a, "value": 4})
    assert seed_of(1, a) == seed_of(1, b)
    assert len({seed_of(seed, {**a, "value": value}) for seed in range(3) for value in range(50)}) == 150
    assert all(0 <= seed_of(seed, a) < 2**31 for seed in range(20))
