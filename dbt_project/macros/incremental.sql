{# How a fact is rebuilt by part: the only place where the engines differ in this.

   A model that calls `rebuilt_by('observed_date')` holds many days and is given, by its own query, the rows of
   landing.run_days. Those days are first taken out of the table (so a day that became empty empties), then the rows of
   the query come in; all other days stay. `rebuilt_by('as_of_date')` does the same for the run's as-of date, `rebuilt_by('week_start_date')`
   for the calendar weeks of landing.run_days.

   DuckDB: delete and append in one transaction. Spark: drop the partitions and write them new (insert_overwrite). #}
{% macro rebuilt_by(part) -%}
    {{ config(
        materialized='incremental',
        incremental_strategy='insert_overwrite' if target.type == 'spark' else 'append',
        partition_by=[part] if target.type == 'spark' else none,
        on_schema_change='fail',
        pre_hook="{{ forget_rebuilt_parts('" ~ part ~ "') }}"
    ) }}
{%- endmacro %}


{% macro rebuilt_parts(part) -%}
    {%- if part == 'as_of_date' -%}
        select as_of_date from {{ source('landing', 'run_window') }}
    {%- elif part == 'week_start_date' -%}
        select distinct {{ week_of('observed_date') }} from {{ source('landing', 'run_days') }}
    {%- else -%}
        select observed_date from {{ source('landing', 'run_days') }}
    {%- endif -%}
{%- endmacro %}


{% macro forget_rebuilt_parts(part) -%}
    {{ return(adapter.dispatch('forget_rebuilt_parts', 'ullage')(part)) }}
{%- endmacro %}

{% macro duckdb__forget_rebuilt_parts(part) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} where {{ part }} in ({{ rebuilt_parts(part) }})
    {%- endif -%}
{%- endmacro %}

{% macro spark__forget_rebuilt_parts(part) -%}
    {%- if is_incremental() -%}
        {%- set days = run_query(rebuilt_parts(part)).columns[0].values() | list -%}
        {%- if days -%}
            alter table {{ this }} drop if exists
            {% for day in days %}partition ({{ part }} = date'{{ day }}'){{ ', ' if not loop.last }}{% endfor %}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
