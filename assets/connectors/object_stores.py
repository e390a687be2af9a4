"""Files in an object store, known by their URL: listed, and streamed to a local file when they changed.

Access comes from the environment alone (the store's own chain: variables, profiles, the machine's role), so that
neither the configuration nor a receipt can hold a secret.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from assets.connectors.base import UnusableInput
from assets.connectors.remote import RetryPolicy, SourceError, TransientError, hide
from assets.connectors.traffic import Traffic

Answer = TypeVar("Answer")
#: Protocol of a URL: the package that speaks it with fsspec.
PACKAGES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
}
#: Retries are ours, so the client's own are off. It must not remember listings either.
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {"retries": {"total_max_attempts": 1}, "connect_timeout": 10, "read_timeout": 60}
    },
}
_PROTOCOL = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*)://")
_PASSWORD = re.compile(r"://[^/@]*:[^/@]*@|[?&](?:X-Amz-|sig=|Signature=|token=)", re.IGNORECASE)
_MAGIC = re.compile(r"[*?\[]")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_SECRET_VARIABLE = re.compile(r"SECRET|TOKEN|PASSWORD|ACCOUNT_KEY|ACCESS_KEY|CONNECTION_STRING")
_PIECE_BYTES = 2**20


class RefusedFile(UnusableInput):
    """One object that could not be fetched, while the store itself answers."""


@dataclass(frozen=True)
class RemoteFile:
    """One object. `version` changes with its content (ETag or time of change, and size); None: not known."""

    url: str
    path: str
    size: int
    version: str | None

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rsplit("/", 1)[-1]


def is_url(text: str) -> bool:
    """True for `protocol://…`, after which a configured path is no local one."""
    return _PROTOCOL.match(text) is not None


def check_url(text: str) -> None:
    """Raise `ValueError` for a URL of an unknown store, or one that holds a password or signature."""
    match = _PROTOCOL.match(text)
    if match is None or match[1] not in PACKAGES:
        known = ", ".join(f"{name}://" for name in PACKAGES)
        raise ValueError(f"no object store is known by {match and match[0]}; fix: use one of {known}")
    if _PASSWORD.search(text):
        # The address is not repeated: it would show the secret.
        raise ValueError(
            "the URL holds a secret; fix: remove it, and put it where the store's SDK looks for it"
        )


def expand_url(source: str, text: str) -> str:
    """`text` with `${NAME}` replaced from the environment. Raises `SourceError`."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise SourceError(source, f"environment variable {match[1]} is not set", f"export {match[1]}=…")
        return os.environ[match[1]]

    url = _VARIABLE.sub(value, text)
    try:
        check_url(url)
    except ValueError as error:
        problem, _, fix = str(error).partition("; fix: ")
        raise SourceError(source, problem, fix) from None
    return url


