"""Zabbix: crowded seconds, value types, units, trends, rights, mistakes in the settings; on a simulator of 7.x."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assets.connectors.base import Batch, IsLanded, Window
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.zabbix import ZabbixConnector, ZabbixSource
from assets.connectors.zabbix_items import UNITS, interval_seconds, matches, parameters
from assets.landing.units import is_unit
from orchestration.doctor import examine
from tests.connectors.landing import land_all, landed_rows, quarantined_rows
from tests.connectors.simulators.faults import login_page
from tests.connectors.simulators.zabbix import KEY, PASSWORD, START, TOKEN, USER, VARIABLE, Zabbix

DAY = date(2026, 3, 28)
WINDOW = Window(DAY, DAY)
CPU = {"metric": "system.cpu.utilization", "item_key": KEY}


def source(url: str, query: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    given = {
        "type": "zabbix",
        "name": "zabbix",
        "url": url,
        "token_env": VARIABLE,
        "lookback_days": 0,
        "page_rows": 6,
    }
    return {**given, "queries": [{**CPU, **(query or {})}], **changes}


def connector(url: str, query: dict[str, Any] | None = None, **changes: Any) -> ZabbixConnector:
    settings = ZabbixSource.model_validate(source(url, query, **changes))
    return ZabbixConnector(settings, retries=RetryPolicy(sleep=lambda _seconds: None))


def read(
    one: ZabbixConnector, window: Window = WINDOW, is_landed: IsLanded = lambda *_: False
) -> list[Batch]:
    batches = list(one.batches("metric_samples", window, is_landed))
    assert all(isinstance(batch, Batch) for batch in batches)
    return [batch for batch in batches if isinstance(batch, Batch)]


def samples(batch: Batch) -> list[tuple[str, str, str]]:
    """(item, time of the day, value)."""
    return [
        (row["ci"], str(row["at"])[11:26].removesuffix("+00:00"), row["value"])
        for row in batch.frame.to_pylist()
    ]


def asked(zabbix: Zabbix, method: str) -> list[dict[str, Any]]:
    return [question.body["params"] for question in zabbix.questions if question.body["method"] == method]


# --- history ---


def test_a_second_with_more_values_than_an_answer_holds_is_asked_for_whole(zabbix: Zabbix) -> None:
    """An item may be sent many values a second; they differ by nanoseconds, by which nothing can be paged in 6.0."""
    for number in range(15):
        zabbix.value(zabbix.items[0], START, str(number), ns=number * 1_000_000)
    zabbix.value(zabbix.items[1], START + timedelta(seconds=1), "1")
    (batch,) = read(connector(zabbix.url))
    assert len(samples(batch)) == 16
    assert samples(batch)[3] == ("web1", "08:00:00.003000", "3")
    assert [params for params in asked(zabbix, "history.get") if "limit" not in params]


def test_two_values_at_one_moment_both_come_and_landing_keeps_one(zabbix: Zabbix, tmp_path: Path) -> None:
    """Which one is right would be a guess: the second is quarantined."""
    for value in ("1", "2"):
        zabbix.value(zabbix.items[0], START, value)
    (summary,) = land_all(connector(zabbix.url), tmp_path, WINDOW)
    assert (summary.rows_received, summary.is_conserved) == (2, True)
    assert len(landed_rows(tmp_path, "zabbix", "metric_samples")) == 1
    (refused,) = quarantined_rows(tmp_path, "zabbix", "metric_samples")
    assert "repeats" in refused["reason"]


def test_floats_and_unsigned_values_come_each_by_its_type(zabbix: Zabbix) -> None:
    """`history` defaults to unsigned: floats would silently be missing."""
    zabbix.item("web1", "load", value_type="3", units="")
    zabbix.host("db1")
    zabbix.item("db1", "load", units="")
    for item in zabbix.items[-2:]:
        zabbix.value(item, START, "7")
    (batch,) = read(connector(zabbix.url, {"metric": "system.load", "item_key": "load"}))
    assert sorted(samples(batch)) == [("db1", "08:00:00", "7"), ("web1", "08:00:00", "7")]
    assert {row["unit"] for row in batch.frame.to_pylist()} == {"1"}


def test_days_share_no_value(zabbix: Zabbix) -> None:
    """The last second belongs to its own day, midnight to the next one; an empty day is a batch too."""
    midnight = datetime(2026, 3, 29, tzinfo=UTC)
    zabbix.value(zabbix.items[0], midnight - timedelta(seconds=1), "1", ns=999_999_999)
    zabbix.value(zabbix.items[0], midnight, "2")
    first, second, third = read(connector(zabbix.url), Window(DAY, DAY + timedelta(days=2)))
    assert [samples(first), samples(second), samples(third)] == [
        [("web1", "23:59:59.999999", "1")],
        [("web1", "00:00:00", "2")],
        [],
    ]
    assert second.batch_id == "system.cpu.utilization/2026-03-29"


def test_it_lands_with_unit_kind_and_interval(zabbix: Zabbix, tmp_path: Path) -> None:
    zabbix.item("web1", "vfs.fs.size[/,used]", value_type="3", units="B", delay="5m;50s/1-5,00:00-24:00")
    zabbix.value(zabbix.items[-1], START, "18446744073709551615")
    query = {
        "metric": "fs",
        "item_key": "vfs.fs.size[*,used]",
        "ci": "{host}:{1}",
        "ci_map": {"web1:/": "web1-root"},
    }
    (summary,) = land_all(connector(zabbix.url, query), tmp_path, WINDOW)
    assert summary.rows_quarantined == 0
    (row,) = landed_rows(tmp_path, "zabbix", "metric_samples")
    assert (row["ci_id"], row["metric"], row["unit"], row["kind"]) == ("web1-root", "fs", "By", "gauge")
    assert (row["interval_seconds"], row["value"]) == (300, float(2**64))


def test_dependent_items_are_measured_as_often_as_their_master(zabbix: Zabbix) -> None:
    master = zabbix.item("web1", "raw", value_type="4", delay="2m")
    zabbix.item("web1", "depends", delay="0", master_itemid=master["itemid"])
    zabbix.value(zabbix.items[-1], START, "1")
    (batch,) = read(connector(zabbix.url, {"item_key": "depends"}))
    assert [row["interval"] for row in batch.frame.to_pylist()] == ["120"]


@pytest.mark.parametrize(
    ("item", "query", "reason", "fix"),
    [
        ({"value_type": "4"}, {}, "holds text, no numbers", "item_key"),
        ({"units": "furlong"}, {}, "unit 'furlong'", "give the query a unit"),
        ({"delay": "{$EVERY}"}, {}, "{$EVERY}", "interval_seconds"),
        ({}, {"ci": "{host}:{2}"}, "has no {2}", "ci"),
        ({}, {"ci": "{host}", "item_key": "fs[*]"}, "both measure 'web1'", "{1}"),
    ],
)
def test_an_item_whose_values_would_be_a_guess_is_quarantined(
    zabbix: Zabbix, item: dict[str, Any], query: dict[str, Any], reason: str, fix: str, tmp_path: Path
) -> None:
    """With the reason and what to set; other items of the query land."""
    zabbix.item("web1", "fs[/]", **item)
    zabbix.value(zabbix.items[-1], START, "1")
    zabbix.value(
        zabbix.item("web1", "fs[/data]") if "item_key" in query else zabbix.item("web2", "fs[/]"), START, "2"
    )
    (summary,) = land_all(connector(zabbix.url, {"item_key": "fs[/]", **query}), tmp_path, WINDOW)
    assert summary.is_conserved
    refused = quarantined_rows(tmp_path, "zabbix", "metric_samples")
    assert reason in refused[0]["reason"]
    assert fix in refused[0]["fix"]
    assert summary.rows_received == 2


def test_items_that_are_measured_no_more_keep_their_history_and_are_named(zabbix: Zabbix) -> None:
    zabbix.items[0]["state"] = zabbix.items[1]["status"] = zabbix.hosts[2]["status"] = "1"
    for item in zabbix.items:
        zabbix.value(item, START, "1")
    (batch,) = read(connector(zabbix.url))
    assert len(samples(batch)) == 3
    assert any("2 of 3 items are disabled, or their host is" in text for text in batch.warnings)
    assert any("1 of 3 items are not supported now, such as web1" in text for text in batch.warnings)


def test_a_renamed_host_stays_the_same_item(zabbix: Zabbix) -> None:
    zabbix.value(zabbix.items[0], START, "1")
    zabbix.hosts[0]["host"] = "web1-new"
    (batch,) = read(connector(zabbix.url, {"ci_map": {"web1-new": "web1"}}))
    assert samples(batch) == [("web1", "08:00:00", "1")]
    (batch,) = read(connector(zabbix.url, {"ci": "zabbix-{hostid}"}))
    assert samples(batch) == [("zabbix-10001", "08:00:00", "1")]


def test_only_hosts_of_the_named_groups_are_read(zabbix: Zabbix) -> None:
    zabbix.hosts[0]["groupid"] = "4"
    for item in zabbix.items:
        zabbix.value(item, START, "1")
    (batch,) = read(connector(zabbix.url, host_groups=["Others"]))
    assert samples(batch) == [("web1", "08:00:00", "1")]
    with pytest.raises(SourceError, match="host group 'Ohters' is not there"):
        read(connector(zabbix.url, host_groups=["Ohters"]))


# --- trends ---


def test_hours_without_history_come_from_trends_and_the_receipt_says_so(zabbix: Zabbix) -> None:
    """Of an hour that history still has a value of no trend lands: its values would count twice."""
    for hour in (6, 7, 8):
        zabbix.trend(zabbix.items[0], START.replace(hour=hour), "1", "2", "9")
    zabbix.value(zabbix.items[0], START + timedelta(minutes=30), "5")
    (batch,) = read(connector(zabbix.url, {"trends": "max"}))
    assert samples(batch) == [("web1", "06:00:00", "9"), ("web1", "07:00:00", "9"), ("web1", "08:30:00", "5")]
    assert [row["interval"] for row in batch.frame.to_pylist()] == ["3600", "3600", "60"]
    assert any("2 hours have no history (any more)" in text and "max" in text for text in batch.warnings)
    for query in ({"trends": None}, {"kind": "counter"}):
        (batch,) = read(connector(zabbix.url, query))
        assert samples(batch) == [("web1", "08:30:00", "5")]


def test_a_time_that_cannot_be_read_does_not_make_trends_count_twice(zabbix: Zabbix) -> None:
    """All times are text then, the odd one as it came."""
    zabbix.trend(zabbix.items[0], START, "1", "2", "9")
    zabbix.trend(zabbix.items[1], START, "1", "3", "9")
    zabbix.value(zabbix.items[0], START + timedelta(minutes=30), "5")
    zabbix.value(zabbix.items[0], START, "6")["clock"] = "soon"
    (batch,) = read(connector(zabbix.url))
    rows = {(row["ci"], row["at"], row["value"]) for row in batch.frame.to_pylist()}
    assert rows == {
        ("web1", "soon", "6"),
        ("web1", "2026-03-28T08:30:00+00:00", "5"),
        ("web2", "2026-03-28T08:00:00+00:00", "3"),
    }


def test_a_day_that_landed_from_history_stays_when_history_is_gone(zabbix: Zabbix, tmp_path: Path) -> None:
    """The housekeeper deletes history after days: reading the day again must not make it coarse, nor empty."""
    zabbix.trend(zabbix.items[0], START, "1", "2", "9")
    zabbix.value(zabbix.items[0], START, "5")
    land_all(connector(zabbix.url), tmp_path, WINDOW)
    zabbix.values.clear()
    for _ in range(2):
        (summary,) = land_all(connector(zabbix.url), tmp_path, WINDOW, hour=8)
        assert summary.batches_written == 0
        assert [row["value"] for row in landed_rows(tmp_path, "zabbix", "metric_samples")] == [5.0]
        zabbix.trends.clear()
    zabbix.trend(zabbix.items[0], START, "1", "2", "9")
    changed = connector(zabbix.url, {"ci_map": {"web1": "shop"}})
    land_all(changed, tmp_path, WINDOW, hour=9)
    assert [row["ci_id"] for row in landed_rows(tmp_path, "zabbix", "metric_samples")] == ["shop"]


# --- hosts ---


def test_a_host_that_is_deleted_is_gone_with_the_next_run(zabbix: Zabbix, tmp_path: Path) -> None:
    """Hosts are read whole, so each run is a census: a deleted one is missed, a new one comes, whatever their dates."""
    tables = {"configuration_items": {"constants": {"valid_from": "2024-01-01"}}}
    one = connector(zabbix.url, queries=[], tables=tables)
    land_all(one, tmp_path, WINDOW)
    del zabbix.hosts[1]
    zabbix.host("web4", hostid="10009")
    land_all(one, tmp_path, WINDOW, hour=7)
    rows = landed_rows(tmp_path, "zabbix", "configuration_items")
    assert sorted(row["ci_id"] for row in rows) == ["web1", "web3", "web4"]


def test_hosts_land_as_configuration_items(zabbix: Zabbix, tmp_path: Path) -> None:
    zabbix.hosts[0]["inventory"] = {"location": "Berlin"}
    zabbix.hosts[1]["status"] = "1"
    tables = {
        "configuration_items": {
            "constants": {"valid_from": "2024-01-01"},
            "columns": {"site": "inventory.location"},
        }
    }
    (summary,) = land_all(connector(zabbix.url, queries=[], tables=tables), tmp_path, WINDOW)
    assert summary.rows_quarantined == 0
    rows = sorted(landed_rows(tmp_path, "zabbix", "configuration_items"), key=lambda row: row["ci_id"])
    assert [(row["ci_id"], row["ci_name"], row["ci_kind"], row["site"]) for row in rows] == [
        ("web1", "Host web1", "host", "Berlin"),
        ("web2", "Host web2", "host", None),
        ("web3", "Host web3", "host", None),
    ]


# --- signing in, rights, errors ---


@pytest.mark.parametrize("version", ["6.0.14", "6.4.0", "7.0.3", "7.4.2"])
@pytest.mark.parametrize("with_password", [False, True])
def test_each_version_is_given_the_proof_where_it_wants_it(
    version: str, with_password: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6.0 knows no header, 7.2 refuses the body; a session is ended at the end, a token stays."""
    monkeypatch.setenv(VARIABLE, TOKEN)
    monkeypatch.setenv("ZABBIX_PASSWORD", PASSWORD)
    proof = {"token_env": None, "user": USER, "password_env": "ZABBIX_PASSWORD"} if with_password else {}
    with Zabbix(4, version) as zabbix:
        (batch,) = read(connector(zabbix.url, **proof))
        assert len(samples(batch)) == 4
        assert zabbix.sessions == []
        methods = [question.body["method"] for question in zabbix.questions]
        assert ("user.login" in methods, methods[-1] == "user.logout") == (with_password, with_password)


