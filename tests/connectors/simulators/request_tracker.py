"""A real Request Tracker behind the common faults: every answer is its own, spoilt only where a test says so.

Tickets of the queue Changes are written into its database, as their times of change cannot be chosen through the API.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx

from tests.connectors.simulators.faults import Question, Reply, Simulator
from tests.servers import RequestTrackerServer

START = datetime(2026, 3, 28, 8, tzinfo=UTC)
VARIABLE = "RT_TOKEN"
TOKEN = RequestTrackerServer.TOKENS["reader"]
QUEUE = "Changes"
FIRST_NUMBER = 5000
#: Tickets made through the API have higher numbers: RT keeps groups of a ticket, and cannot use its number twice.
LAST_NUMBER = 100_000
_SQL_TIME = "%Y-%m-%d %H:%M:%S"


class RequestTracker(Simulator):
    """Stands before `server`, which a fixture starts. Its answer to a question about the same tickets is kept."""

    server: ClassVar[RequestTrackerServer]
    answers: ClassVar[dict[tuple[str, ...], Reply]] = {}
    written: ClassVar[str] = ""

    def __init__(self, rows: int = 0) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.hidden: set[int] = set()
        self.spoilt: dict[int, dict[str, Any]] = {}
        self.is_expired = False
        for _ in range(rows):
            self.add()

    # --- the product ---

    def answer(self, question: Question) -> Reply:
        """The server's, without hidden and with spoilt tickets."""
        token = question.headers.get("authorization", "")
        if self.is_expired:
            self.is_expired, token = False, f"{token[:-1]}0"
        state = json.dumps(self.rows, default=str)
        asked = (state, token, question.method, question.path, question.query)
        if asked not in self.answers:
            self._write(state)
            self.answers[asked] = self._ask(question, token)
        return self._spoilt(question, self.answers[asked])

    def _ask(self, question: Question, token: str) -> Reply:
        response = httpx.request(
            question.method,
            f"{self.server.url}{question.path}?{question.query}",
            headers={"Authorization": token},
            timeout=30,
            trust_env=False,
        )
        return Reply(response.json(), response.status_code)

    def _write(self, state: str) -> None:
        """The tickets of this simulator in place of those of the one before."""
        if RequestTracker.written == state:
            return
        with closing(sqlite3.connect(self.server.database, timeout=30)) as database, database:
            database.execute("pragma synchronous = off")
            (queue,) = database.execute("select id from Queues where Name = ?", [QUEUE]).fetchone()
            database.execute("delete from Tickets where id < ?", [LAST_NUMBER])
            database.execute(
                "insert or ignore into Tickets (id, Status) values (?, 'deleted')", [LAST_NUMBER]
            )
            for row in self.rows:
                given = {
                    "id": row["id"],
                    "EffectiveId": row["id"],
                    "Queue": queue,
                    "Type": "ticket",
                    "Owner": 6,  # Nobody
                    "Subject": row["subject"],
                    "Status": "resolved",
                    "Created": START.strftime(_SQL_TIME),
                    "LastUpdated": row["changed"].strftime(_SQL_TIME),
                }
                names, marks = ", ".join(given), ", ".join("?" * len(given))
                database.execute(f"insert into Tickets ({names}) values ({marks})", list(given.values()))
        RequestTracker.written = state

    def _spoilt(self, question: Question, reply: Reply) -> Reply:
        if (
            not isinstance(reply.body, dict)
            or "items" not in reply.body
            or not question.path.endswith("/tickets")
        ):
            return reply
        items = []
        for item in reply.body["items"]:
            number = int(item["id"])
            if number not in self.hidden:
                changed = {**item, **self.spoilt.get(number, {})}
                items.append({name: value for name, value in changed.items() if value is not None})
        return Reply({**reply.body, "items": items, "count": len(items)}, reply.status)

    # --- what the guarantees ask for ---

    def held(self) -> dict[str, datetime]:
        """Visible changes."""
        return {str(row["id"]): row["changed"] for row in self.rows if row["id"] not in self.hidden}

    def add(self) -> None:
        """Three rows share each second."""
        number = max((row["id"] for row in self.rows), default=FIRST_NUMBER) + 1
        moment = self._latest() if number % 3 else self._latest() + timedelta(minutes=7)
        self.rows.append({"id": number, "changed": moment, "subject": "Patch"})

    def change(self, position: int) -> None:
        """The newest of all."""
        if self.rows:
            moment = self._latest() + timedelta(seconds=1)
            self.rows[position % len(self.rows)].update(changed=moment, subject="changed")

    def remove(self, position: int) -> None:
        """Shredded: it leaves no trace."""
        if self.rows:
            del self.rows[position % len(self.rows)]

    def hide(self, count: int) -> None:
        """RT counts in SQL, and leaves out what then fails the check of its rights (RT/Tickets.pm, Next)."""
        order = sorted(self.rows, key=lambda row: (row["changed"], row["id"]))
        self.hidden |= {row["id"] for row in order[:count]}

    def spoil(self, position: int, fault: str) -> None:
        """In a field that matters."""
        self.spoilt[self.rows[position % len(self.rows)]["id"]] = {
            "impossible date": {"Created": "2026-02-30T10:00:00Z"},
            "NUL": {"Subject": "a\x00b"},
            "1 MiB of text": {"Subject": "x" * 2**20},
            "unknown enum": {"Status": "waiting for the moon"},
            "missing field": {"Status": None},
            "extra field": {"Weather": "fair"},
            "changed type": {"Status": ["resolved"]},
        }[fault]

    def expire(self) -> None:
        """The next question has a token that RT does not know."""
        self.is_expired = True

    def _latest(self) -> datetime:
        return max(self.held().values(), default=START)
