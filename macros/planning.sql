{#- What PostgreSQL is told before a model is made. It plans a query on tables that another model has just made, joined
    by computed conditions, as if they were tiny. -#}

{#- It takes thousands of rows for one and joins them by nested loops, which take hours on one account where they take
    none on another; or in the order of an index, which fetches a large table row by row. Joins that only a nested loop
    can do are done by one all the same. -#}
{% macro plan_with_hash_joins() -%}
    set local enable_nestloop = off;
    set local enable_mergejoin = off
{%- endmacro %}

{#- A group with many exact sums takes a kilobyte: millions of them don't fit into a hash table, and are sorted in a
    third of the time (docs/benchmarks.md). -#}
{% macro plan_with_sorted_groups() -%}
    set local enable_hashagg = off
{%- endmacro %}

{#- Few groups of many rows, where PostgreSQL expects nearly as many groups as rows, and would sort them all. -#}
{% macro plan_with_hashed_groups() -%}
    set local enable_sort = off
{%- endmacro %}
