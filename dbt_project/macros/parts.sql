{# Samples are summed up in parts: a few days at a time, so that memory does not grow with the days that a run rebuilds.

   A model with `config(built_in_parts=true)` is built part by part: its query runs once for each row of landing.run_parts,
   and `in_part(moment)` in it holds for that part's days. Outside of such a model it holds for all days. DuckDB only: Spark
   divides its work itself. Bounds are constants of the statement, so the files of other days are not opened for more
   than their footers; a subquery in their place makes DuckDB expect few samples, and hash them in joins. #}
{% macro in_part(moment) -%}
    {{ return(adapter.dispatch('in_part', 'ullage')(moment)) }}
{%- endmacro %}

{% macro duckdb__in_part(moment) -%}
    {{ moment }} >= coalesce(getvariable('part_start_at'), timestamp '0001-01-01 00:00:00')
    and {{ moment }} < coalesce(getvariable('part_end_at'), timestamp '9999-12-31 00:00:00')
{%- endmacro %}

{% macro spark__in_part(moment) -%}
    true
{%- endmacro %}


{# dbt-duckdb's macro, which ends in one statement; here two a part. The contract is checked by that macro on an empty
   table first. A part is a table of its own before it is inserted: DuckDB 2.0.0 does not read rows of an `insert … order by` that
   follows one without rows in the same transaction, until the next checkpoint (tests/warehouse/test_parts.py). #}
{% macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
    {%- if not config.get('built_in_parts') -%}
        {{ dbt.duckdb__create_table_as(temporary, relation, compiled_code, language, partitioned_by, sorted_by) }}
    {%- else -%}
        {%- set none_yet -%} select * from ({{ compiled_code }}) as model limit 0 {%- endset -%}
        {%- set target = relation.include(database=(not temporary), schema=(not temporary)) -%}
        {{ dbt.duckdb__create_table_as(temporary, relation, none_yet, language, partitioned_by, sorted_by) }};
        {% for part in run_query('select start_at, end_at from landing.run_parts order by start_at').rows -%}
        set variable part_start_at = timestamp '{{ part[0] }}';
        set variable part_end_at = timestamp '{{ part[1] }}';
        create or replace temp table rows_of_part as {{ compiled_code }};
        insert into {{ target }} by name select * from rows_of_part;
        {% endfor -%}
        drop table if exists rows_of_part;
        reset variable part_start_at;
        reset variable part_end_at;
    {%- endif -%}
{%- endmacro %}
