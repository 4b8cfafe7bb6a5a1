{#- An amount as people read it: cents, thousands apart. The exact amount stands in a column beside it. An
    unknown amount says so: null would swallow its whole sentence. -#}
{% macro usd(amount) -%}
    coalesce(to_char(round({{ amount }}, 2), 'FM$999,999,999,990.00'), 'an unknown amount')
{%- endmacro %}
