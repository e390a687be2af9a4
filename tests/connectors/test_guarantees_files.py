"""What files guarantee, in a folder and in an object store, under faults of deliveries and of the store.

After any fault each file has landed whole or is refused with a reason, row by row or as a whole; once it is delivered
as it should be, the next run has it. A killed run is made good by the next.
"""

from __future__ import annotations

import gzip
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.connectors import files as module
from assets.connectors.files import FilesConnector, FilesSource
from assets.connectors.remote import RetryPolicy, SourceError
from assets.landing.store import file_sha256
from assets.landing.summary import LandingSummary
from tests.connectors.aws import REGION, Answer, AwsLayer, Request
from tests.connectors.killing import Killer, at_drawn_moments
from tests.connectors.landing import land_all, landed_bytes, landed_rows, quarantined_rows
from tests.connectors.test_files import DECLARED, WINDOW

ROWS = 5
NAMES = ("a.csv", "b.csv.gz", "c.csv", "d.csv.gz")
SUFFIX = ".sidecar.yaml"


def text(name: str) -> str:
    return "team_id,team_name\n" + "".join(f"{name}-{row},Team é {row}\n" for row in range(ROWS))


def packed(name: str, content: bytes) -> bytes:
    return gzip.compress(content, mtime=0) if name.endswith(".gz") else content


