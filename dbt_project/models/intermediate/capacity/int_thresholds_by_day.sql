with targets as (
    select * from {{ ref('int_targets_by_day') }}
    where measure = 'utilisation_ratio'
),

rules as (
    select observed_date, resource from {{ ref('int_resource_rules_by_day') }}
),

run_window as (
    select default_threshold_ratio from {{ ref('stg_run_window') }}
),

scopes as (
    select service_id from {{ ref('stg_services') }}
    union
    select service_id from {{ ref('stg_service_cis') }}
    union
    select cast(null as string) as service_id
),

candidates as (
    select
        rules.observed_date,
        scopes.service_id,
        rules.resource,
        targets.target_id,
        coalesce(targets.target_value, run_window.default_threshold_ratio) as threshold_ratio,
        row_number() over (
            partition by rules.observed_date, scopes.service_id, rules.resource
            order by
                case when targets.service_id is null then 1 else 0 end,
                case when targets.resource is null then 1 else 0 end,
                targets.valid_from desc,
                targets.target_id
        ) as specificity_rank
    from rules
    cross join scopes
    cross join run_window
    left join targets
        on rules.observed_date = targets.observed_date
        and (targets.service_id is null or targets.service_id = scopes.service_id)
        and (targets.resource is null or targets.resource = rules.resource)
),

final as (
    select
        observed_date,
        service_id,
        resource,
        target_id,
        threshold_ratio
    from candidates
    where specificity_rank = 1
)

select * from final
