"""Objects of Jira's Assets as configuration items: questions of both deployments, and how an object is read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets.connectors.jira_history import Cells, plain
from assets.connectors.paged import as_text

WORKSPACES = "/rest/servicedeskapi/assets/workspace"
_DATE_LENGTH = len("2026-03-28")


@dataclass(frozen=True)
class ObjectsPage:
    """One answer: objects, names of attributes by their id, how many objects there are (None: not told), the end."""

    objects: Sequence[Mapping[str, Any]]
    names: Mapping[str, str]
    total: int | None
    is_last: bool


def cloud_question(workspace: str, start: int, limit: int) -> tuple[str, dict[str, Any]]:
    """Path and parameters for objects from `start` on; the site passes the path on to the Assets API."""
    path = f"/gateway/api/jsm/assets/workspace/{workspace}/v1/object/aql"
    return path, {"startAt": start, "maxResults": limit, "includeAttributes": "true"}


def data_center_question(aql: str, start: int, limit: int) -> tuple[str, dict[str, Any]]:
    """The same where pages have numbers; `start` is a multiple of `limit`."""
    page = {"page": start // limit + 1, "resultPerPage": limit}
    shown = {"includeAttributes": "true", "includeTypeAttributes": "true"}
    return "/rest/assets/1.0/aql/objects", {"qlQuery": aql, **page, **shown}


def cloud_page(body: Any, start: int, limit: int) -> ObjectsPage | None:
    """None: no such answer. A short page is not the end, and `total` may be cut off: `isLast` says."""
    found = body.get("values") if isinstance(body, Mapping) else None
    if not isinstance(found, list):
        return None
    total = body.get("total")
    is_last = body.get("isLast", isinstance(total, int) and start + limit >= total)
    return ObjectsPage(found, _names(body), total if isinstance(total, int) else None, bool(is_last))


def data_center_page(body: Any, start: int, limit: int) -> ObjectsPage | None:
    """None: no such answer."""
    found = body.get("objectEntries") if isinstance(body, Mapping) else None
    total = body.get("totalFilterCount") if isinstance(body, Mapping) else None
    if not isinstance(found, list) or not isinstance(total, int):
        return None
    return ObjectsPage(found, _names(body), total, start + limit >= total)


def object_cells(one: Mapping[str, Any], columns: Iterable[str], names: Mapping[str, str]) -> Cells:
    """An object by column: a field of its own, such as objectKey or objectType.name, or an attribute by its name.

    Of several values the first counts; of a reference what it is called. Times are cut to their date.
    """
    attributes = {
        _name(attribute, names).lower(): attribute.get("objectAttributeValues") or []
        for attribute in one.get("attributes") or []
    }
    cells: Cells = {}
    for column in columns:
        first, _, below = column.partition(".")
        cell = one.get(first)
        value = plain(cell.get(below) if below and isinstance(cell, Mapping) else cell)
        if column in ("created", "updated"):
            value = (value or "")[:_DATE_LENGTH] or None
        if value is None and attributes.get(column.lower()):
            held = attributes[column.lower()][0]
            value = as_text(held.get("displayValue") or held.get("value"))
        cells[column] = value
    return cells


def _names(body: Mapping[str, Any]) -> dict[str, str]:
    return {
        str(one.get("id")): str(one.get("name"))
        for one in body.get("objectTypeAttributes") or []
        if isinstance(one, Mapping)
    }


def _name(attribute: Mapping[str, Any], names: Mapping[str, str]) -> str:
    own = (attribute.get("objectTypeAttribute") or {}).get("name")
    return str(own or names.get(str(attribute.get("objectTypeAttributeId")), ""))
