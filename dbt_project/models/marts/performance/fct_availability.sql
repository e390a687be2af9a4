with service_agreed as (
    select * from {{ ref('int_agreed_intervals') }}
),

service_cis as (
    select * from {{ ref('stg_service_cis') }}
),

intervals as (
    select * from {{ ref('int_availability_intervals') }}
),

-- Subjects of which outages are known: whatever was checked or recorded, and every service once outages are recorded at all.
subjects as (
    select distinct subject_kind, subject_id from intervals
    union
    select 'service' as subject_kind, service_id as subject_id
    from {{ ref('stg_services') }}
    where exists (select 1 from {{ ref('stg_outages') }})
),

-- A CI has no agreement of its own: it is needed while any of its services is.
of_subjects as (
    select
        'service' as subject_kind,
        service_id as subject_id,
        observed_date,
        is_maintenance,
        starts_at,
        ends_at
    from service_agreed
    union all
    select
        'ci' as subject_kind,
        service_cis.ci_id as subject_id,
        service_agreed.observed_date,
        service_agreed.is_maintenance,
        service_agreed.starts_at,
        service_agreed.ends_at
    from service_agreed
    inner join service_cis
        on service_agreed.service_id = service_cis.service_id
        and {{ holds_on('service_cis', 'service_agreed.observed_date') }}
    where service_cis.ci_id <> service_cis.service_id and not service_agreed.is_maintenance
),

wanted as (
    select of_subjects.*
    from of_subjects
    inner join subjects
        on of_subjects.subject_kind = subjects.subject_kind and of_subjects.subject_id = subjects.subject_id
),

agreed as (
    {{ merged_intervals('wanted', ['subject_kind', 'subject_id', 'observed_date', 'is_maintenance']) }}
),

interval_days as (
    select
        *,
        starts_at as began_at,
        {{ each_day_of_interval() }} as observed_date
    from intervals
),

-- What of each interval lies in agreed time.
overlapping as (
    select
        interval_days.subject_kind,
        interval_days.subject_id,
        interval_days.state,
        interval_days.basis,
        interval_days.began_at,
        agreed.observed_date,
        greatest(interval_days.starts_at, agreed.starts_at) as starts_at,
        least(interval_days.ends_at, agreed.ends_at) as ends_at
    from interval_days
    inner join agreed
        on interval_days.subject_kind = agreed.subject_kind
        and interval_days.subject_id = agreed.subject_id
        and interval_days.observed_date = agreed.observed_date
        and not agreed.is_maintenance
        and {{ overlaps('interval_days', 'agreed') }}
),

down as (
    select * from overlapping
    where state = 'down' and basis = 'all'
),

with_supplier as (
    select
        down.subject_kind,
        down.subject_id,
        {{ month_of('down.observed_date') }} as month_start_date,
        {%- for basis in ['all', 'assigned', 'contract'] %}
        sum(
            case when held.basis = '{{ basis }}' then {{ overlap_microseconds('down', 'held') }} else 0 end
        ) as {{ basis }}_microseconds{{ ',' if not loop.last }}
        {%- endfor %}
    from down
    inner join overlapping as held
        on down.subject_kind = held.subject_kind
        and down.subject_id = held.subject_id
        and down.observed_date = held.observed_date
        and held.state = 'supplier'
        and {{ overlaps('down', 'held') }}
    group by down.subject_kind, down.subject_id, {{ month_of('down.observed_date') }}
),

-- A failure counts in the month in which it first hurt agreed time.
failures as (
    select subject_kind, subject_id, {{ month_of('first_at') }} as month_start_date, cast(count(*) as int) as failure_count
    from (
        select subject_kind, subject_id, began_at, min(starts_at) as first_at
        from down
        group by subject_kind, subject_id, began_at
    ) as outages
    group by subject_kind, subject_id, {{ month_of('first_at') }}
),

