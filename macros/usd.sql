{#- An amount as people read it: cents, thousands apart. The exact amount stands in a column beside it. -#}
{% macro usd(amount) -%}
    to_char(round({{ amount }}, 2), 'FM$999,999,999,990.00')
{%- endmacro %}
