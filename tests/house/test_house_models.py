"""The rules of the models: where things stand, what they are called, what they promise."""

import csv
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest

from tests.house.sql import read_tokens
from tests.house.tree import ROOT

Node = dict[str, Any]

NAMES = {
    "staging": r"stg_{folder}__[a-z0-9_]+",
    "intermediate": r"int_[a-z0-9_]+",
    "marts": r"(?:fct|dim)_[a-z0-9_]+|data_quality|ai_context|focus_costs",
    "recommendations": r"rec_[a-z0-9_]+|int_rule_evaluations_unioned"
    r"|fct_(?:rule_evaluations|recommendations|portfolio|portfolio_items|answers|rightsizing_options)"
    r"|fct_(?:resource_occupancy|resource_schedules|commitment_(?:options|curves|strategies))",
}
TIMESTAMP = "timestamp with time zone"
WHOLE, EXACT, FLOAT = {"integer", "bigint"}, {"numeric"}, {"double precision"}
_MONEY = re.compile(
    r"(?:^|_)(?:costs?|savings?|fees?|prices?|spend|commitments?|difference|tolerance|refunds?|usd)(?:_|$)"
)
_MONEY_ENDS = re.compile(r"_usd(?:_per_(?:hour|day|month|year))?(?:_p\d\d)?$")
# Published columns whose name may say something else than its end promises, each with the reason.
EXCEPTIONS = {
    "dim_resources.vcpu_count": "AWS's price list writes it as a number of any kind: serverless sells parts of one",
    "fct_rightsizing_options.current_vcpu_count": "as dim_resources.vcpu_count",
    "fct_rightsizing_options.recommended_vcpu_count": "as dim_resources.vcpu_count",
    "fct_commitment_options.net_savings_usd_over_term": "a term is one or three years, as its row says",
}
# What the end of a name promises of its type, and which types promise an end.
_ENDS = {"_at": {TIMESTAMP}, "_date": {"date"}, "_count": WHOLE} | {
    f"_{end}": WHOLE | EXACT | FLOAT for end in ("ratio", "pct", "hours", "days")
}


def list_models(manifest: Node) -> list[Node]:
    """The project's models by path."""
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    return sorted(models, key=lambda model: model["original_file_path"])


def read_place(model: Node) -> tuple[str, ...]:
    """Folders and file below models/."""
    return PurePosixPath(model["original_file_path"]).parts[1:]


def is_published(model: Node) -> bool:
    """Marts and rules: what others than models read, under a contract."""
    return read_place(model)[0] in {"marts", "recommendations"} and not model["name"].startswith("int_")


def list_tests(manifest: Node, model: Node) -> Iterator[tuple[str, str | None, Node]]:
    """(test, column, arguments) of each generic test on a model."""
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and node.get("attached_node") == model["unique_id"]:
            metadata = node["test_metadata"]
            yield metadata["name"], node.get("column_name"), metadata["kwargs"]


def check_column(name: str, data_type: str) -> list[str]:
    """What is wrong with a mart's column by its name and type."""
    wrong = []
    if name == "cost":
        wrong.append("say which cost and in what unit")
    is_number = data_type in WHOLE | EXACT | FLOAT
    if is_number and _MONEY.search(name) and not re.search(r"_(?:count|days|hours|ratio)$", name):
        if not _MONEY_ENDS.search(name):
            wrong.append("money ends in _usd or _usd_per_<time>")
        if data_type not in EXACT:
            wrong.append("money is numeric")
    for end, types in _ENDS.items():
        if name.endswith(end) and data_type not in types:
            wrong.append(f"{end} is {' or '.join(sorted(types))}")
    if data_type.startswith("timestamp") and not (data_type == TIMESTAMP and name.endswith("_at")):
        wrong.append("an instant is timestamp with time zone and ends in _at")
    if data_type == "date" and not name.endswith("_date"):
        wrong.append("a date ends in _date")
    if (data_type == "boolean") != name.startswith(("is_", "has_")):
        wrong.append("is_ and has_ are boolean, and nothing else is")
    return wrong


