"""Zabbix 6.0 as it really is: rights, sessions, seconds, value types, trends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.connectors import census
from assets.connectors.base import Batch, RejectedInput, Window
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.zabbix import ZabbixConnector, ZabbixSource
from tests.connectors.landing import land_all, landed_rows, quarantined_rows
from tests.zabbix_server import ZabbixServer

pytestmark = pytest.mark.zabbix

#: History of an item is kept for 90 days: the day must be a young one.
DAY = datetime.now(UTC).date() - timedelta(days=2)
MIDNIGHT = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
WINDOW = Window(DAY, DAY)
PASSWORD = "Planted-password-1"
CPU = {"metric": "cpu", "item_key": "cpu", "interval_seconds": 300}
USED = {"metric": "used", "item_key": "used[*]", "ci": "{host}:{1}", "interval_seconds": 300}
Value = tuple[str, str, datetime, str]
Connect = Callable[..., ZabbixConnector]


def values() -> list[Value]:
    """Two hosts every five minutes at the same second, a crowded second, and the borders of the day."""
    found: list[Value] = []
    for step in range(288):
        at = MIDNIGHT + timedelta(minutes=5 * step)
        found += [
            ("web1", "cpu", at, f"{step}.5"),
            ("web2", "cpu", at, f"{step}.25"),
            ("web1", "used[/]", at, str(step)),
        ]
    crowd = MIDNIGHT + timedelta(hours=12, seconds=7)
    found += [("web1", "cpu", crowd + timedelta(milliseconds=place), str(place)) for place in range(1, 120)]
    found += [
        ("web1", "cpu", MIDNIGHT - timedelta(seconds=1), "-1"),
        ("web1", "cpu", MIDNIGHT + timedelta(days=1) - timedelta(milliseconds=1), "99"),
        ("web1", "cpu", MIDNIGHT + timedelta(days=1), "100"),
        ("hidden", "cpu", MIDNIGHT, "1"),
        ("web1", "release", MIDNIGHT, "v1"),
    ]
    return sorted(found, key=lambda one: (one[2], one[0]))


@dataclass(frozen=True)
class Estate:
    """The server, filled; its account may read one group and nothing else."""

    server: ZabbixServer
    userid: str
    roleid: str

    def token(self) -> str:
        """A new API token of the account."""
        made = self.server.api("token.create", {"name": f"t{time.monotonic_ns()}", "userid": self.userid})
        found = self.server.api("token.generate", made["tokenids"])
        return str(found[0]["token"])

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """What the database says."""
        with self.server.connect() as connection:
            done = connection.execute(text)
            return done.fetchall() if done.description else []


METHODS = ["item.get", "history.get", "trend.get", "host.get", "hostgroup.get", "user.logout"]


@pytest.fixture(scope="module")
def estate(zabbix_server: ZabbixServer) -> Estate:
    api = zabbix_server.api
    shown, hidden = (api("hostgroup.create", {"name": name})["groupids"][0] for name in ("Shown", "Hidden"))
    for host, group in (("web1", shown), ("web2", shown), ("hidden", hidden)):
        made = api("host.create", {"host": host, "groups": [{"groupid": group}], "inventory_mode": 0})
        for key, kind, units in (("cpu", 0, "%"), ("used[/]", 3, "B"), ("release", 4, None)):
            item = {"name": key, "key_": key, "hostid": made["hostids"][0], "type": 2, "value_type": kind}
            api("item.create", {**item, **({"units": units} if units else {})})
    rights = [{"permission": 2, "id": shown}]
    usrgrp = api("usergroup.create", {"name": "Readers", "rights": rights})["usrgrpids"][0]
    rules = {"api": METHODS, "api.access": 1, "api.mode": 1}
    role = api("role.create", {"name": "Reader", "type": 1, "rules": rules})["roleids"][0]
    user = {"username": "ullage", "passwd": PASSWORD, "roleid": role, "usrgrps": [{"usrgrpid": usrgrp}]}
    found = Estate(zabbix_server, api("user.create", user)["userids"][0], role)
    fill(found)
    return found


def fill(estate: Estate) -> None:
    """Send all values, and wait until the server has written them."""
    early = [(host, "cpu", MIDNIGHT - timedelta(days=5), "0") for host in ("web1", "web2", "hidden")]
    deadline = time.monotonic() + 20
    # A new item is unknown to the server until it looks for changes.
    while "processed: 3;" not in estate.server.send(early):
        assert time.monotonic() < deadline
    wanted = values()
    assert f"sent: {len(wanted)};" in estate.server.send(wanted)
    counts = " + ".join(
        f"(select count(*) from {name})" for name in ("history", "history_uint", "history_text")
    )
    while estate.sql(f"select {counts}")[0][0] < len(wanted):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def connect(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Connectors with a token of the account, or its password."""
    monkeypatch.setenv("ZABBIX_TOKEN", estate.token())
    monkeypatch.setenv("ZABBIX_PASSWORD", PASSWORD)

    def connector(*queries: dict[str, Any], spool: Path | None = None, **changes: Any) -> ZabbixConnector:
        given = {"type": "zabbix", "name": "zabbix", "url": estate.server.url, "token_env": "ZABBIX_TOKEN"}
        given |= {"lookback_days": 0, "page_rows": 100, "queries": list(queries)}
        retries = RetryPolicy(sleep=lambda _seconds: None)
        return ZabbixConnector(
            ZabbixSource.model_validate({**given, **changes}), spool=spool, retries=retries
        )

    return connector


