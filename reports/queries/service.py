"""Services."""

from __future__ import annotations

SERVICES = """
select s.service_id, s.service_name, s.description, s.owner, t.team_name, s.criticality, s.calendar_id
from marts.dim_service as s
left join marts.dim_team as t on t.team_id = s.team_id
order by s.service_id
"""
