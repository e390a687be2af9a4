"""The data-quality page: every check, and the rows of every source accounted for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checks.results import CheckResult
from reports.overview import Quality, quality_of
from reports.records.version import ExtractionTotal, Manifest, QuarantinedBatch


@dataclass(frozen=True)
class CheckLine:
    """One check on one table, over all batches that it ran on."""

    stage: str
    table: str
    name: str
    severity: str
    blocking: bool
    runs: int
    failed_runs: int
    rows_checked: int
    rows_failed: int
    message: str

    @property
    def passed(self) -> bool:
        """True when no run failed."""
        return self.failed_runs == 0


@dataclass(frozen=True)
class QualityPage:
    """Everything that the template of the data-quality page prints."""

    quality: Quality
    failed: tuple[CheckLine, ...]
    passed: tuple[CheckLine, ...]
    extractions: tuple[ExtractionTotal, ...]
    quarantined: tuple[QuarantinedBatch, ...]
    quarantined_batches_hidden: bool


def check_lines(checks: Sequence[CheckResult]) -> list[CheckLine]:
    """Checks summed over batches, in the order of stage, table and name; the message is that of the first failure."""
    groups: dict[tuple[str, str, str], list[CheckResult]] = {}
    for check in checks:
        groups.setdefault((check.stage, check.table, check.name), []).append(check)
    lines = []
    for (stage, table, name), runs in sorted(groups.items()):
        failed = [run for run in runs if not run.passed]
        worst = failed or runs
        lines.append(
            CheckLine(
                stage=stage,
                table=table,
                name=name,
                severity="error" if any(run.severity == "error" for run in worst) else "warn",
                blocking=any(run.blocking for run in worst),
                runs=len(runs),
                failed_runs=len(failed),
                rows_checked=sum(run.rows_checked for run in runs),
                rows_failed=sum(run.rows_failed for run in runs),
                message=worst[0].message,
            )
        )
    return lines


def quality_page(
    manifest: Manifest,
    extractions: Sequence[ExtractionTotal],
    quarantined: Sequence[QuarantinedBatch],
    listed: int,
) -> QualityPage:
    """The data-quality page; `listed` is the most quarantined batches that were asked for."""
    lines = check_lines(manifest.checks)
    return QualityPage(
        quality=quality_of(manifest),
        failed=tuple(line for line in lines if not line.passed),
        passed=tuple(line for line in lines if line.passed),
        extractions=tuple(extractions),
        quarantined=tuple(quarantined),
        quarantined_batches_hidden=len(quarantined) >= listed,
    )
