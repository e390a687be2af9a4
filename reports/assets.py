"""The report site as a Dagster asset."""

import dagster as dg

from assets.estate import Estate
from assets.publishing.publish import switch
from assets.warehouse.assets import served_version
from reports.settings import ReportSettings


def service_report_asset(settings: ReportSettings) -> dg.AssetsDefinition:
    """The self-contained HTML site of the served version, under reports/current."""

    @dg.asset(
        name="service_report",
        deps=["published_version"],
        group_name="publishing",
        owners=["team:capacity-management"],
        kinds={"html"},
        description="One page a service and an overview, rendered from the served version. Readers: service owners.",
    )
    def service_report(context: dg.AssetExecutionContext, estate: Estate) -> dg.MaterializeResult:
        from reports.site import render

        version = served_version(estate.home)
        if version is None:
            raise dg.Failure(
                "Nothing is published yet; fix: materialise published_version first", allow_retries=False
            )
        pages = render(estate.home.published / version, estate.home.reports / version, settings=settings)
        switch(estate.home.reports / "current", version)
        index = estate.home.reports / "current" / "index.html"
        context.log.info(f"{len(pages)} pages")
        return dg.MaterializeResult(
            metadata={"pages": len(pages), "index": dg.MetadataValue.path(str(index))}
        )

    return service_report
