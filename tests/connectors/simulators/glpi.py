"""GLPI's REST API as its source says. Each trap names the file, of https://github.com/glpi-project/glpi.

Read at commit 04d12f84 (10.0); 9.5 has the same in inc/, 11 the search in src/Glpi/Search/Provider/SQLProvider.php.
"""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.connectors.simulators.faults import Question, Reply, Simulator

Row = dict[str, Any]
TIME = "%Y-%m-%d %H:%M:%S"
START = datetime(2026, 3, 28, 8, tzinfo=UTC)
ZONE = "Europe/Berlin"
USER, PASSWORD = "ullage", "planted-password-4723"
USER_TOKEN, APP_TOKEN = "planted-user-token-4721", "planted-app-token-4722"
#: Number, uid and datatype of search options. Requester, assigned and watcher groups have one uid: it is made of tables
#: and fields only, not of the condition of the join (src/Api/API.php, getSearchOptionUniqID).
_ITIL = [
    (1, "name", "itemlink"),
    (2, "id", "number"),
    (3, "priority", "specific"),
    (7, "ITILCategory.completename", "dropdown"),
    (12, "status", "specific"),
    (14, "type", "specific"),
    (15, "date", "datetime"),
    (16, "closedate", "datetime"),
    (17, "solvedate", "datetime"),
    (19, "date_mod", "datetime"),
    (61, "causecontent", "text"),
]
_GROUPS = [(71, 1), (8, 2), (65, 3)]


