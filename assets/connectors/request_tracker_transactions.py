"""Transactions of Request Tracker's tickets, by the hundred, and the names that they give by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from assets.connectors.http import Client
from assets.connectors.paged import as_text
from assets.connectors.remote import ForbiddenError, NotThereError, TransientError
from assets.connectors.request_tracker_history import Transaction, custom_field, old_value
from assets.connectors.request_tracker_search import API, MAX_PAGE, NAMED, any_of, custom_of, search

#: Transactions that everybody sees who sees the ticket. Comments and mails need more rights.
_KINDS = ("Create", "Status", "Set", "Correspond")


class Names:
    """Names of queues and owners by the numbers that transactions have. `known` is kept between pages."""

    def __init__(
        self, client: Client, known: dict[tuple[str, str], str | None], wanted: frozenset[str]
    ) -> None:
        self._client = client
        self._known = known
        self.wanted = wanted
        self.warnings: list[str] = []

    def of(self, kind: str, number: str | None) -> str | None:
        """The name, asked once; None (and a warning) for what is gone or not shown."""
        if number is None:
            return None
        key = (kind, number)
        if key not in self._known:
            try:
                body = self._client.ask("GET", f"{API}/{NAMED[kind]}/{quote(number, safe='')}").body
                self._known[key] = as_text(body.get("Name"))
            except (ForbiddenError, NotThereError):
                self._known[key] = None
        if self._known[key] is None:
            right = "grant SeeQueue on it" if kind == "Queue" else "make the account privileged"
            self.warnings.append(
                f"incidents: the account does not see {NAMED[kind]} {number}, which some had before; fix: {right}"
            )
        return self._known[key]


def transactions_of(
    client: Client, items: Sequence[Mapping[str, Any]], names: Names
) -> dict[str, list[Transaction]]:
    """The transactions of tickets that change what is read, by ticket.

    Those of custom fields are asked for only where the account sees the field: hidden rows would look like the end.
    """
    alike: dict[frozenset[tuple[str, str]], list[str]] = {}
    for item in items:
        shown = frozenset(
            (str(one["id"]), str(one["name"]))
            for one in custom_of(item)
            if custom_field(str(one["name"])) in names.wanted
        )
        alike.setdefault(shown, []).append(str(item["id"]))
    found: dict[str, list[Transaction]] = {}
    for shown, tickets in alike.items():
        for row in _rows_of(client, tickets, sorted(number for number, _ in shown)):
            found.setdefault(str(row["ObjectId"]), []).append(_transaction(row, dict(shown), names))
    return found


def _rows_of(client: Client, tickets: Sequence[str], fields: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Rows of transactions in the order of their numbers. RT gives no total here: the end is where no more come.

    Each question begins with the row before, so that no answer but ours can look like the end.
    """
    custom = f"(Type = 'CustomField' AND {any_of('Field', fields)})" if fields else ""
    kinds = " OR ".join([*(f"Type = '{kind}'" for kind in _KINDS), *([custom] if custom else [])])
    asked = set(tickets)
    query = ["ObjectType = 'RT::Ticket'", any_of("ObjectId", tickets, quoted=False), f"({kinds})"]
    after = 0
    while True:
        body = search(
            client,
            "transactions",
            [*query, f"id >= {after}"],
            fields=("ObjectId", "Type", "Field", "OldValue", "NewValue", "Created"),
            order=("id",),
            limit=MAX_PAGE,
        )
        found = body["items"]
        if after and (not found or int(found[0]["id"]) != after):
            raise TransientError("the source leaves out a transaction that it gave before")
        new = found[1:] if after else found
        for row in new:
            if int(row["id"]) <= after or str(row["ObjectId"]) not in asked:
                raise TransientError("the source answers with transactions that were not asked for")
            after = int(row["id"])
            yield row
        if not new or body.get("total") == len(found):
            return


def _transaction(row: Mapping[str, Any], shown: Mapping[str, str], names: Names) -> Transaction:
    kind, name = str(row["Type"]), as_text(row.get("Field")) or None
    old, new = old_value(row.get("OldValue")), old_value(row.get("NewValue"))
    is_custom = kind == "CustomField"
    if is_custom:
        name = shown[name or ""]
    elif name in NAMED:
        kind_of, name = name, f"{name}.Name"
        old = names.of(kind_of, old) if name in names.wanted else None
    return Transaction(int(row["id"]), kind, str(row["Created"]), name, is_custom, old, new)
