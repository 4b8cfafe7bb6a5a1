{#- Stand-ins for the few dbt_utils tests we need: dbt packages can't be installed everywhere this runs. -#}

{% test unique_combination(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}

{#- `expression` holds for every row; null fails as well as false. -#}
{% test expression_holds(model, expression) %}
select *
from {{ model }}
where ({{ expression }}) is not true
{% endtest %}

{% test within_range(model, column_name, minimum, maximum) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} < {{ minimum }} or {{ column_name }} > {{ maximum }}
{% endtest %}
