"""What an item of Zabbix measures: which configuration item, in which unit, how often. Pure: no network, no clock."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

#: `value_type` of items whose values are numbers; it is the `history` that history.get wants.
FLOAT, UNSIGNED = "0", "3"
#: In which order the rows of a query are asked for. Trends know no value type; last comes what may still grow.
PARTS = ("trends", FLOAT, UNSIGNED)
VALUE_TYPES = {"1": "characters", "2": "a log", "4": "text", "5": "binary data"}
#: Units as Zabbix writes them, to UCUM. Values are stored in the plain unit: K, M and G are for the eye alone.
UNITS = {
    "": "1", "%": "%", "B": "By", "Bps": "By/s", "bps": "bit/s", "s": "s", "uptime": "s", "ms": "ms", "Hz": "Hz",
    "V": "V", "W": "W", "C": "Cel", "°C": "Cel", "rpm": "{revolution}/min", "vps": "{value}/s",
    "qps": "{query}/s", "rps": "{request}/s", "ops": "{operation}/s", "iops": "{operation}/s",
}  # fmt: skip
#: The end of a refusal of an item that holds no numbers: one row of quarantine stands for the item.
NO_NUMBERS = ", no numbers"
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DELAY = re.compile(r"(\d+)([smhdw]?)")
_PARAMETER = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,\]]*))\s*(?:,|$)')
PLACEHOLDER = re.compile(r"\{(host|name|hostid|[1-9])\}")


@dataclass(frozen=True)
class Refusal:
    """Why the values of an item cannot land, and what to do; `field` is that of the contract."""

    reason: str
    fix: str
    field: str


@dataclass(frozen=True)
class Item:
    """One item of one host. `shown` names both; of a refused item only `itemid`, `value_type` and `shown` count."""

    itemid: str
    value_type: str
    shown: str
    ci: str | None = None
    unit: str | None = None
    interval_seconds: int | None = None
    refusal: Refusal | None = None

    @property
    def is_number(self) -> bool:
        """True when history holds numbers for it."""
        return self.value_type in (FLOAT, UNSIGNED)


@dataclass(frozen=True)
class KnownItems:
    """The items of a query, and what a person should know of them."""

    items: Sequence[Item]
    warnings: tuple[str, ...]

    def ids(self, part: str) -> list[str]:
        """Items that have rows in one of `PARTS`: refused ones, which quarantine keeps, only of history."""
        return [
            item.itemid
            for item in self.items
            if (item.is_number and item.refusal is None if part == "trends" else item.value_type == part)
        ]


def matches(item_key: str, key: str) -> bool:
    """Whether a key is the one that is asked for, in which * stands for any text."""
    return re.fullmatch(".*".join(map(re.escape, item_key.split("*"))), key, re.DOTALL) is not None


def parameters(key: str) -> list[str]:
    """Parameters of an item key: `vfs.fs.size[/,pused]` has two."""
    start = key.find("[")
    if start < 0 or not key.endswith("]"):
        return []
    inside, place = key[start + 1 : -1], 0
    found: list[str] = []
    while place <= len(inside):
        match = _PARAMETER.match(inside, place)
        if match is None:
            return found
        found.append(re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2].strip())
        if match.end() == len(inside) and not match[0].endswith(","):
            return found
        place = match.end()
    return found


def interval_seconds(raw: Mapping[str, Any], masters: Mapping[str, Mapping[str, Any]]) -> int | None:
    """How often an item is measured, a dependent one as often as its master; None: not by a plain interval."""
    seen: set[str] = set()
    while str(raw.get("master_itemid") or "0") in masters and raw["itemid"] not in seen:
        seen.add(raw["itemid"])
        raw = masters[str(raw["master_itemid"])]
    match = _DELAY.fullmatch(str(raw.get("delay", "")).split(";")[0].strip())
    return int(match[1]) * _SECONDS[match[2]] or None if match else None


def read_items(
    found: Iterable[Mapping[str, Any]],
    masters: Mapping[str, Mapping[str, Any]],
    *,
    ci: str,
    ci_map: Mapping[str, str],
    unit: str | None,
    seconds: int | None,
) -> list[Item]:
    """The items in the order of their ids. Those whose values would be a guess carry a refusal.

    `ci` is the pattern that names the configuration item, `ci_map` renames what it gives; `unit` and `seconds` go
    before what the item says.
    """
    items = [
        _item(raw, ci, ci_map, unit, seconds or interval_seconds(raw, masters))
        for raw in sorted(found, key=lambda raw: int(raw["itemid"]))
    ]
    claims = Counter(item.ci for item in items if item.ci is not None)
    return [_alone(item, items) if item.ci is not None and claims[item.ci] > 1 else item for item in items]


def _item(
    raw: Mapping[str, Any], ci: str, ci_map: Mapping[str, str], unit: str | None, seconds: int | None
) -> Item:
    host = raw["hosts"][0]
    item = Item(str(raw["itemid"]), str(raw["value_type"]), f"{host['host']}: {raw['key_']}")
    if not item.is_number:
        kind = VALUE_TYPES.get(item.value_type, f"values of type {item.value_type}")
        return _refused(item, f"holds {kind}{NO_NUMBERS}", "ask for other items in item_key", "value")
    names = {"host": host["host"], "name": host["name"], "hostid": str(raw["hostid"])}
    names |= {str(place): text for place, text in enumerate(parameters(raw["key_"]), start=1)}
    missing = [name for name in PLACEHOLDER.findall(ci) if not names.get(name)]
    if missing:
        return _refused(
            item, f"has no {{{missing[0]}}} to name its item by", "correct ci of this query", "ci_id"
        )
    owner = PLACEHOLDER.sub(lambda match: names[match[1]], ci)
    said = str(raw.get("units") or "").lstrip("!")
    known = unit or UNITS.get(said)
    if known is None:
        return _refused(
            item, f"has the unit {said!r}, which stands for no UCUM unit", "give the query a unit", "unit"
        )
    if seconds is None:
        delay = str(raw.get("delay") or "0")
        return _refused(
            item,
            f"is not measured by a plain interval (update interval {delay!r})",
            "give the query interval_seconds",
            "interval_seconds",
        )
    return replace(item, ci=ci_map.get(owner, owner), unit=known, interval_seconds=seconds)


def _refused(item: Item, problem: str, fix: str, field: str) -> Item:
    return replace(item, refusal=Refusal(f"item {item.shown} {problem}", fix, field))


def _alone(item: Item, items: Sequence[Item]) -> Item:
    other = next(one for one in items if one.ci == item.ci and one.itemid != item.itemid)
    return replace(
        item,
        ci=None,
        refusal=Refusal(
            f"item {item.shown} and {other.shown} both measure {item.ci!r}",
            "narrow item_key, or tell them apart in ci, e.g. by {1}, the first parameter of the key",
            "ci_id",
        ),
    )


def state_of(metric: str, found: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a person should know of the items: those that Zabbix measures no more."""
    raws = list(found)
    warnings = []
    for what, is_so in (
        (
            "are disabled, or their host is",
            lambda raw: _is_on(raw, "status") or _is_on(raw["hosts"][0], "status"),
        ),
        ("are not supported now", lambda raw: _is_on(raw, "state")),
    ):
        some = sorted(f"{raw['hosts'][0]['host']}: {raw['key_']}" for raw in raws if is_so(raw))
        if some:
            warnings.append(f"{metric}: {len(some)} of {len(raws)} items {what}, such as {some[0]}")
    return warnings


def _is_on(raw: Mapping[str, Any], name: str) -> bool:
    return str(raw.get(name, "0")) == "1"
