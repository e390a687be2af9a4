with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

ladders as (
    select * from {{ ref('stg_size_ladders') }}
),

rules as (
    select * from {{ ref('int_resource_rules_by_day') }}
    where observed_date = (select as_of_date from run_window)
),

conversions as (
    select * from {{ ref('stg_unit_conversions') }}
    where kind = 'gauge'
),

limits as (
    select * from {{ ref('int_limits_by_day') }}
    where observed_date = (select as_of_date from run_window)
),

cis as (
    select * from {{ ref('dim_ci') }}
    where valid_to is null or valid_to >= (select as_of_date from run_window)
),

ranked as (
    select
        ladders.*,
        row_number() over (
            partition by ladders.ladder_id, ladders.size_name, ladders.resource
            order by ladders.valid_from desc
        ) as version_rank
    from ladders
    where {{ holds_on('ladders', '(select as_of_date from run_window)') }}
),

-- A ratio has no unit of its own: what the ladder counts (cpus) stays as it is.
sizes as (
    select
        ranked.ladder_id,
        ranked.ci_kind,
        ranked.size_name,
        ranked.resource,
        case
            when rules.unit = '1' or ranked.unit = rules.unit then ranked.limit_value
            else ranked.limit_value * conversions.factor + conversions.offset_value
        end as limit_value,
        ranked.monthly_cost,
        ranked.currency,
        rules.unit = '1' as is_ratio,
        rules.lead_time_days
    from ranked
    inner join rules on ranked.resource = rules.resource
    left join conversions
        on ranked.unit = conversions.source_unit and rules.unit = conversions.canonical_unit
    where ranked.version_rank = 1
),

kind_ladders as (
    select ci_kind, min(ladder_id) as ladder_id
    from sizes
    group by ci_kind
),

candidates as (
    select
        cis.ci_id,
        cis.size_name as named_size,
        sizes.*,
        limits.limit_value as recorded_value
    from cis
    left join kind_ladders on cis.ci_kind = kind_ladders.ci_kind
    inner join sizes on coalesce(cis.ladder_id, kind_ladders.ladder_id) = sizes.ladder_id
    left join limits on cis.ci_id = limits.ci_id and sizes.resource = limits.resource
),

compared as (
    select
        ci_id,
        size_name,
        max(case when named_size = size_name then 1 else 0 end) as is_named,
        max(case when named_size is null then 1 else 0 end) as is_nameless,
        max(monthly_cost) as monthly_cost,
        count(case when not is_ratio then recorded_value end) as compared_count,
        count(case
            when not is_ratio and abs(limit_value - recorded_value) > 1e-3 * recorded_value then 1
        end) as different_count
    from candidates
    group by ci_id, size_name
),

-- The size that the CI record names, else the cheapest whose limits are the recorded ones.
ordered as (
    select
        *,
        different_count = 0 as agrees_with_limits,
        row_number() over (
            partition by ci_id
            order by
                is_named desc,
                case when is_nameless = 1 and compared_count > 0 and different_count = 0 then 0 else 1 end,
                monthly_cost,
                size_name
        ) as present_rank
    from compared
),

final as (
    select
        candidates.ci_id,
        candidates.ladder_id,
        candidates.size_name,
        candidates.resource,
        candidates.limit_value,
        candidates.is_ratio,
        candidates.monthly_cost,
        candidates.currency,
        cast(candidates.lead_time_days as int) as lead_time_days,
        ordered.present_rank = 1 and (
            ordered.is_named = 1
            or (ordered.is_nameless = 1 and ordered.compared_count > 0 and ordered.different_count = 0)
        ) as is_present,
        ordered.agrees_with_limits
    from candidates
    inner join ordered
        on candidates.ci_id = ordered.ci_id and candidates.size_name = ordered.size_name
)

select * from final
