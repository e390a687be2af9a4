{{ config(severity='warn') }}
-- A clock that ran for more than a week without one minute of agreed time has a calendar that does not cover its days.
select incident_id, clock, cycle, calendar_id, started_at, stopped_at
from {{ ref('fct_incident_sla') }}
where business_minutes = 0 and {{ minutes_between('started_at', 'stopped_at') }} > 7 * 24 * 60
