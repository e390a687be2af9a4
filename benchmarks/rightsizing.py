"""How often proposed sizes are crossed after the decision, beside the rule that most tools use: `make bench`.

On the demo estate (`make demo` first). Each of the last weeks is taken as a decision date with what was known by
then; then demand goes on to the end. Prints the table of docs/capacity.md.
"""

from __future__ import annotations

import time
from datetime import date, timedelta

import duckdb
import pandas as pd

from assets.capacity.analyses import ANALYSES
from assets.capacity.rightsizing import SIZES, rightsize
from orchestration.code_version import ROOT

WAREHOUSE = ROOT / ".ullage" / "demo" / "warehouse" / "ullage.duckdb"
WINDOW = timedelta(days=28)


def proposals(demand: pd.DataFrame, candidates: pd.DataFrame, decided: date) -> pd.DataFrame:
    """Back-tested cheaper sizes: ci_id, size_name."""
    sizes = rightsize({"demand": demand, "candidates": candidates}, decided, 1)[SIZES]
    chosen = sizes[(sizes["verdict"] == "proposed") & (sizes["direction"] == "down")]
    return chosen[["ci_id", "proposed_size"]].rename(columns={"proposed_size": "size_name"})


def plain(demand: pd.DataFrame, candidates: pd.DataFrame, decided: date) -> pd.DataFrame:
    """The cheapest size that holds the need of the last 28 days (95th percentile, or maximum), without a back-test."""
    known = demand[(demand["day"] <= decided) & (demand["day"] > decided - WINDOW)]
    known = known.groupby(["ci_id", "resource", "statistic"])["required_value"]
    need = known.agg(["max", lambda values: values.quantile(0.95)]).set_axis(["maximum", "p95"], axis=1)
    need = need.reset_index()
    need["need"] = need["p95"].where(need["statistic"] == "busy_hour", need["maximum"])
    rows = candidates.merge(need[["ci_id", "resource", "need"]], on=["ci_id", "resource"])
    rows["holds"] = rows["need"] <= rows["limit_value"]
    pairs = rows.groupby(["ci_id", "size_name", "monthly_cost", "is_present"])["holds"].all().reset_index()
    present = pairs[pairs["is_present"]].set_index("ci_id")["monthly_cost"]
    fits = pairs[pairs["holds"] & (pairs["monthly_cost"] < pairs["ci_id"].map(present))]
    return fits.sort_values(["monthly_cost", "size_name"]).drop_duplicates("ci_id")[["ci_id", "size_name"]]


def crossed(demand: pd.DataFrame, candidates: pd.DataFrame, chosen: pd.DataFrame, decided: date) -> int:
    """How many of the chosen sizes demand crossed on a day after the decision."""
    later = (
        demand[demand["day"] > decided].groupby(["ci_id", "resource"])["required_value"].max().reset_index()
    )
    rows = chosen.merge(candidates, on=["ci_id", "size_name"]).merge(later, on=["ci_id", "resource"])
    return int(rows.loc[rows["required_value"] > rows["limit_value"], "ci_id"].nunique())


def main() -> None:
    """Decide at the end of each week that leaves at least one to come, and print one row a rule."""
    if not WAREHOUSE.exists():
        raise SystemExit(f"{WAREHOUSE}: no demo estate; fix: make demo")
    queries = next(analysis.queries for analysis in ANALYSES if analysis.name == "rightsizing")
    with duckdb.connect(str(WAREHOUSE), read_only=True) as connection:
        demand, candidates = (connection.execute(queries[name]).df() for name in ("demand", "candidates"))
    demand["day"] = pd.to_datetime(demand["observed_date"]).dt.date
    last = demand["day"].max()
    dates = [last - timedelta(days=7 * back) for back in range(5, 0, -1)]
    print("| rule | decisions | cheaper sizes proposed | crossed later | share | seconds a decision |")
    print("|---|---|---|---|---|---|")
    for name, rule in (("28 days, no back-test", plain), ("back-tested", proposals)):
        started = time.perf_counter()
        chosen = [rule(demand, candidates, decided) for decided in dates]
        seconds = (time.perf_counter() - started) / len(dates)
        failed = sum(crossed(demand, candidates, c, d) for c, d in zip(chosen, dates, strict=True))
        total = sum(len(c) for c in chosen)
        share = failed / max(total, 1)
        print(f"| {name} | {len(dates)} | {total} | {failed} | {share:.1%} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
