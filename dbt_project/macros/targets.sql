{# What an attainment (the share that met the target) has to reach: the agreed share, else what the value itself allows, else all. #}
{% macro slo_ratio(targets) -%}
    case
        when {{ targets }}.objective_ratio is not null then {{ targets }}.objective_ratio
        when {{ targets }}.measure = 'availability_ratio' then {{ targets }}.target_value
        when {{ targets }}.measure = 'error_ratio' then 1 - {{ targets }}.target_value
        else 1.0e0
    end
{%- endmacro %}


{# Minutes of an interval (starts_at, ends_at) that lie in the hour from hour_at on. #}
{% macro minutes_in_hour() -%}
    {{ minutes_between('greatest(starts_at, hour_at)', 'least(ends_at, ' ~ add_minutes('hour_at', 60) ~ ')') }}
{%- endmacro %}
