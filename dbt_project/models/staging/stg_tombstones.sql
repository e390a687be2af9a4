with landed as (
    select * from {{ source('landing', 'tombstones') }}
),

run_window as (
    select as_of_date from {{ ref('stg_run_window') }}
),

known as (
    select landed.*
    from landed
    inner join run_window on landed.deleted_known_date <= run_window.as_of_date
),

newest as (
    {{ newest_receipt('known', ['source', 'record_table', 'record_key']) }}
),

final as (
    select
        source,
        record_table,
        record_key,
        deleted_known_date
    from newest
)

select * from final
