"""Changes of the small estate, their approvals, and one that its source deleted."""

from tests.dbt.landing_fixture import Row
from tests.dbt.small_estate.moments import AS_OF, DAYS, at


def changes() -> dict[str, list[Row]]:
    """Changes of each kind and outcome, two of them at the same time on one service."""
    planned = {"planned_start_at": at(DAYS[0], 20), "planned_end_at": at(DAYS[0], 22)}
    return {
        "changes": [
            {
                "change_id": "chg-gone",  # deleted at its source: no model may count it
                "change_kind": "emergency",
                "state": "implementing",
                "service_id": "shop",
                "requested_at": at(DAYS[0], 1),
                "started_at": at(DAYS[0], 2),
                "updated_at": at(DAYS[0], 2),
                "receipt_id": "desk.changes.changes.v0001",
            },
            {
                "change_id": "chg-1",
                "change_kind": "normal",
                "state": "closed",
                "service_id": "shop",
                "ci_id": "web-1",
                "requested_at": at(DAYS[0], 1, 7),
                "started_at": at(DAYS[0], 20),
                "ended_at": at(DAYS[0], 23, 40),
                "outcome": "successful",
                "updated_at": at(DAYS[1], 8),
                **planned,
            },
            {
                "change_id": "chg-2",
                "change_kind": "standard",
                "state": "scheduled",
                "updated_at": at(DAYS[1], 8),
            },
            *(
                {
                    "change_id": change_id,
                    "change_kind": "emergency",
                    "state": "closed",
                    "service_id": "shop",
                    "ci_id": ci_id,
                    "planned_start_at": at(DAYS[0], 21, 10),
                    "planned_end_at": at(DAYS[0], 23),
                    "started_at": at(DAYS[0], 21, 10),
                    "ended_at": at(DAYS[0], 22),
                    "outcome": outcome,
                    "updated_at": at(DAYS[1], 8),
                }
                for change_id, ci_id, outcome in (
                    ("chg-3", "web-1", "failed"),
                    ("chg-4", "web-2", "backed_out"),
                    ("chg-5", None, "successful"),
                )
            ),
        ],
        "approvals": [
            {
                "approval_id": f"apr-{number}",
                "record_table": "changes" if record.startswith("chg") else "service_requests",
                "record_id": record,
                "item_id": "item-1" if record == "req-1" else None,
                "group_approval_id": "board-1" if record == "req-1" else None,
                "approver": "Ann",
                "state": "approved" if decided else "requested",
                "requested_at": at(DAYS[0], 1, 30),
                "decided_at": decided,
                "updated_at": decided or at(DAYS[0], 1, 30),
            }
            for number, (record, decided) in enumerate(
                (("chg-1", at(DAYS[0], 21, 13)), ("chg-2", None), ("req-1", None))
            )
        ],
        # Of the request one item is put before a group, of which Ann is a member.
        "group_approvals": [
            {
                "group_approval_id": "board-1",
                "record_table": "service_requests",
                "record_id": "req-1",
                "item_id": "item-1",
                "team_id": "ops",
                "state": "approved",
                "requested_at": at(DAYS[0], 1, 30),
                "decided_at": at(DAYS[0], 3),
                "updated_at": at(DAYS[0], 3),
            }
        ],
        "tombstones": [
            {
                "source": "desk",
                "record_table": "changes",
                "record_key": "chg-gone",
                "deleted_known_date": AS_OF,
            }
        ],
    }
