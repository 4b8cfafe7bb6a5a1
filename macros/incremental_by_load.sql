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

{#- What was made of which loads and hasn't passed all its tests yet; load_id is null where all of them were made. -#}
{% macro untested_loads_table() %}{{ return(target.database ~ '.intermediate.untested_loads') }}{% endmacro %}

{#- Called on-run-start. -#}
{% macro create_load_tables() %}
    create schema if not exists intermediate;
    create table if not exists {{ versions_table() }} (model_name text primary key, version text not null);
    create table if not exists {{ untested_loads_table() }} (
        model_name text not null, load_id bigint, invocation_id text not null, noted_at timestamptz default now()
    )
{% endmacro %}

{#- Pre-hook: what was made of loads that `source` no longer has goes, in the transaction of what comes instead; which
    loads come is written down for their tests. -#}
{% macro forget_replaced_loads(source) %}
{% if execute and is_incremental() %}
        insert into {{ untested_loads_table() }}
        select '{{ model.name }}', load_id, '{{ invocation_id }}'
        from unnest(array[{{ find_new_loads(source) | join(', ') }}]::bigint[]) as built (load_id);
        delete from {{ this }} where load_id not in (select load_id from {{ source }})
    {% else %}
        delete from {{ untested_loads_table() }} where model_name = '{{ model.name }}';
        insert into {{ untested_loads_table() }} values ('{{ model.name }}', null, '{{ invocation_id }}')
    {% endif %}
{% endmacro %}

{#- Post-hook of a model that is built load by load, and of each seed. -#}
{% macro remember_version() %}
{% if execute %}
    insert into {{ versions_table() }} values ('{{ model.name }}', '{{ model_version(model.unique_id) }}')
    on conflict (model_name) do update set version = excluded.version
    {% endif %}
{% endmacro %}

{#- Ids of the loads of `source` that nothing was made of yet. -#}
{% macro find_new_loads(source) %}
{% set found = run_query(
    "select distinct load_id from " ~ source ~ " where load_id not in (select load_id from " ~ this ~ ")"
) %}
{{ return(found.columns[0].values() | list) }}
{% endmacro %}

{#- A condition on load_id: the loads of `source` that nothing was made of yet. Their ids are written out, so that
    PostgreSQL opens their partitions alone. -#}
{% macro is_new_load(source, alias='') -%}
{%- if execute and is_incremental() -%}{{ is_one_of(find_new_loads(source), alias) }}{%- else -%}true{%- endif -%}
{%- endmacro %}

{% macro is_one_of(ids, alias='') -%}
{%- if ids -%}{{ alias ~ '.' if alias }}load_id in ({{ ids | join(', ') }}){%- else -%}false{%- endif -%}
{%- endmacro %}

{#- The tests of a model, by name (a generic one's holds its arguments or their digest) and text. -#}
{% macro find_tests(node) %}
{% set tests = {} %}
{% for test in graph.nodes.values() if test.resource_type == 'test' and node.unique_id in test.depends_on.nodes %}
{% do tests.update({test.unique_id: test.raw_code}) %}
{% endfor %}
{{ return(tests) }}
{% endmacro %}

{#- A condition on load_id for tests of models that are built load by load: in `dbt build` the loads that haven't passed
    all the tests of these models since they were made, for no row of a load changes afterwards; all of them where the
    models have other tests than were passed, and in `dbt test`. -#}
{% macro is_untested_load(model_names, alias='') -%}
{%- if execute and flags.WHICH == 'build' -%}
{%- set ids = [] -%}
{%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name in model_names -%}
            {%- set found = run_query(
                "select load_id from " ~ untested_loads_table() ~ " where model_name = '" ~ node.name ~ "' union all "
                ~ "select null where not exists (select 1 from " ~ versions_table() ~ " where model_name = 'tests of "
                ~ node.name ~ "' and version = '" ~ local_md5(find_tests(node) | dictsort | string) ~ "')"
            ) -%}
{%- do ids.extend(found.columns[0].values()) -%}
{%- endfor -%}
{%- if none in ids -%}true{%- else -%}{{ is_one_of(ids | unique | list, alias) }}{%- endif -%}
    {%- else -%}true{%- endif -%}
{%- endmacro %}

{#- dbt's own: what a generic test reads. Of a model that is built load by load, what is yet to be tested; all of it
    where a key doesn't say the load, for what is double may stand in two. -#}
{% macro get_where_subquery(relation) -%}
{% set conditions = [] %}
{% if config.get('where') %}{% do conditions.append(config.get('where')) %}{% endif %}
{% set tested = graph.nodes.get(model.attached_node) if execute else none %}
{% if tested and tested.config.get('meta', {}).get('is_built_by_load') %}
{% set about = model.test_metadata %}
{% set columns = about.kwargs.get('columns', [about.kwargs.get('column_name')]) %}
{% if about.name not in ('unique', 'unique_combination') or 'load_id' in columns %}
{% do conditions.append(is_untested_load([tested.name])) %}
{% endif %}
{% endif %}
{% if conditions %}
        {%- set filtered -%}
            (select * from {{ relation }} where {{ conditions | join(' and ') }}) dbt_subquery
        {%- endset -%}
        {% do return(filtered) %}
    {% endif %}
{% do return(relation) %}
{%- endmacro %}

{#- Called on-run-end: a load counts as tested once every test of the model has passed, unless another process made it
    meanwhile. -#}
{% macro forget_tested_loads(results) %}
{% if execute and flags.WHICH in ('build', 'test') %}
{% set passed = results | selectattr('status', 'in', ['pass', 'warn']) | map(attribute='node.unique_id') | list %}
{% for node in graph.nodes.values() if node.config.get('meta', {}).get('is_built_by_load') %}
{% set tests = find_tests(node) %}
{% if tests.keys() | reject('in', passed) | list | length == 0 %}
                delete from {{ untested_loads_table() }}
                where
                    model_name = '{{ node.name }}'
                    and (invocation_id = '{{ invocation_id }}' or noted_at < '{{ run_started_at.isoformat() }}');
                insert into {{ versions_table() }} values ('tests of {{ node.name }}', '{{ local_md5(tests | dictsort | string) }}')
                on conflict (model_name) do update set version = excluded.version;
            {% endif %}
{% endfor %}
{% endif %}
{% endmacro %}

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
