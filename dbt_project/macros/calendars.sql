{# Agreed time: a moment lies in one segment of a calendar's day (int_calendar_segments). Join it by `in_segment`;
   `open_microseconds` is then the agreed time from the calendar's beginning to the moment. #}
{% macro in_segment(segment, calendar_id, moment) -%}
    ({{ calendar_id }} = {{ segment }}.calendar_id
    and cast({{ moment }} as date) = {{ segment }}.segment_date
    and {{ moment }} >= {{ segment }}.starts_at
    and {{ moment }} < {{ segment }}.ends_at)
{%- endmacro %}


{% macro open_microseconds(segment, moment) -%}
    ({{ segment }}.open_microseconds_before + case
        when {{ segment }}.is_open then {{ microseconds_between(segment ~ '.starts_at', moment) }}
        else 0
    end)
{%- endmacro %}
