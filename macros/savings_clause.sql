{#- How far the bill falls, in words: the end of every finding. Columns as in int_rule_subjects_gathered. -#}
{% macro savings_clause(action, net, gross) -%}
    case
        when {{ net }} is null then '; its cost is not known yet.'
        when {{ net }} = 0 and covered_hours_ratio > 0
            then
                '; a commitment pays for it: the bill falls only as far as other usage takes over its hours, worth $'
                || coalesce(round({{ gross }}, 2)::text, '(unknown)') || ' a month at list price.'
        when {{ net }} = 0 then '; it is billed at $0.00, so {{ action }} saves nothing now.'
        when covered_hours_ratio > 0
            then
                '; {{ action }} lowers the bill by at least $' || round({{ net }}, 2)
                || ' a month: a commitment pays for the rest.'
        else '; {{ action }} lowers the bill by $' || round({{ net }}, 2) || ' a month.'
    end
{%- endmacro %}
