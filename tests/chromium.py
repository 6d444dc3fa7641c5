"""Headless Chromium by its debugging pipe: no driver, no port, nothing but the standard library."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 60.0  # seconds; a machine may be busy


class Browser:
    """One page of a browser of its own.

    Parameters
    ----------
    folder : Path
        Where it keeps its profile.
    """

    def __init__(self, folder: Path):
        read_by_it, self._to = os.pipe()
        self._from, written_by_it = os.pipe()

        def pipes():  # it reads commands from 3 and answers on 4
            given = [os.dup(read_by_it), os.dup(written_by_it)]
            for wanted, number in zip((3, 4), given, strict=True):
                os.dup2(number, wanted)

        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run")
        self._process = subprocess.Popen(
            [str(CHROMIUM), *flags, f"--user-data-dir={folder}", "about:blank"],
            preexec_fn=pipes,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_by_it)
        os.close(written_by_it)
        self._heard, self._number, self.events, self._session = b"", 0, [], {}
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        self._session = {"sessionId": self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]}
        for part in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{part}.enable")

    def send(self, method: str, **parameters) -> dict:
        """A command of the DevTools protocol, and its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, **self._session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._heard:
                self._heard += os.read(self._from, 1 << 20)
            answer, self._heard = self._heard.split(b"\0", 1)
            found = json.loads(answer)
            if found.get("id") == self._number:
                assert "error" not in found, found
                return found["result"]
            self.events.append(found)

    def run(self, code: str):
        """The value of an expression in the page."""
        found = self.send("Runtime.evaluate", expression=code, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, code: str):
        """Wait until an expression is true, and return it."""
        end = time.monotonic() + PATIENCE
        while not (found := self.run(code)):
            assert time.monotonic() < end, code
            time.sleep(0.05)
        return found

    def named(self, method: str) -> list[dict]:
        """Events of a kind."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
