"""The one HTTP client of all connectors: retries, secrets, errors with a fix. Knows no product.

A question (`Client.ask`) is one request whose answer is JSON. What may pass (429, 5xx, resets, timeouts, half an
answer) is asked again; what will not is a `SourceError` that says what to do. Nothing is followed to another host.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urljoin, urlsplit

import httpx
from pydantic import ConfigDict, Field, field_validator

from assets.connectors.base import SourceName
from assets.connectors.freshness import Freshness
from assets.connectors.http_answers import is_page, media_type, retry_after, said_by, seconds_ahead
from assets.connectors.remote import (
    ForbiddenError,
    NotThereError,
    RetryPolicy,
    SignedOutError,
    SourceError,
    TransientError,
    hide,
)
from assets.connectors.sign_in import BodySignIn, Session, SignIn, TokenSignIn
from assets.connectors.tape import Tape
from assets.connectors.traffic import Breaker, Bucket, Traffic

_VARIABLE = re.compile(r"\$\{(\w+)\}")
#: JSON from bytes.
Decode = Callable[[bytes], Any]
#: Answers that may be better next time; every 5xx too.
_PASSING = (408, 425, 429)
_NOT_TLS = "TLS certificates of this source are not verified (verify_tls: false)"


class HttpSource(Freshness):
    """What every source that is read by HTTP may be told. `url` may hold `${NAME}`, an environment variable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: SourceName
    url: str
    token_env: str | None = None
    timeout_seconds: float = Field(60.0, gt=0)
    requests_per_second: float | None = Field(default=None, gt=0)
    ca_file: str | None = None
    verify_tls: bool = True

    @field_validator("url")
    @classmethod
    def _plain_address(cls, url: str) -> str:
        if not _VARIABLE.search(url):
            check_address(url)
        return url.rstrip("/")


@runtime_checkable
class RemoteConnector(Protocol):
    """A connector that asks by HTTP."""

    @property
    def link(self) -> Link:
        """What its clients share; a `tape` put there records them, or plays in place of the server."""

    @property
    def traffic(self) -> Traffic:
        """What was exchanged for the table read last."""


@dataclass(frozen=True)
class Answer:
    """The decoded JSON of an answer, with what came around it (header names in lower case)."""

    body: Any
    status: int
    headers: Mapping[str, str]
    bytes: int


@dataclass
class Link:
    """What the clients of one source share through a run. `ahead_seconds`: by how much its clock was ahead of ours."""

    breaker: Breaker
    bucket: Bucket
    traffic: Traffic = field(default_factory=Traffic)
    tape: Tape | None = None
    ahead_seconds: float = 0.0

    @staticmethod
    def of(source: HttpSource, retries: RetryPolicy) -> Link:
        """A fresh one, with the waiting of `retries`."""
        return Link(Breaker(), Bucket(source.requests_per_second, retries.sleep))


