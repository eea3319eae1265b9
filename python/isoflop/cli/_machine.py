"""The options that say what a job runs on and how, declared once for all commands that price one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .._cluster import Cluster

Precision = Literal["bf16", "fp16", "fp8", "mxfp8", "nvfp4", "fp32", "tf32", "int8"]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Devices, their price and links, and the shape of a step.

    Parameters
    ----------
    gpu
        Accelerator by name or alias; an unknown name is answered with the nearest ones.
    count
        Devices.
    seq_len
        Tokens of a sequence; the model's own, at most 8192, where left out.
    batch
        Sequences of a step; about four million tokens where left out.
    precision
        Of the matrix products.
    price
        USD per device-hour; the middle of the table's dated range where left out.
    network
        GB/s one way per device between scale-up domains.
    nodes_of
        Devices of a scale-up domain.
    pue
        Power usage effectiveness of the building.
    grid
        Carbon intensity, kg CO2e per kWh.
    """

    gpu: str
    count: int
    seq_len: int | None = None
    batch: int | None = None
    precision: Precision = "bf16"
    price: float | None = None
    network: float | None = None
    nodes_of: int | None = None
    pue: float = 1.2
    grid: float = 0.0

    def cluster(self) -> Cluster:
        """Return the cluster."""
        return Cluster(
            self.gpu, self.count, devices_per_node=self.nodes_of, network_gb_per_s=self.network,
            price_usd_per_hour=self.price, pue=self.pue, grid_kg_per_kwh=self.grid,
        )  # fmt: skip

    @property
    def job(self) -> dict[str, Any]:
        """How a step is made, as arguments of the API."""
        return {"seq_len": self.seq_len, "batch": self.batch, "precision": self.precision}