def test_the_column_check_finds_what_it_looks_for() -> None:
    good = [("amortized_cost_usd", "numeric"), ("net_savings_usd_per_month_p90", "numeric"), ("cost_quality", "text")]
    good += [("loaded_at", TIMESTAMP), ("usage_date", "date"), ("is_fresh", "boolean"), ("cost_days", "integer")]
    assert [name for name, data_type in good if check_column(name, data_type)] == []
    bad = [("cost", "numeric"), ("amortized_cost", "numeric"), ("cost_usd", "double precision"), ("price", "numeric")]
    bad += [("loaded_at", "timestamp"), ("loaded", TIMESTAMP), ("usage_date", "text"), ("usage_day", "date")]
    bad += [("fresh", "boolean"), ("is_fresh", "text"), ("coverage_ratio", "text"), ("net_savings_usd", "bigint")]
    assert [name for name, data_type in bad if not check_column(name, data_type)] == []


def test_models_stand_where_their_names_say(manifest: Node) -> None:
    misnamed = []
    for model in list_models(manifest):
        place = read_place(model)
        pattern = NAMES[place[0]].format(folder=place[1])
        if not re.fullmatch(pattern, model["name"]):
            misnamed.append(model["original_file_path"])
        if place[0] in {"staging", "intermediate"} and len(place) != 3:
            misnamed.append(model["original_file_path"])
    assert misnamed == []


def test_only_staging_reads_sources_and_reads_one_of_its_own(manifest: Node) -> None:
    staging = 0
    for model in list_models(manifest):
        sources, path = model["sources"], model["original_file_path"]
        if read_place(model)[0] != "staging":
            assert sources == [], path
            continue
        staging += 1
        assert [source[0] for source in sources] == [read_place(model)[1]], path
        assert model["refs"] == [] and model["config"]["materialized"] == "view", path
    assert staging > 5


def test_no_sql_goes_round_the_lineage() -> None:
    """A schema named by hand would be missing from the graph, and a test of the data reads models."""
    for folder in ("models", "tests/dbt"):
        for file in (ROOT / folder).rglob("*.sql"):
            values = [token.value for token in read_tokens(file.read_text(encoding="utf-8"))]
            outside = [
                after
                for before, after in zip(values, values[1:], strict=False)
                if before in {"from", "join"} and after in {"raw", "staging", "intermediate", "marts", "app"}
            ]
            assert outside == [], file
            if folder == "tests/dbt":
                assert not any("source(" in value for value in values if value.startswith("{")), file


BANNED_IN_STAGING = {"join", "group", "having", "union", "intersect", "except", "distinct", "over", "where", "limit"}


def test_staging_renames_and_casts_and_does_nothing_else(manifest: Node) -> None:
    for model in list_models(manifest):
        if read_place(model)[0] == "staging":
            words = {token.value for token in read_tokens(model["raw_code"]) if token.kind == "word"}
            assert words & BANNED_IN_STAGING == set(), model["original_file_path"]
    sample = "select a from {{ source('x', 'y') }} /* where */ left JOIN b on 'union' = \"limit\" -- group"
    assert {token.value for token in read_tokens(sample) if token.kind == "word"} & BANNED_IN_STAGING == {"join"}


def test_everything_is_described(manifest: Node) -> None:
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] in {"model", "seed"}]
    nodes += [*manifest["sources"].values(), *manifest["exposures"].values(), *manifest["unit_tests"].values()]
    assert len(nodes) > 40
    undescribed = [node["name"] for node in nodes if not (node["description"] or "").strip()]
    undescribed += [node["source_name"] for node in manifest["sources"].values() if not node["source_description"]]
    assert undescribed == []


def test_published_models_keep_a_contract_that_describes_every_column(manifest: Node) -> None:
    wanting = []
    published = [model for model in list_models(manifest) if is_published(model)]
    assert len(published) > 8
    for model in published:
        assert model["contract"]["enforced"] is True, model["original_file_path"]
        assert model["columns"], model["original_file_path"]
        wanting += [
            f"{model['name']}.{column['name']}"
            for column in model["columns"].values()
            if not column["description"].strip() or not column["data_type"]
        ]
    assert wanting == []


