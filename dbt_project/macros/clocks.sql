{# A moment of an incident beside the resolution that is believed: nothing before the resolving update comes after it,
   nothing after that update comes before it, nothing comes before the opening. #}
{% macro moved_to_resolution(moment) -%}
    case
        when {{ moment }} is null then null
        when resolved_at is null or last_resolution_at is null then greatest({{ moment }}, opened_at)
        when {{ moment }} = last_resolution_at then resolved_at
        when {{ moment }} < last_resolution_at then greatest(least({{ moment }}, resolved_at), opened_at)
        else greatest({{ moment }}, resolved_at)
    end
{%- endmacro %}
