"""S3 through an unmodified boto3 client."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from demo import serving
from tests.demo.conftest import Served

BUCKET = "example-corp-billing"


def _files(served: Served) -> dict[str, Path]:
    root = served.directory / "s3" / BUCKET
    return {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}


def test_buckets(served: Served) -> None:
    s3 = served.client("s3")
    assert BUCKET in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=BUCKET)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None


@pytest.mark.parametrize("page_size", [1, 4, 1000])
def test_listing_pages_through_every_object_once(served: Served, page_size: int) -> None:
    pages = served.client("s3").get_paginator("list_objects_v2")
    found = [
        item
        for page in pages.paginate(Bucket=BUCKET, PaginationConfig={"PageSize": page_size})
        for item in page["Contents"]
    ]
    files = _files(served)
    assert [item["Key"] for item in found] == sorted(files)
    for item in found:
        path = files[item["Key"]]
        assert item["Size"] == path.stat().st_size
        assert item["ETag"] == f'"{hashlib.md5(path.read_bytes()).hexdigest()}"'
        assert int(item["LastModified"].timestamp()) == int(path.stat().st_mtime)


def test_listing_by_prefix_delimiter_and_start(served: Served) -> None:
    s3 = served.client("s3")
    page = s3.list_objects_v2(Bucket=BUCKET, Prefix="cur/example-hourly/", Delimiter="/")
    months = [item["Prefix"] for item in page["CommonPrefixes"]]
    assert months == [
        f"cur/example-hourly/{m}/" for m in ("20260901-20261001", "20261001-20261101", "20261101-20261201")
    ]
    assert "Contents" not in page
    paged = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="cur/example-hourly/", Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    assert [item["Prefix"] for one in paged for item in one["CommonPrefixes"]] == months
    last = sorted(_files(served))[-1]
    assert [
        item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, StartAfter=sorted(_files(served))[-2])["Contents"]
    ] == [last]
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="nothing/")["KeyCount"] == 0


def test_objects_whole_and_in_part(served: Served, tmp_path: Path) -> None:
    s3 = served.client("s3")
    key, path = max(_files(served).items(), key=lambda item: item[1].stat().st_size)
    content = path.read_bytes()
    head = s3.head_object(Bucket=BUCKET, Key=key)
    assert head["ContentLength"] == len(content)
    whole = s3.get_object(Bucket=BUCKET, Key=key)
    assert whole["Body"].read() == content
    assert whole["ETag"] == head["ETag"]
    for asked, expected, shown in (
        ("bytes=0-9", content[:10], f"bytes 0-9/{len(content)}"),
        ("bytes=100-", content[100:], f"bytes 100-{len(content) - 1}/{len(content)}"),
        ("bytes=-7", content[-7:], f"bytes {len(content) - 7}-{len(content) - 1}/{len(content)}"),
    ):
        part = s3.get_object(Bucket=BUCKET, Key=key, Range=asked)
        assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert part["ContentRange"] == shown
        assert part["Body"].read() == expected
    # Several ranged requests at once, as the transfer manager makes them.
    small = boto3.s3.transfer.TransferConfig(multipart_threshold=10_000, multipart_chunksize=30_000)
    s3.download_file(BUCKET, key, str(tmp_path / "copy"), Config=small)
    assert (tmp_path / "copy").read_bytes() == content


@pytest.mark.parametrize(
    ("call", "arguments", "code"),
    [
        ("list_objects_v2", {"Bucket": "no-such-bucket"}, "NoSuchBucket"),
        ("get_object", {"Bucket": BUCKET, "Key": "no/such/key"}, "NoSuchKey"),
        ("get_object", {"Bucket": BUCKET, "Key": "cur"}, "NoSuchKey"),
        ("get_object", {"Bucket": BUCKET, "Key": "../../account.json"}, "NoSuchKey"),
        ("head_object", {"Bucket": BUCKET, "Key": "no/such/key"}, "404"),
        ("head_bucket", {"Bucket": "no-such-bucket"}, "404"),
        (
            "get_object",
            {"Bucket": BUCKET, "Key": "aws-programmatic-access-test-object", "Range": "bytes=5-9"},
            "InvalidRange",
        ),
        (
            "get_object",
            {"Bucket": BUCKET, "Key": "aws-programmatic-access-test-object", "IfMatch": '"0"'},
            "PreconditionFailed",
        ),
        ("get_bucket_policy", {"Bucket": BUCKET}, "NotImplemented"),
        ("put_object", {"Bucket": BUCKET, "Key": "new", "Body": b"x"}, "MethodNotAllowed"),
    ],
)
def test_errors(served: Served, call: str, arguments: dict[str, object], code: str) -> None:
    with pytest.raises(ClientError) as failure:
        getattr(served.client("s3"), call)(**arguments)
    assert failure.value.response["Error"]["Code"] == code


def test_bucket_is_the_payers(served: Served) -> None:
    with pytest.raises(ClientError) as failure:
        served.assumed("s3", served.at.role_arns[0]).list_objects_v2(Bucket=BUCKET)
    assert failure.value.response["Error"]["Code"] == "AccessDenied"


def test_damage_to_a_file_shows_at_once(account: Path, tmp_path: Path) -> None:
    folder = tmp_path / "account"
    shutil.copytree(account, folder)
    with serving.start(folder) as endpoint:
        s3 = Served(endpoint, folder).client("s3")
        key = next(key for key in _files(Served(endpoint, folder)) if key.endswith("-1.csv.gz"))
        before = s3.head_object(Bucket=BUCKET, Key=key)["ETag"]
        target = folder / "s3" / BUCKET / key
        target.write_bytes(target.read_bytes()[:-20])
        assert s3.head_object(Bucket=BUCKET, Key=key)["ETag"] != before
        target.unlink()
        with pytest.raises(ClientError):
            s3.get_object(Bucket=BUCKET, Key=key)
