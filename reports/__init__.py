"""The static HTML report of one published version: pure data to pages, without network and without a clock.

`reports.data` reads the published DuckDB file; everything else here is a pure function of the records it returns.
Start at `reports.site.render`.
"""