@pytest.mark.parametrize("method", ["item.get", "history.get", "trend.get"])
def test_a_method_that_the_role_lacks_is_named(zabbix: Zabbix, method: str) -> None:
    zabbix.forbidden.add(method)
    with pytest.raises(SourceError, match=f"{method}: the server refused access") as caught:
        read(connector(zabbix.url))
    assert "a role that may call" in caught.value.fix
    assert len(asked(zabbix, method)) == 1


def test_a_wrong_password_names_its_variable(monkeypatch: pytest.MonkeyPatch, zabbix: Zabbix) -> None:
    monkeypatch.setenv("ZABBIX_PASSWORD", "planted-wrong")
    with pytest.raises(SourceError, match="Incorrect user name or password") as caught:
        read(connector(zabbix.url, token_env=None, user=USER, password_env="ZABBIX_PASSWORD"))
    assert caught.value.fix == "correct user or ZABBIX_PASSWORD"
    assert "planted-wrong" not in str(caught.value)


def test_a_database_that_is_away_is_asked_again(zabbix: Zabbix) -> None:
    """The frontend says so with status 200 and error code 1 (ui/api_jsonrpc.php)."""
    zabbix.value(zabbix.items[0], START, "1")
    body = b'{"jsonrpc": "2.0", "error": {"code": 1, "message": "Error connecting to database", "data": ""}, "id": 1}'
    for number in (2, 3):
        zabbix.script[number] = lambda handler, _reply: handler.send(200, body, "application/json")
    (batch,) = read(connector(zabbix.url))
    assert len(samples(batch)) == 1


