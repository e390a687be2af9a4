"""The online-boutique estate: Nezha's files as a Prometheus server would hold them, and its faults as incidents.

Every measured column becomes a Prometheus gauge with its unit in its name, at the millisecond that `Time` names.
`TimeStamp` (the same, in whole seconds) and `PodSuccessRate` (mostly 0, means nothing) are left out.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from examples.real.prepared_file import write_with_sidecar
from examples.real.prometheus_server import backfill

DAY = "2022-08-23"
FOLDER = f"nezha/{DAY}"
SHOP = "online-boutique"
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})\.(\d{1,9}) \+0000 UTC m=\+[0-9.]+")

#: Source column → Prometheus metric. Network columns are bytes a second, averaged over a minute.
POD_METRICS = {
    "CpuUsage(m)": "pod_cpu_usage_millicores",
    "CpuUsageRate(%)": "pod_cpu_usage_rate_percent",
    "MemoryUsage(Mi)": "pod_memory_usage_mebibytes",
    "MemoryUsageRate(%)": "pod_memory_usage_rate_percent",
    "SyscallRead": "pod_syscall_reads",
    "SyscallWrite": "pod_syscall_writes",
    "NetworkReceiveBytes": "pod_network_receive_bytes_per_second",
    "NetworkTransmitBytes": "pod_network_transmit_bytes_per_second",
    "PodClientLatencyP90(s)": "pod_client_latency_p90_seconds",
    "PodServerLatencyP90(s)": "pod_server_latency_p90_seconds",
    "PodClientLatencyP95(s)": "pod_client_latency_p95_seconds",
    "PodServerLatencyP95(s)": "pod_server_latency_p95_seconds",
    "PodClientLatencyP99(s)": "pod_client_latency_p99_seconds",
    "PodServerLatencyP99(s)": "pod_server_latency_p99_seconds",
    "PodWorkload(Ops)": "pod_operations_per_second",
    "NodeCpuUsageRate(%)": "node_cpu_usage_percent",
    "NodeMemoryUsageRate(%)": "node_memory_usage_percent",
    "NodeNetworkReceiveBytes": "node_network_receive_bytes_per_second",
}
FRONT_METRICS = {
    "SuccessRate(%)": "front_success_percent",
    "LatencyP50(s)": "front_latency_p50_seconds",
    "LatencyP90(s)": "front_latency_p90_seconds",
    "LatencyP95(s)": "front_latency_p95_seconds",
    "LatencyP99(s)": "front_latency_p99_seconds",
}


def _read(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def epoch_seconds(text: str) -> str:
    """A Go time (UTC, nanoseconds, monotonic suffix) as seconds since 1970 with three decimals."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a Go time in UTC with a monotonic suffix")
    moment = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return f"{int(moment.timestamp())}.{match[2].ljust(9, '0')[:3]}"


def call_graph(data: Path) -> list[tuple[str, str]]:
    """(caller, callee) as in dependency.csv; a callee that is an address is the node that the caller runs on."""
    rows = _read(data / FOLDER / "metric" / "dependency.csv.gz")
    return [(row["Source"], row["Target"]) for row in rows]


def pod_files(data: Path) -> dict[str, Path]:
    """Pod name → its file."""
    folder = data / FOLDER / "metric"
    return {path.name.removesuffix("_metric.csv.gz"): path for path in sorted(folder.glob("*_metric.csv.gz"))}


def service_of(pod: str) -> str:
    """The microservice that a pod runs: its name without the hashes of replica set and pod."""
    return pod.rsplit("-", 2)[0]


def openmetrics(data: Path) -> Iterator[str]:
    """Lines of one OpenMetrics document with every measured value of the day."""
    nodes = {caller: callee for caller, callee in call_graph(data) if callee[0].isdigit()}
    pods = {pod: _read(path) for pod, path in pod_files(data).items()}
    for column, metric in POD_METRICS.items():
        yield f"# TYPE {metric} gauge"
        for pod, rows in pods.items():
            labels = f'pod="{pod}",service="{service_of(pod)}",node="node-{nodes[service_of(pod)]}"'
            yield from _series(metric, labels, column, rows)
    front = _read(data / FOLDER / "metric" / "front_service.csv.gz")
    for column, metric in FRONT_METRICS.items():
        yield f"# TYPE {metric} gauge"
        yield from _series(metric, f'service="{SHOP}"', column, front)
    yield "# EOF"


