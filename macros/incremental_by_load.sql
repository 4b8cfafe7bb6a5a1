{#- Models that are built load by load. A load's rows never change, so what was made of them stays until the load is
    replaced, or until the model, or a seed or model that it reads, is another than the one that made it. -#}

{#- What a model is made by and of: its own file's digest and those of the views and tables it reads; of a seed and of
    what is itself built load by load, the version that is in the database, which may be older than the file. A macro
    isn't in it: who changes one that these models use calls `dbt build --full-refresh` once. -#}
{% macro model_version(unique_id) %}
{% set seen = [unique_id] %}
{% set remembered = [] %}
{% for _ in range(graph.nodes | length) %}
{% for each in seen | list %}
{% for upstream in (graph.nodes[each].depends_on.nodes if each in graph.nodes else []) or [] %}
{% if upstream in graph.nodes and upstream not in seen and upstream not in remembered %}
{% set node = graph.nodes[upstream] %}
{% if node.resource_type == 'seed' or node.config.get('meta', {}).get('is_built_by_load') %}
{% do remembered.append(upstream) %}
{% else %}
{% do seen.append(upstream) %}
{% endif %}
{% endif %}
{% endfor %}
{% endfor %}
{% endfor %}
{% set parts = [] %}
{% for each in seen | sort %}{% do parts.append(each ~ graph.nodes[each].checksum.checksum) %}{% endfor %}
{% if remembered %}
{% set names = [] %}
{% for each in remembered %}{% do names.append("'" ~ graph.nodes[each].name ~ "'") %}{% endfor %}
{% set found = run_query(
    "select model_name || version from " ~ versions_table() ~ " where model_name in (" ~ names | join(', ') ~ ") order by 1"
) %}
{% do parts.extend(found.columns[0].values()) %}
{% endif %}
{{ return(local_md5(parts | join('|'))) }}
{% endmacro %}

{#- dbt's own question whether to build anew, asked of the version too: nobody has to remember --full-refresh. -#}
{% macro should_full_refresh() %}
{% set wanted = config.get('full_refresh') %}
{% if wanted is none %}{% set wanted = flags.FULL_REFRESH %}{% endif %}
{% if not wanted and execute and config.get('meta', {}).get('is_built_by_load') and flags.WHICH != 'test' %}
        {% set found = run_query(
            "select version from " ~ versions_table() ~ " where model_name = '" ~ model.name ~ "'"
        ) %}
{% set wanted = (found.columns[0].values() | list) != [model_version(model.unique_id)] %}
{% endif %}
{{ return(wanted) }}
{% endmacro %}

{% macro versions_table() %}{{ return(target.database ~ '.intermediate.model_versions') }}{% endmacro %}

{#- Called on-run-start. -#}
{% macro create_versions_table() %}
    create schema if not exists intermediate;
    create table if not exists {{ versions_table() }} (model_name text primary key, version text not null)
{% endmacro %}

{#- Pre-hook: what was made of loads that `source` no longer has goes, in the transaction of what comes instead. -#}
{% macro forget_replaced_loads(source) %}
{% if is_incremental() %}
        delete from {{ this }} where load_id not in (select load_id from {{ source }})
    {% endif %}
{% endmacro %}

{#- Post-hook of a model that is built load by load, and of each seed. -#}
{% macro remember_version() %}
{% if execute %}
    insert into {{ versions_table() }} values ('{{ model.name }}', '{{ model_version(model.unique_id) }}')
    on conflict (model_name) do update set version = excluded.version
    {% endif %}
{% endmacro %}

{#- A condition on load_id: the loads of `source` that nothing was made of yet. Their ids are written out, so that
    PostgreSQL opens their partitions alone. -#}
{% macro is_new_load(source, alias='') -%}
{%- if execute and is_incremental() -%}
        {%- set found = run_query(
            "select distinct load_id from " ~ source ~ " where load_id not in (select load_id from " ~ this ~ ")"
        ) -%}
{%- set ids = found.columns[0].values() | list -%}
{%- if ids -%}{{ alias ~ '.' if alias }}load_id in ({{ ids | join(', ') }}){%- else -%}false{%- endif -%}
    {%- else -%}true{%- endif -%}
{%- endmacro %}

{#- Post-hook: a bill that is replaced while the models are built would be missing without anyone having failed. The
    transaction falls instead, and the rows of before stand. -#}
{% macro refuse_lost_loads(source) %}
    do $check$
    begin
        if exists (select load_id from {{ source }} except select load_id from {{ this }}) then
            raise exception 'a billing period was replaced while the models were built: run dbt build again';
        end if;
    end
    $check$
{% endmacro %}
