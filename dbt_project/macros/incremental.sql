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


{# Facts about incidents are rebuilt by incident: those of landing.run_incidents, of which something new is known, unless the run
   rebuilds all (landing.run_window.rebuilds_all_incidents). `rebuilt_by_incident()` at the head of a model takes their rows out first;
   its query gives their rows alone by the condition `of_rebuilt_incidents(column)`. Figures that go on with time (clocks, ages) are rebuilt for
   more incidents: those of `among`, a relation with an incident_id, where the condition `where` holds.

   DuckDB only. Spark has no delete by key on these tables: there a model is a table, and the condition holds for all. #}
{% macro rebuilt_by_incident(among='landing.run_incidents', where='true') -%}
    {{ config(
        materialized='table' if target.type == 'spark' else 'incremental',
        incremental_strategy=none if target.type == 'spark' else 'append',
        on_schema_change='fail',
        pre_hook="{{ forget_rebuilt_incidents('" ~ among ~ "', '" ~ where ~ "') }}"
    ) }}
{%- endmacro %}


{% macro forget_rebuilt_incidents(among, where) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} where {{ of_rebuilt_incidents('incident_id', among, where) }}
    {%- endif -%}
{%- endmacro %}


{% macro of_rebuilt_incidents(incident_id, among='landing.run_incidents', where='true') -%}
    {%- if rebuilds_all_incidents() -%}
        true
    {%- else -%}
        {#- The bounds are constants, so that DuckDB passes over the rows of incidents long closed without reading them. -#}
        {%- set bounds = run_query('select min(incident_id), max(incident_id) from ' ~ among ~ ' where ' ~ where).rows[0] -%}
        {%- if bounds[0] is none -%}
            false
        {%- else -%}
            ({{ incident_id }} between '{{ bounds[0] | replace("'", "''") }}' and '{{ bounds[1] | replace("'", "''") }}'
            and {{ incident_id }} in (select incident_id from {{ among }} where {{ where }}))
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{# At the end of a model: a build of all incidents leaves their rows in order, so that later runs pass over those of incidents long
   closed without reading them. Rows that come in later are those of incidents that live now: they lie together anyway. #}
{% macro in_order_of(column) -%}
    {%- if target.type != 'spark' and rebuilds_all_incidents() -%}
        order by {{ column }}
    {%- endif -%}
{%- endmacro %}


{# Read when a model is compiled, so that its statement has one plain condition. Without a landing schema (the project is only
   compiled) all are. #}
{% macro rebuilds_all_incidents() -%}
    {%- if not execute or target.type == 'spark' or not adapter.get_relation(model.database, 'landing', 'run_window') -%}
        {{ return(true) }}
    {%- endif -%}
    {{ return(run_query('select rebuilds_all_incidents from landing.run_window').columns[0].values()[0]) }}
{%- endmacro %}


{# `config: {where: changed incidents}` limits a data test to rows of landing.run_incidents, `{where: rebuilt incidents}` to those whose
   figures went on, `{where: ticking incidents}` to those whose clocks did; `{where: changed tickets}` serves tables of several kinds of tickets. For tests that a row passes or fails with the other rows of its incident alone, so that untouched rows need no new look. #}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where') -%}
    {%- if where == 'changed incidents' -%}
        {%- set where = of_rebuilt_incidents('incident_id') -%}
    {%- elif where == 'changed tickets' -%}
        {%- set where = "(ticket_kind <> 'incident' or " ~ of_rebuilt_incidents('ticket_id') ~ ")" -%}
    {%- elif where == 'ticking incidents' -%}
        {%- set where = of_rebuilt_incidents('incident_id', 'intermediate.int_rebuilt_incidents', 'is_ticking') -%}
    {%- elif where == 'rebuilt incidents' -%}
        {%- set where = of_rebuilt_incidents('incident_id', 'intermediate.int_rebuilt_incidents') -%}
    {%- endif -%}
    {%- if not where or where == 'true' -%}
        {{ return(relation) }}
    {%- endif -%}
    {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') as dbt_subquery') }}
{%- endmacro %}
