"""Zabbix' API as we believe it to be: 7.4 by default, 6.0 on demand. Each trap says where it is documented: pages of
https://www.zabbix.com, files (ui/…) of https://git.zabbix.com/projects/ZBX/repos/zabbix. 6.0 is tried as it is too.

Values of one item on each of three hosts are the rows on which the guarantees are tried.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import Any

from tests.connectors.simulators.faults import Question, Reply, Simulator

START = datetime(2026, 3, 28, 8, tzinfo=UTC)
USER, PASSWORD = "ullage", "planted-password"
VARIABLE, TOKEN = "ZABBIX_TOKEN", "planted-zabbix-token-1"
KEY = "system.cpu.util"
HOURS = 3600
Row = dict[str, Any]


class Zabbix(Simulator):
    """One server with three hosts. `version` decides where the proof of identity belongs."""

    def __init__(self, rows: int = 0, version: str = "7.4.2") -> None:
        super().__init__()
        self.version = version
        self.token = os.environ.get(VARIABLE, TOKEN)
        self.sessions: list[str] = []
        self.hosts: list[Row] = []
        self.items: list[Row] = []
        self.values: list[Row] = []
        self.trends: list[Row] = []
        self.groups = [{"groupid": "2", "name": "Linux servers"}, {"groupid": "4", "name": "Others"}]
        self.hidden: set[str] = set()
        self.forbidden: set[str] = set()
        for number in (1, 2, 3):
            self.host(f"web{number}")
            self.item(f"web{number}")
        for _ in range(rows):
            self.add()

    # --- the product ---

    def answer(self, question: Question) -> Reply:
        """JSON-RPC: errors come with status 200 (documentation/7.0/en/manual/api, "Error handling")."""
        if question.path != "/api_jsonrpc.php":
            return Reply({}, 404)
        body = question.body
        method, params = body["method"], body["params"]
        refused = self._refused(question, method)
        if refused is not None:
            return _error(body, *refused)
        result = getattr(self, "_" + method.replace(".", "_"))(params)
        if isinstance(result, tuple):
            return _error(body, *result)
        return Reply({"jsonrpc": "2.0", "result": result, "id": body["id"]})

    def is_goodbye(self, question: Question) -> bool:
        """Nothing is read behind it."""
        return question.body["method"] == "user.logout"

    def _refused(self, question: Question, method: str) -> tuple[int, str] | None:
        """Where the proof stands: up to 6.2 in the body alone, from 6.4 in a header, from 7.2 nowhere else.

        documentation/7.2/en/manual/api/changes (ZBXNEXT-9452); forum/zabbix-help/506710 quotes the error.
        """
        header = question.headers.get("authorization", "").removeprefix("Bearer ")
        if self.is_old:
            proof, header = question.body.get("auth"), ""
        else:
            proof = header
            if "auth" in question.body:
                return -32600, 'Invalid parameter "/": unexpected parameter "auth".'
        if method in ("apiinfo.version", "user.login"):
            # documentation/7.0/en/manual/api/reference/apiinfo/version: without authorization, or it is an error.
            return (-32602, f'The "{method}" method must be called without authorization.') if proof else None
        if not proof:
            return -32602, "Not authorized."
        if proof != self.token and proof not in self.sessions:
            # ui/include/classes/api/services/CUser.php: a token has 64 characters, anything else is a session.
            is_session = proof.startswith("planted-session")
            return -32602, "Session terminated, re-login, please." if is_session else "Not authorized."
        if method in self.forbidden:
            # CLocalApiClient::callMethod: a role without the method.
            return -32602, f'No permissions to call "{method}".'
        return None

    @property
    def is_old(self) -> bool:
        """True before 6.4."""
        return tuple(int(part) for part in self.version.split(".")[:2]) < (6, 4)

    def _apiinfo_version(self, _params: Any) -> Any:
        return self.version

    def _user_login(self, params: Row) -> Any:
        if params != {"username": USER, "password": PASSWORD}:
            return -32500, "Incorrect user name or password or account is temporarily blocked."
        self.sessions.append(f"planted-session-{len(self.questions)}")
        return self.sessions[-1]

    def _user_logout(self, _params: Any) -> Any:
        self.sessions.clear()
        return True

    def _hostgroup_get(self, params: Row) -> Any:
        return [group for group in self.groups if group["name"] in params["filter"]["name"]]

    def _host_get(self, params: Row) -> Any:
        names = params["output"]
        return [
            {
                "hostid": host["hostid"],
                **{name: host[name] for name in names},
                # A host without inventory has an empty list there (PHP knows no other empty object).
                **({"inventory": host["inventory"] or []} if "selectInventory" in params else {}),
            }
            for host in self._visible(params)
        ]

    def _item_get(self, params: Row) -> Any:
        """Wildcards only when they are switched on (documentation/7.0/en/manual/api/reference_commentary)."""
        hosts = {host["hostid"]: host for host in self._visible(params)}
        found = []
        for item in self.items:
            wanted = params.get("filter", {}).get("key_", item["key_"]) == item["key_"]
            if "search" in params:
                pattern = params["search"]["key_"]
                assert params["searchWildcardsEnabled"]
                wanted = (
                    re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), item["key_"], re.IGNORECASE)
                    is not None
                )
            if "itemids" in params:
                wanted = item["itemid"] in params["itemids"]
            if wanted and item["hostid"] in hosts:
                found.append({**item, "hosts": [hosts[item["hostid"]]]})
        return found

    def _history_get(self, params: Row) -> Any:
        """Unsigned unless `history` says otherwise, silently nothing for others; sorted by whole seconds alone.

        documentation/7.0/en/manual/api/reference/history/get: history "default: 3"; 6.0 sorts by itemid and clock,
        so what has the same second comes in any order.
        """
        kind = str(params.get("history", 3))
        types = {item["itemid"]: item["value_type"] for item in self._visible_items()}
        found = [
            row
            for row in self.values
            if row["itemid"] in params["itemids"]
            and types.get(row["itemid"]) == kind
            and params["time_from"] <= row["at"] <= params["time_till"]
        ]
        if params.get("countOutput"):
            # The number alone, as text (ui/include/classes/api/services/CHistory.php, getFromSql: rowscount).
            return str(len(found))
        if params.get("sortfield") != "clock":
            assert params.get("limit") == 1, "rows in any order cannot be read to the end"
        found.sort(key=lambda row: (row["at"], row["number"] * 7919 % 97 + len(self.questions) % 2))
        return [shown(row) for row in found[: params.get("limit")]]

    def _trend_get(self, params: Row) -> Any:
        """One row an item and hour, in no order (documentation/7.0/en/manual/api/reference/trend/get: no sorting)."""
        visible = {item["itemid"] for item in self._visible_items()}
        found = [
            {"itemid": row["itemid"], **{name: row[name] for name in params["output"]}}
            for row in self.trends
            if row["itemid"] in visible & set(params["itemids"])
            and params["time_from"] <= int(row["clock"]) <= params["time_till"]
        ]
        return found[::-1]

    def _visible(self, params: Row | None = None) -> list[Row]:
        """Hosts that the account may read: others are left out without a word (documentation, "Permissions")."""
        groups = set((params or {}).get("groupids", ("2", "4")))
        return [
            host for host in self.hosts if host["hostid"] not in self.hidden and host["groupid"] in groups
        ]

    def _visible_items(self) -> list[Row]:
        hosts = {host["hostid"] for host in self._visible()}
        return [item for item in self.items if item["hostid"] in hosts]

    # --- its data ---

    def host(self, name: str, /, **fields: Any) -> Row:
        """A monitored host."""
        number = str(10_001 + len(self.hosts))
        made = {
            "hostid": number,
            "host": name,
            "name": f"Host {name}",
            "status": "0",
            "groupid": "2",
            "inventory": {},
        }
        self.hosts.append({**made, **fields})
        return self.hosts[-1]

    def item(self, host: str, key: str = KEY, **fields: Any) -> Row:
        """An item that is measured every minute, in percent."""
        hostid = next(one["hostid"] for one in self.hosts if one["host"] == host)
        made = {
            "itemid": str(101 + len(self.items)),
            "hostid": hostid,
            "key_": key,
            "value_type": "0",
            "units": "%",
            "delay": "1m",
            "status": "0",
            "state": "0",
            "master_itemid": "0",
        }
        self.items.append({**made, **fields})
        return self.items[-1]

    def value(self, item: Row, at: datetime, value: str, ns: int = 0) -> Row:
        """A value in history."""
        row = {
            "itemid": item["itemid"],
            "at": int(at.timestamp()),
            "ns": str(ns),
            "value": value,
            "number": len(self.values),
        }
        self.values.append(row)
        return row

    def trend(self, item: Row, hour: datetime, low: str, mean: str, high: str) -> Row:
        """What is left of an hour."""
        row = {"itemid": item["itemid"], "clock": str(int(hour.timestamp())), "num": "60"}
        self.trends.append({**row, "value_min": low, "value_avg": mean, "value_max": high})
        return self.trends[-1]

    # --- what the guarantees ask for ---

    def held(self) -> dict[str, datetime]:
        """Values that are shown, by host and time."""
        hosts = {host["hostid"]: host["host"] for host in self._visible()}
        of_item = {item["itemid"]: hosts.get(item["hostid"]) for item in self.items}
        found = {}
        for row in self.values:
            if of_item[row["itemid"]] is not None:
                at = datetime.fromtimestamp(row["at"], UTC)
                found[f"{of_item[row['itemid']]} {at.isoformat()}"] = at
        return found

    def add(self) -> None:
        """Values come by time: three hosts share each second. A late one is for the run after (lookback)."""
        number = max((row["number"] for row in self.values), default=-1) + 1
        latest = max((row["at"] for row in self.values), default=int(START.timestamp()))
        asked = self.questions[-1].body["params"] if self.questions else {}
        # apiinfo.version has a list there.
        first = dict(asked).get("time_from", 0)
        at = max(latest if number % 3 else latest + 420, first)
        row = self.value(self.items[number % 3], datetime.fromtimestamp(at, UTC), str(number / 4))
        row["number"] = number

    def change(self, position: int) -> None:
        """History is never changed: what happens to an item is that another value comes."""
        if self.values:
            self.add()

    def remove(self, position: int) -> None:
        """By the housekeeper, or by history.clear."""
        if self.values:
            del self.values[position % len(self.values)]

    def hide(self, count: int) -> None:
        """The account loses the right to a host."""
        self.hidden.add(self.hosts[0]["hostid"])

    def spoil(self, position: int, fault: str) -> None:
        """In what a value shows."""
        row = self.values[position % len(self.values)]
        match fault:
            case "impossible date":
                row["clock"] = "2026-02-30"
            case "NUL":
                row["value"] = "1\x002"
            case "1 MiB of text":
                row["value"] = "x" * 2**20
            case "unknown enum":
                row["value"] = "unknown"
            case "missing field":
                del row["value"]
            case "extra field":
                row["severity"] = "unasked"
            case "changed type":
                row["value"] = 42.5

    def expire(self) -> None:
        """Sessions end; tokens end on a day, and whoever runs Ullage puts a new one in the place of the old."""
        self.sessions.clear()
        self.token = f"planted-zabbix-token-{int(self.token.rpartition('-')[2]) + 1}"
        os.environ[VARIABLE] = self.token


def shown(row: Row) -> Row:
    """A value as it is answered: every number is text."""
    return {
        "clock": str(row["at"]),
        **{name: cell for name, cell in row.items() if name not in ("at", "number")},
    }


def _error(body: Row, code: int, data: str) -> Reply:
    message = {-32600: "Invalid request.", -32602: "Invalid params.", -32500: "Application error."}[code]
    return Reply(
        {"jsonrpc": "2.0", "error": {"code": code, "message": message, "data": data}, "id": body["id"]}
    )