def test_an_address_that_is_no_zabbix_is_an_error(zabbix: Zabbix) -> None:
    zabbix.script[0] = lambda handler, _reply: handler.send(200, b'{"status": "ok"}', "application/json")
    with pytest.raises(SourceError, match="no JSON-RPC"):
        read(connector(zabbix.url))


def test_the_doctor_is_told_what_is_not_seen(zabbix: Zabbix) -> None:
    """Items that no right lets through, or without a value in the last weeks, and what a query refuses."""
    month = Window(DAY - timedelta(days=28), DAY)
    zabbix.value(zabbix.items[0], START - timedelta(days=1), "1")
    assert connector(zabbix.url).probe(month).empty == ()
    assert connector(zabbix.url, {"item_key": "nothing"}).probe(month).empty == ("system.cpu.utilization",)
    zabbix.items[0]["units"] = "furlong"
    (warning,) = connector(zabbix.url).probe(month).warnings
    assert "furlong" in warning
    zabbix.hidden |= {host["hostid"] for host in zabbix.hosts}
    assert connector(zabbix.url).probe(month).empty == ("system.cpu.utilization",)


@pytest.mark.parametrize(
    ("trouble", "state", "said"),
    [
        (lambda zabbix: None, "ok", "1 tables can be read"),
        (lambda zabbix: setattr(zabbix, "skew", timedelta(minutes=20)), "warn", "s ahead of ours"),
        (
            lambda zabbix: zabbix.hidden.update(host["hostid"] for host in zabbix.hosts),
            "warn",
            "nothing in the last",
        ),
        (lambda zabbix: setattr(zabbix, "token", "another"), "fail", "renew the secret in ZABBIX_TOKEN"),
        (
            lambda zabbix: zabbix.forbidden.add("item.get"),
            "fail",
            "grant the account read on the host groups",
        ),
        (lambda zabbix: zabbix.script.update({0: login_page}), "fail", "login page"),
    ],
    ids=["ok", "clock", "nothing to see", "token", "role", "login page"],
)
def test_the_doctor_explains(
    zabbix: Zabbix, tmp_path: Path, trouble: Callable[[Zabbix], None], state: str, said: str
) -> None:
    """DNS and TLS are the client's (test_http.py)."""
    zabbix.value(zabbix.items[0], START, "1")
    trouble(zabbix)
    config = tmp_path / "ullage.yaml"
    estate = {"estate": "Test", "home": "home", "start_date": "2026-03-01", "sources": [source(zabbix.url)]}
    config.write_text(yaml.safe_dump(estate))
    found = {
        item.subject: item for item in examine(config, tmp_path / "manifest.json", START + timedelta(days=1))
    }
    assert (found["source zabbix"].state, said in found["source zabbix"].message) == (state, True), found
    assert TOKEN not in repr(found)


