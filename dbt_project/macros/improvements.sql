{# The same improvement has the same id in every run, on every engine and in the control record. #}
{% macro improvement_id(kind, subject) -%}
    'imp-' || substr(md5({{ kind }} || '|' || {{ subject }}), 1, 12)
{%- endmacro %}


{# What an attainment has to reach: the agreed share, else the target itself, else all. #}
{% macro target_goal(levels) -%}
    case
        when {{ levels }}.measure in ('availability_ratio', 'error_ratio') and {{ levels }}.objective_ratio is null
            then {{ levels }}.target_value
        else coalesce({{ levels }}.objective_ratio, 1)
    end
{%- endmacro %}
