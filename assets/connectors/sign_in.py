"""How a client proves who it is: a token, or a user with a password. Secrets come from environment variables alone."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from assets.connectors.remote import SourceError

if TYPE_CHECKING:
    from assets.connectors.http import Client


class SignIn(Protocol):
    """How a client proves who it is. `secrets` are hidden wherever they might show."""

    @property
    def can_renew(self) -> bool:
        """True when calling again may give a fresh proof."""

    @property
    def names(self) -> str:
        """The settings or variables that hold the secret, for a fix."""

    def __call__(self, client: Client) -> tuple[dict[str, str], tuple[str, ...]]:
        """Headers to send, and the secrets in them."""


@runtime_checkable
class Session(Protocol):
    """A sign-in that begins something at the server, to be ended by one question."""

    @property
    def sign_out_path(self) -> str:
        """Below the source's address."""

    @property
    def sign_out_body(self) -> Mapping[str, Any] | None:
        """JSON to post there; None: a GET."""


@runtime_checkable
class BodySignIn(Protocol):
    """A sign-in whose proof, or a part of it, stands in the JSON of each question."""

    @property
    def body(self) -> Mapping[str, str]:
        """Fields to add, after the sign-in was called."""


@dataclass(frozen=True)
class TokenSignIn:
    """A token from an environment variable, sent as `<scheme> <token>` in `header`; no variable: nothing sent."""

    source: str
    variable: str | None
    scheme: str = "Bearer"
    header: str = "Authorization"
    can_renew: bool = False

    @property
    def names(self) -> str:
        """The variable."""
        return self.variable or ""

    def __call__(self, client: Client) -> tuple[dict[str, str], tuple[str, ...]]:  # noqa: ARG002
        """The header."""
        if self.variable is None:
            return {}, ()
        token = secret(self.source, self.variable)
        return {self.header: f"{self.scheme} {token}".strip()}, (token,)


@dataclass(frozen=True)
class BasicSignIn:
    """User name, and its password from an environment variable."""

    source: str
    user: str
    variable: str
    can_renew: bool = False

    @property
    def names(self) -> str:
        """The variable."""
        return self.variable

    def __call__(self, client: Client) -> tuple[dict[str, str], tuple[str, ...]]:  # noqa: ARG002
        """The header."""
        password = secret(self.source, self.variable)
        coded = b64encode(f"{self.user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {coded}"}, (password, coded)


def secret(source: str, variable: str) -> str:
    """The secret in an environment variable. Raises `SourceError` naming the variable only."""
    text = os.environ.get(variable, "").strip()
    if not text:
        raise SourceError(
            source, f"environment variable {variable} is not set", f"export {variable} with the secret"
        )
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        # An HTTP library would quote the whole header in its complaint.
        raise SourceError(
            source, f"the secret in {variable} holds characters no HTTP header may", f"correct {variable}"
        )
    return text