def by_password(**changes: Any) -> dict[str, Any]:
    return {"token_env": None, "user": "ullage", "password_env": "ZABBIX_PASSWORD", **changes}


def samples(batch: Batch | RejectedInput) -> list[tuple[str, datetime, float]]:
    assert isinstance(batch, Batch)
    return sorted((row["ci"], row["at"], float(row["value"])) for row in batch.frame.to_pylist())


def sent(key: str, day: date = DAY) -> list[tuple[str, datetime, float]]:
    return sorted(
        (host, at, float(value))
        for host, name, at, value in values()
        if name == key and host != "hidden" and at.date() == day
    )


def batches(one: ZabbixConnector, window: Window = WINDOW) -> list[Batch | RejectedInput]:
    return list(one.batches("metric_samples", window, lambda *_: False))


@pytest.mark.parametrize("proof", [{}, by_password()], ids=["token", "password"])
def test_every_value_comes_once_with_the_least_rights(
    connect: Connect, estate: Estate, proof: dict[str, Any]
) -> None:
    """Crowded second and borders of the day included, of hosts that may be read alone; no session stays open."""
    first, second = batches(connect(CPU, **proof), Window(DAY, DAY + timedelta(days=1)))
    assert samples(first) == sent("cpu")
    assert len(samples(first)) == 2 * 288 + 119 + 1
    assert (
        samples(second)
        == sent("cpu", DAY + timedelta(days=1))
        == [("web1", MIDNIGHT + timedelta(days=1), 100.0)]
    )
    assert estate.sql(f"select count(*) from sessions where userid = {estate.userid} and status = 0") == [
        (0,)
    ]


def test_unsigned_values_land_with_their_unit_and_text_is_refused(connect: Connect, tmp_path: Path) -> None:
    release = {"metric": "release", "item_key": "release"}
    (summary,) = land_all(connect(USED, release), tmp_path, WINDOW, day=DAY + timedelta(days=1))
    assert summary.is_conserved
    rows = landed_rows(tmp_path, "zabbix", "metric_samples")
    assert {(row["ci_id"], row["unit"], row["interval_seconds"]) for row in rows} == {("web1:/", "By", 300.0)}
    assert sorted(row["value"] for row in rows) == [float(step) for step in range(288)]
    refused = quarantined_rows(tmp_path, "zabbix", "metric_samples")
    assert [row["reason"].partition("field value: ")[2] for row in refused] == [
        f"item web{n}: release holds text, no numbers" for n in (1, 2)
    ]


def test_a_session_that_ends_in_the_middle_is_renewed(connect: Connect, estate: Estate) -> None:
    one = connect(CPU, USED, **by_password())
    reading = one.batches("metric_samples", WINDOW, lambda *_: False)
    assert samples(next(reading)) == sent("cpu")
    estate.sql(f"delete from sessions where userid = {estate.userid}")
    (second,) = reading
    assert len(samples(second)) == 288


def test_a_token_that_is_switched_off_names_its_variable(connect: Connect, estate: Estate) -> None:
    estate.sql(f"update token set status = 1 where userid = {estate.userid}")
    with pytest.raises(SourceError, match="Not authorized") as caught:
        batches(connect(CPU))
    assert caught.value.fix == "renew the secret in ZABBIX_TOKEN"


