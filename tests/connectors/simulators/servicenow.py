"""ServiceNow's Table API as we believe it to be. Each trap says where it is documented."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.simulators.faults import Question, Reply, Simulator

Row = dict[str, Any]
TIME = "%Y-%m-%d %H:%M:%S"
START = datetime(2026, 3, 28, 8, tzinfo=UTC)
USER, PASSWORD = "ullage", "planted-password-4711"
CLIENT, CLIENT_SECRET = "ullage-client", "planted-client-secret-4712"
#: References to `task`, and fields that only tables which extend it have.
TO_TASK, OF_EXTENSIONS = ("sysapproval", "task", "parent"), ("request", "request_item")
_CONDITION = re.compile(r"([a-z_.]+?)(>=|<=|>|<|=|INSTANCEOF|IN)(.*)", re.DOTALL)
_COMPARE: dict[str, Callable[[str, str], bool]] = {
    ">=": lambda cell, value: cell >= value,
    "<=": lambda cell, value: cell <= value,
    ">": lambda cell, value: cell > value,
    "<": lambda cell, value: cell < value,
    "=": lambda cell, value: cell == value,
    "IN": lambda cell, value: cell in value.split(","),
    "INSTANCEOF": lambda cell, value: cell.startswith(value),
}


class ServiceNow(Simulator):
    """Tables of rows by name. Changes are the rows on which the guarantees are tried."""

    def __init__(self, rows: int = 0) -> None:
        super().__init__()
        self.tables: dict[str, list[Row]] = {"change_request": []}
        self.hidden: set[str] = set()
        self.tokens = 0
        self.added = 0
        self.refused: set[str] = set()
        for _ in range(rows):
            self.add()

    # --- the product ---

    def answer(self, question: Question) -> Reply:
        """`/oauth_token.do` and `/api/now/table/<table>`."""
        if question.path == "/oauth_token.do":
            return self._token(question)
        if not self._is_known(question.headers.get("authorization", "")):
            return _error(401, "User Not Authenticated", "Required to provide Auth information")
        table = question.path.removeprefix("/api/now/table/")
        if table in self.refused:
            return _error(403, "Insufficient rights to query records", "Fields present in the query do not…")
        if table not in self.tables:
            return _error(400, "Invalid table", table)
        return self._table(table, question)

    def _token(self, question: Question) -> Reply:
        if question.form.get("client_secret") != CLIENT_SECRET:
            return Reply({"error": "access_denied"}, 401)
        self.tokens += 1
        return Reply({"access_token": f"planted-token-{self.tokens}", "expires_in": 1799})

    def _is_known(self, proof: str) -> bool:
        return proof.startswith("Basic ") or proof == f"Bearer planted-token-{self.tokens}"

    def _table(self, table: str, question: Question) -> Reply:
        params = question.params
        found = self._query(self.tables[table], params.get("sysparm_query", ""))
        # Default limit 10,000, Link with first, next and last, and X-Total-Count: github.com/ServiceNowITOM/
        # ansible-sn-inventory/issues/15, an answer as it came: gist.github.com/bryanbarnard/ee1d952604a11e0f0342; the
        # Link is left out when there is one page only.
        limit, offset = int(params.get("sysparm_limit", "10000")), int(params.get("sysparm_offset", "0"))
        headers = {"X-Total-Count": str(len(found))}
        if offset + limit < len(found):
            address = f"{self.url}{question.path}?sysparm_limit={limit}&sysparm_offset={offset + limit}"
            headers["Link"] = f'<{address}>;rel="next"'
        # Access rules are evaluated after the query and its limit: pages are short or empty though more follow,
        # and the count knows nothing of it (support.servicenow.com KB3047115).
        page = [row for row in found[offset : offset + limit] if row["sys_id"] not in self.hidden]
        names = params["sysparm_fields"].split(",") if "sysparm_fields" in params else None
        return Reply({"result": [self._shown(row, names) for row in page]}, headers=headers)

    def _shown(self, row: Row, names: list[str] | None) -> Row:
        """Only the fields asked for; one that the record does not have is left out rather than null."""
        if names is None:
            return row
        extra = {name: row[name] for name in row if name.startswith("u_unasked")}
        shown = {name: self._cell(row, name) for name in names}
        return {**{name: cell for name, cell in shown.items() if cell is not None}, **extra}

    def _cell(self, row: Row, name: str) -> Any:
        """Dotted names go through references (an answer: gist.github.com/bryanbarnard/53c91a53b4a27d549196).

        A reference to `task` leads to its fields, not to those of a table that extends it (servicenow.com/docs/r/
        australia/now-intelligence/reporting/t_AccessFieldExtendedTable.html): these need ref_<table> before them.
        """
        first, _, rest = name.partition(".")
        if not rest:
            return row.get(first)
        target = next((one for one in self._records() if one.get("sys_id") == row.get(first)), None)
        if target is None or (first in TO_TASK and rest.partition(".")[0] in OF_EXTENSIONS):
            return ""
        return self._cell(target, rest) or ""

    def _query(self, rows: list[Row], text: str) -> list[Row]:
        """An encoded query: ^ joins by "and", ^NQ begins one of its own, joined by "or", ^ORDERBY sorts the whole.

        servicenow.github.io/sdk/guides/query-guide; hi.service-now.com/kb_view.do?sysparm_article=KB0564887: a
        condition holds for its own part alone.
        """
        order = re.findall(r"ORDERBY([a-z_]+)", text)
        parts = re.sub(r"\^?ORDERBY[a-z_]+", "", text).split("^NQ")
        found = [row for row in rows if any(self._meets(row, part) for part in parts)]
        return sorted(found, key=lambda row: tuple(str(row.get(name, "")) for name in order))

    def _meets(self, row: Row, part: str) -> bool:
        for condition in filter(None, part.split("^")):
            match = _CONDITION.fullmatch(condition)
            # An invalid condition is dropped, not refused: glide.invalid_query.returns_no_rows is false as delivered
            # (community.servicenow.com/community/develop/blog/authors/catie.carmody).
            if match is None:
                continue
            cell = row[match[1]] if match[1] in row else self._cell(row, match[1])
            if not _COMPARE[match[2]](str(cell or ""), match[3]):
                return False
        return True

    def _records(self) -> Iterator[Row]:
        for rows in self.tables.values():
            yield from rows

    # --- what the guarantees ask for ---

    @property
    def rows(self) -> list[Row]:
        """The changes."""
        return self.tables["change_request"]

    def held(self) -> dict[str, datetime]:
        """Visible changes whose number and time can be read."""
        return {
            row["number"]: datetime.strptime(row["sys_updated_on"], TIME).replace(tzinfo=UTC)
            for row in self.rows
            if row["sys_id"] not in self.hidden
        }

    def add(self) -> None:
        """Three rows share each second, so that every page border falls into a tie. No id is given twice."""
        self.added += 1
        number = self.added
        moment = self._latest() if number % 3 else self._latest() + timedelta(minutes=7)
        # Ids do not ascend with time.
        self.rows.append(change(f"{number:032x}"[::-1], f"CHG{number:07d}", moment))

    def change(self, position: int) -> None:
        """The newest of all."""
        if self.rows:
            moment = self._latest() + timedelta(seconds=1)
            row = self.rows[position % len(self.rows)]
            row.update(sys_updated_on=moment.strftime(TIME), short_description="changed")

    def remove(self, position: int) -> None:
        """Deleted rows leave no trace in their table."""
        if self.rows:
            del self.rows[position % len(self.rows)]

    def hide(self, count: int) -> None:
        """By an access rule."""
        order = sorted(self.rows, key=lambda row: (row["sys_updated_on"], row["sys_id"]))
        self.hidden |= {row["sys_id"] for row in order[:count]}

    def spoil(self, position: int, fault: str) -> None:
        """In a field that matters."""
        row = self.rows[position % len(self.rows)]
        match fault:
            case "impossible date":
                row["start_date"] = "2026-02-30 10:00:00"
            case "NUL":
                row["short_description"] = "a\x00b"
            case "1 MiB of text":
                row["short_description"] = "x" * 2**20
            case "unknown enum":
                row["state"] = "42"
            case "missing field":
                row.pop("type")
            case "extra field":
                row["u_unasked"] = "new in this release"
            case "changed type":
                row["state"] = {"display_value": "Closed", "value": 3}

    def expire(self) -> None:
        """Tokens of OAuth end after half an hour (hi.service-now.com/kb_view.do?sysparm_article=KB0791140)."""
        self.tokens += 1

    def _latest(self) -> datetime:
        return max(self.held().values(), default=START)


def change(sys_id: str, number: str, updated: datetime, **fields: Any) -> Row:
    """A change_request as `sysparm_display_value=false` gives it: times in UTC without a zone (docs.servicenow.com/
    bundle/geneva-servicenow-platform/page/administer/time/reference/r_TimeZones.html: all are stored so).
    """
    return {
        "sys_id": sys_id,
        "number": number,
        "sys_updated_on": updated.strftime(TIME),
        "type": "normal",
        "state": "3",
        "short_description": "Patch",
        "business_service": "",
        "cmdb_ci": "",
        "opened_at": START.strftime(TIME),
        "start_date": "",
        "end_date": "",
        "work_start": "",
        "work_end": "",
        "close_code": "successful",
        **fields,
    }


def _error(status: int, message: str, detail: str) -> Reply:
    return Reply({"error": {"message": message, "detail": detail}, "status": "failure"}, status)
