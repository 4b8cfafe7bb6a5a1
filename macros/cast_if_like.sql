{#- Text that AWS delivered as a type of ours: null where it doesn't look like one, since a cast that fails would stop
    every model that reads the bill. -#}
{% macro cast_if_like(expression, pattern, type) -%}
    case when ({{ expression }}) ~ '{{ pattern }}' then ({{ expression }})::{{ type }} end
{%- endmacro %}

{#- ISO 8601 as CUR writes it, in UTC: 2026-11-01T00:00:00.000Z. A day that its month may lack is none but where a
    purchase can fall on it: the 29th to the 31st of months that have them, the 29th of February in leap years. -#}
{% macro instant_pattern() -%}
    {%- set year = "[12][0-9]{3}" -%}
    {%- set days = [
        year ~ "-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
        year ~ "-(0[13-9]|1[0-2])-(29|30)",
        year ~ "-(0[13578]|1[02])-31",
        "[12][0-9](0[48]|[2468][048]|[13579][26])-02-29",
    ] -%}
    ^({{ days | join("|") }})T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?Z$
{%- endmacro %}
