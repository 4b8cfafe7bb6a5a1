{#- dbt's own way puts a new view beside the old one and drops that with every view that stands on it: until a build has
    come to the last of them, what people read is gone, and where it fails on the way it stays gone. A view whose columns
    are the same is replaced where it stands. -#}
{% materialization view, adapter='postgres' %}
{% set target_relation = this.incorporate(type='view') %}
{% set existing = load_cached_relation(this) %}
{{ run_hooks(pre_hooks, inside_transaction=False) }}
{{ run_hooks(pre_hooks, inside_transaction=True) }}
{% if existing is not none and not existing.is_view %}
{% do adapter.drop_relation(existing) %}
{% endif %}
{% call statement('main') %}
    {% if config.get('contract').enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
    do $do$
    declare
        definition constant text := $view${{ sql }}$view$;
    begin
        execute 'create or replace view {{ target_relation }} as ' || definition;
    exception
        when invalid_table_definition then -- its columns are others now
            drop view {{ target_relation }} cascade;
            execute 'create view {{ target_relation }} as ' || definition;
    end
    $do$
{% endcall %}
{% do apply_grants(target_relation, config.get('grants'), should_revoke=True) %}
{% do persist_docs(target_relation, model) %}
{{ run_hooks(post_hooks, inside_transaction=True) }}
{{ adapter.commit() }}
{{ run_hooks(post_hooks, inside_transaction=False) }}
{{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
