"""Files in an object store (moto's S3): which are read again, what a fault costs, and that no secret shows."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
import yaml
from pydantic import ValidationError

from assets.connectors.base import Batch, RejectedInput
from assets.connectors.files import FilesConnector, FilesSource
from assets.connectors.object_stores import ObjectStore
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.tape import Tape
from assets.connectors.traffic import Traffic
from tests.connectors.aws import REGION, SECRET, SESSION, Answer, AwsLayer, Request
from tests.connectors.landing import files_that_show, land_all, landed_rows
from tests.connectors.test_files import DECLARED, WINDOW, refusal

URL = "s3://drop/hr/*.jsonl.gz"
ERROR = '<?xml version="1.0"?><Error><Code>{}</Code><Message>no</Message></Error>'


@pytest.fixture(scope="module")
def s3(moto_port: int) -> Any:
    return boto3.client(
        "s3", REGION, endpoint_url=f"http://127.0.0.1:{moto_port}",
        aws_access_key_id="x", aws_secret_access_key="x",
    )  # fmt: skip


@pytest.fixture
def bucket(s3: Any, aws: AwsLayer) -> Any:
    s3.create_bucket(Bucket="drop", CreateBucketConfiguration={"LocationConstraint": REGION})
    return s3


def put(bucket: Any, name: str, body: bytes = b"team_id,team_name\nt1,Ops\n", **changes: object) -> None:
    bucket.put_object(Bucket="drop", Key=name, Body=body)
    declared = yaml.safe_dump({**DECLARED, **changes}).encode()
    bucket.put_object(Bucket="drop", Key=f"{name}.sidecar.yaml", Body=declared)


def connector(
    folder: Path, url: str = "s3://drop/hr/*.csv", attempts: int = 3, **more: Any
) -> FilesConnector:
    source = FilesSource(name="hr", tables={"teams": (url,)}, **more)
    return FilesConnector(source, folder, retries=RetryPolicy(attempts=attempts, sleep=lambda _: None))


def found(folder: Path, url: str = "s3://drop/hr/*.csv", **more: Any) -> list[Batch | RejectedInput]:
    return list(connector(folder, url, **more).batches("teams", WINDOW, lambda *_: False))


def test_objects_land_once_and_unchanged_ones_are_not_downloaded(
    bucket: Any, aws: AwsLayer, tmp_path: Path
) -> None:
    """A listing tells what is new; a corrected object supersedes, one rewritten with the same bytes does not."""
    for name in ("a", "b"):
        put(bucket, f"hr/{name}.csv", f"team_id,team_name\n{name},Team {name}\n".encode())
    source = connector(tmp_path)
    (first,) = land_all(source, tmp_path, WINDOW)
    aws.requests.clear()
    (again,) = land_all(source, tmp_path, WINDOW, hour=7)
    assert (first.batches_written, again.batches_written, again.batches_skipped) == (2, 0, 2)
    assert aws.asked("GET", "/drop/hr/") == []
    put(bucket, "hr/b.csv", b"team_id,team_name\nb,New name\n")
    (third,) = land_all(source, tmp_path, WINDOW, hour=8)
    assert third.batches_written == 1
    rows = landed_rows(tmp_path, "hr", "teams")
    assert sorted((row["team_name"], row["source_file"]) for row in rows) == [
        ("New name", "s3://drop/hr/b.csv"), ("Team a", "s3://drop/hr/a.csv"),
    ]  # fmt: skip
    # A sidecar that says something else is a new version too; one only written anew is not.
    put(bucket, "hr/b.csv", b"team_id,team_name\nb,New name\n", nulls=["-"])
    assert land_all(source, tmp_path, WINDOW, hour=9)[0].batches_written == 1
    bucket.put_object(
        Bucket="drop", Key="hr/b.csv.sidecar.yaml",
        Body=b"# commented\n" + yaml.safe_dump({**DECLARED, "nulls": ["-"]}).encode(),
    )  # fmt: skip
    assert land_all(source, tmp_path, WINDOW, hour=10)[0].batches_written == 0


def test_listings_are_read_to_their_last_page(aws: AwsLayer, moto_port: int, bucket: Any) -> None:
    """S3 lists at most 1,000 objects a page."""
    from moto.s3.models import s3_backends

    backend = s3_backends["123456789012"]["aws"]
    for number in range(2_100):
        backend.put_object("drop", f"hr/{number:05}.csv", b"x")
    aws.requests.clear()
    store = ObjectStore("hr", "s3://drop/hr/*.csv", RetryPolicy(attempts=1), Traffic())
    files = store.find("s3://drop/hr/*.csv", ".sidecar.yaml")
    assert [file.name for file in files] == [f"{number:05}.csv" for number in range(2_100)]
    assert len({one.path for one in aws.asked("GET", "continuation-token=")}) == 2


def test_names_are_taken_as_they_are(bucket: Any, tmp_path: Path) -> None:
    """Spaces, signs of URLs and wildcards in names; folders, markers, hidden and unfinished objects are no data."""
    odd = "hr/ä b+c?d#[e]%41.csv"
    for name in (odd, "hr/sub/deep.csv"):
        put(bucket, name)
    for name in ("hr/", "hr/sub/", "hr/.hidden.csv", "hr/x.csv.tmp"):
        bucket.put_object(Bucket="drop", Key=name, Body=b"")
    assert [item.batch_id for item in found(tmp_path, "s3://drop/hr/*")] == [f"s3://drop/{odd}"]
    assert [type(item) for item in found(tmp_path, "s3://drop/hr/**")] == [Batch, Batch]
    assert [item.batch_id for item in found(tmp_path, "s3://drop/hr/sub/deep.csv")] == [
        "s3://drop/hr/sub/deep.csv"
    ]


def test_compressed_json_lines_from_a_store(bucket: Any, tmp_path: Path) -> None:
    import gzip

    body = gzip.compress(b'{"team_id": 1.0, "team_name": "Ops"}\nnot json\n')
    put(bucket, "hr/a.jsonl.gz", body, format="jsonl", control_totals={"rows": 2})
    (batch,) = found(tmp_path, URL)
    assert isinstance(batch, Batch)
    assert batch.frame.to_pylist() == [{"team_id": "1.0", "team_name": "Ops"}]
    assert [row.source_row for row in batch.broken] == [2]


def test_refusals_name_the_object(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Bucket="drop", Key="hr/a.csv", Body=b"team_id\n")
    assert "s3://drop/hr/a.csv: has no sidecar a.csv.sidecar.yaml" in refusal(found(tmp_path)).message
    bucket.delete_object(Bucket="drop", Key="hr/a.csv")
    assert "s3://drop/hr/*.csv: no file is there" in refusal(found(tmp_path)).message
    put(bucket, "hr/a.csv", b"")
    assert "the file is empty" in refusal(found(tmp_path)).message
    bucket.delete_object(Bucket="drop", Key="hr/a.csv")
    assert "a sidecar announces it" in refusal(found(tmp_path)).message
    (tmp_path / "a.csv.sidecar.yaml").write_text(yaml.safe_dump({**DECLARED, "format": "parquet"}))
    put(bucket, "hr/a.csv")
    assert "not a whole Parquet" in refusal(found(tmp_path, sidecar={"teams": "."})).message


def test_a_refused_object_is_kept_as_evidence(bucket: Any, tmp_path: Path) -> None:
    """Its copy is made before the temporary file goes."""
    put(bucket, "hr/a.csv", b"team_id,team_name\nt1,Ops\n", control_totals={"rows": 7})
    (summary,) = land_all(connector(tmp_path), tmp_path, WINDOW)
    assert len(summary.rejections) == 1
    (copy,) = (tmp_path / "quarantine/hr/teams/files").glob("*-a.csv")
    assert copy.read_bytes() == b"team_id,team_name\nt1,Ops\n"


# --- faults ---


def each(answers: Iterable[Answer]) -> Callable[[Request], Answer | None]:
    left = list(answers)
    return lambda _: left.pop(0) if left else None


def on(aws: AwsLayer, part: str, fault: Callable[[Request], Answer | None]) -> None:
    """Meet GET requests for a path with a fault, while it gives one."""

    def rule(request: Request, pass_on: Callable[[Request], Answer]) -> Answer:
        is_it = request.method == "GET" and request.path.partition("?")[0] == part
        found = fault(request) if is_it else None
        return found or pass_on(request)

    aws.rule = rule


BODY = b"team_id,team_name\nt1,Ops\n"
FAULTS = {
    "busy": Answer(503, {"Content-Type": "application/xml"}, ERROR.format("SlowDown").encode()),
    "broken": Answer(500, {"Content-Type": "application/xml"}, ERROR.format("InternalError").encode()),
    "proxy": Answer(502, {"Content-Type": "text/html"}, b"<html>bad gateway</html>"),
    "cut": Answer(200, {"Content-Type": "text/csv"}, BODY, cut=9),
    "short": Answer(200, {"Content-Type": "text/csv"}, BODY[:9]),
}


@pytest.mark.parametrize("part", ["/drop", "/drop/hr/a.csv.sidecar.yaml", "/drop/hr/a.csv"])
def test_what_passes_is_asked_again(bucket: Any, aws: AwsLayer, tmp_path: Path, part: str) -> None:
    """Listings, sidecars and data alike: after one fault of each kind the object is there, byte by byte."""
    put(bucket, "hr/a.csv", BODY)
    on(aws, part, each(FAULTS.values()))
    source = connector(tmp_path, attempts=len(FAULTS) + 1)
    (batch,) = source.batches("teams", WINDOW, lambda *_: False)
    traffic = source.traffic
    assert (traffic.pages, traffic.rows, traffic.retries) == (3, 1, len(FAULTS))
    assert isinstance(batch, Batch)
    assert batch.frame.to_pylist() == [{"team_id": "t1", "team_name": "Ops"}]
    assert batch.input_bytes == len(BODY)
    assert len([one for one in aws.asked("GET") if one.path.partition("?")[0] == part]) > len(FAULTS)


@pytest.mark.parametrize("fault", ["busy", "cut"])
def test_what_does_not_pass_is_one_clear_error(
    bucket: Any, aws: AwsLayer, tmp_path: Path, fault: str
) -> None:
    """The next run asks again; nothing lands half."""
    put(bucket, "hr/a.csv", BODY)
    on(aws, "/drop/hr/a.csv", lambda _: FAULTS[fault])
    with pytest.raises(SourceError, match="no answer after 3 tries") as caught:
        found(tmp_path)
    assert SECRET not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("part", "code", "status", "message"),
    [
        ("/drop", "AccessDenied", 403, "fix: grant the right to list the folder"),
        ("/drop", "InvalidAccessKeyId", 403, "access denied"),
        ("/drop/hr/a.csv", "AccessDenied", 403, "fix: grant the right to read it"),
        ("/drop/hr/a.csv", "NoSuchKey", 404, "is gone since it was listed"),
    ],
)
def test_refusals_of_the_store_are_explained_at_once(
    bucket: Any, aws: AwsLayer, tmp_path: Path, part: str, code: str, status: int, message: str
) -> None:
    """A listing that is refused stops the source, an object that is refused stops only itself."""
    put(bucket, "hr/a.csv", BODY)
    on(aws, part, lambda _: Answer(status, {"Content-Type": "application/xml"}, ERROR.format(code).encode()))
    try:
        text = refusal(found(tmp_path)).message
    except SourceError as error:
        text = str(error)
    assert message in text
    assert len([one for one in aws.asked("GET") if one.path.partition("?")[0] == part]) == 1


def test_an_object_replaced_while_it_is_read_is_refused(bucket: Any, aws: AwsLayer, tmp_path: Path) -> None:
    put(bucket, "hr/a.csv", BODY)

    def replace(_: Request) -> None:
        aws.rule = None
        put(bucket, "hr/a.csv", BODY + b"t2,Dev\n")

    on(aws, "/drop/hr/a.csv", replace)
    assert "changed while it was read" in refusal(found(tmp_path)).message


def test_the_least_rights_are_enough(bucket: Any, aws: AwsLayer, tmp_path: Path) -> None:
    """The policy in docs/sources/files.md: list below one prefix, read below it, and nothing else."""
    for name in ("hr/a.csv", "hr/sub/b.csv"):
        put(bucket, name, BODY)

    def policy(request: Request, pass_on: Callable[[Request], Answer]) -> Answer:
        path, _, query = request.path.partition("?")
        prefix = parse_qs(query).get("prefix", [""])[0]
        if path.startswith("/drop/hr/") or (path == "/drop" and prefix.startswith("hr/")):
            return pass_on(request)
        return Answer(403, {"Content-Type": "application/xml"}, ERROR.format("AccessDenied").encode())

    aws.rule = policy
    for url, count in (("s3://drop/hr/*.csv", 1), ("s3://drop/hr/**/*.csv", 2), ("s3://drop/hr/a.csv", 1)):
        assert [type(item) for item in found(tmp_path, url)] == [Batch] * count


def test_no_access_is_explained(aws: AwsLayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(SourceError, match=r"no access to the store .* give access through the environment"):
        found(tmp_path)


def test_secrets_show_nowhere(
    bucket: Any, aws: AwsLayer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Receipts, quarantine, log and error hold neither key nor session, not even when the store repeats them."""
    caplog.set_level(logging.INFO)
    put(bucket, "hr/a.csv", BODY)
    put(bucket, "hr/b.csv", BODY, control_totals={"rows": 2})
    land_all(connector(tmp_path), tmp_path, WINDOW)
    on(aws, "/drop", lambda _: Answer(400, {}, ERROR.format(f"Odd{SECRET}{SESSION}").encode()))
    with pytest.raises(SourceError) as caught:
        found(tmp_path)
    assert files_that_show(tmp_path, [SECRET, SESSION]) == []
    told = caplog.text + repr(caught.value) + str(caught.value.__context__)
    assert SECRET not in told
    assert SESSION not in told


