"""Bad input: exit code 1, one clear line with place and remedy, and what was loaded before stands as it was."""

import gzip
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.databases import system_postgres
from tests.ingest.deliveries import redeliver
from tests.simulated import Cloud, Delivery, Product, deliver, line_item, month_of, sole_error, write_csv


def cut_short(delivery: Delivery) -> None:
    file = delivery.files[0]
    rows = [line_item(identity__LineItemId=f"{number:064x}") for number in range(2000)]
    file.write_bytes(write_csv(rows)[:-40])


def replace_by_text(text: str) -> Callable[[Delivery], None]:
    return lambda delivery: delivery.files[0].write_bytes(gzip.compress(text.encode()))


def empty_file(delivery: Delivery) -> None:
    delivery.files[0].write_bytes(b"")


def remove_file(delivery: Delivery) -> None:
    delivery.files[0].unlink()


def break_manifest(delivery: Delivery) -> None:
    delivery.manifest.write_text(delivery.manifest.read_text()[:-30])


def empty_manifest(delivery: Delivery) -> None:
    delivery.manifest.write_text(json.dumps({"assemblyId": "second"}))


def name_twice(delivery: Delivery) -> None:
    content = json.loads(delivery.manifest.read_text())
    delivery.manifest.write_text(json.dumps({**content, "reportKeys": content["reportKeys"] * 2}))


def deliver_excel(delivery: Delivery) -> None:
    content = json.loads(delivery.manifest.read_text())
    key = content["reportKeys"][0].replace(".csv.gz", ".xlsx")
    delivery.files[0].rename(delivery.files[0].with_name("a.xlsx"))
    delivery.manifest.write_text(json.dumps({**content, "reportKeys": [key]}))


def deliver_parquet(content: bytes) -> Callable[[Delivery], None]:
    def damage(delivery: Delivery) -> None:
        manifest = json.loads(delivery.manifest.read_text())
        key = manifest["reportKeys"][0].replace("a.csv.gz", "a.parquet")
        delivery.files[0].with_name("a.parquet").write_bytes(content)
        delivery.manifest.write_text(json.dumps({**manifest, "reportKeys": [key]}))

    return damage


def put_rows(*rows: dict[str, str]) -> Callable[[Delivery], None]:
    return lambda delivery: delivery.files[0].write_bytes(write_csv(rows)) and None


FILE = "s3://standing/small/20261001-20261101/second/a.csv.gz"
MANIFEST = "s3://standing/small/20261001-20261101/small-Manifest.json"
ROW_OF_SEPTEMBER = line_item(**month_of("2026-09"))
NO_ROW_TYPE = {name: text for name, text in line_item().items() if name != "lineItem/LineItemType"}


@pytest.mark.parametrize(
    ("damage", "place", "words"),
    [
        pytest.param(remove_file, FILE, ["named by the manifest but not there", "sync again"], id="missing file"),
        pytest.param(cut_short, FILE, ["ends in the middle", "sync again"], id="truncated gzip"),
        pytest.param(empty_file, FILE, ["the file is empty", "sync again"], id="zero bytes"),
        pytest.param(replace_by_text(""), FILE, ["sync again"], id="nothing inside"),
        pytest.param(replace_by_text("Dear customer,\nhello\n"), FILE, ["not a Cost & Usage Report"], id="not a CUR"),
        pytest.param(put_rows(NO_ROW_TYPE), FILE, ["line_item_line_item_type"], id="column missing"),
        pytest.param(
            put_rows(line_item(), line_item(lineItem__UnblendedCost="12,5")),
            FILE,
            ["column lineItem/UnblendedCost", "12,5"],
            id="cost that is no number",
        ),
        pytest.param(
            put_rows(line_item(lineItem__UsageStartDate="yesterday")),
            FILE,
            ["column lineItem/UsageStartDate", "yesterday"],
            id="time that is none",
        ),
        pytest.param(put_rows(ROW_OF_SEPTEMBER), FILE, ["2026-09", "2026-10"], id="rows of another month"),
        pytest.param(
            put_rows({**line_item(), "lineitem/unblendedcost": "1"}),
            FILE,
            ["lineItem/UnblendedCost", "lineitem/unblendedcost"],
            id="column twice",
        ),
        pytest.param(
            replace_by_text("a,b\n1\n"), FILE, ["not a Cost & Usage Report"], id="ragged rows of something else"
        ),
        pytest.param(break_manifest, MANIFEST, ["isn't JSON", "sync again"], id="manifest cut short"),
        pytest.param(empty_manifest, MANIFEST, ["billingPeriod"], id="manifest without its fields"),
        pytest.param(name_twice, MANIFEST, ["names a file twice"], id="file named twice"),
        pytest.param(deliver_excel, FILE.replace(".csv.gz", ".xlsx"), [".parquet", "export"], id="other format"),
        pytest.param(
            deliver_parquet(b"PAR1 this is no parquet PAR1"),
            FILE.replace(".csv.gz", ".parquet"),
            ["arquet", "sync again"],
            id="corrupt Parquet",
        ),
    ],
)
def test_bad_delivery(
    unchanged: Product, report: Path, damage: Callable[[Delivery], None], place: str, words: list[str]
) -> None:
    damage(redeliver(report))
    line = sole_error(unchanged.call("cur", "--source", "s3://standing/small"))
    assert place in line
    assert [word for word in words if word not in line] == [], line


