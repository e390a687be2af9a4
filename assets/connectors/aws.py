"""Asks one service of AWS through its SDK: retries, waits and errors as every other source has them.

Access comes from the SDK's own chain (variables, profiles, the machine's role), which also renews it.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from assets.connectors.http import Link
from assets.connectors.remote import RetryPolicy, SourceError, TransientError, hide

_THROTTLED = re.compile(r"Throttl|TooManyRequests|RequestLimitExceeded|LimitExceeded|SlowDown|Unavailable")
_DENIED = re.compile(r"AccessDenied|Unauthorized|NotAuthorized|OptInRequired")
_EXPIRED = re.compile(r"ExpiredToken|InvalidClientTokenId|UnrecognizedClient|IncompleteSignature|AuthFailure")
_SKEWED = re.compile(r"RequestExpired|TimeTooSkewed|Signature (?:expired|not yet current)")
_SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")


class AwsClient:
    """One service in one region. Raises `SourceError`. `link` counts what is exchanged, and its tape records it."""

    def __init__(
        self,
        source: str,
        service: str,
        *,
        region: str | None,
        profile: str | None,
        timeout_seconds: float,
        retries: RetryPolicy,
        link: Link,
    ) -> None:
        self._source = source
        self._service = service
        self._link = link
        self.retries = link.traffic.counting(retries)
        if link.tape is None or not link.tape.is_played:
            self._client = self._connected(region, profile, timeout_seconds)

    def _connected(self, region: str | None, profile: str | None, timeout_seconds: float) -> Any:
        import boto3
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        for name in ("boto3", "botocore", "urllib3"):
            # At its lowest level the SDK writes whole requests, session tokens included.
            if logging.getLogger(name).level < logging.INFO:
                logging.getLogger(name).setLevel(logging.INFO)
        options = Config(
            # Retries are ours: counted, and as patient as for any other source.
            retries={"total_max_attempts": 1},
            connect_timeout=min(timeout_seconds, 10.0),
            read_timeout=timeout_seconds,
            user_agent_appid="ullage",
        )
        try:
            core = botocore.session.get_session()
            core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
            session = boto3.Session(profile_name=profile, region_name=region, botocore_session=core)
            client = session.client(self._service, config=options)
        except (BotoCoreError, ValueError) as error:
            raise self._no_access(error) from None
        client.meta.events.register("before-parse", self._refuse_half_answer)
        return client

    def ask(self, action: str, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one question. `action` is the API's name, as in `GetMetricData`."""
        if self._link.breaker.is_open:
            raise SourceError(
                self._source,
                f"given up for this run after {self._link.breaker.limit} questions in a row without an answer",
                "see whether AWS can be reached, then run again",
            )
        try:
            answer = self.retries.call(lambda: self._once(action, question))
        except TransientError as error:
            self._link.breaker.note(answered=False)
            problem = f"no answer to {action} after {self.retries.attempts} tries ({error.problem})"
            raise SourceError(
                self._source, problem, "see whether AWS can be reached, then run again"
            ) from None
        self._link.breaker.note(answered=True)
        return answer

    def _once(self, action: str, question: Mapping[str, Any]) -> dict[str, Any]:
        tape, traffic = self._link.tape, self._link.traffic
        exchange = {"target": action, "body": _plain(question)}
        if tape is not None and tape.is_played:
            answer: dict[str, Any] = tape.next(self._source, exchange, f"{action} {exchange['body']}")[
                "answer"
            ]
        else:
            traffic.waited_seconds += self._link.bucket.wait()
            answer = self._sent(action, question)
            size = answer.pop("ResponseMetadata", {}).get("HTTPHeaders", {}).get("content-length", "0")
            traffic.bytes += int(size) if size.isdigit() else 0
        if tape is not None and not tape.is_played:
            tape.keep({**exchange, "answer": _plain(answer)}, lambda line: hide(line, *_secrets()))
        traffic.pages += 1
        if answer.get("NextToken") and answer["NextToken"] == question.get("NextToken"):
            raise TransientError("the same page again, as from a stale cache")
        return answer

    def _sent(self, action: str, question: Mapping[str, Any]) -> dict[str, Any]:
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
        try:
            found: dict[str, Any] = getattr(self._client, method)(**question)
            return found
        except (SourceError, TransientError):
            raise
        except Exception as error:  # the SDK raises what it likes
            explained = self._explained(action, error)
        # Raised here, so that the SDK's own exception, which may quote secrets, does not hang on it.
        raise explained

    def _refuse_half_answer(self, response_dict: Mapping[str, Any], **_: Any) -> None:
        """botocore takes a body that is no JSON for an answer without content: an empty one, silently."""
        headers, body = response_dict["headers"], response_dict["body"]
        announced = str(headers.get("content-length", ""))
        if announced.isdigit() and int(announced) != len(body):
            raise TransientError(f"{len(body)} of {announced} bytes arrived")
        if response_dict["status_code"] >= 300 or "cbor" in str(headers.get("content-type", "")):
            return
        if body.lstrip().startswith(b"<"):
            problem = "a page arrived where JSON was expected, perhaps a login page or a proxy"
            raise SourceError(self._source, problem, "check the way to AWS (HTTPS_PROXY, AWS_ENDPOINT_URL)")
        try:
            json.loads(body)
        except ValueError:
            raise TransientError("the answer is not whole JSON") from None

    def _explained(self, action: str, error: Exception) -> SourceError | TransientError:
        """What an exception of the SDK means for whoever runs this."""
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        if isinstance(error, ClientError):
            return self._refusal(action, error.response)
        if isinstance(error, ParamValidationError):
            return SourceError(self._source, _line(error), "correct the query in the configuration")
        name = type(error).__name__
        if isinstance(error, BotoCoreError) and ("Credential" in name or "Token" in name):
            return self._no_access(error)
        return TransientError(_line(error))

    def _refusal(self, action: str, response: Mapping[str, Any]) -> SourceError | TransientError:
        error, about = response.get("Error", {}), response.get("ResponseMetadata", {})
        code, status = str(error.get("Code", "")), int(about.get("HTTPStatusCode", 0))
        said = hide(f"{code}: {error.get('Message', '')}", *_secrets())[:300]
        if status >= 500 or status == 429 or _THROTTLED.search(code):
            told = about.get("HTTPHeaders", {}).get("retry-after", "")
            return TransientError(f"status {status}, {said}", float(told) if told.isdigit() else None)
        fix = f"correct the query; AWS names the parameter ({action})"
        if _SKEWED.search(f"{code} {error.get('Message', '')}"):
            fix = "set this machine's clock (NTP): AWS refuses requests that are minutes off"
        elif _EXPIRED.search(code):
            fix = "renew the credentials that the environment gives (aws sts get-caller-identity tells which)"
        elif _DENIED.search(code) or status in (401, 403):
            fix = f"grant {self._service}:{action} to the role that reads"
        return SourceError(self._source, f"AWS refused {action} ({said})", fix)

    def _no_access(self, error: Exception) -> SourceError:
        return SourceError(
            self._source,
            f"no access to AWS ({_line(error)})",
            "give region and credentials through the environment (AWS_PROFILE, a role) or as region and profile",
        )


def _time(given: Any) -> Any:
    """A time of an answer. What is none stays as it came: one impossible time must not refuse the whole answer."""
    from botocore.utils import parse_timestamp

    try:
        return parse_timestamp(given)
    except (ArithmeticError, OSError, RuntimeError, TypeError, ValueError):
        return str(given)


def _plain(found: Mapping[str, Any]) -> Any:
    """As JSON holds it: times as text."""
    return json.loads(json.dumps(found, default=datetime.isoformat))


def _secrets() -> list[str]:
    return [os.environ[name] for name in _SECRET_VARIABLES if os.environ.get(name)]


def _line(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [""])[0]
    return hide(f"{type(error).__name__}: {text}", *_secrets())[:300]
