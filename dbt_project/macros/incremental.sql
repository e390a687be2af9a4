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


{# Facts about tickets are rebuilt by ticket: the incidents of landing.run_incidents and the requests of landing.run_service_requests, of
   which something new is known, unless the run rebuilds all (landing.run_window.rebuilds_all_records). `rebuilt_by_incident()` or
   `rebuilt_by_request()` at the head of a model takes their rows out first; its query gives their rows alone by the condition
   `of_rebuilt_incidents(column)` or `of_rebuilt_requests(column)`. Figures that go on with time (clocks, ages) are rebuilt for more of them:
   those of `among`, a relation (or query in brackets) with an incident_id or request_id, where the condition `where` holds.

   DuckDB only. Spark has no delete by key on these tables: there a model is a table, and the condition holds for all. #}
{% macro rebuilt_by_incident(among='landing.run_incidents', where='true') -%}
    {{ rebuilt_by_record('incident_id', among, where) }}
{%- endmacro %}

{% macro rebuilt_by_request(among='landing.run_service_requests', where='true') -%}
    {{ rebuilt_by_record('request_id', among, where) }}
{%- endmacro %}

{% macro rebuilt_by_record(record_id, among, where) -%}
    {{ config(
        materialized='table' if target.type == 'spark' else 'incremental',
        incremental_strategy=none if target.type == 'spark' else 'append',
        on_schema_change='fail',
        pre_hook="{{ forget_rebuilt_records('" ~ record_id ~ "', '" ~ among ~ "', '" ~ where ~ "') }}"
    ) }}
{%- endmacro %}


{% macro forget_rebuilt_records(record_id, among, where) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} where {{ of_rebuilt_records(record_id, record_id, among, where) }}
    {%- endif -%}
{%- endmacro %}


{% macro of_rebuilt_incidents(column, among='landing.run_incidents', where='true') -%}
    {{ of_rebuilt_records('incident_id', column, among, where) }}
{%- endmacro %}

{% macro of_rebuilt_requests(column, among='landing.run_service_requests', where='true') -%}
    {{ of_rebuilt_records('request_id', column, among, where) }}
{%- endmacro %}

{% macro of_rebuilt_records(record_id, column, among, where) -%}
    {%- if rebuilds_all_records() -%}
        true
    {%- else -%}
        {#- The bounds are constants, so that DuckDB passes over the rows of tickets long closed without reading them. -#}
        {%- set bounds %}
            select min({{ record_id }}), max({{ record_id }}) from {{ among }} as rebuilt where {{ where }}
        {%- endset -%}
        {%- set bounds = run_query(bounds).rows[0] -%}
        {%- if bounds[0] is none -%}
            false
        {%- else -%}
            ({{ column }} between '{{ bounds[0] | replace("'", "''") }}' and '{{ bounds[1] | replace("'", "''") }}'
            and {{ column }} in (select {{ record_id }} from {{ among }} as rebuilt where {{ where }}))
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{# Of requests those that something new is known of, and those that are open: they age. A query in brackets. #}
{% macro going_on_requests() -%}
    (select request_id from landing.run_service_requests
    union select request_id from intermediate.int_service_requests where left_at is null)
{%- endmacro %}


{# The rows of rebuilt tickets, of one kind or of all, in a table of several. Problems are few: all of them are built on every run. #}
{% macro of_rebuilt_tickets(kind=none) -%}
    {%- if kind == 'incident' -%}
        (ticket_kind = 'incident' and {{ of_rebuilt_incidents('ticket_id') }})
    {%- elif kind == 'service_request' -%}
        (ticket_kind = 'service_request' and {{ of_rebuilt_requests('ticket_id') }})
    {%- elif kind == 'problem' -%}
        ticket_kind = 'problem'
    {%- else -%}
        ({{ of_rebuilt_tickets('incident') }} or {{ of_rebuilt_tickets('service_request') }} or {{ of_rebuilt_tickets('problem') }})
    {%- endif -%}
{%- endmacro %}


{# At the end of a model: a build of all tickets leaves their rows in order, so that later runs pass over those of tickets long
   closed without reading them. Rows that come in later are those of tickets that live now: they lie together anyway. #}
{% macro in_order_of(column) -%}
    {%- if target.type != 'spark' and rebuilds_all_records() -%}
        order by {{ column }}
    {%- endif -%}
{%- endmacro %}


{# Read when a model is compiled, so that its statement has one plain condition. Without a landing schema (the project is only
   compiled) all are. #}
{% macro rebuilds_all_records() -%}
    {%- if not execute or target.type == 'spark' -%}
        {{ return(true) }}
    {%- endif -%}
    {#- Asked of the catalogue, not of dbt's cache of relations: that one is half filled while another thread fills it, and a model
        that found no window there was appended to itself. -#}
    {%- set windows = run_query("select count(*) from information_schema.tables where table_schema = 'landing' and table_name = 'run_window'") -%}
    {%- if windows.columns[0].values()[0] == 0 -%}
        {{ return(true) }}
    {%- endif -%}
    {{ return(run_query('select rebuilds_all_records from landing.run_window').columns[0].values()[0]) }}
{%- endmacro %}


{# `config: {where: changed incidents}` limits a data test to rows of landing.run_incidents, `{where: rebuilt incidents}` to those whose
   figures went on, `{where: ticking incidents}` to those whose clocks did; `{where: changed requests}` and `{where: rebuilt requests}` do the same
   for requests, `{where: changed tickets}` for tables of several kinds of tickets. For tests that a row passes or fails with the other rows of its incident alone, so that untouched rows need no new look. #}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where') -%}
    {%- if where == 'changed incidents' -%}
        {%- set where = of_rebuilt_incidents('incident_id') -%}
    {%- elif where == 'changed tickets' -%}
        {%- set where = of_rebuilt_tickets() -%}
    {%- elif where == 'changed requests' -%}
        {%- set where = of_rebuilt_requests('request_id') -%}
    {%- elif where == 'rebuilt requests' -%}
        {%- set where = of_rebuilt_requests('request_id', going_on_requests()) -%}
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
