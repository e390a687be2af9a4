"""What `ullage usl` reads and prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from assets.capacity.usl import Estimate, Floats, UslFit, UslInputError

_BAR = 24


def read_points(path: Path, load: str, throughput: str) -> tuple[Floats, Floats]:
    """Loads and throughputs of a CSV (with a header) or Parquet file.

    Raises UslInputError for a file that cannot be read, a missing column, or a value that is no number.
    """
    try:
        is_parquet = path.suffix.lower() in {".parquet", ".pq"}
        frame = pd.read_parquet(path) if is_parquet else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UslInputError(
            f"cannot be read ({error}); fix: give a CSV with a header or a Parquet file"
        ) from None
    for column in (load, throughput):
        if column not in frame.columns:
            names = ", ".join(str(name) for name in frame.columns)
            raise UslInputError(f"no column '{column}'; fix: name one of: {names}")
    return _numbers(frame, load), _numbers(frame, throughput)


def _numbers(frame: pd.DataFrame, column: str) -> Floats:
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        row = int(wrong[0])
        raise UslInputError(
            f"column '{column}', row {row + 1}: '{frame[column].iloc[row]}' is no number; "
            "fix: correct the row or leave it out"
        )
    return values


def to_dict(fit: UslFit) -> dict[str, Any]:
    """The fit as JSON values; null for what is infinite or was not estimated. Without a told peak it has none."""
    told = fit.refusal is None
    return {
        "lambda": _estimate(fit.lam),
        "sigma": _estimate(fit.sigma),
        "kappa": _estimate(fit.kappa),
        "peak_load": _estimate(fit.peak_load) if told else None,
        "peak_throughput": _estimate(fit.peak_throughput) if told else None,
        "limited_by": fit.limited_by,
        "r_squared": _finite(fit.r_squared),
        "is_refused": not told,
        "reason": fit.refusal,
        "notes": list(fit.notes),
        "points": [
            {
                "load": float(load),
                "throughput": float(rate),
                "fitted": float(rate - residual),
                "residual": float(residual),
            }
            for load, rate, residual in zip(fit.loads, fit.throughputs, fit.residuals, strict=True)
        ],
    }


def show(fit: UslFit, output: Console) -> None:
    """Print coefficients, the peak when it is told, and the measured beside the fitted curve."""
    figures = Table(box=None, pad_edge=False)
    for name, justify in (
        ("", "left"),
        ("Value", "right"),
        ("Std. error", "right"),
        ("95 % from", "right"),
        ("to", "right"),
    ):
        figures.add_column(name, justify=justify)  # type: ignore[arg-type]
    rows = [("λ  throughput of one", fit.lam), ("σ  contention", fit.sigma), ("κ  coherency", fit.kappa)]
    if fit.refusal is None:
        rows += [("Peak load", fit.peak_load), ("Peak throughput", fit.peak_throughput)]
    for name, estimate in rows:
        error = "" if estimate.standard_error is None else f"{estimate.standard_error:.4g}"
        figures.add_row(
            name,
            *(f"{value:.4g}" for value in (estimate.value,)),
            error,
            f"{estimate.low:.4g}",
            f"{estimate.high:.4g}",
        )
    output.print(figures)
    output.print(
        f"Limited by {fit.limited_by} · R² {fit.r_squared:.4f}" + "".join(f" · {note}" for note in fit.notes)
    )
    output.print(_curve(fit))


def _curve(fit: UslFit) -> Table:
    """A row a measured point; the bar is the measured throughput, the mark the fitted one."""
    curve = Table(box=None, pad_edge=False)
    for name in ("Load", "Measured", "Fitted", "Residual"):
        curve.add_column(name, justify="right")
    curve.add_column("█ measured, │ fitted")
    top = max(float(fit.throughputs.max()), float((fit.throughputs - fit.residuals).max()))
    for load, rate, residual in zip(fit.loads, fit.throughputs, fit.residuals, strict=True):
        fitted = rate - residual
        bar = list(("█" * round(_BAR * rate / top)).ljust(_BAR + 1))
        bar[min(round(_BAR * fitted / top), _BAR)] = "│"
        curve.add_row(f"{load:g}", f"{rate:.5g}", f"{fitted:.5g}", f"{residual:+.3g}", "".join(bar))
    return curve


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {
        "value": _finite(estimate.value),
        "standard_error": None if estimate.standard_error is None else _finite(estimate.standard_error),
        "low": _finite(estimate.low),
        "high": _finite(estimate.high),
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
