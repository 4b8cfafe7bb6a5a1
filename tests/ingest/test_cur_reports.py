"""Several reports, the demo beside a real account, and rows at the edge of what a report may hold."""

from pathlib import Path

from tests.simulated import Product, deliver, line_item, list_tables, month_of, read_state, sole_error, write_csv

OCTOBER = month_of("2026-10")


def deliver_month(report: Path, *rows: dict[str, str]) -> Path:
    """A report of October with these rows; returns its folder."""
    deliver(report, "2026-10", {f"{report.name}-1.csv.gz": write_csv(rows)})
    return report


def test_a_second_report_of_a_payer_is_refused_until_it_may_replace(product: Product, tmp_path: Path) -> None:
    first = deliver_month(tmp_path / "first", line_item(**OCTOBER))
    second = deliver_month(
        tmp_path / "second",
        line_item(**OCTOBER, lineItem__UnblendedCost="2"),
        line_item(**OCTOBER, identity__LineItemId="b"),
    )
    assert product.call("cur", "--source", str(first)).returncode == 0
    before = read_state(product)
    error = sole_error(product.call("cur", "--source", str(second)))
    assert "2026-10 of this payer is loaded already from" in error
    assert "--replace" in error
    assert read_state(product) == before

    replaced = product.call("cur", "--source", str(second), "--replace")
    assert replaced.returncode == 0, replaced.stderr
    assert product.query("select count(*), sum(line_item_unblended_cost) from raw.cur_line_items") == [
        (2, product.query("select 3.0000000001")[0][0])
    ]
    assert len([name for name in list_tables(product) if name.startswith("cur_amounts_")]) == 1
    assert product.query("select partition_key from raw.loads where is_current") == [("012345678901/second/2026-10",)]


def test_reports_of_two_payers_stand_side_by_side(product: Product, tmp_path: Path) -> None:
    ours = deliver_month(tmp_path / "a" / "hourly", line_item(**OCTOBER))
    theirs = deliver_month(tmp_path / "b" / "hourly", line_item(**OCTOBER, bill__PayerAccountId="999999999999"))
    manifest = next(theirs.glob("*/*-Manifest.json"))
    manifest.write_text(manifest.read_text().replace('"account": "012345678901"', '"account": "999999999999"'))
    for report in (ours, theirs):
        assert product.call("cur", "--source", str(report)).returncode == 0
    assert product.query("select count(*) from raw.cur_line_items") == [(2,)]


def test_the_demo_and_a_real_account_never_mix(product: Product, tmp_path: Path) -> None:
    report = deliver_month(tmp_path / "report", line_item(**OCTOBER))
    demo = product.with_variables(TIEOUT_DATA_ORIGIN="demo")
    assert demo.call("cur", "--source", str(report)).returncode == 0
    before = read_state(product)
    for command in (["cur", "--source", str(report)], ["cost-explorer"], ["cloudwatch"]):
        error = sole_error(product.call(*command))
        assert "holds the demo's data" in error
        assert "make clean" in error
    assert read_state(product) == before


def test_a_row_with_nothing_but_core_columns_is_kept(product: Product, tmp_path: Path) -> None:
    """All other columns empty: one such row among others once made a whole month unreadable."""
    bare = line_item(**OCTOBER, identity__LineItemId="bare", product__region="")
    quoted = line_item(**OCTOBER, identity__LineItemId="quoted", product__region='a "b"\\c, d')
    report = deliver_month(tmp_path / "report", line_item(**OCTOBER), bare, quoted)
    loaded = product.call("cur", "--source", str(report))
    assert loaded.returncode == 0, loaded.stderr
    assert product.query(
        """
        select items.identity_line_item_id, attributes.attributes
        from raw.cur_line_items as items inner join raw.cur_attributes as attributes using (load_id, attributes_id)
        order by 1
        """
    ) == [
        ("a", {"product_region": "eu-west-1"}),
        ("bare", {}),
        ("quoted", {"product_region": 'a "b"\\c, d'}),
    ]
