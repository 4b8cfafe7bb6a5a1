{#- Models join what they pick by computed conditions. PostgreSQL can't estimate those, takes thousands of rows for one
    and joins them by nested loops, which take hours on one account where they take none on another. Joins that only a
    nested loop can do are done by one all the same. -#}
{% macro plan_with_hash_joins() -%}
    set local enable_nestloop = off
{%- endmacro %}