# --- settings, names ---


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"queries": []}, "nothing is read"),
        ({"queries": [CPU, CPU]}, "has a query already"),
        ({"queries": [{**CPU, "ci": "{hots}"}]}, "names no item"),
        ({"queries": [{**CPU, "ci": "web"}]}, "names no item"),
        ({"queries": [{**CPU, "unit": "furlong"}]}, "not a UCUM unit"),
        ({"token_env": None}, "one way to sign in"),
        ({"user": "a"}, "belong together"),
        ({"tables": {"configuration_items": {}}}, "valid_from is required"),
        (
            {"tables": {"configuration_items": {"filter": "x", "constants": {"valid_from": "2024-01-01"}}}},
            "host_groups",
        ),
        ({"tables": {"incidents": {}}}, "not read from here"),
    ],
)
def test_mistakes_in_the_settings_say_what_to_do(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ZabbixSource.model_validate(source("https://zabbix.example", **changes))


def test_every_unit_is_one() -> None:
    assert [unit for unit in UNITS.values() if not is_unit(unit)] == []


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("agent.ping", []),
        ("vfs.fs.size[/,pused]", ["/", "pused"]),
        ('net.if.in["eth0",bytes]', ["eth0", "bytes"]),
        ("proc.num[,,run]", ["", "", "run"]),
        ('web.page.get["a,b]","x\\"y"]', ["a,b]", 'x"y']),
        ("a[]", [""]),
    ],
)
def test_parameters_of_a_key(key: str, found: list[str]) -> None:
    assert parameters(key) == found


@given(st.text(alphabet="ab[],/*.", max_size=12), st.text(alphabet="ab[],/.", max_size=12))
def test_only_the_star_is_special(pattern: str, key: str) -> None:
    """A key matches itself, and a pattern of one star matches all; brackets and dots are plain."""
    assert matches(key, key)
    assert matches("*", key)
    assert not matches(pattern, key) or len(pattern.replace("*", "")) <= len(key)


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [("30", 30), ("30s", 30), ("1h;50s/1-7", 3600), ("0", None), ("0;m0-59", None), ("{$X}", None)],
)
def test_update_intervals(delay: str, seconds: int | None) -> None:
    assert interval_seconds({"itemid": "1", "delay": delay}, {}) == seconds
