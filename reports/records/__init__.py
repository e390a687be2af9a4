"""The rows that pages are made of, as plain values: what `reports.data` reads and everything else takes.

Ratios are fractions of 1, quantities are in the unit that stands beside them (UCUM), timestamps are naive UTC.
None means that the published version does not know the value.
"""
