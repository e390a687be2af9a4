with parts as (
    select * from {{ ref('int_cost_months') }}
),

ci_days as (
    select * from {{ ref('int_ci_service_days') }}
),

use_months as (
    select * from {{ ref('int_ci_use_monthly') }}
),

part_days as (
    select
        *,
        {{ days_between('first_date', 'last_date') }} + 1 as day_count
    from parts
),

allocated as (
    select
        part_days.x_charge_id,
        part_days.month_start_date,
        ci_days.service_id,
        ci_days.allocated_method_id,
        sum(cast(ci_days.cost_share_ratio as decimal(30, 15))) as shared_days
    from part_days
    inner join ci_days
        on part_days.ci_id = ci_days.ci_id
        and ci_days.observed_date between part_days.first_date and part_days.last_date
    group by
        part_days.x_charge_id,
        part_days.month_start_date,
        ci_days.service_id,
        ci_days.allocated_method_id
),

-- Shares are laid end to end in one order, and what no service has comes last: so they add up to the whole exactly.
reached as (
    select
        *,
        sum(shared_days) over (
            partition by x_charge_id, month_start_date
            order by service_id, allocated_method_id
            rows between unbounded preceding and current row
        ) as days_after,
        sum(shared_days) over (partition by x_charge_id, month_start_date) as allocated_days
    from allocated
),

totals as (
    select x_charge_id, month_start_date, max(allocated_days) as allocated_days
    from reached
    group by x_charge_id, month_start_date
),

shares as (
    select
        x_charge_id,
        month_start_date,
        service_id,
        allocated_method_id,
        cast(days_after - shared_days as double) as days_before,
        cast(days_after as double) as days_after
    from reached
    union all
    select
        part_days.x_charge_id,
        part_days.month_start_date,
        cast(null as string) as service_id,
        case
            when part_days.resource_id is null then 'no_resource'
            when part_days.ci_id is null then 'unknown_resource'
            else 'no_service'
        end as allocated_method_id,
        coalesce(cast(totals.allocated_days as double), 0.0e0) as days_before,
        cast(part_days.day_count as double) as days_after
    from part_days
    left join totals
        on part_days.x_charge_id = totals.x_charge_id
        and part_days.month_start_date = totals.month_start_date
),

rated as (
    select
        part_days.*,
        shares.service_id,
        shares.allocated_method_id,
        shares.days_before / part_days.day_count as ratio_before,
        case
            when part_days.day_count - shares.days_after < 1e-9 then 1.0e0
            else shares.days_after / part_days.day_count
        end as ratio_after
    from shares
    inner join part_days
        on shares.x_charge_id = part_days.x_charge_id
        and shares.month_start_date = part_days.month_start_date
    where shares.days_after - shares.days_before >= 1e-9
),

costed as (
    select
        *,
        {{ money(money_part('billed_cost', 'ratio_after') ~ ' - ' ~ money_part('billed_cost', 'ratio_before')) }}
            as part_billed_cost,
        {{ money(money_part('effective_cost', 'ratio_after') ~ ' - ' ~ money_part('effective_cost', 'ratio_before')) }}
            as part_effective_cost
    from rated
),

final as (
    select
        costed.x_charge_id,
        costed.month_start_date,
        coalesce(costed.service_id, '(unallocated)') as service_id,
        costed.allocated_method_id,
        costed.ci_id,
        costed.charge_category,
        costed.billing_currency,
        costed.ratio_after - costed.ratio_before as allocated_ratio,
        costed.part_billed_cost as billed_cost,
        costed.part_effective_cost as effective_cost,
        {{ money('cast(costed.part_effective_cost as double) * use_months.headroom_ratio') }} as headroom_cost,
        {{ money('cast(costed.part_effective_cost as double) * use_months.idle_ratio') }} as idle_cost,
        case
            when costed.ci_id is not null and use_months.peak_ratio is null then costed.part_effective_cost
        end as unmeasured_cost
    from costed
    left join use_months
        on costed.ci_id = use_months.ci_id and costed.month_start_date = use_months.month_start_date
)

select * from final
