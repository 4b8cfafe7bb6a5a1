{#- `dbt seed` fills the table that is there: where an earlier version gave it other columns, it fails for ever. -#}
{% macro drop_changed_seeds() %}
    {% if execute and flags.WHICH in ("build", "seed") %}
        {% for seed in graph.nodes.values() | selectattr("resource_type", "equalto", "seed") %}
            {% set relation = adapter.get_relation(seed.database, seed.schema, seed.alias) %}
            {% if relation is not none %}
                {% set found = adapter.get_columns_in_relation(relation) | map(attribute="name") | sort %}
                {% if found != seed.config.column_types.keys() | sort %}
                    {% do adapter.drop_relation(relation) %}
                {% endif %}
            {% endif %}
        {% endfor %}
    {% endif %}
{% endmacro %}
