{# Intervals of a relation (starts_at, ends_at) that touch or overlap, made one: no moment counts twice. `keys` tell whose they
   are. Gives the keys, starts_at and ends_at; intervals without length are left out. #}
{% macro merged_intervals(relation, keys) -%}
    select {{ keys | join(', ') }}, min(starts_at) as starts_at, max(ends_at) as ends_at
    from (
        select
            *,
            sum(case when reached_at is null or starts_at > reached_at then 1 else 0 end) over (
                partition by {{ keys | join(', ') }}
                order by starts_at, ends_at
                rows between unbounded preceding and current row
            ) as island
        from (
            select
                {{ keys | join(', ') }},
                starts_at,
                ends_at,
                max(ends_at) over (
                    partition by {{ keys | join(', ') }}
                    order by starts_at, ends_at
                    rows between unbounded preceding and 1 preceding
                ) as reached_at
            from {{ relation }}
            where starts_at < ends_at
        ) as with_reach
    ) as numbered
    group by {{ keys | join(', ') }}, island
{%- endmacro %}


{# Microseconds that two intervals have in common; only for pairs that overlap. #}
{% macro overlap_microseconds(one, other) -%}
    {{ microseconds_between(
        'greatest(' ~ one ~ '.starts_at, ' ~ other ~ '.starts_at)', 'least(' ~ one ~ '.ends_at, ' ~ other ~ '.ends_at)'
    ) }}
{%- endmacro %}


{# Condition: two intervals share a moment. #}
{% macro overlaps(one, other) -%}
    ({{ one }}.starts_at < {{ other }}.ends_at and {{ one }}.ends_at > {{ other }}.starts_at)
{%- endmacro %}


{# An interval cut at midnight UTC, one row a day that it touches: a select-list expression for the day. #}
{% macro each_day_of_interval() -%}
    {{ each_day('cast(starts_at as date)', 'cast(' ~ add_microseconds('ends_at', -1) ~ ' as date)') }}
{%- endmacro %}
