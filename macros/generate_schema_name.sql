{#- The folders' own schema names, not dbt's `<target>_<name>`: people and the app rely on `marts`. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
