{# The backlog of a day changes when a stay that reaches into it does. `rebuilt_stays()` at the head of int_ticket_stays keeps what it takes
   out (former_ticket_stays), so that `first_changed_backlog_day()` can tell from which day on fct_backlog_daily has to count anew: the
   earliest day on which old and new stays differ, at the latest the day after the last one counted. DuckDB only, as in macros/incremental.sql. #}
{% macro rebuilt_stays() -%}
    {{ config(
        materialized='table' if target.type == 'spark' else 'incremental',
        incremental_strategy=none if target.type == 'spark' else 'append',
        on_schema_change='fail',
        pre_hook=[
            "{{ keep_former_stays() }}",
            "{{ forget_former_stays('incident') }}",
            "{{ forget_former_stays('service_request') }}",
            "{{ forget_former_stays('problem') }}"
        ]
    ) }}
{%- endmacro %}


{% macro keep_former_stays() -%}
    {%- if is_incremental() -%}
        create or replace table intermediate.former_ticket_stays as {{ replaced_stays(this) }}
    {%- endif -%}
{%- endmacro %}


{% macro forget_former_stays(kind) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} where {{ of_rebuilt_tickets(kind) }}
    {%- endif -%}
{%- endmacro %}


{% macro replaced_stays(stays) -%}
    {% for kind in ['incident', 'service_request', 'problem'] -%}
    select * from {{ stays }} where {{ of_rebuilt_tickets(kind) }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
{%- endmacro %}


{# A date literal; none when all days are counted anew. #}
{% macro first_changed_backlog_day(stays) -%}
    {%- if rebuilds_all_records() or not is_incremental() -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set changed %}
        select cast(least(min(changed_date), (select max(backlog_date) + 1 from {{ this }})) as varchar)
        from (
            select case
                when former.ticket_id is null then stays.entered_date
                when stays.ticket_id is null then former.entered_date
                when {% for column in ['team_id', 'opened_at', 'entered_at', 'entry'] -%}
                    former.{{ column }} is distinct from stays.{{ column }}{{ ' or ' if not loop.last }}
                {%- endfor %} then least(former.entered_date, stays.entered_date)
                when former.left_at is distinct from stays.left_at or former.departure is distinct from stays.departure
                    then least(former.left_date, stays.left_date)
            end as changed_date
            from intermediate.former_ticket_stays as former
            full join ({{ replaced_stays(stays) }}) as stays
                on former.ticket_kind = stays.ticket_kind
                and former.ticket_id = stays.ticket_id
                and former.stay_number = stays.stay_number
        ) as compared
    {%- endset %}
    {%- set day = run_query(changed).columns[0].values()[0] -%}
    {{ return("date '" ~ day ~ "'" if day else none) }}
{%- endmacro %}


{% macro forget_backlog_from(stays) -%}
    {%- if is_incremental() -%}
        {%- set day = first_changed_backlog_day(stays) -%}
        delete from {{ this }} {% if day %}where backlog_date >= {{ day }}{% endif %}
    {%- endif -%}
{%- endmacro %}