lost as (
    select
        subject_kind,
        subject_id,
        {{ month_of('observed_date') }} as month_start_date,
        {%- for name, state, basis in [
            ('known', 'known', 'measured'), ('down', 'down', 'all'),
            ('measured', 'down', 'measured'), ('recorded', 'down', 'recorded')
        ] %}
        sum(
            case when state = '{{ state }}' and basis = '{{ basis }}' then {{ microseconds_between('starts_at', 'ends_at') }} else 0 end
        ) as {{ name }}_microseconds{{ ',' if not loop.last }}
        {%- endfor %}
    from overlapping
    group by subject_kind, subject_id, {{ month_of('observed_date') }}
),

months as (
    select
        subject_kind,
        subject_id,
        {{ month_of('observed_date') }} as month_start_date,
        max(observed_date) as last_date,
        sum(case when is_maintenance then 0 else {{ microseconds_between('starts_at', 'ends_at') }} end) as agreed_microseconds,
        sum(case when is_maintenance then {{ microseconds_between('starts_at', 'ends_at') }} else 0 end) as excluded_microseconds
    from agreed
    group by subject_kind, subject_id, {{ month_of('observed_date') }}
),

joined as (
    select
        months.subject_kind,
        months.subject_id,
        months.month_start_date,
        months.last_date,
        months.agreed_microseconds / 60000000.0e0 as agreed_minutes,
        months.excluded_microseconds / 60000000.0e0 as excluded_minutes,
        coalesce(lost.known_microseconds, 0) / 60000000.0e0 as known_minutes,
        coalesce(lost.down_microseconds, 0) / 60000000.0e0 as downtime_minutes,
        coalesce(lost.measured_microseconds, 0) / 60000000.0e0 as measured_downtime_minutes,
        coalesce(lost.recorded_microseconds, 0) / 60000000.0e0 as recorded_downtime_minutes,
        coalesce(with_supplier.all_microseconds, 0) / 60000000.0e0 as supplier_downtime_minutes,
        coalesce(with_supplier.assigned_microseconds, 0) / 60000000.0e0 as assigned_supplier_downtime_minutes,
        coalesce(with_supplier.contract_microseconds, 0) / 60000000.0e0 as contract_supplier_downtime_minutes,
        coalesce(failures.failure_count, 0) as failure_count
    from months
    left join lost
        on months.subject_kind = lost.subject_kind
        and months.subject_id = lost.subject_id
        and months.month_start_date = lost.month_start_date
    left join with_supplier
        on months.subject_kind = with_supplier.subject_kind
        and months.subject_id = with_supplier.subject_id
        and months.month_start_date = with_supplier.month_start_date
    left join failures
        on months.subject_kind = failures.subject_kind
        and months.subject_id = failures.subject_id
        and months.month_start_date = failures.month_start_date
),

final as (
    select
        subject_kind,
        subject_id,
        month_start_date,
        last_date as period_end_date,
        agreed_minutes,
        excluded_minutes,
        known_minutes,
        downtime_minutes,
        agreed_minutes - downtime_minutes as uptime_minutes,
        measured_downtime_minutes,
        recorded_downtime_minutes,
        supplier_downtime_minutes,
        assigned_supplier_downtime_minutes,
        contract_supplier_downtime_minutes,
        (agreed_minutes - downtime_minutes) / nullif(agreed_minutes, 0) as availability_ratio,
        cast(failure_count as int) as failure_count,
        (agreed_minutes - downtime_minutes) / nullif(failure_count, 0) as mtbf_minutes,
        downtime_minutes / nullif(failure_count, 0) as mtrs_minutes,
        agreed_minutes / nullif(failure_count, 0) as mtbsi_minutes,
        (agreed_minutes - supplier_downtime_minutes) / nullif(agreed_minutes, 0) as serviceability_ratio,
        least(1.0e0, known_minutes / nullif(agreed_minutes, 0)) as coverage_ratio
    from joined
)

select * from final
