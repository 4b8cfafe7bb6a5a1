"""The rules of recommendations: each has its seed row, cited thresholds, tested verdicts, no number of its own."""

import csv
from pathlib import Path
from typing import Any

from tests.house.sql import find_compared_numbers, read_case_results, read_tokens
from tests.house.tree import ROOT

Node = dict[str, Any]

STATUSES = {"flagged", "passed", "not_applicable", "too_early", "insufficient_data", "waived"}
RULES = sorted((ROOT / "models/recommendations").rglob("rec_*.sql"), key=lambda path: path.stem)
# The thresholds that int_rule_thresholds_gathered hands on as columns; all others are read as `thresholds ->> 'name'`.
GATHERED = {"lookback_days", "minimum_observed_days", "minimum_completeness_ratio", "running_within_hours"}


def read_seed(name: str) -> list[dict[str, str]]:
    """The rows of a seed as text."""
    with (ROOT / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_number_check_finds_what_it_looks_for() -> None:
    bad = [
        "select * from a where cpu < 5",
        "select case when 5.5 >= cpu then 'x' end as y",
        "select * from a where cpu between lower_pct and 90",
        "select * from a where cpu * 0.9 <= t.cpu_pct",
        "select * from a where greatest(cpu, memory, 20) > t.pct",
        "select * from a where seen_at > now() - interval '14 days'",
        "select * from a where cpu < '5'::numeric",
        "select * from a where (cpu) < (-5)",
        "select * from a where size in (2, 3)",
        "select 5 as cpu_pct from a",
        "select a, 5::numeric as cpu_pct from a",
        "{% set cpu_pct = 5 %} select * from a where cpu < {{ cpu_pct }}",
        "select * from a left join b on a.id = b.id and b.days = 30",
        "select count(*) filter (where cpu > 1.5) from a",
    ]
    assert [sql for sql in bad if not find_compared_numbers(sql)] == []
    good = [
        "select * from a where cpu < t.cpu_pct and days_observed > 0 or n = 1 -- not 5",
        "select round(cpu, 2) as cpu, cost / 730 * 24 as x, 'below 5 < 6' as y from a where z is null",
        "select case when a >= b then round(c, 2) else 3 end + 4 from d where e = 'i-123' and f.p99_pct < g.h",
        "select x::numeric(38, 10), y from a where b > c - t.hours * interval '1 hour' order by 2",
        "select {{ ref('rule_2') }}.a from b where c = 'us-east-1'",
    ]
    assert [(sql, find_compared_numbers(sql)) for sql in good if find_compared_numbers(sql)] == []


def test_the_case_reader_reads_each_branch() -> None:
    sql = "select case when a then 'x' when case when b then 'no' end = 'c' then 'y' else 'z' end as s, 'end as s'"
    assert read_case_results(sql, "s") == {"x", "y", "z"}


def test_no_rule_compares_with_a_number_of_its_own() -> None:
    found = {path.name: find_compared_numbers(path.read_text(encoding="utf-8")) for path in RULES}
    assert found and {name: numbers for name, numbers in found.items() if numbers} == {}


def list_rules(*, on_resources: bool) -> dict[str, str]:
    """Rule ids with their category; those on commitments have options to choose from and no file of verdicts."""
    return {
        row["rule_id"]: row["recommendation_category"]
        for row in read_seed("recommendation_rules")
        if (row["recommendation_category"] != "commitment") == on_resources
    }


def list_thresholds(rule_id: str) -> set[str]:
    """Names of a rule's thresholds."""
    return {row["threshold_name"] for row in read_seed("recommendation_thresholds") if row["rule_id"] == rule_id}


def list_files(path: Path | None, folder: str) -> list[Path]:
    """What a rule is made of: its own file, what all rules stand on, and the models of its folder that aren't rules."""
    shared = sorted((ROOT / "models/intermediate/rules").glob("*.sql"))
    around = [file for file in sorted((ROOT / "models").glob(f"*/{folder}/*.sql")) if not file.stem.startswith("rec_")]
    assert shared and (path or around)
    return [*([path] if path else []), *shared, *around]


def read_asked(sql: str) -> set[str]:
    """Thresholds that a file reads by name: `thresholds ->> 'name'`."""
    values = [token.value for token in read_tokens(sql)]
    return {
        values[index + 2].strip("'")
        for index in range(len(values) - 2)
        if values[index : index + 2] == ["thresholds", "->>"]
    }


def read_gathered(sql: str, *, is_shared: bool) -> set[str]:
    """Thresholds that a file reads as columns. What all rules share counts where it reckons, not where it hands on."""
    values = [token.value for token in read_tokens(sql)] + [","]
    handed_on = {",", "as", "from"} if is_shared else set()
    return {
        value for index, value in enumerate(values[:-1]) if value in GATHERED and values[index + 1] not in handed_on
    }


def read_named(file: Path) -> set[str]:
    """All thresholds that a file reads."""
    sql = file.read_text(encoding="utf-8")
    if file.stem == "int_rule_thresholds_gathered":
        return set()
    return read_asked(sql) | read_gathered(sql, is_shared=file.parent.name == "rules")


def test_the_threshold_reader_finds_what_it_looks_for() -> None:
    sql = "select (a.thresholds ->> 'cpu_pct')::numeric, lookback_days, b - running_within_hours * 2 -- 'x ->> y'"
    assert read_asked(sql) == {"cpu_pct"}
    assert read_gathered(sql, is_shared=False) == {"lookback_days", "running_within_hours"}
    assert read_gathered(sql, is_shared=True) == {"running_within_hours"}
    shared = (ROOT / "models/intermediate/rules/int_rule_thresholds_gathered.sql").read_text(encoding="utf-8")
    assert {name for name in GATHERED if f"'{name}'" in shared} == GATHERED


def test_rules_and_models_stand_for_one_another() -> None:
    assert [f"rec_{rule_id}" for rule_id in sorted(list_rules(on_resources=True))] == [path.stem for path in RULES]
    offers = (ROOT / "models/intermediate/commitments/int_commitment_offers_applied.sql").read_text(encoding="utf-8")
    types = {token.value.strip("'") for token in read_tokens(offers) if token.kind == "text"}
    on_commitments = list_rules(on_resources=False)
    assert on_commitments and {rule_id.removesuffix("s") for rule_id in on_commitments} <= types


def test_rules_have_thresholds_that_are_cited_and_used() -> None:
    for row in read_seed("recommendation_thresholds"):
        assert row["unit"] and row["source"] and row["source_date"], row
    rules = {path.stem.removeprefix("rec_"): list_files(path, path.parent.name) for path in RULES}
    rules |= {rule_id: list_files(None, "commitments") for rule_id in list_rules(on_resources=False)}
    assert set(rules) == {row["rule_id"] for row in read_seed("recommendation_thresholds")}
    for rule_id, files in rules.items():
        own = list_thresholds(rule_id)
        assert own - set().union(*(read_named(file) for file in files)) == set(), f"{rule_id}: nothing reads these"
    # What a rule's own file reads is its own; what several rules share is at least one's.
    for path in RULES:
        assert read_named(path) - list_thresholds(path.stem.removeprefix("rec_")) == set(), path.name
    for file in (ROOT / "models").rglob("*.sql"):
        if asked := read_asked(file.read_text(encoding="utf-8")):
            its = [list_thresholds(rule_id) for rule_id, files in rules.items() if file in files]
            assert its and asked - set().union(*its) == set(), file.name


def test_each_verdict_a_rule_can_give_is_proved_by_a_unit_test(manifest: Node) -> None:
    for path in RULES:
        possible = read_case_results(path.read_text(encoding="utf-8"), "evaluation_status")
        assert {"flagged", "passed", "insufficient_data", "waived"} <= possible <= STATUSES, path.name
        unit_tests = [test for test in manifest["unit_tests"].values() if test["model"] == path.stem]
        proved = {row.get("evaluation_status") for test in unit_tests for row in test["expect"]["rows"]}
        assert possible - proved == set(), path.name


def test_every_rule_reaches_the_evaluations_with_the_same_columns(manifest: Node) -> None:
    nodes = manifest["nodes"]
    rules = {f"model.tieout.{path.stem}" for path in RULES}
    assert set(nodes["model.tieout.int_rule_evaluations_unioned"]["depends_on"]["nodes"]) == rules
    columns = {
        tuple((column["name"], column["data_type"]) for column in nodes[rule]["columns"].values()) for rule in rules
    }
    assert len(columns) == 1
    names = [name for name, _ in columns.pop()]
    assert {"rule_id", "resource_key", "evaluation_status", "finding", "evidence", "confidence_ratio"} <= set(names)
    assert {"gross_savings_usd_per_month", "net_savings_usd_per_month"} <= set(names)


def test_verdicts_of_the_marts_are_those_of_the_rules(manifest: Node) -> None:
    tests = [
        node["test_metadata"]["kwargs"]["values"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and node.get("attached_node") == "model.tieout.fct_rule_evaluations"
        and node["test_metadata"]["name"] == "accepted_values"
        and node["column_name"] == "evaluation_status"
    ]
    assert [set(values) for values in tests] == [STATUSES]
