"""Zabbix' JSON-RPC: one question, its errors (they come with status 200), and both ways to sign in."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from assets.connectors.http import Client
from assets.connectors.remote import SignedOutError, SourceError, TransientError, hide
from assets.connectors.sign_in import secret

API = "/api_jsonrpc.php"
#: From this version on the proof goes into a header; 7.2 refuses it in the body, 6.0 knows no header.
HEADER_SINCE = (6, 4)
#: What Zabbix says to a session or a token that is (no longer) accepted, whatever the error's code.
_SIGNED_OUT = re.compile(r"Session terminated|Not authori[sz]ed|API token expired", re.IGNORECASE)
_FORBIDDEN = re.compile(r"No permissions", re.IGNORECASE)
#: The database of the frontend: its errors pass.
_PASSING = re.compile(r"SQL statement execution|connecting to database|Database error", re.IGNORECASE)


def call(client: Client, method: str, params: Any, *, rights: str = "", signed: bool = True) -> Any:
    """The result of one method. Raises `SourceError`.

    The question's id is made of the question: an answer to another one, as from a stale cache, is recognised.
    """
    number = zlib.crc32(json.dumps([method, params], sort_keys=True).encode())

    def result(content: bytes) -> Any:
        body = orjson.loads(content)
        if not isinstance(body, dict) or body.get("jsonrpc") != "2.0":
            raise client.error(
                "the answer is no JSON-RPC", "check that url is the address of a Zabbix frontend"
            )
        if "error" in body:
            raise _error(client, method, body["error"], rights)
        if body.get("id") != number or "result" not in body:
            raise TransientError("the answer belongs to another question, as from a stale cache")
        return body["result"]

    question = {"jsonrpc": "2.0", "method": method, "params": params, "id": number}
    return client.ask("POST", API, json_body=question, rights=rights, signed=signed, decode=result).body


def _error(client: Client, method: str, error: Any, rights: str) -> Exception:
    """What a JSON-RPC error means: {code, message, data}."""
    told = error if isinstance(error, Mapping) else {"message": str(error)}
    said = " ".join(str(told[name]) for name in ("message", "data") if told.get(name))[:300]
    if _SIGNED_OUT.search(said):
        return SignedOutError(said)
    if _FORBIDDEN.search(said):
        return client.error(f"{method}: the server refused access ({said})", f"grant the account {rights}")
    if told.get("code") in (1, -32603, -32400, -32300) or _PASSING.search(said):
        return TransientError(f"{method}: {said}")
    return client.error(
        f"{method}: the server did not answer the question ({said})", "check the settings of this source"
    )


@dataclass
class ZabbixSignIn:
    """A token, in a header or, before 6.4, in the body of each question."""

    source: str
    variable: str
    can_renew: bool = False
    body: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> str:
        """The variable."""
        return self.variable

    def __call__(self, client: Client) -> tuple[dict[str, str], tuple[str, ...]]:
        """The header, or nothing and `body`."""
        token = secret(self.source, self.variable)
        return self._proof(client, token), (token,)

    def _proof(self, client: Client, token: str) -> dict[str, str]:
        if version(client) >= HEADER_SINCE:
            return {"Authorization": f"Bearer {token}"}
        self.body = {"auth": token}
        return {}


@dataclass
class ZabbixSession(ZabbixSignIn):
    """A session of a user with a password; made anew when it has ended, and ended with the run."""

    user: str = ""
    can_renew: bool = True
    sign_out_path: str = API
    sign_out_body: Mapping[str, Any] = field(
        default_factory=lambda: {"jsonrpc": "2.0", "method": "user.logout", "params": [], "id": 1}
    )

    def __call__(self, client: Client) -> tuple[dict[str, str], tuple[str, ...]]:
        """The header, or nothing and `body`."""
        password = secret(self.source, self.variable)
        try:
            given = {"username": self.user, "password": password}
            session = call(client, "user.login", given, signed=False)
        except SourceError as error:
            fix = f"correct user or {self.variable}" if "password" in error.problem else error.fix
            raise SourceError(self.source, hide(error.problem, password), fix) from None
        if not isinstance(session, str):
            raise client.error(
                "user.login gave no session", "check that url is the address of a Zabbix frontend"
            )
        return self._proof(client, session), (password, session)


def version(client: Client) -> tuple[int, int]:
    """Major and minor version. Asked without signing in: with a token Zabbix refuses the question."""
    text = call(client, "apiinfo.version", [], signed=False)
    found = re.match(r"(\d+)\.(\d+)", str(text))
    if found is None or int(found[1]) < 6:
        raise client.error(f"the server says it is Zabbix {text}", "read Zabbix 6.0 or newer")
    return int(found[1]), int(found[2])
