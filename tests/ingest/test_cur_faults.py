"""S3 on a bad day: refuses, throttles, cuts off, changes under the reader. Retried where that helps, else one line."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from demo.faults import Fault
from demo.wire import Request, ServiceError
from ingest import aws, objects, s3
from ingest.errors import IngestError
from ingest.objects import FolderStore
from tests.app.marts_fixture import environment
from tests.ingest.deliveries import redeliver, sync
from tests.simulated import Cloud, Delivery, Product, deliver, line_item, read_state, sole_error, write_csv

FOLDER = "s3://standing/small/20261001-20261101"
FILE = f"{FOLDER}/second/a.csv.gz"
FILE_PATH = "/standing/small/20261001-20261101/second/a.csv.gz"
MANIFEST_PATH = "/standing/small/20261001-20261101/small-Manifest.json"
SOURCE = "s3://standing/small"

# Not compressed within, so that it is read in several chunks of the store's.
ROWS = [line_item(identity__LineItemId=f"{number:0200d}") for number in range(8_000)]
LARGE = gzip.compress(gzip.decompress(write_csv(ROWS)), 0)


@pytest.fixture
def fault(cloud: Cloud) -> Iterator[Callable[..., None]]:
    """Puts a rule behind the others; all are taken back at the end."""
    yield lambda kind, **parts: cloud.router.faults.add(Fault(kind, **{"service": "s3", **parts}))
    cloud.router.faults.clear()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between attempts, and few of them: boto3's own and the store's."""
    monkeypatch.setattr(s3, "_WAITS_SECONDS", (0.0,) * 5)
    monkeypatch.setattr(aws, "_CONFIG", Config(retries={"mode": "standard", "total_max_attempts": 1}))


@pytest.fixture
def passing(standing: Product, report: Path) -> Iterator[Product]:
    """A copy of `standing` whose next sync is meant to succeed, with a new delivery of as many rows."""
    redeliver(report, *[line_item(identity__LineItemId="passing")] * 3)
    made = standing.copy(f"{standing.database}_passing")
    yield made
    made.drop()


LOADED = ["012345678901/small/2026-10: loaded, 3 rows read"]


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "path", "place"),
    [
        ("ListObjectsV2", "/standing*", SOURCE),
        ("GetObject", MANIFEST_PATH, f"{FOLDER}/small-Manifest.json"),
        ("HeadObject", FILE_PATH, FILE),
        ("GetObject", FILE_PATH, FILE),
    ],
)
def test_no_permission(
    unchanged: Product, report: Path, fault: Callable[..., None], action: str, path: str, place: str
) -> None:
    """The listing, the manifest, a single file: what may not be read is named, with what to do."""
    redeliver(report)
    fault("deny", action=action, path=path)
    line = sole_error(unchanged.call("cur", "--source", SOURCE))
    assert f"{place}: AWS answered" in line
    assert line.endswith("; grant the actions of docs/iam-policy.json")


# --- throttled and dropped -------------------------------------------------------------------------------------------


READS = [
    ("ListObjectsV2", "/standing*"),
    ("GetObject", MANIFEST_PATH),
    ("HeadObject", FILE_PATH),
    ("GetObject", FILE_PATH),
]


# After a throttled call boto3 slows down all that follow: one of them is enough for a test.
@pytest.mark.parametrize(("kind", "reads"), [("throttle", READS[-1:]), ("drop", READS), ("error", READS)])
def test_what_passes_is_retried(
    passing: Product,
    cloud: Cloud,
    fault: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    reads: list[tuple[str, str]],
) -> None:
    """The listing, the manifest, the question for a file and the file itself each fail once."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    for action, path in reads:
        fault(kind, action=action, path=path, times=1)
    assert sync(passing, SOURCE) == LOADED
    assert [each["left"] for each in cloud.router.faults.as_list()] == [0] * len(reads)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("throttle", ["AWS answered SlowDown (Please reduce your request rate.)"]),
        ("drop", ["the connection broke 6 times", "check the network and sync again"]),
        ("error", ["AWS answered InternalError"]),
    ],
)
def test_what_does_not_pass_is_told(
    unchanged: Product, report: Path, fault: Callable[..., None], impatient: None, kind: str, words: list[str]
) -> None:
    redeliver(report)
    fault(kind, action="GetObject", path=FILE_PATH)
    line = sole_error(unchanged.call("cur", "--source", SOURCE))
    assert line.startswith(f"error: {FILE}: ")
    assert [word for word in words if word not in line] == [], line


def test_a_listing_that_does_not_come_is_told(unchanged: Product, fault: Callable[..., None], impatient: None) -> None:
    fault("drop", action="ListObjectsV2")
    assert sole_error(unchanged.call("cur", "--source", SOURCE)).startswith(f"error: {SOURCE}: Connection was closed")


# --- cut off in the middle of a file ---------------------------------------------------------------------------------


def deliver_large(report: Path) -> Delivery:
    return deliver(report, "2026-10", {"a.csv.gz": LARGE}, assembly="second")


def asked_ranges(requests: list[Request]) -> list[str | None]:
    """The `Range` of each download of the file."""
    return [
        request.headers.get("range") for request in requests if request.method == "GET" and request.path == FILE_PATH
    ]


def test_a_file_is_gone_on_with_where_it_was_cut_off(
    passing: Product, report: Path, cloud: Cloud, fault: Callable[..., None], impatient: None
) -> None:
    """What has arrived isn't asked for again, and the whole is what was delivered."""
    deliver_large(report)
    fault("truncate", path=FILE_PATH, times=1)
    with cloud.noting() as requests:
        assert sync(passing, SOURCE) == ["012345678901/small/2026-10: loaded, 8,000 rows read"]
    first, second = asked_ranges(requests)
    assert first is None
    assert second is not None
    arrived = int(second.removeprefix("bytes=").removesuffix("-"))
    assert len(LARGE) // 4 < arrived <= len(LARGE) // 2
    assert passing.query("select count(distinct identity_line_item_id) from raw.cur_line_items") == [(8_000,)]


