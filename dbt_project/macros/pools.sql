{# What is left of the usable capacity: negative when demand exceeds it, null when it is unknown or 0. #}
{% macro headroom(demand, usable) -%}
    1 - {{ demand }} / nullif({{ usable }}, 0)
{%- endmacro %}


{% macro pool_id(service_id, redundancy_group, resource) -%}
    ({{ service_id }} || '/' || {{ redundancy_group }} || '/' || {{ resource }})
{%- endmacro %}


{# What is left of each pool after the loss of `tolerance` members, one row a pool and day.

   `members` has one row a pool member and day: pool_id, <day>, service_id, redundancy_group, resource, unit, pooling,
   statistic, tolerance, ci_id, demand_value, usable_value, busy_hour_at, coverage_ratio.

   shared  the largest members are lost: usable = sum of the (n - tolerance) smallest. Unknown when one is unknown.
   own     the worst `tolerance` members may fail, so the next one decides: its demand and its usable capacity.

   At least one member is always counted: a tolerance as large as its group is a mistake that a test reports. #}
{% macro pool_survivors(members, day) -%}
    {%- set pool = "pool_id, " ~ day -%}
    with ranked as (
        select
            *,
            count(*) over (partition by {{ pool }}) as member_count,
            row_number() over (partition by {{ pool }} order by usable_value asc nulls last, ci_id) as usable_rank,
            row_number() over (
                partition by {{ pool }}
                order by {{ headroom('demand_value', 'usable_value') }} asc nulls last, ci_id
            ) as headroom_rank
        from {{ members }}
    ),

    counted as (
        select
            *,
            usable_rank <= greatest(member_count - tolerance, 1) as is_survivor,
            headroom_rank = least(tolerance + 1, member_count) as is_deciding
        from ranked
    )

    select
        pool_id,
        {{ day }},
        service_id,
        redundancy_group,
        resource,
        unit,
        pooling,
        statistic,
        cast(max(member_count) as int) as member_count,
        cast(max(tolerance) as int) as tolerance,
        case
            when pooling = 'own' then max(case when is_deciding then usable_value end)
            when count(usable_value) = count(*) then {{ exact_sum('case when is_survivor then usable_value end') }}
        end as usable_value,
        case when pooling = 'own' or max(member_count) = 1 then max(case when is_deciding then ci_id end) end
            as deciding_ci_id,
        max(case when is_deciding then demand_value end) as deciding_demand_value,
        max(case when is_deciding then busy_hour_at end) as deciding_busy_hour_at,
        case
            when pooling = 'own' then max(case when is_deciding then coverage_ratio end)
            else {{ exact_sum('coverage_ratio') }} / count(*)
        end as coverage_ratio
    from counted
    group by pool_id, {{ day }}, service_id, redundancy_group, resource, unit, pooling, statistic
{%- endmacro %}