def _series(metric: str, labels: str, column: str, rows: Iterable[dict[str, str]]) -> Iterator[str]:
    for row in rows:
        yield f"{metric}{{{labels}}} {row[column]} {epoch_seconds(row['Time'])}"


def fault_rows(data: Path) -> list[dict[str, str]]:
    """Rows of contract table incidents: one an injected fault. The list tells when faults began, not their ends."""
    text = (data / FOLDER / f"{DAY}-fault_list.json").read_text(encoding="utf-8")
    rows = []
    for faults in json.loads(text).values():
        for fault in faults:
            began = datetime.fromisoformat(fault["inject_time"]).replace(tzinfo=UTC)
            if int(began.timestamp()) != int(fault["inject_timestamp"]):
                raise ValueError(f"inject_time and inject_timestamp differ: {fault}")
            pod, kind = fault["inject_pod"], fault["inject_type"]
            rows.append(
                {
                    "incident_id": f"fault/{pod}/{began:%Y%m%dT%H%M%SZ}",
                    "event_sequence": "1",
                    "updated_at": began.isoformat(),
                    "state": "new",
                    "title": f"Injected fault {kind} on {pod}",
                    "category": kind,
                    "service_id": service_of(pod),
                    "ci_id": pod,
                    "opened_at": began.isoformat(),
                }
            )
    return rows


def derived_limits(data: Path) -> list[tuple[str, str, float, str]]:
    """(pod, resource, limit, UCUM unit) that the source's own utilisation is measured against.

    CPU: usage over usage rate, the median over the day because the two are not sampled at the same instant.
    Memory: the slope between the rows of lowest and highest rate, because one pod's rate counts a constant
    60 MiB more than its usage does. Both come out within 0.1 % of whole sizes and are rounded to them.
    """
    limits = []
    for pod, path in pod_files(data).items():
        rows = _read(path)
        cpu = [(float(row["CpuUsage(m)"]), float(row["CpuUsageRate(%)"])) for row in rows]
        millicores = median(usage / rate * 100 for usage, rate in cpu if rate > 0)
        memory = sorted((float(row["MemoryUsageRate(%)"]), float(row["MemoryUsage(Mi)"])) for row in rows)
        (low_rate, low), (high_rate, high) = memory[0], memory[-1]
        mebibytes = (high - low) / (high_rate - low_rate) * 100
        limits.append((pod, "cpu", float(round(millicores)), "10*-3.{cpu}"))
        limits.append((pod, "memory", float(round(mebibytes)), "MiBy"))
    return limits


def prepare(data: Path, folder: Path) -> str:
    """Back-fill Prometheus blocks and write the faults under `folder`; unchanged input is left as it is."""
    document = "\n".join(openmetrics(data)) + "\n"
    digest = hashlib.sha256(document.encode()).hexdigest()
    blocks, mark = folder / "prometheus", folder / "prometheus.sha256"
    if not mark.exists() or mark.read_text(encoding="utf-8") != digest:
        mark.unlink(missing_ok=True)
        shutil.rmtree(blocks, ignore_errors=True)
        source = folder / f"{DAY}.om"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(document, encoding="utf-8")
        backfill([source], blocks)
        source.unlink()
        mark.write_text(digest, encoding="utf-8")
    faults = fault_rows(data)
    write_with_sidecar(
        folder / "sources" / "faults.csv", "incidents", faults, {"constants": {"is_derived": "true"}}
    )
    samples = sum(1 for line in document.splitlines() if not line.startswith("#"))
    return f"online-boutique: {samples:,} samples in Prometheus blocks, {len(faults)} faults as incidents"