class Place(ABC):
    """Where files are dropped."""

    url: str

    @abstractmethod
    def put(self, name: str, content: bytes) -> None:
        """Write or replace a file."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Take a file away."""

    def deliver(self, name: str, content: str | None = None) -> None:
        """A file as it should be, with its sidecar."""
        self.put(name, packed(name, (content or text(name)).encode()))
        declared = {**DECLARED, "control_totals": {"rows": ROWS}}
        self.put(name + SUFFIX, yaml.safe_dump(declared).encode())

    # What may go wrong with one delivery, in any place.

    def half_written(self, name: str) -> None:
        whole = text(name).encode()
        self.put(name, packed(name, whole[: len(whole) // 2]))

    def truncated(self, name: str) -> None:
        self.put(name, packed(name, text(name).encode())[:-24])

    def wrong_encoding(self, name: str) -> None:
        self.put(name, packed(name, text(name).encode("latin-1")))

    def no_sidecar_yet(self, name: str) -> None:
        self.remove(name + SUFFIX)

    def no_data_yet(self, name: str) -> None:
        self.remove(name)

    def empty(self, name: str) -> None:
        self.put(name, b"")

    def half_a_sidecar(self, name: str) -> None:
        self.put(name + SUFFIX, b"table: teams\nformat: [cs")


SPOILT: dict[str, Callable[[Place, str], None]] = {
    "half written": Place.half_written,
    "truncated": Place.truncated,
    "wrong encoding": Place.wrong_encoding,
    "no sidecar yet": Place.no_sidecar_yet,
    "no data yet": Place.no_data_yet,
    "empty": Place.empty,
    "half a sidecar": Place.half_a_sidecar,
}


class Folder(Place):
    """A folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"{folder}/*.csv*"
        folder.mkdir(parents=True)

    def put(self, name: str, content: bytes) -> None:
        (self._folder / name).write_bytes(content)

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()


class Bucket(Place):
    """A bucket of moto's S3 behind a layer that misbehaves."""

    def __init__(self, aws: AwsLayer, name: str) -> None:
        self.aws, self.bucket = aws, name
        self.url = f"s3://{name}/in/*.csv*"
        self._s3 = boto3.client(
            "s3",
            REGION,
            endpoint_url=f"http://127.0.0.1:{aws.moto_port}",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )
        self._s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def put(self, name: str, content: bytes) -> None:
        self._s3.put_object(Bucket=self.bucket, Key=f"in/{name}", Body=content)

    def remove(self, name: str) -> None:
        self._s3.delete_object(Bucket=self.bucket, Key=f"in/{name}")

    def once(self, name: str, fault: str) -> None:
        """Meet the next download of an object, or (eventual listing) the next listing, with a fault."""
        left = [fault]

        def rule(request: Request, pass_on: Callable[[Request], Answer]) -> Answer:
            is_listing = "list-type" in request.path
            is_it = is_listing if fault == "eventual listing" else request.path.endswith(f"/in/{name}")
            if not left or request.method != "GET" or not is_it:
                return pass_on(request)
            left.clear()
            answer = pass_on(request)
            if fault == "slow down":
                return Answer(
                    503, {"Content-Type": "application/xml"}, b"<Error><Code>SlowDown</Code></Error>"
                )
            if fault == "cut body":
                answer.cut = len(answer.body) // 2
            elif fault == "listed but gone":
                return Answer(
                    404, {"Content-Type": "application/xml"}, b"<Error><Code>NoSuchKey</Code></Error>"
                )
            else:
                pattern = (
                    rb"<Contents>(?:(?!</Contents>).)*?in/" + re.escape(name).encode() + rb".*?</Contents>"
                )
                answer.body = re.sub(pattern, b"", answer.body, flags=re.DOTALL)
            return answer

        self.aws.rule = rule


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "folder":
        yield Folder(tmp_path / "in")
    else:
        yield Bucket(request.getfixturevalue("aws"), "drop")


def connector(url: str) -> FilesConnector:
    source = FilesSource(name="hr", tables={"teams": (url,)})
    return FilesConnector(source, Path("/"), retries=RetryPolicy(3, sleep=lambda _: None))


def run(place: Place, home: Path, hour: int = 6) -> LandingSummary:
    (summary,) = land_all(connector(place.url), home, WINDOW, hour)
    assert summary.is_conserved
    return summary


def landed(home: Path) -> list[str]:
    return sorted(row["team_id"] for row in landed_rows(home, "hr", "teams"))


def ids(*names: str) -> list[str]:
    return sorted(f"{name}-{row}" for name in names for row in range(ROWS))


@pytest.mark.parametrize("fault", SPOILT)
def test_a_spoilt_delivery_is_told_and_made_good(place: Place, tmp_path: Path, fault: str) -> None:
    """It lands whole or not at all, its neighbour lands, and the file as it should be supersedes."""
    home = tmp_path / "home"
    for name in NAMES[:3]:
        place.deliver(name)
    for name in NAMES[:2]:
        SPOILT[fault](place, name)
    summary = run(place, home)
    if fault == "wrong encoding":
        quarantined = quarantined_rows(home, "hr", "teams")
        assert len(quarantined) == 2 * ROWS
        assert all(row["reason"] and row["fix"] for row in quarantined)
    else:
        assert len(summary.rejections) == 2
        assert all("; fix: " in text for text in summary.rejections)
    assert landed(home) == ids("c.csv")
    for name in NAMES[:2]:
        place.deliver(name)
    assert run(place, home, 7).rejections == ()
    assert landed(home) == ids(*NAMES[:3])
    assert run(place, home, 8).batches_written == 0


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_a_file_that_grows_while_it_is_read_waits_for_the_next_run(place: Place, tmp_path: Path) -> None:
    """A copy in progress has a hash of nothing in particular; a good version that has landed stays meanwhile."""
    home = tmp_path / "home"
    place.deliver("a.csv")
    run(place, home)
    place.deliver("a.csv", text("a.csv").replace("Team", "Group"))

    def growing(path: Path) -> str:
        digest = file_sha256(path)
        if path.name == "a.csv":
            with path.open("ab") as stream:
                stream.write(b"more,Of it\n")
        return digest

    with mock.patch.object(module, "file_sha256", growing):
        (message,) = run(place, home, 7).rejections
    assert "changed while it was read" in message or "control totals differ" in message
    assert {row["team_name"][:4] for row in landed_rows(home, "hr", "teams")} == {"Team"}
    place.deliver("a.csv", text("a.csv").replace("Team", "Group"))
    run(place, home, 8)
    assert {row["team_name"][:5] for row in landed_rows(home, "hr", "teams")} == {"Group"}


STORE = ("slow down", "cut body", "listed but gone", "eventual listing")


@pytest.mark.parametrize("fault", STORE)
@pytest.mark.parametrize("place", ["s3"], indirect=True)
def test_a_fault_of_the_store_costs_no_row(place: Bucket, tmp_path: Path, fault: str) -> None:
    """What passes is asked again at once; an object that the listing or the store does not show yet, the next time."""
    for name in NAMES[:3]:
        place.deliver(name)
    place.once("b.csv.gz", fault)
    first = run(place, tmp_path)
    is_late = fault in ("listed but gone", "eventual listing")
    assert landed(tmp_path) == ids(*(name for name in NAMES[:3] if not is_late or name != "b.csv.gz"))
    assert bool(first.rejections) == (fault == "listed but gone")
    assert run(place, tmp_path, 7).rejections == ()
    assert landed(tmp_path) == ids(*NAMES[:3])


def test_renamed_and_repeated_files_lose_nothing(place: Place, tmp_path: Path) -> None:
    """A copy under another name lands beside the first; which row of a key counts is decided by the newest receipt."""
    home = tmp_path / "home"
    place.deliver("a.csv")
    run(place, home)
    place.deliver("again.csv", text("a.csv"))
    assert run(place, home, 7).batches_written == 1
    place.remove("a.csv")
    place.remove("a.csv" + SUFFIX)
    assert run(place, home, 8).batches_written == 0
    assert sorted(set(landed(home))) == ids("a.csv")


@given(data=st.data())
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mix_of_faults_costs_no_row(
    place: Place, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Run by run some deliveries are spoilt, replaced, or met by a fault of the store; a last good one has all."""
    home = tmp_path_factory.mktemp("mix")
    here: Place = Folder(home / "in") if isinstance(place, Folder) else place
    for name in NAMES:
        here.deliver(name)
    for hour in range(1, data.draw(st.integers(2, 4))):
        for name in data.draw(st.sets(st.sampled_from(NAMES), max_size=3), label="spoilt"):
            here.deliver(name)
            SPOILT[data.draw(st.sampled_from(sorted(SPOILT)))](here, name)
        if isinstance(here, Bucket):
            here.once(data.draw(st.sampled_from(NAMES)), data.draw(st.sampled_from(STORE)))
        try:
            run(here, home / "home", hour)
        except SourceError as error:
            assert error.fix
        for name in NAMES:
            rows = [one for one in landed(home / "home") if one.startswith(f"{name}-")]
            assert rows in ([], ids(name)), "a file has landed in part"
    for name in NAMES:
        here.deliver(name)
    if isinstance(here, Bucket):
        # A fault that waits for a download which never came is not for the last run.
        here.aws.rule = None
    assert run(here, home / "home", 20).rejections == ()
    assert landed(home / "home") == ids(*NAMES)


# --- killed ---


def landing(home: Path) -> Callable[[], Any]:
    """What a child process does: land what `DROP` names."""
    import os

    return lambda: land_all(connector(os.environ["DROP"]), home, WINDOW)


@pytest.mark.slow
def test_a_run_killed_at_any_moment_is_made_good_by_the_next(
    place: Place, killer: Killer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real process dies at drawn moments: what has its receipt is not read again, the landing is the same."""
    for name in NAMES:
        place.deliver(name)
    monkeypatch.setenv("DROP", place.url)

    def check(whole: Path, dead: Path) -> None:
        assert len([name for name in landed_bytes(whole) if "/receipts/" in name]) == len(NAMES)
        done = len([name for name in landed_bytes(dead) if "/receipts/" in name])
        (rest,) = land_all(connector(place.url), dead, WINDOW)
        assert rest.batches_written == len(NAMES) - done
        assert landed_bytes(dead) == landed_bytes(whole)

    at_drawn_moments(killer, f"{__name__}:landing", tmp_path / "runs", check)
