"""Prepares what the three real estates read beside the data sets themselves. Running it again changes nothing.

`python -m examples.real.prepare [--data DIR] [--output DIR]`: the data sets are found through
ULLAGE_SAMPLE_DATA (default ../shared/data); what is prepared goes to .ullage/real/<estate>, where the
configurations expect it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from examples.real import curc, nezha
from examples.real.prometheus_server import MissingProgramError

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / ".ullage" / "real"


def data_folder() -> Path:
    """Where the real data sets are."""
    named = os.environ.get("ULLAGE_SAMPLE_DATA")
    return Path(named) if named else ROOT.parent / "shared" / "data"


def prepare(data: Path, output: Path = OUTPUT) -> list[str]:
    """Prepare all estates; one line each. Raises FileNotFoundError, MissingProgramError or RuntimeError."""
    return [
        curc.prepare(data, output / "curc"),
        nezha.prepare(data, output / "online-boutique"),
        "servicedesk: read as it is",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Exit code 1 when data or a program is missing."""
    parser = argparse.ArgumentParser(prog="python -m examples.real.prepare", description=main.__doc__)
    parser.add_argument("--data", type=Path, default=data_folder(), help="folder of the real data sets")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where prepared files go")
    options = parser.parse_args(arguments)
    try:
        for line in prepare(options.data, options.output):
            print(line)
    except FileNotFoundError as error:
        print(f"{error.filename} is not there; fix: set ULLAGE_SAMPLE_DATA or --data", file=sys.stderr)
        return 1
    except MissingProgramError as error:
        print(str(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