class Glpi(Simulator):
    """Items by type. Changes are the rows on which the guarantees are tried."""

    goodbyes = ("/apirest.php/killSession",)

    def __init__(self, rows: int = 0, renumbered: int = 0) -> None:
        super().__init__()
        self.items: dict[str, list[Row]] = {"Change": [], "Ticket": [], "Problem": [], "Group": []}
        self.logs: dict[int, list[Row]] = {}
        self.hidden: set[int] = set()
        self.sessions: dict[str, bool] = {}
        self.begun = 0
        self.renumbered = renumbered
        self.sees_logs = True
        self.has_entity = True
        for _ in range(rows):
            self.add()

    # --- the product ---

    def answer(self, question: Question) -> Reply:
        """Everything is below `apirest.php`; errors are a list of a code and a text (apirest.md, Errors)."""
        if not question.path.startswith("/apirest.php/"):
            return Reply(["ERROR_RESOURCE_MISSING", "missing resource"], 400)
        # Wanted on every question once API clients have one (src/Api/API.php, checkAppToken).
        if "app-token" not in question.headers:
            return Reply(["ERROR_APP_TOKEN_PARAMETERS_MISSING", "missing parameter app_token"], 400)
        if question.headers["app-token"] != APP_TOKEN:
            return Reply(["ERROR_WRONG_APP_TOKEN_PARAMETER", "parameter app_token seems wrong"], 400)
        resource, _, rest = question.path.removeprefix("/apirest.php/").partition("/")
        if resource == "initSession":
            return self._init(question)
        # A GET must have no body (apirest.md, Important).
        if question.method == "GET" and question.body is not None:
            return Reply(["ERROR_JSON_PAYLOAD_FORBIDDEN", "GET Request should not have json payload"], 400)
        session = question.headers.get("session-token", "")
        if session not in self.sessions:
            return Reply(["ERROR_SESSION_TOKEN_INVALID", "session_token seems invalid"], 401)
        match resource:
            case "killSession":
                del self.sessions[session]
                return Reply(True)
            case "changeActiveEntities":
                # entities_id is made a number, also "all": then 0 is meant, the root. Without it all are
                # (src/Api/API.php, changeActiveEntities; that "all" may be given, as apirest.md says, is not so).
                body = question.body if isinstance(question.body, dict) else {}
                self.sessions[session] = body.get("is_recursive") is True and "entities_id" not in body
                return Reply(self.has_entity)
            case "listSearchOptions":
                return Reply(self._options(rest, is_raw="raw" in question.params))
            case "search":
                return self._search(rest, question.params, every=self.sessions[session])
            case "getMultipleItems":
                return self._several(question.params)
        return Reply(["ERROR_RESOURCE_NOT_FOUND_NOR_COMMONDBTM", "resource not found"], 400)

    def _init(self, question: Question) -> Reply:
        coded = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if question.headers.get("authorization") not in (f"user_token {USER_TOKEN}", f"Basic {coded}"):
            return Reply(["ERROR_GLPI_LOGIN_USER_TOKEN", "parameter user_token seems invalid"], 401)
        self.begun += 1
        # The session is in the account's default entity until it is told otherwise (apirest.md, changeActiveEntities).
        self.sessions[f"planted-session-{self.begun}"] = False
        return Reply({"session_token": f"planted-session-{self.begun}"})

    def _options(self, itemtype: str, *, is_raw: bool = False) -> Row:
        """By number, with headings in between (apirest.md, List searchOptions)."""
        found: Row = {"common": "Characteristics"}
        if itemtype == "Group":
            options = [
                (1, "name", "itemlink"),
                (2, "id", "number"),
                (14, "completename", "itemlink"),
                (19, "date_mod", "datetime"),
            ]
        else:
            options = _ITIL
            link = f"{itemtype}_Group" if itemtype == "Change" else f"Group_{itemtype}"
            for number, kind in _GROUPS:
                join = {"beforejoin": {"joinparams": {"condition": f"AND NEWTABLE.`type` = {kind}"}}}
                found[str(number + self.renumbered)] = (
                    {"joinparams": join}
                    if is_raw
                    else {"uid": f"{itemtype}.{link}.Group.completename", "datatype": "dropdown"}
                )
        for number, uid, datatype in options:
            found[str(number + self.renumbered)] = {"uid": f"{itemtype}.{uid}", "datatype": datatype}
        return found

    def _search(self, itemtype: str, params: Any, *, every: bool) -> Reply:
        options = self._options(itemtype)
        held = [row for row in self.items[itemtype] if every or row.get("entity", 0) == 0]
        for criterion in _list(params, "criteria"):
            option = options.get(criterion["field"])
            if option is None:
                return Reply(["ERROR", "Bad field ID in search criteria"], 400)
            held = [row for row in held if _meets(self._value(row, option), option["datatype"], criterion)]
        # One column sorts; rows that are equal there come in any order (src/Api/API.php, searchItems).
        order = options[params["sort"]]
        held.sort(key=lambda row: row["id"] * 7919 % 97)
        held.sort(key=lambda row: self._value(row, order))
        begin, end = (int(number) for number in params["range"].split("-"))
        total = len(held)
        if begin > total:
            return Reply(
                ["ERROR_RANGE_EXCEED_TOTAL", f"Provided range exceed total count of data: {total}"], 400
            )
        # Columns asked for, and some that are always there: name, entity (apirest.md, Search items, forcedisplay).
        names = {value for name, value in params.items() if name.startswith("forcedisplay")} | {"1", "80"}
        rows = [
            {
                name: self._value(row, options[name])
                for name in sorted(names)
                if name in options and self._has(row, options[name])
            }
            for row in held[begin : end + 1]
            if row["id"] not in self.hidden
        ]
        body: Row = {"totalcount": total, "count": len(rows), "sort": params["sort"], "order": "ASC"}
        # Nothing found: no `data` and no Content-Range; 200 when all that was counted came, else 206
        # (src/Api/APIRest.php, call; src/Api/API.php, searchItems).
        if not total:
            return Reply(body)
        headers = {
            "Content-Range": f"{begin}-{min(end, total - 1)}/{total}",
            "Accept-Range": f"{itemtype} 1000",
        }
        return Reply({**body, "data": rows}, 206 if len(rows) < total else 200, headers)

    def _value(self, row: Row, option: Row) -> Any:
        name = option["uid"].partition(".")[2]
        if name.endswith("Group.completename"):
            # One value as it is, of several a list (src/Api/API.php, searchItems: "manage multiple values").
            groups = row.get("groups") or [None]
            return groups[0] if len(groups) == 1 else groups
        return row.get("category" if name.startswith("ITILCategory") else name)

    def _has(self, row: Row, option: Row) -> bool:
        return option["uid"].partition(".")[2] not in row.get("missing", ())

    def _several(self, params: Any) -> Reply:
        """An item that is gone refuses the whole question (src/Api/API.php, getMultipleItems)."""
        found = []
        for one in _list(params, "items"):
            row = next(
                (row for row in self.items[one["itemtype"]] if str(row["id"]) == one["items_id"]), None
            )
            if row is None:
                return Reply(["ERROR_ITEM_NOT_FOUND", "Item not found"], 404)
            logs: Any = {str(log["id"]): log for log in self.logs.get(row["id"], [])} or []
            if not self.sees_logs:
                # In the place of the rows, with status 200 (src/Api/API.php, arrayRightError).
                logs = {"error": 401, "message": "You don't have permission to perform this action."}
            found.append({"id": row["id"], "name": row["name"], "_logs": logs})
        return Reply(found)

    # --- what the guarantees ask for ---

    @property
    def rows(self) -> list[Row]:
        """The changes."""
        return self.items["Change"]

    def held(self) -> dict[str, datetime]:
        """Visible changes."""
        return {str(row["id"]): utc(row["date_mod"]) for row in self.rows if row["id"] not in self.hidden}

    def add(self) -> None:
        """Three rows share each second, every fifth is in another entity."""
        number = max((row["id"] for row in self.rows), default=0) + 1
        moment = self._latest() if number % 3 else self._latest() + timedelta(minutes=7)
        self.rows.append(item(number, moment, entity=int(number % 5 == 0)))

    def change(self, position: int) -> None:
        """The newest of all."""
        if self.rows:
            moment = self._latest() + timedelta(seconds=1)
            self.rows[position % len(self.rows)].update(date_mod=local(moment), name="changed")

    def remove(self, position: int) -> None:
        """Purged: it leaves no trace."""
        if self.rows:
            del self.rows[position % len(self.rows)]

    def hide(self, count: int) -> None:
        """As by a rule of a plug-in that the count knows nothing of."""
        order = sorted(self.rows, key=lambda row: (row["date_mod"], row["id"] * 7919 % 97))
        self.hidden |= {row["id"] for row in order[:count]}

    def spoil(self, position: int, fault: str) -> None:
        """In a field that matters."""
        row = self.rows[position % len(self.rows)]
        match fault:
            case "impossible date":
                row["date"] = "2026-02-30 10:00:00"
            case "NUL":
                row["name"] = "a\x00b"
            case "1 MiB of text":
                row["name"] = "x" * 2**20
            case "unknown enum":
                row["status"] = 42
            case "missing field":
                row["missing"] = ("status",)
            case "extra field":
                row["priority"] = "unasked"
            case "changed type":
                row["status"] = ["6"]

    def expire(self) -> None:
        """PHP forgets sessions (session.gc_maxlifetime)."""
        self.sessions.clear()

    def _latest(self) -> datetime:
        return max(self.held().values(), default=START)


