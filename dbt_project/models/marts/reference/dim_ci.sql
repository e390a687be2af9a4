with configuration_items as (
    select * from {{ ref('stg_configuration_items') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

-- Facts outlive their CI, so a retired one keeps its last version; only versions still to come are left out.
ranked as (
    select
        configuration_items.*,
        row_number() over (
            partition by configuration_items.ci_id
            order by configuration_items.valid_from desc
        ) as version_rank
    from configuration_items
    inner join run_window on configuration_items.valid_from <= run_window.as_of_date
),

final as (
    select ci_id, ci_name, ci_kind, team_id, supplier_team_id, site, resource_id, ladder_id, size_name, valid_from, valid_to
    from ranked
    where version_rank = 1
)

select * from final
