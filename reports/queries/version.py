"""What sources delivered, and what is in quarantine."""

from __future__ import annotations

EXTRACTIONS = """
select
    source, table_name, count(*) filter (where is_current) as receipts,
    count(*) filter (where not is_current) as superseded,
    min(window_start_at) filter (where is_current) as first_window_at,
    max(window_end_at) filter (where is_current) as last_window_at,
    coalesce(sum(rows_received) filter (where is_current), 0)::bigint as rows_received,
    coalesce(sum(rows_landed) filter (where is_current), 0)::bigint as rows_landed,
    coalesce(sum(rows_quarantined) filter (where is_current), 0)::bigint as rows_quarantined,
    bool_and(is_conserved) as is_conserved
from marts.fct_extractions
group by source, table_name
order by source, table_name
"""

QUARANTINED = """
select source, table_name, batch_id, input_path, rows_received, rows_quarantined
from marts.fct_extractions
where is_current and rows_quarantined > 0
order by rows_quarantined desc, source, table_name, batch_id
limit $listed
"""