def item(number: int, changed: datetime, **fields: Any) -> Row:
    """A change, problem or ticket. Times are in the zone of PHP and carry none
    (https://github.com/flyve-mdm/glpi-plugin/issues/92)."""
    return {
        "id": number,
        "name": "Patch",
        "status": 6,
        "priority": 3,
        "type": 1,
        "date": local(START),
        "closedate": None,
        "solvedate": None,
        "date_mod": local(changed),
        "groups": [],
        **fields,
    }


def log(number: int, at: datetime, option: int = 0, old: str = "", new: str = "", action: int = 0) -> Row:
    """A row of glpi_logs; `linked_action` 20 is the making of the item (src/Log.php, HISTORY_CREATE_ITEM)."""
    return {
        "id": number,
        "date_mod": local(at),
        "id_search_option": option,
        "linked_action": action,
        "old_value": old,
        "new_value": new,
    }


def local(moment: datetime) -> str:
    """As GLPI writes a time."""
    return moment.astimezone(ZoneInfo(ZONE)).strftime(TIME)


def utc(text: str) -> datetime:
    """The other way."""
    return datetime.strptime(text, TIME).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def _list(params: Any, name: str) -> list[dict[str, str]]:
    """What PHP makes of `name[0][field]=…`."""
    found: dict[int, dict[str, str]] = {}
    for key, value in params.items():
        match = re.fullmatch(rf"{name}\[(\d+)\]\[(\w+)\]", key)
        if match:
            found.setdefault(int(match[1]), {})[match[2]] = value
    return [found[place] for place in sorted(found)]


def _meets(cell: Any, datatype: str, criterion: dict[str, str]) -> bool:
    """One criterion (src/Search.php, addWhere; in 11 SQLProvider.php, getWhereCriteria).

    Times: `morethan` and `lessthan` leave the bound out; `equals` loses ":00" at the end and is then the beginning of a
    text, so that it looks at the minute. Numbers: a sign in the value compares, whatever the searchtype; a plain number
    is equal or not. Other texts are searched in, where 1 finds 21.
    """
    text, value, kind = str(cell or ""), criterion["value"], criterion["searchtype"]
    if datatype == "datetime":
        if kind == "equals":
            return text.startswith(value.removesuffix(":00"))
        return text > value if kind == "morethan" else text < value
    sign = re.search(r"([<>])\s*([0-9]+)", value) if datatype == "number" else None
    if sign:
        return int(text) > int(sign[2]) if sign[1] == ">" else int(text) < int(sign[2])
    return text == value if datatype in ("specific", "number") else value in text