def test_a_file_that_never_comes_whole_is_told(
    unchanged: Product, report: Path, cloud: Cloud, fault: Callable[..., None], impatient: None
) -> None:
    deliver_large(report)
    fault("truncate", path=FILE_PATH)
    with cloud.noting() as requests:
        line = sole_error(unchanged.call("cur", "--source", SOURCE))
    assert len(asked_ranges(requests)) == 6
    assert line.startswith(f"error: {FILE}: the connection broke 6 times (")


def test_a_manifest_that_was_cut_off_is_read_again(passing: Product, fault: Callable[..., None]) -> None:
    fault("truncate", path=MANIFEST_PATH, times=1)
    assert sync(passing, SOURCE) == LOADED


def test_a_byte_that_changed_on_the_way_is_noticed(
    unchanged: Product, report: Path, fault: Callable[..., None]
) -> None:
    """By gzip's own checksum."""
    deliver_large(report)
    fault("corrupt", path=FILE_PATH)
    assert sole_error(unchanged.call("cur", "--source", SOURCE)).startswith(f"error: {FILE}: not readable as csv.gz")


# --- changed under the reader ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["before the first byte", "in the middle"])
@pytest.mark.parametrize("is_removed", [False, True], ids=["replaced", "removed"])
def test_a_file_that_changes_while_it_is_read(
    unchanged: Product,
    report: Path,
    cloud: Cloud,
    fault: Callable[..., None],
    impatient: None,
    moment: str,
    is_removed: bool,
) -> None:
    """Two halves of two deliveries would be neither: the request names the version that was listed."""
    (file,) = deliver_large(report).files
    fault("truncate", path=FILE_PATH, times=1)

    def change(request: Request) -> ServiceError | None:
        if request.method == "GET" and request.path == FILE_PATH and (moment[0] == "b" or "range" in request.headers):
            if is_removed:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(write_csv([line_item(identity__LineItemId="other")] * 5))
        return None

    with cloud.refusing(change):
        line = sole_error(unchanged.call("cur", "--source", SOURCE))
    assert line == f"error: {FILE}: replaced while it was read; sync again"


def test_a_local_file_that_changes_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "small" / "a.csv.gz"
    file.parent.mkdir()
    file.write_bytes(b"one")
    store = FolderStore(tmp_path)
    found = store.find("bucket/small/a.csv.gz")
    file.write_bytes(b"another")
    with pytest.raises(IngestError, match=r"a\.csv\.gz: replaced while it was read; sync again"):
        store.fetch(found, tmp_path / "target", lambda _: None)


# --- the machine's own disk ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["iterdir", "read_bytes", "open"])
def test_no_permission_for_a_local_copy(
    product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """The folder, the manifest, a data file. (Root, as whom tests run in CI, may read everything: refused by hand.)"""
    deliver(tmp_path / "small", "2026-10", {"a.csv.gz": write_csv([line_item()])})
    real = getattr(Path, method)

    def refuse(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.is_relative_to(tmp_path):
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, method, refuse)
    line = sole_error(product.call("cur", "--source", str(tmp_path / "small")))
    assert str(tmp_path / "small") in line
    assert "Permission denied" in line


@pytest.mark.parametrize("content", [write_csv([line_item()]), LARGE], ids=["small", "large"])
def test_no_room_for_a_file(standing: Product, report: Path, impatient: None, content: bytes) -> None:
    """Asking AWS again doesn't help; what to do is to make room."""
    deliver(report, "2026-10", {"a.csv.gz": content}, assembly="second")
    with environment(standing.environment):
        store = objects.open_store(SOURCE)
        with pytest.raises(IngestError, match="No space left on device") as told:
            store.fetch(store.find(FILE_PATH.removeprefix("/standing/")), Path("/dev/full"), lambda _: None)
    assert "check the network" not in str(told.value)


# --- several files and months ----------------------------------------------------------------------------------------


def test_one_file_of_many_fails_and_the_next_sync_is_whole(
    standing: Product, report: Path, fault: Callable[..., None], impatient: None
) -> None:
    """The error is that of the file that failed, whichever others were being read; then all of them are there once."""
    made = standing.copy(f"{standing.database}_many")
    files = {f"{name}.csv.gz": write_csv([line_item(identity__LineItemId=name)] * 3) for name in "abcdefgh"}
    deliver(report, "2026-10", files, assembly="second")
    before = read_state(made)
    fault("deny", action="GetObject", path=FILE_PATH.replace("a.csv", "e.csv"), times=1)
    assert FILE.replace("a.csv", "e.csv") in sole_error(made.call("cur", "--source", SOURCE))
    assert read_state(made) == before
    assert sync(made, SOURCE) == ["012345678901/small/2026-10: loaded, 24 rows read"]
    assert made.query("select count(*), count(distinct file_number) from raw.cur_line_items") == [(24, 8)]
    made.drop()