class Client:
    """Asks one server. A context manager; signs in before the first question, and again once when told 401."""

    def __init__(
        self,
        source: HttpSource,
        *,
        sign_in: SignIn | None = None,
        retries: RetryPolicy | None = None,
        link: Link | None = None,
        rights: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._source = source
        self._retries = retries or RetryPolicy()
        self._link = link or Link.of(source, self._retries)
        self._sign_in = sign_in or TokenSignIn(source.name, source.token_env)
        if self._link.tape is not None and self._link.tape.is_played:
            self._sign_in = TokenSignIn(source.name, None)
        self._rights = rights
        self._address = address(source)
        self._proof: dict[str, str] | None = None
        self._secrets: tuple[str, ...] = ()
        self._http = httpx.Client(
            headers={"Accept": "application/json", **(headers or {})},
            timeout=source.timeout_seconds,
            # Servers of this machine are never asked through a proxy.
            trust_env=not _is_loopback(self._address),
            verify=self._tls(),
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._proof is not None and isinstance(self._sign_in, Session):
            target, body = self._address + self._sign_in.sign_out_path, self._sign_in.sign_out_body
            question = {} if body is None else self._with_proof({"json": body})
            # Once and without a word: a session that stays open ends by itself.
            with contextlib.suppress(httpx.HTTPError):
                self._http.request("GET" if body is None else "POST", target, headers=self._proof, **question)
        self._http.close()

    @property
    def traffic(self) -> Traffic:
        """What was exchanged so far."""
        return self._link.traffic

    @property
    def warnings(self) -> tuple[str, ...]:
        """What every receipt should say about the way here."""
        return () if self._source.verify_tls else (f"source {self._source.name}: {_NOT_TLS}",)

    def hide(self, text: str) -> str:
        """`text` without secrets."""
        return hide(text, *self._secrets)

    def error(self, problem: str, fix: str) -> SourceError:
        """A `SourceError` of this source, secrets hidden."""
        return SourceError(self._source.name, self.hide(problem), fix)

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json_body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        rights: str = "",
        fix: str = "",
        signed: bool = True,
        decode: Decode = json.loads,
    ) -> Answer:
        """The answer to one question, asked again while its failure may pass. Raises `SourceError`.

        `path` is below the source's address, or a whole address of the same server. `rights` names what a 403
        lacks; `fix` is the advice for a refusal that is none of access. `signed` false leaves the sign-in out.
        `decode` reads the JSON; it raises ValueError for what is none, and may raise `TransientError`, `SourceError`
        and `SignedOutError` for what the answer says.
        """
        breaker = self._link.breaker
        if breaker.is_open:
            raise self.error(
                f"given up for this run after {breaker.limit} questions in a row without an answer",
                "see whether the server is up, then run again",
            )
        question = {"params": params, "json": json_body, "data": form}
        target = self._target(path)
        tries = 0

        def once() -> Answer:
            nonlocal tries
            tries += 1
            return self._once(method, target, question, headers or {}, rights, fix, signed, decode)

        try:
            answer = self._counted(once)
        except TransientError as error:
            breaker.note(answered=False)
            raise self.error(
                f"no answer after {tries} tries ({error.problem})",
                self._unreachable(error) or "see whether the server is up and answers, then run again",
            ) from None
        breaker.note(answered=True)
        return answer

    def _counted(self, once: Callable[[], Answer]) -> Answer:
        """The retries, their number and waits counted."""
        return self._link.traffic.counting(self._retries).call(once)

    def _once(
        self,
        method: str,
        target: str,
        question: Mapping[str, Any],
        headers: Mapping[str, str],
        rights: str,
        fix: str,
        signed: bool,
        decode: Decode,
    ) -> Answer:
        """One try; one more with a fresh sign-in when the old one is no longer accepted."""
        for last in (False, True):
            if signed and self._proof is None:
                self._proof, self._secrets = self._sign_in(self)
            proof = (self._proof or {}) if signed else {}
            self._link.traffic.waited_seconds += self._link.bucket.wait()
            response = self._exchange(method, target, question, {**proof, **headers}, signed)
            renewable = signed and self._sign_in.can_renew and not last
            if renewable and (response.status_code == 401 or is_page(response)):
                self._proof = None
                continue
            try:
                return self._decode(response, rights, fix, decode)
            except SignedOutError as error:
                if not renewable:
                    raise self._refused(401, f": {self.hide(str(error))}", rights) from None
                self._proof = None
        raise AssertionError("unreachable")

    def _exchange(
        self,
        method: str,
        target: str,
        question: Mapping[str, Any],
        headers: Mapping[str, str],
        signed: bool,
    ) -> httpx.Response:
        """An answer of the server, or of the tape in its place; the sign-in is on no tape."""
        tape = self._link.tape if signed else None
        if tape is not None and tape.is_played:
            response = tape.answer_http(self._source.name, method, target, question, self._address)
        else:
            response = self._send(method, target, self._with_proof(question) if signed else question, headers)
        if tape is not None and not tape.is_played:
            tape.keep_http(method, target, question, response, self._address, self.hide)
        traffic = self._link.traffic
        traffic.pages += 1
        traffic.bytes += len(response.content)
        return response

    def _with_proof(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """The question with the part of the sign-in that belongs into its JSON."""
        if not isinstance(self._sign_in, BodySignIn) or not self._sign_in.body:
            return question
        return {**question, "json": {**question["json"], **self._sign_in.body}}

    def _send(
        self, method: str, target: str, question: Mapping[str, Any], headers: Mapping[str, str]
    ) -> httpx.Response:
        try:
            response = self._http.request(method, target, headers=headers, **question)
        except httpx.TimeoutException:
            raise TransientError(f"timeout after {self._source.timeout_seconds:g} s") from None
        except httpx.TransportError as error:
            text = self.hide(f"{type(error).__name__}: {error}")
            if "CERTIFICATE_VERIFY_FAILED" in text:
                raise self.error(
                    f"the server's TLS certificate is not trusted ({text})",
                    "name the file of your certificate authority as ca_file",
                ) from None
            if "[SSL" in text:
                raise self.error(f"no TLS connection ({text})", "check that url's port speaks TLS") from None
            raise TransientError(text, is_unreachable=isinstance(error, httpx.ConnectError)) from None
        except httpx.DecodingError:
            raise TransientError("the body ended early or was not compressed as announced") from None
        self._link.ahead_seconds = seconds_ahead(response)
        # An answer and its stream hold each other: megabytes each, until the collector comes by.
        response.stream = httpx.ByteStream(b"")
        return response

    def _decode(self, response: httpx.Response, rights: str, fix: str, decode: Decode) -> Answer:
        status, said = response.status_code, self.hide(said_by(response))
        if status in _PASSING or status >= 500:
            raise TransientError(f"status {status}{said}", retry_after(response))
        if status in (401, 403):
            raise self._refused(status, said, rights or self._rights)
        if media_type(response) not in ("application/json", "application/problem+json"):
            kind = response.headers.get("content-type", "none")
            raise self.error(
                f"status {status} with content type {kind!r} where JSON was expected, perhaps a login page or a proxy",
                "check url and the way the server is reached",
            )
        if status in (404, 410):
            raise NotThereError(
                self._source.name,
                f"not there (status {status}{said})",
                fix or "check url, and that the server has what is asked",
            )
        if not 200 <= status < 300:
            raise self.error(
                f"the server did not answer the question (status {status}{said})",
                fix or "check the settings of this source",
            )
        try:
            body = decode(response.content)
        except ValueError:
            raise TransientError("the answer is not whole JSON") from None
        return Answer(body, status, response.headers, len(response.content))

    def _unreachable(self, error: TransientError) -> str | None:
        """What to do about a server that no connection reaches: its name is unknown, or nothing listens."""
        parts = urlsplit(self._address)
        if not error.is_unreachable:
            return None
        try:
            socket.getaddrinfo(parts.hostname, parts.port or parts.scheme)
        except OSError:
            return f"correct the host in url: DNS knows no {parts.hostname}"
        port = parts.port or parts.scheme
        return f"see that {parts.hostname} is up and that firewalls let this machine reach port {port}"

    def _refused(self, status: int, said: str, rights: str) -> SourceError:
        names = self._sign_in.names
        problem = f"the server refused access (status {status}{said})"
        if status == 401:
            fix = f"renew the secret in {names}" if names else "name the token's variable as token_env"
            return self.error(problem, fix)
        fix = f"grant the account {rights or 'the right to read this'}"
        return ForbiddenError(self._source.name, self.hide(problem), fix)

    def _target(self, path: str) -> str:
        """The whole address of a question. Raises `SourceError` for one that leads elsewhere."""
        if "://" not in path:
            return self._address + path
        target = urljoin(self._address, path)
        ours, theirs = urlsplit(self._address), urlsplit(target)
        if (ours.scheme, ours.hostname, ours.port) != (theirs.scheme, theirs.hostname, theirs.port):
            raise self.error(
                f"the server names the host {theirs.hostname} for the next page, and secrets are not sent there",
                "set url to the address under which the server knows itself",
            )
        return target

    def _tls(self) -> ssl.SSLContext | bool:
        if urlsplit(self._address).scheme == "http":
            # No certificate will be asked for, and reading all authorities costs 20 ms.
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if not self._source.verify_tls:
            return False
        if self._source.ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=self._source.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise self.error(f"ca_file cannot be read ({error})", "name a PEM file of certificates") from None


def address(source: HttpSource) -> str:
    """The source's address, variables replaced. Raises `SourceError`, which does not quote it."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise SourceError(
                source.name, f"environment variable {match[1]} is not set", f"export {match[1]}=…"
            )
        return os.environ[match[1]]

    found = _VARIABLE.sub(value, source.url).rstrip("/")
    try:
        check_address(found)
    except ValueError as error:
        problem, _, fix = str(error).partition("; fix: ")
        raise SourceError(source.name, f"url is {problem}", fix) from None
    return found


def check_address(url: str) -> None:
    """Raise ValueError, which does not quote it, for an address that is none or holds a secret."""
    parts = urlsplit(url)
    try:
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError("not an http(s) address; fix: write one such as https://monitoring.example:9090")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("an address with user, password or query; fix: use token_env for the secret")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
