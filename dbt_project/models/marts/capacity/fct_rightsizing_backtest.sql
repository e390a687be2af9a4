{{ rebuilt_by('as_of_date') }}

with backtest as (
    select * from {{ ref('stg_rightsizing_backtest') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

final as (
    select
        backtest.ci_id,
        backtest.as_of_date,
        backtest.size_name,
        backtest.decision_date,
        backtest.is_present,
        backtest.is_proposed,
        backtest.held_then,
        cast(backtest.tested_weeks as int) as tested_weeks,
        cast(backtest.breached_weeks as int) as breached_weeks,
        backtest.saved_cost,
        backtest.currency,
        backtest.reason
    from backtest
    inner join run_window on backtest.as_of_date = run_window.as_of_date
)

select * from final
