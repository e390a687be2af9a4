"""The one HTTP client: manners, addresses, certificates. Faults of answers: test_guarantees*.py."""

from __future__ import annotations

import gc
import ssl
import subprocess
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.connectors.http import Client, HttpSource, Link
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.traffic import Breaker, Bucket
from tests.connectors.simulators.faults import WAY, login_page
from tests.connectors.simulators.servicenow import ServiceNow

PATH = "/api/now/table/change_request"


def client(url: str, waits: list[float] | None = None, **changes: Any) -> Client:
    source = HttpSource.model_validate({"name": "desk", "url": url, "token_env": "DESK_TOKEN", **changes})
    retries = RetryPolicy(sleep=(waits if waits is not None else []).append)
    return Client(source, retries=retries, link=Link.of(source, retries), rights="the role itil")


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_TOKEN", "planted-token-0")


@given(rate=st.floats(0.1, 50), pauses=st.lists(st.floats(0, 30), min_size=1, max_size=20))
def test_a_bucket_never_lets_more_through_than_its_rate(rate: float, pauses: list[float]) -> None:
    """Whatever the caller does in between, two requests are at least 1/rate apart."""
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    bucket = Bucket(rate, sleep, lambda: now)
    sent = []
    for pause in pauses:
        bucket.wait()
        sent.append(now)
        now += pause
    assert all(later - earlier >= 1 / rate - 1e-9 for earlier, later in pairwise(sent))


def test_a_breaker_opens_after_failures_in_a_row_and_rests() -> None:
    now = 0.0
    breaker = Breaker(2, 60, lambda: now)
    for answered in (False, True, False):
        breaker.note(answered=answered)
    assert not breaker.is_open
    breaker.note(answered=False)
    assert breaker.is_open
    now = 61.0
    assert not breaker.is_open


def test_retries_and_waits_are_counted() -> None:
    waits: list[float] = []
    with ServiceNow() as desk:
        desk.script |= {0: WAY["429 with seconds"], 1: WAY["503"]}
        with client(desk.url, waits) as asking:
            asking.ask("GET", PATH)
            assert waits == [2.0, 2.0]
            assert (asking.traffic.pages, asking.traffic.retries, asking.traffic.waited_seconds) == (
                3,
                2,
                4.0,
            )


def test_the_token_goes_to_its_own_host_alone() -> None:
    """A link to the next page that names another host, or another port, is not followed."""
    with ServiceNow() as desk, ServiceNow() as other, client(desk.url) as asking:
        assert asking.ask("GET", desk.url + PATH).status == 200
        with pytest.raises(SourceError, match="secrets are not sent there"):
            asking.ask("GET", other.url + PATH)
        assert other.questions == []


def test_a_login_page_names_what_came() -> None:
    with ServiceNow() as desk, client(desk.url) as asking:
        desk.script[0] = login_page
        with pytest.raises(SourceError, match="perhaps a login page"):
            asking.ask("GET", PATH)


def test_a_clock_that_differs_is_noticed() -> None:
    with ServiceNow() as desk, client(desk.url) as asking:
        desk.skew = timedelta(minutes=10)
        asking.ask("GET", PATH)
        assert 590 < asking._link.ahead_seconds < 610


def test_an_unknown_host_and_a_closed_port_are_told_apart() -> None:
    with client("http://no-such-host.invalid") as asking, pytest.raises(SourceError) as unknown:
        asking.ask("GET", PATH)
    assert "DNS knows no no-such-host.invalid" in unknown.value.fix
    with ServiceNow() as desk:
        address = desk.url
    with client(address) as asking, pytest.raises(SourceError) as closed:
        asking.ask("GET", PATH)
    assert "127.0.0.1 is up" in closed.value.fix


def test_a_certificate_of_an_unknown_authority_is_an_error_until_it_is_named(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "own-ca.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    desk = ServiceNow()
    desk._server.socket = context.wrap_socket(desk._server.socket, server_side=True)
    with desk:
        url = desk.url.replace("http:", "https:")
        with client(url) as asking, pytest.raises(SourceError) as caught:
            asking.ask("GET", PATH)
        assert "not trusted" in caught.value.problem
        assert "ca_file" in caught.value.fix
        with client(url, ca_file=str(certificate)) as asking:
            assert asking.ask("GET", PATH).status == 200
            assert asking.warnings == ()
        with client(url, verify_tls=False) as asking:
            assert asking.ask("GET", PATH).status == 200
            assert "verify_tls: false" in asking.warnings[0]


def test_an_answer_is_gone_when_nobody_holds_it() -> None:
    """Answers of megabytes used to wait for the collector, which in a large process comes seldom."""
    with ServiceNow(1) as simulator, client(simulator.url) as asking:
        gc.collect()
        gc.disable()
        try:
            asking.ask("GET", PATH)
            left = [one for one in gc.get_objects() if isinstance(one, httpx.Response)]
        finally:
            gc.enable()
    assert left == []
