{#- Usage at list price, in a model of line items or their sums. Spot whose list price nobody tells costs at least what
    the Spot market takes. -#}
{% macro list_cost_at_least() -%}
    coalesce(on_demand_equivalent_cost_usd, case when purchase_option = 'spot' then unblended_cost_usd end)
{%- endmacro %}