def test_a_method_that_the_role_lacks_is_named(connect: Connect, estate: Estate) -> None:
    def allow(methods: list[str]) -> None:
        rules = {"api": methods, "api.access": 1, "api.mode": 1}
        estate.server.api("role.update", {"roleid": estate.roleid, "rules": rules})

    allow([name for name in METHODS if name != "history.get"])
    try:
        with pytest.raises(SourceError, match=r"history\.get: the server refused access") as caught:
            batches(connect(CPU))
    finally:
        allow(METHODS)
    assert "a role that may call" in caught.value.fix


def test_the_doctor_sees_what_may_be_read(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    month = Window(DAY - timedelta(days=28), DAY + timedelta(days=1))
    assert connect(CPU, USED).probe(month).empty == ()
    found = connect(CPU, {**USED, "item_key": "unknown"}).probe(month)
    assert found.empty == ("used",)
    monkeypatch.setenv("ZABBIX_PASSWORD", "planted-wrong")
    with pytest.raises(SourceError, match="Incorrect user name or password") as caught:
        connect(CPU, **by_password()).probe(month)
    assert caught.value.fix == "correct user or ZABBIX_PASSWORD"


def test_hosts_that_may_be_read_become_configuration_items(connect: Connect, tmp_path: Path) -> None:
    tables = {
        "configuration_items": {
            "constants": {"valid_from": "2024-01-01"},
            "columns": {"site": "inventory.location"},
        }
    }
    land_all(connect(tables=tables, host_groups=["Shown"]), tmp_path, WINDOW)
    rows = landed_rows(tmp_path, "zabbix", "configuration_items")
    assert sorted((row["ci_id"], row["ci_name"], row["ci_kind"]) for row in rows) == [
        ("web1", "web1", "host"),
        ("web2", "web2", "host"),
    ]


def test_a_census_counts_what_lands(connect: Connect, estate: Estate, tmp_path: Path) -> None:
    """The server's own count is that of the values that landed; where it is more the day is read again."""

    def run(number: int) -> int:
        one = connect(CPU, spool=tmp_path / "spool", census_every_days=1)
        window = Window(DAY + timedelta(days=number), DAY + timedelta(days=number))
        (summary,) = land_all(one, tmp_path, window, hour=6 + number, day=DAY + timedelta(days=3))
        return summary.batches_written

    assert [run(0), run(1)] == [1, 1]
    taken = census.read(tmp_path, "zabbix", "metric_samples")
    assert taken is not None
    assert taken.held == len(sent("cpu"))
    itemid = estate.sql("select itemid from items where key_ = 'cpu' order by itemid limit 1")[0][0]
    late = int((MIDNIGHT + timedelta(minutes=1)).timestamp())
    estate.sql(f"insert into history (itemid, clock, value, ns) values ({itemid}, {late}, 7, 0)")
    try:
        assert run(2) == 2
        values = [row["value"] for row in landed_rows(tmp_path, "zabbix", "metric_samples")]
        assert len(values) == len(sent("cpu")) + 2
    finally:
        estate.sql(f"delete from history where clock = {late}")


def test_hours_whose_history_is_gone_come_from_trends(connect: Connect, estate: Estate) -> None:
    """As after the housekeeper: history of the first hours is deleted, their trends are there. Last: it deletes."""
    until = int((MIDNIGHT + timedelta(hours=3)).timestamp())
    estate.sql(f"delete from history where clock < {until}")
    (batch,) = batches(connect({**CPU, "trends": "max"}))
    assert isinstance(batch, Batch)
    rows = [row for row in batch.frame.to_pylist() if row["trend"] is not None]
    assert [
        (row["ci"], str(row["at"])[11:16], float(row["value"]))
        for row in sorted(rows, key=lambda row: (row["ci"], row["at"]))
    ] == [
        (ci, f"{hour:02}:00", 12 * hour + 11 + part)
        for ci, part in (("web1", 0.5), ("web2", 0.25))
        for hour in range(3)
    ]
    left = [one for one in sent("cpu") if one[1] >= MIDNIGHT + timedelta(hours=3)]
    assert len(batch.frame) == len(rows) + len(left)
    assert any("6 hours have no history (any more)" in text for text in batch.warnings)
