"""What an answer by HTTP says of itself: kind, error text, how long to wait, how far its clock is ahead."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime

import httpx


def seconds_ahead(response: httpx.Response) -> float:
    """By how much the server's clock is ahead of ours; 0 where it tells no time."""
    try:
        theirs = parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError):
        return 0.0
    return theirs.timestamp() - time.time()


def is_page(response: httpx.Response) -> bool:
    """Whether it is a page for people, such as one to sign in, although all is said to be well."""
    return response.status_code == 200 and media_type(response) == "text/html"


def media_type(response: httpx.Response) -> str:
    """Its media type without parameters, in lower case; empty where it tells none."""
    return str(response.headers.get("content-type", "")).split(";")[0].strip().lower()


def said_by(response: httpx.Response) -> str:
    """What an error's body says, in the shapes that APIs use, as `: text`; empty when it says nothing."""
    if response.status_code < 400:
        return ""
    try:
        body = json.loads(response.content)
    except ValueError:
        return ""
    if isinstance(body, dict):
        found = body.get("error") or body.get("errorMessages") or body.get("message") or ""
        if isinstance(found, dict):
            found = " ".join(str(found[name]) for name in ("message", "data", "detail") if found.get(name))
    else:
        found = body
    if isinstance(found, list):
        found = ", ".join(str(one) for one in found)
    return f": {' '.join(str(found).split())[:300]}" if found else ""


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait. A date counts from the server's own clock: ours may differ."""
    told = response.headers.get("retry-after")
    if told is None:
        return None
    if told.strip().isdigit():
        return float(told)
    try:
        wait = parsedate_to_datetime(told) - parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(wait.total_seconds(), 0.0)
