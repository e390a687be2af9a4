"""The simulated estate's monitoring in the shape of Zabbix: hosts with their inventory, items, values as history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from assets.connectors.zabbix_items import FLOAT, UNSIGNED
from tests.connectors.simulators.zabbix import Zabbix

Row = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """How a metric is measured: key and value type of its items, their unit, and what the query has to add."""

    key: str
    value_type: str
    units: str
    query: Row


#: By metric. Zabbix has no unit for connections and errors, and does not know a counter by itself.
SHAPES = {
    "system.cpu.utilization": Shape("system.cpu.util", FLOAT, "", {}),
    "system.memory.usage": Shape("vm.memory.size[used]", UNSIGNED, "B", {}),
    "system.filesystem.usage": Shape(
        "vfs.fs.size[/,used]", UNSIGNED, "B", {"item_key": "vfs.fs.size[*,used]"}
    ),
    "system.network.io": Shape("net.if.total[eth0]", UNSIGNED, "B", {"kind": "counter"}),
    "db.client.connection.count": Shape("pgsql.connections", UNSIGNED, "", {"unit": "{connection}"}),
    "http.server.request.errors": Shape("web.errors", UNSIGNED, "", {"unit": "{error}", "kind": "counter"}),
    "httpcheck.status": Shape("web.test.fail[shop]", UNSIGNED, "", {}),
}
#: Fields of a host's inventory that hold what the contract asks for.
INVENTORY = {"ci_kind": "type", "team_id": "contact", "site": "location", "valid_from": "date_hw_install"}


def queries() -> list[Row]:
    """The settings that read them back."""
    return [{"metric": metric, "item_key": shape.key, **shape.query} for metric, shape in SHAPES.items()]


def load_zabbix(samples: Iterable[Row], items: Iterable[Row], server: Zabbix) -> None:
    """Values of what has a host, and of services, which are measured from outside. Nothing else is on the server."""
    for rows in (server.hosts, server.items, server.values):
        rows.clear()
    for row in items:
        kept = {name: str(row[field] or "") for field, name in INVENTORY.items()}
        server.host(row["ci_id"], name=row["ci_name"], inventory=kept)
    hosts = {host["host"] for host in server.hosts}
    made: dict[tuple[str, str], Row] = {}
    for row in samples:
        name, shape = row["ci_id"], SHAPES[row["metric"]]
        if name not in hosts:
            server.host(name, inventory={"type": "service", "date_hw_install": "2024-01-01"})
            hosts.add(name)
        key = (name, row["metric"])
        if key not in made:
            made[key] = server.item(
                name,
                shape.key,
                value_type=shape.value_type,
                units=shape.units,
                delay=f"{row['interval_seconds']:.0f}s",
            )
        value = row["value"]
        assert shape.value_type == FLOAT or value >= 0
        text = repr(value) if shape.value_type == FLOAT else str(int(value))
        server.value(made[key], row["observed_at"].replace(tzinfo=UTC), text)
