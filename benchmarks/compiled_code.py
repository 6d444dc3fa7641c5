"""Compiled code under what may happen to it: kills, damage, full disks, foreign files, users without a name or a home.

Whatever happens, a run ends well and its numbers are those of an undisturbed one, to the last bit.
"""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.recovery import RESULTS

ROOT = Path(__file__).parents[1]
STRANGER = 54321
NAMELESS = [
    "setpriv",
    f"--reuid={STRANGER}",
    f"--regid={STRANGER}",
    "--clear-groups",
    *(f"--{limit}=-all,+dac_read_search" for limit in ("inh-caps", "ambient-caps", "bounding-set")),
]
FIT = """
import warnings
warnings.simplefilter("error")
import bayesctc as bc
cohort = bc.load_trial().include(min_samples=3)
spec = bc.ModelSpec(n_classes=2, family="gaussian")
ml = bc.fit_ml(cohort, spec, n_starts=2, random_seed=1, progress=False)
fit = bc.fit_bayes(cohort, spec, ml=ml, draws=20, tune=20, chains=2, random_seed=1, progress=False)
print("numbers", ml.log_likelihood.hex(), *(x.hex() for x in fit.idata["log_likelihood"]["joint"].values.ravel()[:50]))
"""
# one function of the program's own, compiled for two kinds of array: a file each, in half a second from nothing
SMALL = """
import numba
import numpy as np
from bayesctc.model.backends.compiled.on_disk import keep_compiled

@keep_compiled
@numba.njit(error_model="numpy", nogil=True)
def recur(x):
    t = 0.5
    for v in x:
        t = np.exp(-t * v) + np.log1p(t)
    return t

x = np.linspace(0.0, 1.0, 12)
for values in (x[:6], x[::2]):
    print("numbers", float(recur(values)).hex())
"""


@dataclass(frozen=True)
class Run:
    """How a process ended: its exit code, what it computed, what it said on stderr, and how long it took."""

    code: int
    numbers: str
    said: str
    seconds: float


def start(
    program: str, cache: Path | str, *, before: Sequence[str] = (), preexec=None, **environment: str | None
) -> subprocess.Popen:
    """A process that runs a program with its compiled code in a folder; None in `environment` takes a variable away."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache), **environment}
    return subprocess.Popen(
        [*before, sys.executable, "-c", program],
        cwd="/",
        text=True,
        preexec_fn=preexec,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: value for name, value in variables.items() if value is not None},
    )


def end(process: subprocess.Popen) -> Run:
    """Wait for a process."""
    began = time.perf_counter()
    out, said = process.communicate()
    numbers = [line for line in out.splitlines() if line.startswith("numbers")]
    return Run(process.returncode, "".join(numbers), said, time.perf_counter() - began)


def run(program: str, cache: Path | str, **settings) -> Run:
    """Run a program to its end; see `start`."""
    return end(start(program, cache, **settings))


def code_files(cache: Path) -> list[Path]:
    """Files of compiled code."""
    return sorted((cache / "bayesctc" / "compiled").glob("*.code"))


def kills(program: str, n: int, wanted: str, seconds: float, rng: random.Random) -> list[Run]:
    """Each time from empty caches: a process killed at a random moment, and the next run."""
    found = []
    for _ in range(n):
        with tempfile.TemporaryDirectory() as cache:
            process = start(program, cache)
            time.sleep(rng.uniform(0.0, 1.1 * seconds))
            process.send_signal(signal.SIGKILL)
            end(process)
            found.append(run(program, cache))
            assert found[-1].numbers == wanted, found[-1].said
    return found


def damages(program: str, n: int, wanted: str, cache: Path, rng: random.Random) -> int:
    """Files damaged in some way at random, all of them at each run, until there were `n`; the number of damages."""
    done = 0
    while done < n:
        for path in code_files(cache):
            path.write_bytes(damaged(path.read_bytes(), rng))
            done += 1
        ended = run(program, cache)
        assert ended.numbers == wanted, ended.said
    return done


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Content cut short, empty, with flipped bits, with a stretch of zeros or noise, or with something behind it."""
    at, how = rng.randrange(len(content)), rng.choice(("cut", "empty", "flip", "zeros", "noise", "longer"))
    if how == "flip":
        changed = bytearray(content)
        for _ in range(rng.choice((1, 1, 1, 10, 1000))):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    stretch = {"zeros": bytes(4096), "noise": rng.randbytes(4096)}.get(how)
    if stretch:
        return content[:at] + stretch + content[at + 4096 :]
    return {"cut": content[:at], "empty": b"", "longer": content + rng.randbytes(1 + at % 100)}[how]


