with landed as (
    select * from {{ source('landing', 'sla_clocks') }}
),

newest as (
    {{ newest_receipt('landed', ['clock', 'state']) }}
),

-- A clock that is recorded replaces the default of its name.
final as (
    select clock, measure, state, effect, after_state, at_stop, calendar_of
    from newest
    union all
    select
        defaults.clock,
        defaults.measure,
        defaults.state,
        defaults.effect,
        -- Not an empty cell: engines read those of seeds differently.
        nullif(defaults.after_state, 'any') as after_state,
        defaults.at_stop,
        defaults.calendar_of
    from {{ ref('default_sla_clocks') }} as defaults
    where defaults.clock not in (select clock from newest)
)

select * from final
