{#- One instant for a whole build, so that every figure of it carries the same as-of time. -#}
{% macro evaluated_at() -%}
    '{{ run_started_at }}'::timestamptz
{%- endmacro %}