def at_once(program: str, n: int, wanted: str) -> list[Run]:
    """Several processes at once from empty caches, and one after them, which finds everything compiled."""
    with tempfile.TemporaryDirectory() as cache:
        processes = [start(program, cache) for _ in range(n)]
        found = [end(process) for process in processes]
        before = {path: path.stat().st_ino for path in code_files(Path(cache))}
        found.append(run(program, cache))
        assert [one.numbers for one in found] == [wanted] * (n + 1), found
        assert {path: path.stat().st_ino for path in code_files(Path(cache))} == before
    return found


def small_files():
    """Let this process write no more than 5,000 bytes to any file, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))


def full_disk(program: str, wanted: str, *, mount: bool) -> Run:
    """A run whose compiled code does not fit: on a file system of 8 KiB, or by a limit on the size of files."""
    with tempfile.TemporaryDirectory() as cache:
        if mount:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k,mode=700", "none", cache], check=True)
        try:
            ended = run(program, cache, preexec=None if mount else small_files)
            assert list(Path(cache).rglob("*.part")) == []
        finally:
            if mount:
                subprocess.run(["umount", cache], check=True)
    assert ended.numbers == wanted, ended.said
    assert "could not be kept" in ended.said, ended.said
    return ended


def can_be_nameless() -> bool:
    """Whether processes of another user can be started who may read what this one reads, and write nothing of it."""
    if os.geteuid() != 0 or shutil.which(NAMELESS[0]) is None:
        return False
    return subprocess.run([*NAMELESS, "true"], capture_output=True, check=False).returncode == 0


def nameless(program: str, wanted: str, **environment) -> Run:
    """A run by a user with a number and no name, who may read everything and write nothing that is not everybody's."""
    variables = {"HOME": None, "XDG_CACHE_HOME": None, "USER": None, "LOGNAME": None, **environment}
    ended = end(start(program, "", before=NAMELESS, **variables))
    assert ended.numbers == wanted, ended.said
    assert "Compiled code is not kept" in ended.said, ended.said
    return ended


def planted(program: str, wanted: str, cache: Path, marker: Path) -> Run:
    """A run that finds, in the place of each file, one of somebody else's that would be right by its digest."""
    from bayesctc.model.backends.compiled.on_disk import _digest

    command = f"open({str(marker)!r}, 'w').close()"
    harm = b"cbuiltins\nexec\n(V" + command.encode() + b"\ntR."  # a pickle that runs the command
    for path in code_files(cache):
        path.write_bytes(_digest(path, harm) + harm)
        if os.geteuid() == 0:
            os.chown(path, STRANGER, STRANGER)
        else:
            path.chmod(0o666)
    ended = run(program, cache)
    assert ended.numbers == wanted, ended.said
    assert not marker.exists(), "somebody else's code ran"
    return ended


def main() -> None:
    """Everything, with a whole fit; figures to `results/compiled_code.json`."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as place:
        cache = Path(place) / "cache"
        cold, warm = run(FIT, cache), run(FIT, cache)
        assert cold.code == warm.code == 0, cold.said + warm.said
        assert cold.numbers == warm.numbers
        print(f"cold {cold.seconds:.1f} s, warm {warm.seconds:.1f} s", flush=True)
        figures = {"cold_seconds": cold.seconds, "warm_seconds": warm.seconds}
        wanted = cold.numbers
        figures["kills"] = len(kills(FIT, 20, wanted, cold.seconds, rng))
        print("killed 20 times from empty caches", flush=True)
        figures["damages"] = damages(FIT, 200, wanted, cache, rng)
        print(f"{figures['damages']} damages", flush=True)
        figures["at_once"] = len(at_once(FIT, 2, wanted)) - 1
        full_disk(FIT, wanted, mount=False)
        if os.geteuid() == 0:
            with suppress(subprocess.CalledProcessError):  # a container that may not mount
                full_disk(FIT, wanted, mount=True)
                figures["full_disk_mounted"] = True
        planted(FIT, wanted, cache, Path(place) / "marker")
        print("full disk, foreign files", flush=True)
        if can_be_nameless():
            figures["nameless"] = [nameless(FIT, wanted, HOME=home).code for home in (None, "/", "/nonexistent")]
    (RESULTS / "compiled_code.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
