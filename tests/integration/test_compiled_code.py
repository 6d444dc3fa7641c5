"""Compiled code between processes: kills, damage, full disks, foreign files, users without a name or a home."""

import os
import random
import subprocess
import textwrap
import warnings

import pytest

from benchmarks import compiled_code
from benchmarks.compiled_code import FIT, SMALL

PYMC = """
import bayesctc as bc
spec = bc.ModelSpec(n_classes=1, family="gaussian", endpoint=None)
model = bc.pymc_model(bc.load_trial().include(min_samples=3), spec)
import pymc as pm
assert float(model.compile_logp(mode="FAST_COMPILE")(model.initial_point())) < 0.0
with model:
    pm.sample_prior_predictive(2, var_names=["sigma"], random_seed=1)
"""
# compiles in half the time of a joint model
ALONE = FIT.replace('family="gaussian"', 'family="gaussian", endpoint=None')
IN_A_CHILD = """
import os, sys
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a fork of a process with threads, all of which allow it
    child = os.fork()  # has the compiled likelihood
if child == 0:
    warnings.simplefilter("default")
{}
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
"""
pytestmark = [pytest.mark.integration, pytest.mark.skipif(os.name != "posix", reason="owners and signals are POSIX's")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def cold(cache):
    ended = compiled_code.run(SMALL, cache)
    assert ended.code == 0, ended.said
    assert len(compiled_code.code_files(cache)) == 2
    return ended


def test_a_second_process_finds_what_the_first_compiled(cache, cold):
    before = {path: path.stat().st_ino for path in compiled_code.code_files(cache)}
    warm = compiled_code.run(SMALL, cache)

    assert (warm.code, warm.numbers, warm.said) == (0, cold.numbers, "")
    assert {path: path.stat().st_ino for path in compiled_code.code_files(cache)} == before


def test_after_a_kill_the_next_run_works(cold):
    compiled_code.kills(SMALL, 1, cold.numbers, cold.seconds, random.Random(os.getpid()))


def test_damaged_code_gives_the_same_numbers(cache, cold):
    compiled_code.damages(SMALL, 2, cold.numbers, cache, random.Random(os.getpid()))


def test_processes_at_once(cold):
    compiled_code.at_once(SMALL, 2, cold.numbers)


def test_a_full_disk(cold):
    compiled_code.full_disk(SMALL, cold.numbers, mount=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_file_system_that_is_full(cold):
    try:
        compiled_code.full_disk(SMALL, cold.numbers, mount=True)
    except subprocess.CalledProcessError:
        pytest.skip("nothing can be mounted here")


def test_code_of_somebody_else_does_not_run(cache, cold, tmp_path):
    compiled_code.planted(SMALL, cold.numbers, cache, tmp_path / "marker")


@pytest.mark.skipif(not compiled_code.can_be_nameless(), reason="takes root and setpriv")
@pytest.mark.parametrize("home", [None, "/"])
def test_a_user_without_a_name_on_an_installation_that_cannot_be_written(cold, home):
    compiled_code.nameless(SMALL, cold.numbers, HOME=home)


@pytest.mark.skipif(not compiled_code.can_be_nameless(), reason="takes root and setpriv")
def test_a_whole_fit_and_the_pymc_model_without_a_home(capsys):
    """Each in a process of its own, which has imported nothing but what maximum likelihood needs."""
    searched, sampled = ALONE.split("fit = ")
    with warnings.catch_warnings():
        exec(ALONE, {})
    (wanted,) = capsys.readouterr().out.splitlines()

    program = f"{searched}{IN_A_CHILD.format(textwrap.indent(PYMC, '    '))}fit = {sampled}"
    assert compiled_code.nameless(program, wanted).code == 0


def test_a_home_that_cannot_be_written(tmp_path, cold):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o500)
    if os.geteuid() == 0:  # whom modes do not stop
        if not compiled_code.can_be_nameless():
            pytest.skip("takes setpriv")
        os.chown(home, compiled_code.STRANGER, compiled_code.STRANGER)
        compiled_code.nameless(SMALL, cold.numbers, HOME=str(home))
        return
    ended = compiled_code.run(SMALL, "", HOME=str(home), XDG_CACHE_HOME=None)
    assert (ended.code, ended.numbers) == (0, cold.numbers)
    assert "Compiled code is not kept" in ended.said
