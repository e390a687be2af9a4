{# Timestamps are naive UTC everywhere; only local_to_utc knows zones. #}

{% macro hour_of(moment) -%}
    cast(date_trunc('hour', {{ moment }}) as timestamp)
{%- endmacro %}


{% macro month_of(day) -%}
    cast(date_trunc('month', {{ day }}) as date)
{%- endmacro %}


{# The Monday of the ISO week. #}
{% macro week_of(day) -%}
    cast(date_trunc('week', {{ day }}) as date)
{%- endmacro %}


{# Whole microseconds from earlier to later, as bigint: sums of them are exact. #}
{% macro microseconds_between(earlier, later) -%}
    {{ return(adapter.dispatch('microseconds_between', 'ullage')(earlier, later)) }}
{%- endmacro %}

{% macro duckdb__microseconds_between(earlier, later) -%}
    date_diff('microsecond', {{ earlier }}, {{ later }})
{%- endmacro %}

{% macro spark__microseconds_between(earlier, later) -%}
    timestampdiff(microsecond, {{ earlier }}, {{ later }})
{%- endmacro %}


{% macro seconds_between(earlier, later) -%}
    ({{ microseconds_between(earlier, later) }} / 1000000.0e0)
{%- endmacro %}


{% macro minutes_between(earlier, later) -%}
    ({{ microseconds_between(earlier, later) }} / 60000000.0e0)
{%- endmacro %}


{% macro days_between(earlier, later) -%}
    {{ return(adapter.dispatch('days_between', 'ullage')(earlier, later)) }}
{%- endmacro %}

{% macro duckdb__days_between(earlier, later) -%}
    cast(date_diff('day', {{ earlier }}, {{ later }}) as int)
{%- endmacro %}

{% macro spark__days_between(earlier, later) -%}
    datediff({{ later }}, {{ earlier }})
{%- endmacro %}


{% macro add_minutes(moment, minutes) -%}
    {{ return(adapter.dispatch('add_minutes', 'ullage')(moment, minutes)) }}
{%- endmacro %}

{% macro duckdb__add_minutes(moment, minutes) -%}
    ({{ moment }} + to_minutes({{ minutes }}))
{%- endmacro %}

{% macro spark__add_minutes(moment, minutes) -%}
    timestampadd(minute, {{ minutes }}, {{ moment }})
{%- endmacro %}


{% macro add_microseconds(moment, microseconds) -%}
    {{ return(adapter.dispatch('add_microseconds', 'ullage')(moment, microseconds)) }}
{%- endmacro %}

{% macro duckdb__add_microseconds(moment, microseconds) -%}
    ({{ moment }} + to_microseconds({{ microseconds }}))
{%- endmacro %}

{% macro spark__add_microseconds(moment, microseconds) -%}
    timestampadd(microsecond, {{ microseconds }}, {{ moment }})
{%- endmacro %}


{# ISO weekday, 1 (Monday) to 7. #}
{% macro iso_weekday(day) -%}
    {{ return(adapter.dispatch('iso_weekday', 'ullage')(day)) }}
{%- endmacro %}

{% macro duckdb__iso_weekday(day) -%}
    cast(isodow({{ day }}) as int)
{%- endmacro %}

{% macro spark__iso_weekday(day) -%}
    (weekday({{ day }}) + 1)
{%- endmacro %}


{# A select-list expression that repeats its row once for each day from first to last, both included. #}
{% macro each_day(first, last) -%}
    {{ return(adapter.dispatch('each_day', 'ullage')(first, last)) }}
{%- endmacro %}

{% macro duckdb__each_day(first, last) -%}
    cast(unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as date)
{%- endmacro %}

{% macro spark__each_day(first, last) -%}
    explode(sequence({{ first }}, {{ last }}, interval 1 day))
{%- endmacro %}


{# The UTC moment of a local wall-clock time. A time that a clock change skips moves forward by the change; a time that
   it repeats is the first of the two. ICU would take the second, so DuckDB tries the offset of the day before first. #}
{% macro local_to_utc(local_time, zone) -%}
    {{ return(adapter.dispatch('local_to_utc', 'ullage')(local_time, zone)) }}
{%- endmacro %}

{% macro duckdb__local_to_utc(local_time, zone) -%}
    {%- set as_icu = "timezone('UTC', timezone(" ~ zone ~ ", " ~ local_time ~ "))" -%}
    {%- set day_before = "timezone('UTC', timezone(" ~ zone ~ ", " ~ local_time ~ " - interval 1 day))" -%}
    {%- set with_offset_of_day_before = "(" ~ day_before ~ " + interval 1 day)" -%}
    (case
        when timezone({{ zone }}, timezone('UTC', {{ with_offset_of_day_before }})) = {{ local_time }}
            then {{ with_offset_of_day_before }}
        else {{ as_icu }}
    end)
{%- endmacro %}

{% macro spark__local_to_utc(local_time, zone) -%}
    convert_timezone({{ zone }}, 'UTC', {{ local_time }})
{%- endmacro %}


{% macro add_days(day, days) -%}
    {{ return(adapter.dispatch('add_days', 'ullage')(day, days)) }}
{%- endmacro %}

{% macro duckdb__add_days(day, days) -%}
    cast({{ day }} + to_days(cast({{ days }} as int)) as date)
{%- endmacro %}

{% macro spark__add_days(day, days) -%}
    date_add({{ day }}, cast({{ days }} as int))
{%- endmacro %}


{% macro end_of_year(day) -%}
    cast(date_trunc('year', {{ day }}) + interval 1 year - interval 1 day as date)
{%- endmacro %}


{% macro end_of_month(day) -%}
    cast(date_trunc('month', {{ day }}) + interval 1 month - interval 1 day as date)
{%- endmacro %}


{% macro end_of_quarter(day) -%}
    cast(date_trunc('quarter', {{ day }}) + interval 3 month - interval 1 day as date)
{%- endmacro %}


{# A select-list expression that repeats its row once for each hour that begins from the hour of `first` to `last`. #}
{% macro each_hour(first, last) -%}
    {{ return(adapter.dispatch('each_hour', 'ullage')(first, last)) }}
{%- endmacro %}

{% macro duckdb__each_hour(first, last) -%}
    unnest(generate_series({{ hour_of(first) }}, {{ last }}, interval 1 hour))
{%- endmacro %}

{% macro spark__each_hour(first, last) -%}
    explode(sequence({{ hour_of(first) }}, {{ last }}, interval 1 hour))
{%- endmacro %}


{# As each_hour, by five minutes; begins with the hour of `first`. #}
{% macro each_five_minutes(first, last) -%}
    {{ return(adapter.dispatch('each_five_minutes', 'ullage')(first, last)) }}
{%- endmacro %}

{% macro duckdb__each_five_minutes(first, last) -%}
    unnest(generate_series({{ hour_of(first) }}, {{ last }}, interval 5 minute))
{%- endmacro %}

{% macro spark__each_five_minutes(first, last) -%}
    explode(sequence({{ hour_of(first) }}, {{ last }}, interval 5 minute))
{%- endmacro %}


{# Which five minutes since 2001 a moment ends, as bigint. #}
{% macro five_minutes_since_epoch(moment) -%}
    cast(ceil({{ microseconds_between("timestamp '2001-01-01 00:00:00'", moment) }} / 300000000.0e0) as bigint)
{%- endmacro %}


{# Hours since 2001 as bigint, for windows over hours of which some may be missing. #}
{% macro hours_since_epoch(hour_at) -%}
    cast({{ microseconds_between("timestamp '2001-01-01 00:00:00'", hour_at) }} / 3600000000 as bigint)
{%- endmacro %}
