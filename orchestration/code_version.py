"""Version of the code that makes figures: the release and a hash of its sources."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("assets", "checks", "reports", "dbt_project", "orchestration")
KINDS = {".py", ".sql", ".yml", ".yaml", ".csv", ".html", ".jinja", ".css", ".js"}
GENERATED = {"target", "logs", "dbt_packages", "__pycache__"}


def source_files(folder: str, root: Path = ROOT) -> list[Path]:
    """Source files under one folder of the project, in a stable order."""
    return [
        file
        for file in sorted((root / folder).rglob("*"))
        if file.suffix in KINDS and not GENERATED.intersection(file.relative_to(root).parts)
    ]


def code_version(root: Path = ROOT) -> str:
    """`<release>+<first 10 hex digits of the hash over the names and bytes of all source files>`."""
    digest = hashlib.sha256()
    for folder in SOURCES:
        for file in source_files(folder, root):
            digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return f"{version('ullage')}+{digest.hexdigest()[:10]}"
