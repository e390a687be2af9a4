with needs as (
    select * from {{ ref('int_sizing_needs_daily') }}
),

sizes as (
    select * from {{ ref('int_size_candidates') }}
),

cis as (
    select * from {{ ref('stg_configuration_items') }}
),

pool_members as (
    select
        pool_id,
        ci_id,
        resource,
        count(*) over (partition by pool_id) as member_count
    from {{ ref('int_pool_member_capacity') }}
),

-- A ratio counts in what its size had on that day; a CI without named sizes has always had the present one.
size_periods as (
    select distinct
        cis.ci_id,
        sizes.resource,
        sizes.limit_value,
        cis.valid_from,
        cis.valid_to
    from cis
    inner join sizes on cis.ci_id = sizes.ci_id and cis.size_name = sizes.size_name
    where sizes.is_ratio
),

present_sizes as (
    select ci_id, resource, is_ratio, limit_value from sizes
    where is_present
),

amounts as (
    select
        needs.ci_id,
        needs.resource,
        needs.observed_date,
        max(needs.statistic) as statistic,
        max(case when needs.is_cut_off then 1 else 0 end) = 1 as is_cut_off,
        max(
            case
                when present_sizes.is_ratio
                    then needs.required_value * coalesce(size_periods.limit_value, present_sizes.limit_value)
                else needs.required_value
            end
        ) as required_value
    from needs
    inner join present_sizes
        on needs.ci_id = present_sizes.ci_id and needs.resource = present_sizes.resource
    left join size_periods
        on needs.ci_id = size_periods.ci_id
        and needs.resource = size_periods.resource
        and {{ holds_on('size_periods', 'needs.observed_date') }}
    group by needs.ci_id, needs.resource, needs.observed_date
),

-- The members of a group get one size, so each needs what the neediest needs.
group_amounts as (
    select
        pool_members.pool_id,
        amounts.observed_date,
        max(amounts.required_value) as required_value
    from amounts
    inner join pool_members
        on amounts.ci_id = pool_members.ci_id and amounts.resource = pool_members.resource
    where pool_members.member_count > 1
    group by pool_members.pool_id, amounts.observed_date
),

group_needs as (
    select
        pool_members.ci_id,
        pool_members.resource,
        group_amounts.observed_date,
        max(group_amounts.required_value) as required_value
    from group_amounts
    inner join pool_members on group_amounts.pool_id = pool_members.pool_id
    group by pool_members.ci_id, pool_members.resource, group_amounts.observed_date
),

final as (
    select
        amounts.ci_id,
        amounts.resource,
        amounts.observed_date,
        amounts.statistic,
        greatest(amounts.required_value, coalesce(group_needs.required_value, amounts.required_value))
            as required_value,
        amounts.is_cut_off
    from amounts
    left join group_needs
        on amounts.ci_id = group_needs.ci_id
        and amounts.resource = group_needs.resource
        and amounts.observed_date = group_needs.observed_date
)

select * from final
