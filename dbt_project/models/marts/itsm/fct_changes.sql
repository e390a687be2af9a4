{#- Incidents of the service from the start of a change until so many hours after its end, beside as many days before. -#}
{%- set following_hours = 24 -%}
{%- set usual_days = 28 -%}
with changes as (
    select * from {{ ref('stg_changes') }}
),

run_window as (
    select as_of_at from {{ ref('stg_run_window') }}
),

incidents as (
    select service_id, opened_at, cast(opened_at as date) as opened_date, priority
    from {{ ref('fct_incidents') }}
    where not is_derived and service_id is not null
),

collisions as (
    select
        change_id,
        cast(count(*) as int) as collision_count,
        cast(count(case when scope = 'ci' then 1 end) as int) as ci_collision_count
    from {{ ref('fct_change_collisions') }}
    group by change_id
),

known as (
    select
        changes.*,
        run_window.as_of_at,
        case when changes.started_at < run_window.as_of_at then changes.started_at end as known_started_at,
        case when changes.ended_at < run_window.as_of_at then changes.ended_at end as known_ended_at
    from changes
    cross join run_window
),

watched as (
    select
        change_id,
        service_id,
        ci_id,
        known_started_at as watched_from_at,
        least(as_of_at, {{ add_minutes('coalesce(known_ended_at, as_of_at)', 60 * following_hours) }}) as watched_to_at
    from known
    where state <> 'cancelled' and known_started_at is not null
),

-- The incidents of a service before a moment: those of the days before, and those of its day. Counted so for the ends of both
-- windows, because a join of each change with the incidents in its windows grows with the square of the history.
moments as (
    {%- for edge, moment in [
        ('usual_from', add_minutes('watched_from_at', -60 * 24 * usual_days)),
        ('watched_from', 'least(watched_from_at, watched_to_at)'),
        ('watched_to', 'watched_to_at')
    ] %}
    select change_id, service_id, '{{ edge }}' as edge, {{ moment }} as moment
    from watched
    where service_id is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

points as (
    select
        service_id,
        opened_date as counted_date,
        1 as place,
        count(*) as incident_count,
        count(case when priority <= 2 then 1 end) as urgent_count,
        cast(null as string) as change_id,
        cast(null as string) as edge
    from incidents
    group by service_id, opened_date
    union all
    select service_id, cast(moment as date) as counted_date, 0 as place, 0 as incident_count, 0 as urgent_count, change_id, edge
    from moments
),

days_before as (
    select
        change_id,
        edge,
        sum(incident_count) over (
            partition by service_id order by counted_date, place rows between unbounded preceding and current row
        ) as incident_count,
        sum(urgent_count) over (
            partition by service_id order by counted_date, place rows between unbounded preceding and current row
        ) as urgent_count
    from points
),

same_day as (
    select
        moments.change_id,
        moments.edge,
        count(*) as incident_count,
        count(case when incidents.priority <= 2 then 1 end) as urgent_count
    from incidents
    inner join moments
        on incidents.service_id = moments.service_id
        and incidents.opened_date = cast(moments.moment as date)
        and incidents.opened_at < moments.moment
    group by moments.change_id, moments.edge
),

before as (
    select
        days_before.change_id,
        {% for edge in ['usual_from', 'watched_from', 'watched_to'] -%}
        {% for kind in ['incident', 'urgent'] -%}
        max(case when days_before.edge = '{{ edge }}' then days_before.{{ kind }}_count + coalesce(same_day.{{ kind }}_count, 0) end)
            as {{ kind }}_count_{{ edge }}{{ ',' if not loop.last or edge != 'watched_to' }}
        {% endfor -%}
        {% endfor -%}
    from days_before
    left join same_day on days_before.change_id = same_day.change_id and days_before.edge = same_day.edge
    where days_before.change_id is not null
    group by days_before.change_id
),

counted as (
    select
        change_id,
        incident_count_watched_to - incident_count_watched_from as following_incident_count,
        urgent_count_watched_to - urgent_count_watched_from as following_urgent_incident_count,
        cast(greatest(incident_count_watched_from - incident_count_usual_from, 0) as bigint) as earlier_incident_count
    from before
),

followed as (
    select
        watched.change_id,
        watched.watched_from_at,
        watched.watched_to_at,
        coalesce(counted.following_incident_count, 0) as following_incident_count,
        coalesce(counted.following_urgent_incident_count, 0) as following_urgent_incident_count,
        coalesce(counted.earlier_incident_count, 0) as earlier_incident_count
    from watched
    left join counted on watched.change_id = counted.change_id
),

final as (
    select
        known.change_id,
        known.change_kind,
        known.state,
        known.outcome,
        case when known.known_ended_at is not null then known.outcome in ('failed', 'backed_out') end as is_failed,
        known.title,
        known.service_id,
        known.ci_id,
        known.requested_at,
        known.planned_start_at,
        known.planned_end_at,
        known.known_started_at as started_at,
        known.known_ended_at as ended_at,
        {{ minutes_between('known.requested_at', 'coalesce(known.known_started_at, known.planned_start_at)') }}
            as lead_time_minutes,
        {{ minutes_between('known.planned_start_at', 'known.planned_end_at') }} as planned_duration_minutes,
        {{ minutes_between('known.known_started_at', 'known.known_ended_at') }} as duration_minutes,
        {{ minutes_between('known.planned_start_at', 'known.known_started_at') }} as start_delay_minutes,
        case
            when known.state = 'cancelled' or known.planned_end_at is null or known.known_started_at is null then null
            else coalesce(known.known_ended_at, known.as_of_at) > known.planned_end_at
        end as is_overrun,
        case
            when known.state = 'cancelled' or known.planned_end_at is null or known.known_started_at is null then null
            else greatest(
                0.0e0,
                {{ minutes_between('known.planned_end_at', 'coalesce(known.known_ended_at, known.as_of_at)') }}
            )
        end as overrun_minutes,
        coalesce(collisions.collision_count, 0) as collision_count,
        coalesce(collisions.ci_collision_count, 0) as ci_collision_count,
        case when known.service_id is not null then cast(followed.following_incident_count as int) end
            as following_incident_count,
        case when known.service_id is not null then cast(followed.following_urgent_incident_count as int) end
            as following_urgent_incident_count,
        case
            when known.service_id is not null
                then followed.earlier_incident_count
                    * {{ minutes_between('followed.watched_from_at', 'followed.watched_to_at') }}
                    / {{ 60 * 24 * usual_days }}
        end as usual_incident_count
    from known
    left join collisions on known.change_id = collisions.change_id
    left join followed on known.change_id = followed.change_id
)

select * from final