class ObjectStore:
    """One store of `source`, asked with bounded retries. Raises `SourceError` when it does not answer.

    `traffic` counts listings and objects as pages.
    """

    def __init__(self, source: str, url: str, retries: RetryPolicy, traffic: Traffic) -> None:
        import fsspec

        self._source = source
        self._retries = traffic.counting(retries)
        self._traffic = traffic
        protocol = url.partition("://")[0]
        package = PACKAGES[protocol]
        options = _OPTIONS.get(protocol, {})
        try:
            self._files, _ = fsspec.url_to_fs(
                url, use_listings_cache=False, skip_instance_cache=True, **options
            )
        except ImportError:
            raise SourceError(
                source, f"{protocol}:// needs the package {package}", f"pip install {package}"
            ) from None
        except Exception as error:  # an SDK raises what it likes, also when it finds no access
            raise self._cannot_open(error) from None
        self._files.retries = 1

    def find(self, url: str, beside: str) -> list[RemoteFile]:
        """The objects that match `url` (`*` within a folder, `**` through folders), by path.

        Objects of such a name followed by `beside` are found by the same listing. fsspec's own glob would
        leave out folders that it cannot list, and asks for more rights than to list and to read.
        """
        from fsspec.utils import glob_translate

        path = self._files._strip_protocol(url)
        parts = path.split("/")
        fixed = next((place for place, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
        try:
            wanted = re.compile(glob_translate(path))
        except ValueError:
            raise SourceError(self._source, f"{url}: ** is not a whole part", "write …/**/*.csv") from None
        if fixed == 0:
            raise SourceError(self._source, f"{url}: names no bucket", "write it before the first wildcard")
        root = "/".join(parts[:fixed])

        def listed() -> list[Mapping[str, Any]]:
            if fixed == len(parts):
                return [info for name in (path, path + beside) if (info := self._info(name))]
            if fixed < len(parts) - 1 or parts[-1] == "**":
                return list(self._files.find(root, detail=True).values())
            return _or_none(lambda: self._files.ls(root, detail=True)) or []

        found = self._ask(f"list {url}", listed)
        # A name that ends in a slash only marks a folder.
        files = [
            self._file(info["name"], info)
            for info in found
            if info["type"] == "file" and not info["name"].endswith("/")
        ]
        matching = [
            file
            for file in files
            if fixed == len(parts) or wanted.match(file.path) or wanted.match(file.path.removesuffix(beside))
        ]
        return sorted(matching, key=lambda file: file.path)

    def _info(self, path: str) -> Mapping[str, Any] | None:
        return _or_none(lambda: self._files.info(path))

    def read(self, file: RemoteFile) -> bytes:
        """All bytes of a small object. Raises `RefusedFile` when there is no way to it."""

        def get() -> bytes:
            content: bytes = self._files.cat_file(file.path)
            if len(content) != file.size:
                raise TransientError(f"{len(content)} of {file.size} bytes arrived")
            return content

        return self._ask(f"read {file.url}", get, file)

    def fetch(self, file: RemoteFile, target: Path) -> str:
        """Stream an object to `target` and give the SHA-256 of its bytes.

        Raises `RefusedFile` when there is no way to it, or when it changed since it was listed.
        """

        def get() -> None:
            self._files.get_file(file.path, str(target))
            size = target.stat().st_size
            now = self._file(file.path, self._files.info(file.path))
            if (now.size, now.version) != (file.size, file.version):
                raise RefusedFile(f"{file.url}: changed while it was read", "run again")
            if size != file.size:
                raise TransientError(f"{size} of {file.size} bytes arrived")

        self._ask(f"read {file.url}", get, file)
        with target.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def _file(self, path: str, info: Mapping[str, Any]) -> RemoteFile:
        size = int(info.get("size") or 0)
        return RemoteFile(self._files.unstrip_protocol(path), path, size, _version(info, size))

    def _ask(self, what: str, ask: Callable[[], Answer], file: RemoteFile | None = None) -> Answer:
        def once() -> Answer:
            try:
                return ask()
            except (TransientError, UnusableInput):
                raise
            except FileNotFoundError:
                gone = "the bucket" if file is None else file.url
                raise RefusedFile(f"{gone}: is gone since it was listed", "deliver it again") from None
            except PermissionError as error:
                denied = f"access denied ({_plain(error)})"
                if file is None:
                    raise SourceError(self._source, f"cannot {what}: {denied}", _LIST_RIGHT) from None
                raise RefusedFile(f"{file.url}: {denied}", _READ_RIGHT) from None
            except Exception as error:  # an SDK raises what it likes; what passes is asked again
                if "Credential" in type(error).__name__:
                    raise self._cannot_open(error) from None
                raise TransientError(_plain(error)) from None

        try:
            answer = self._retries.call(once)
        except TransientError as error:
            raise SourceError(
                self._source,
                f"cannot {what}: no answer after {self._retries.attempts} tries ({error.problem})",
                "see whether the store is up and its endpoint and region are right, then run again",
            ) from None
        self._traffic.pages += 1
        self._traffic.bytes += 0 if file is None else file.size
        return answer

    def _cannot_open(self, error: Exception) -> SourceError:
        fix = "give access through the environment as the store's SDK reads it (e.g. AWS_PROFILE or a role)"
        return SourceError(self._source, f"no access to the store ({_plain(error)})", fix)


_LIST_RIGHT = "grant the right to list the folder (S3: s3:ListBucket on the bucket)"
_READ_RIGHT = "grant the right to read it (S3: s3:GetObject), or restore it from its archive tier"


def _or_none(ask: Callable[[], Answer]) -> Answer | None:
    try:
        return ask()
    except FileNotFoundError:
        return None


def _version(info: Mapping[str, Any], size: int) -> str | None:
    """What tells two contents of one object apart, as the store's listing says it."""
    tag = str(info.get("ETag") or info.get("etag") or "").strip('"')
    moments = (info.get(name) for name in ("LastModified", "last_modified", "updated", "mtime"))
    changed = next((moment for moment in moments if moment is not None), None)
    if not tag and changed is None:
        return None
    return f"{size}:{tag or (changed.isoformat() if isinstance(changed, datetime) else changed)}"


def _plain(error: Exception) -> str:
    """One line of what an SDK said, without the values of variables that hold secrets."""
    secrets = secrets_of_the_environment()
    line = (str(error).strip().splitlines() or [""])[0]
    return hide(f"{type(error).__name__}: {line}", *secrets)[:300]


def secrets_of_the_environment() -> list[str]:
    """Values of variables whose names say that they hold a secret; the longest first, as one may hold another."""
    found = {value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name) and len(value) > 3}
    return sorted(found, key=lambda value: (-len(value), value))
