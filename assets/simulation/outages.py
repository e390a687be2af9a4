"""Outages as the service desk records them: in steps of five minutes, some of them twice."""

from __future__ import annotations

import numpy as np
import pandas as pd

from assets.simulation.desk import FOLDER, utc_text
from assets.simulation.estate import Estate
from assets.simulation.files import SourceFiles
from assets.simulation.incidence import MINUTE, Happenings
from assets.simulation.incidents import Incidents

STEP = 5 * MINUTE
#: Every so manieth outage was recorded by a second team as well, and named a configuration item.
TWICE_EVERY, WITH_CI_EVERY = 4, 3


def write_outages(estate: Estate, happenings: Happenings, incidents: Incidents, files: SourceFiles) -> None:
    """One file of outage records, linked to their incidents. A second record overlaps the first one."""
    heads = incidents.heads[incidents.heads["cause"] == "outage"]
    first_ci: dict[int, str] = {}
    for ci in estate.cis:
        if ci.first_day is None and ci.end_day is None:
            first_ci.setdefault(ci.service, ci.ci_id)
    rows: list[tuple[str, str, str, int, int, str]] = []
    for number, outage in enumerate(happenings.outages):
        is_own = (heads["service"] == outage.service) & heads["opened"].between(outage.start, outage.end)
        incident = str(heads.loc[is_own, "incident_id"].iloc[0]) if is_own.any() else ""
        service_id = estate.services[outage.service].service_id
        ci_id = first_ci.get(outage.service, "") if number % WITH_CI_EVERY == 0 else ""
        start, end = outage.start // STEP * STEP, -(-outage.end // STEP) * STEP
        rows.append((f"OUT{len(rows) + 1:06d}", service_id, ci_id, start, end, incident))
        if number % TWICE_EVERY == 0:
            rows.append((f"OUT{len(rows) + 1:06d}", service_id, "", start + STEP, end + STEP, incident))
    rows = [row for row in rows if row[4] < estate.end_at]
    started = np.array([row[3] for row in rows], dtype=np.int64)
    ended = np.array([row[4] for row in rows], dtype=np.int64)
    frame = pd.DataFrame(
        {
            "outage_id": [row[0] for row in rows],
            "service_id": [row[1] for row in rows],
            "ci_id": [row[2] for row in rows],
            "started_at": utc_text(started),
            "ended_at": utc_text(ended),
            "incident_id": [row[5] for row in rows],
            "updated_at": utc_text(ended),
        }
    )
    files.write_csv(f"{FOLDER}/outages.csv", "outages", frame)
