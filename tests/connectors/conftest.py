"""Servers that several connectors are tested against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.aws import AwsLayer, aws_layer, environment, moto_server


@pytest.fixture(scope="session")
def moto_port() -> Iterator[int]:
    """One moto server for the whole run."""
    with moto_server() as port:
        yield port


@pytest.fixture
def aws(moto_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsLayer]:
    """A layer in front of an empty moto, and the environment that leads to it."""
    import httpx

    httpx.post(f"http://127.0.0.1:{moto_port}/moto-api/reset", trust_env=False).raise_for_status()
    with aws_layer(moto_port) as layer:
        environment(monkeypatch, layer.url)
        yield layer
