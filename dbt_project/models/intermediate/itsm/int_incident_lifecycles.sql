{{ rebuilt_by_incident() }}

with spans as (
    select * from {{ ref('int_incident_spans') }}
    where {{ of_rebuilt_incidents('incident_id') }}
),

measured as (
    select
        spans.incident_id,
        spans.span_number,
        spans.state,
        spans.team_id,
        spans.starts_at,
        spans.ends_at,
        states.is_open,
        {{ microseconds_between('spans.starts_at', 'spans.ends_at') }} as microseconds
    from spans
    inner join {{ ref('incident_states') }} as states on spans.state = states.state
),

-- The span that an incident is in goes on: fct_incidents adds it, so that this row stays as it is until something new is known.
final as (
    select
        incident_id,
        {% for state in ['new', 'assigned', 'in_progress', 'on_hold', 'resolved'] -%}
        cast(coalesce(sum(case when state = '{{ state }}' then microseconds end), 0) as bigint) as {{ state }}_microseconds,
        {% endfor -%}
        cast(coalesce(sum(case when is_open then microseconds end), 0) as bigint) as open_microseconds,
        max(case when ends_at is null then starts_at end) as current_since_at,
        min(case when state in ('in_progress', 'on_hold', 'resolved', 'closed') then starts_at end) as first_touch_at,
        min_by(team_id, case when team_id is not null then span_number end) as first_team_id,
        cast(count(distinct team_id) as int) as team_count
    from measured
    group by incident_id
)

select * from final
{{ in_order_of('incident_id') }}
