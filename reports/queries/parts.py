"""Parts of statements that several topics share."""

from __future__ import annotations

# The configuration items of a service on the as-of day.
MEMBERS = """
with members as (
    select distinct ci_id
    from marts.bridge_service_ci
    where service_id = $service_id
        and (valid_from is null or valid_from <= $as_of) and (valid_to is null or valid_to >= $as_of)
)"""
