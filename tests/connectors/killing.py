"""Runs that die by SIGKILL at any of their steps: forks of one process that has imported what is slow."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.conftest import ROOT

#: Gives what to run, from the folder that it may fill.
Maker = Callable[[Path], Callable[[], object]]


class Killer:
    """A context manager: the process whose forks live and die."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.connectors.killing import serve; serve()"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=20)

    def run(self, maker: str, home: Path, deaths: int) -> tuple[Path, list[Path]]:
        """Run what `maker` (`module:function`) makes of a folder, once to its end and then some times to a drawn step.

        Gives the folder of the first and those of the others.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Variables name the servers of the test.
        given = {"maker": maker, "home": str(home), "deaths": deaths, "environment": dict(os.environ)}
        self._process.stdin.write(json.dumps(given) + "\n")
        self._process.stdin.flush()
        whole, *others = json.loads(self._process.stdout.readline())
        return Path(whole), [Path(other) for other in others]


def serve() -> None:
    """Do what is asked on standard input, one line a question, until it closes."""
    import great_expectations  # noqa: F401

    for line in sys.stdin:
        given = json.loads(line)
        os.environ.clear()
        os.environ.update(given["environment"])
        print(json.dumps([str(one) for one in _forks(**given)]), flush=True)


def _forks(maker: str, home: str, deaths: int, environment: dict[str, str]) -> list[Path]:
    module, _, name = maker.partition(":")
    make: Maker = getattr(__import__(module, fromlist=[name]), name)
    whole = Path(home) / "undisturbed"
    _fork(make, whole, 0)
    steps = int((whole / "steps").read_text())
    # Drawn, and spread over the whole run.
    drawn = random.Random(maker)
    moments = [1 + steps * n // deaths + drawn.randrange(max(steps // deaths, 1)) for n in range(deaths)]
    found = [whole]
    for moment in moments:
        found.append(Path(home) / f"killed-{moment}")
        _fork(make, found[-1], min(moment, steps))
    return found


def _fork(make: Maker, home: Path, moment: int) -> None:
    home.mkdir(parents=True)
    process = os.fork()
    if process == 0:
        _live(make, home, moment)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert code == (-signal.SIGKILL if moment else 0), (home, code)


def _live(make: Maker, home: Path, moment: int) -> None:
    """Steps are what a database is asked, and every file that is flushed or gets its name."""
    import sqlalchemy as sa

    seen = [0]

    def step(*_given: object) -> None:
        seen[0] += 1
        if seen[0] == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def stepping(call: Callable[..., object]) -> Callable[..., object]:
        def stepped(*given: Any, **named: Any) -> object:
            step()
            return call(*given, **named)

        return stepped

    sa.event.listen(sa.Engine, "after_cursor_execute", step)
    for name in ("link", "rename", "replace", "fsync"):
        setattr(os, name, stepping(getattr(os, name)))
    try:
        make(home)()
        (home / "steps").write_text(str(seen[0]))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