def test_published_models_have_a_tested_key(manifest: Node) -> None:
    keyless = []
    for model in list_models(manifest):
        tests = list(list_tests(manifest, model))
        unique = {column for name, column, _ in tests if name == "unique"}
        whole = {column for name, column, _ in tests if name == "not_null"}
        has_combination = any(name == "unique_combination" for name, _, _ in tests)
        # The specification knows no key; that a line item stands once is held where they are counted.
        if is_published(model) and model["name"] != "focus_costs" and not (unique & whole or has_combination):
            keyless.append(model["name"])
    assert keyless == []


def test_columns_of_published_models_say_measure_unit_and_kind(manifest: Node) -> None:
    wrong = {
        f"{model['name']}.{column['name']}": f"({column['data_type']}) {reason}"
        for model in list_models(manifest)
        if is_published(model) and model["name"] != "focus_costs"  # the specification's names
        for column in model["columns"].values()
        for reason in check_column(column["name"], column["data_type"])
    }
    assert {name: reason for name, reason in wrong.items() if name not in EXCEPTIONS} == {}
    assert set(EXCEPTIONS) - set(wrong) == set(), "an exception that nothing needs"


def test_contracts_know_only_types_that_the_rules_speak_of(manifest: Node) -> None:
    known = WHOLE | EXACT | FLOAT | {TIMESTAMP, "date", "boolean", "text", "jsonb"}
    types = {
        column["data_type"]
        for model in list_models(manifest)
        if is_published(model)
        for column in model["columns"].values()
    }
    assert types - known == set()


@pytest.mark.parametrize("path", sorted((ROOT / "seeds").glob("*.csv")), ids=lambda path: path.stem)
def test_seeds_type_and_describe_each_column(manifest: Node, path: Any) -> None:
    seed = manifest["nodes"][f"seed.tieout.{path.stem}"]
    with path.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    assert set(seed["config"]["column_types"]) == set(header)
    assert {column["name"] for column in seed["columns"].values() if column["description"]} == set(header)


def find_views_on_tables(models: list[Node]) -> list[str]:
    """Views that read a model which is made anew at each build: dbt drops a table to replace it, with its views.

    What is built load by load stays where it is: it is dropped only where its own code or seeds have changed, by a
    build that makes the views anew too.
    """
    kinds = {model["unique_id"]: model["config"]["materialized"] for model in models}
    return [
        f"{model['name']} reads {parent}"
        for model in models
        if model["config"]["materialized"] == "view"
        for parent in model["depends_on"]["nodes"]
        if kinds.get(parent, "view") not in ("view", "incremental")
    ]


def test_no_view_stands_on_a_table(manifest: Node) -> None:
    view = {"name": "a", "unique_id": "a", "config": {"materialized": "view"}, "depends_on": {"nodes": ["b"]}}
    table = {"name": "b", "unique_id": "b", "config": {"materialized": "table"}, "depends_on": {"nodes": []}}
    assert find_views_on_tables([view, table]) == ["a reads b"]
    assert find_views_on_tables([view, {**table, "config": {"materialized": "incremental"}}]) == []
    assert find_views_on_tables(list_models(manifest)) == []


def test_what_is_built_load_by_load_forgets_and_remembers(manifest: Node) -> None:
    """Without the first a replaced bill would stand beside its successor, without the second a changed rule beside the
    costs of the earlier one."""
    built_by_load = [model for model in list_models(manifest) if model["config"]["materialized"] == "incremental"]
    assert built_by_load
    for model in built_by_load:
        hooks = {when: " ".join(hook["sql"] for hook in model["config"][f"{when}-hook"]) for when in ("pre", "post")}
        assert model["config"]["meta"].get("is_built_by_load") is True, model["name"]
        assert "forget_replaced_loads(" in hooks["pre"], model["name"]
        assert "remember_version()" in hooks["post"], model["name"]
        assert "is_new_load(" in model["raw_code"], model["name"]