# --- configuration ---


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"tables": {"teams": "ftp://host/x.csv"}},
            "no object store is known by ftp://; fix: use one of s3://",
        ),
        ({"tables": {"teams": f"s3://key:{SECRET}@drop/x.csv"}}, "the URL holds a secret"),
        ({"tables": {"teams": f"s3://drop/x.csv?X-Amz-Signature={SECRET}"}}, "the URL holds a secret"),
        ({"tables": {"teams": "x.csv"}, "sidecar": {"teams": "s3://drop/x.yaml"}}, "is no local path"),
    ],
)
def test_mistakes_in_urls_are_named(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        FilesSource.model_validate({"name": "hr", **config})
    assert message in caught.value.errors()[0]["msg"]


def test_variables_in_urls(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(bucket, "hr/a.csv", BODY)
    monkeypatch.setenv("BUCKET", "drop")
    assert [item.batch_id for item in found(tmp_path, "s3://${BUCKET}/hr/*.csv")] == ["s3://drop/hr/a.csv"]
    monkeypatch.setenv("BUCKET", f"u:{SECRET}@drop")
    with pytest.raises(SourceError, match="the URL holds a secret") as caught:
        found(tmp_path, "s3://${BUCKET}/hr/*.csv")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("protocol", "package"), [("gs", "gcsfs"), ("abfs", "adlfs")])
def test_a_store_whose_package_is_missing_is_explained(tmp_path: Path, protocol: str, package: str) -> None:
    with pytest.raises(SourceError, match=f"needs the package {package}; fix: pip install {package}"):
        found(tmp_path, f"{protocol}://drop/hr/*.csv")


# --- recordings ---


def test_objects_in_a_store_are_played_without_it(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorded run and the played one land the same rows, offline and without credentials."""
    put(bucket, "hr/a.csv")
    put(bucket, "hr/b.csv.gz", gzip.compress(b"team_id,team_name\nt1,Ops\n"))
    put(bucket, "hr/short.csv", control_totals={"rows": 9})
    url = "s3://drop/hr/*"
    source = connector(tmp_path, url)
    source.tape = Tape.new(tmp_path / "tapes", "hr")
    (made,) = land_all(source, tmp_path / "made", WINDOW)
    assert files_that_show(tmp_path / "tapes", [SECRET, SESSION]) == []
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    source = connector(tmp_path, url)
    source.tape = Tape.of(tmp_path / "tapes", "hr")
    (played,) = land_all(source, tmp_path / "played", WINDOW)
    assert (played.rows_landed, played.rejections) == (made.rows_landed, made.rejections)
    assert (len(made.rejections), source.traffic.rows) == (1, 2)
    assert landed_rows(tmp_path / "played", "hr", "teams") == landed_rows(tmp_path / "made", "hr", "teams")


def test_a_store_that_does_not_answer_is_on_the_recording(
    aws: AwsLayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever plays it reads what the user read."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    told = []
    for tape in (Tape.new, Tape.of):
        source = connector(tmp_path, attempts=1)
        source.tape = tape(tmp_path / "tapes", "hr")
        with pytest.raises(SourceError) as caught:
            list(source.batches("teams", WINDOW, lambda *_: False))
        told.append(str(caught.value))
    assert told[0] == told[1]
