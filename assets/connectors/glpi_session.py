"""Signing in to GLPI: a session of its REST API, over all entities that the account may see."""

from __future__ import annotations

from dataclasses import dataclass

from assets.connectors.glpi_settings import GlpiSource
from assets.connectors.http import Client
from assets.connectors.remote import SourceError, hide
from assets.connectors.sign_in import BasicSignIn, secret

API = "/apirest.php"


@dataclass(frozen=True)
class SessionSignIn:
    """A session of the API, over all entities that the account may see; made anew when it has ended."""

    source: GlpiSource
    can_renew: bool = True
    sign_out_path: str = f"{API}/killSession"
    sign_out_body: None = None

    @property
    def names(self) -> str:
        """The variables."""
        found = (self.source.token_env, self.source.password_env, self.source.app_token_env)
        return " and ".join(name for name in found if name)

    def __call__(self, client: Client) -> tuple[dict[str, str], tuple[str, ...]]:
        """The headers of the session."""
        source = self.source
        secrets: list[str] = []
        app: dict[str, str] = {}
        if source.app_token_env is not None:
            app["App-Token"] = secret(source.name, source.app_token_env)
            secrets.append(app["App-Token"])
        if source.token_env is not None:
            token = secret(source.name, source.token_env)
            proof, coded = {"Authorization": f"user_token {token}"}, [token]
        else:
            proof, hidden = BasicSignIn(source.name, source.user or "", source.password_env or "")(client)
            coded = [*hidden]
        secrets += coded
        try:
            body = client.ask("GET", f"{API}/initSession", headers={**app, **proof}, signed=False).body
            session = body.get("session_token") if isinstance(body, dict) else None
            if not isinstance(session, str):
                raise client.error(
                    "initSession gave no session_token", "check url, and that the REST API is on"
                )
            secrets.append(session)
            signed = {**app, "Session-Token": session}
            # A session begins in the account's default entity alone and then finds no ticket of the others.
            # Without entities_id all are meant; GLPI takes the word "all" for the number 0, the root entity.
            every = {"is_recursive": True}
            path = f"{API}/changeActiveEntities"
            if not client.ask("POST", path, json_body=every, headers=signed, signed=False).body:
                raise client.error(
                    "changeActiveEntities was refused: the account is in no entity",
                    "give it a profile in one",
                )
        except SourceError as error:
            raise SourceError(source.name, hide(error.problem, *secrets), error.fix) from None
        return signed, tuple(secrets)
