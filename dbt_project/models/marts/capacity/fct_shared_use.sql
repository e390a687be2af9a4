{{ rebuilt_by('as_of_date') }}

with run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

uses as (
    select * from {{ ref('stg_shared_use') }}
),

shares as (
    select * from {{ ref('fct_resource_shares') }}
),

capacity as (
    select * from {{ ref('fct_resource_capacity') }}
),

joined as (
    select
        uses.*,
        shares.unit,
        shares.share_ratio,
        shares.share_basis,
        shares.reserved_value,
        capacity.demand_value * uses.use_ratio as used_value
    from uses
    inner join run_window on uses.as_of_date = run_window.as_of_date
    inner join shares
        on uses.ci_id = shares.ci_id
        and uses.resource = shares.resource
        and uses.service_id = shares.service_id
        and uses.as_of_date = shares.as_of_date
    inner join capacity
        on uses.ci_id = capacity.ci_id
        and uses.resource = capacity.resource
        and uses.as_of_date = capacity.as_of_date
),

final as (
    select
        service_id,
        ci_id,
        resource,
        as_of_date,
        unit,
        share_ratio,
        share_basis,
        use_ratio,
        use_ratio_low,
        use_ratio_high,
        reserved_value,
        used_value,
        {{ headroom('used_value', 'reserved_value') }} as share_headroom_ratio,
        share_basis = 'agreed_share' and use_ratio_low > share_ratio as is_above_share,
        r2_unseen,
        cast(day_count as int) as day_count,
        is_refused,
        reason
    from joined
)

select * from final