def test_a_bad_month_does_not_stop_the_others(unchanged: Product, report: Path) -> None:
    """As its own program, on a copy, because the good month is loaded."""
    remove_file(redeliver(report))
    deliver(report, "2026-09", {"a.csv.gz": write_csv([ROW_OF_SEPTEMBER])})
    copy = unchanged.copy(f"{unchanged.database}_copy")
    finished = copy.run("cur", "--source", "s3://standing/small")
    assert FILE in sole_error(finished)
    assert finished.stdout.splitlines() == ["012345678901/small/2026-09: loaded, 1 rows read"]
    assert copy.query("select count(*), count(distinct load_id) from raw.cur_line_items") == [(4, 2)]
    copy.drop()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param("s3://empty/small", ["s3://empty/small", "no CUR manifest", "report's own folder"], id="empty"),
        pytest.param("s3://standing/elsewhere", ["s3://standing/elsewhere", "no CUR manifest"], id="other prefix"),
        pytest.param(
            "s3://nowhere-at-all/small", ["nowhere-at-all", "NoSuchBucket", "check the bucket"], id="no bucket"
        ),
        pytest.param("s3:///small", ["no bucket named"], id="no name"),
        pytest.param("/no/such/folder", ["/no/such/folder: no such folder"], id="no folder"),
    ],
)
def test_bad_source(unchanged: Product, cloud: Cloud, source: str, words: list[str]) -> None:
    cloud.bucket("empty")
    line = sole_error(unchanged.call("cur", "--source", source))
    assert [word for word in words if word not in line] == [], line


def test_period_that_is_not_delivered(unchanged: Product) -> None:
    line = sole_error(unchanged.call("cur", "--source", "s3://standing/small", "--period", "2031-01"))
    assert "no delivery for 2031-01; delivered are 2026-10" in line


def test_no_credentials(unchanged: Product) -> None:
    bare = unchanged.without("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    for command in (["cur", "--source", "s3://standing/small"], ["cost-explorer"], ["cloudwatch"]):
        line = sole_error(bare.call(*command))
        assert "no AWS credentials found; set AWS_PROFILE" in line


def test_profile_that_does_not_exist(unchanged: Product) -> None:
    bare = unchanged.without("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY").with_variables(AWS_PROFILE="missing")
    assert "missing" in sole_error(bare.call("cost-explorer"))


def test_linked_account_may_not_read_the_bucket(unchanged: Product, cloud: Cloud) -> None:
    from demo.wire import Request, ServiceError

    def refuse(request: Request) -> ServiceError | None:
        return ServiceError(403, "AccessDenied", "Access Denied") if request.path.startswith("/standing") else None

    with cloud.refusing(refuse):
        line = sole_error(unchanged.run("cur", "--source", "s3://standing/small"))
    assert "s3://standing/small: AWS answered AccessDenied" in line
    assert "docs/iam-policy.json" in line


# --- no database -----------------------------------------------------------------------------------------------------

COMMANDS = (["cur", "--source", "s3://standing/small"], ["status"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_embedded_database_was_never_created(product: Product, tmp_path: Path, command: list[str]) -> None:
    nowhere = product.with_variables(TIEOUT_STATE_DIR=str(tmp_path / "state"))
    line = sole_error(nowhere.call(*command))
    assert "make up" in line
    assert "PGHOST" in line


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_nothing_listens_at_pghost(product: Product, command: list[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    line = sole_error(product.with_variables(PGHOST="127.0.0.1", PGPORT=port).call(*command))
    assert f"127.0.0.1:{port}" in line
    assert "correct PGHOST and PGPORT" in line


def test_wrong_password(tmp_path: Path) -> None:
    with system_postgres() as database:
        made = database.run("-m", "ingest", "database", "start")
        assert made.returncode == 0, made.stderr
        mistaken = database.runner.with_variables(PGPASSWORD="not-the-password-5cf1")
        for command in COMMANDS:
            finished = mistaken.run("-m", "ingest", *command)
            line = sole_error(finished)
            assert "refuses finops" in line
            assert "correct PGUSER and PGPASSWORD" in line
            assert "5cf1" not in finished.stdout + finished.stderr
            assert database.environment["PGPASSWORD"] not in finished.stdout + finished.stderr
