"""The `landing` schema in a local Spark session, and that session as the dbt target `spark` finds it.

dbt-spark's `session` method takes the session of the calling process, so dbt must run in the same process.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def spark_session(folder: Path) -> Any:
    """A local Spark session for small data: warehouse under `folder`, catalog in memory, UTC, naive timestamps.

    Compilation is off (whole-stage code, C2): it costs more than it saves on tables of a few hundred rows.
    """
    settings = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "2g",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=256m",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
        "spark.sql.sources.default": "parquet",
        "spark.sql.legacy.createHiveTableByDefault": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.constraintPropagation.enabled": "false",
    }
    builder = import_module("pyspark.sql").SparkSession.builder.appName("ullage-tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def load_spark(session: Any, folder: Path, tables: Mapping[str, pa.Table]) -> None:
    """Create (or replace) schema `landing` in the session with one table each over Parquet files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    session.sql("create schema if not exists landing")
    for name, table in tables.items():
        path = folder / name
        path.mkdir(exist_ok=True)
        pq.write_table(table, path / "rows.parquet")
        session.sql(f"drop table if exists landing.{name}")
        session.sql(f"create table landing.{name} using parquet location '{path}'")


def read_spark(session: Any, table: str) -> pa.Table:
    """All rows of a table of the session."""
    return session.table(table).toArrow()
