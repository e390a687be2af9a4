"""Runs that die at any of their moments: forks of one process that has imported what is slow.

A moment is a line of our code, a statement of a database, a file that is flushed or gets its name; or a byte of a
file, in the middle of a write.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.conftest import ROOT

#: Gives what to run, from the folder that it may fill.
Maker = Callable[[Path], Callable[[], object]]
_GOLDEN = (5**0.5 - 1) / 2
_OURS = str(ROOT / "assets") + os.sep


@dataclass(frozen=True)
class Death:
    """SIGKILL at the step of a number (from 1), or SIGXFSZ at the byte of that number of any file (from 0)."""

    step: int | None = None
    byte: int | None = None


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

    def live(self, maker: str, home: Path) -> int:
        """Run what `maker` (`module:function`) makes of a folder to its end. Gives the number of its steps."""
        assert self._fork(maker, home, Death()) == 0
        return int((home / "steps").read_text())

    def die(self, maker: str, home: Path, death: Death) -> bool:
        """The same up to its death. False when it ended before."""
        code = self._fork(maker, home, death)
        assert code in (0, -signal.SIGKILL, -signal.SIGXFSZ), (home, code)
        return code != 0

    def _fork(self, maker: str, home: Path, death: Death) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Variables name the servers of the test.
        given = {"maker": maker, "home": str(home), "environment": dict(os.environ), **asdict(death)}
        self._process.stdin.write(json.dumps(given) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def at_drawn_moments(
    killer: Killer,
    maker: str,
    home: Path,
    check: Callable[[Path, Path], None],
    *,
    before: Callable[[], object] = lambda: None,
    in_writes: bool = True,
    examples: int = 5,
) -> None:
    """Let runs die at drawn moments. `check` is given the folder of an undisturbed run and that of the dead one.

    `before` is called ahead of each; `in_writes` draws bytes of files too. A failure names the moment.
    """
    numbers = count()

    def new() -> Path:
        return home / f"run-{next(numbers)}"

    whole = new()
    steps = killer.live(maker, whole)
    largest = max(path.stat().st_size for path in whole.rglob("*") if path.is_file())
    moments = steps + (steps // 2 if in_writes else 0)

    def death_at(number: int) -> Death:
        # Draws cluster; multiples of the golden ratio lie all over the run.
        moment = int((number + 1) * _GOLDEN % 1 * moments)
        if moment < steps:
            return Death(step=moment + 1)
        return Death(byte=(moment - steps) * largest // (moments - steps))

    @given(death=st.integers(0, moments - 1).map(death_at))
    @settings(max_examples=examples)
    def dies(death: Death) -> None:
        before()
        dead = new()
        note(f"{maker} of {steps} steps, at {death}: {dead}")
        if killer.die(maker, dead, death):
            check(whole, dead)

    dies()


def serve() -> None:
    """Do what is asked on standard input, one line a question, until it closes."""
    import great_expectations  # noqa: F401

    for line in sys.stdin:
        given = json.loads(line)
        os.environ.clear()
        os.environ.update(given["environment"])
        module, _, name = given["maker"].partition(":")
        make: Maker = getattr(__import__(module, fromlist=[name]), name)
        home = Path(given["home"])
        home.mkdir(parents=True)
        process = os.fork()
        if process == 0:
            _live(make, home, Death(given["step"], given["byte"]))
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


def _live(make: Maker, home: Path, death: Death) -> None:
    import sqlalchemy as sa

    seen = 0

    def step(*_given: object) -> None:
        nonlocal seen
        seen += 1
        if seen == death.step:
            os.kill(os.getpid(), signal.SIGKILL)

    def stepping(call: Callable[..., object]) -> Callable[..., object]:
        def stepped(*given: Any, **named: Any) -> object:
            step()
            return call(*given, **named)

        return stepped

    def on_line(_frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            step()
        return on_line

    def on_call(frame: FrameType, _event: str, _: object) -> Any:
        return on_line if frame.f_code.co_filename.startswith(_OURS) else None

    sa.event.listen(sa.Engine, "after_cursor_execute", step)
    for name in ("link", "rename", "replace", "fsync"):
        setattr(os, name, stepping(getattr(os, name)))
    if death.byte is not None:
        # The kernel's own way to end a process in the middle of a write.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (death.byte, resource.RLIM_INFINITY))
    try:
        run = make(home)
        threading.settrace(on_call)
        sys.settrace(on_call)
        run()
        sys.settrace(None)
        (home / "steps").write_text(str(seen))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
