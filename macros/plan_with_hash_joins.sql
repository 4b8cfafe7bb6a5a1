{#- For models that pick line items by what they count as: PostgreSQL can't estimate such conditions, takes thousands of
    rows for one and joins them by nested loops, which then take minutes. -#}
{% macro plan_with_hash_joins() -%}
    set local enable_nestloop = off
{%- endmacro %}
