"""Accelerators and clusters: the table that comes with the package, and what a user puts in its place.

Numbers in, numbers out: what a step costs is said in `_cost`. Rates are per second and one way, GB is 1e9 bytes.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from ._architecture import whole
from ._errors import DataError, compose, listed, nearest

PATH = Path(__file__).parent / "data" / "accelerators.csv"
#: Precision of a job → the column with its peak, and how many bits its matrix products have.
PEAKS = {
    "fp32": ("fp32_tflops", 32), "tf32": ("tf32_tflops", 32), "fp16": ("fp16_tflops", 16), "bf16": ("bf16_tflops", 16),
    "fp8": ("fp8_tflops", 8), "mxfp8": ("fp8_tflops", 8), "int8": ("int8_tops", 8), "nvfp4": ("fp4_tflops", 4),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """One device.

    Parameters
    ----------
    name : str
        What it is called.
    bf16_tflops, memory_gb, memory_gb_per_s : float
        Dense peak in bf16 (without sparsity), memory and its bandwidth.
    link_gb_per_s, network_gb_per_s : float
        Bandwidth inside a scale-up domain and between domains, one way, per device (NVLink's "900 GB/s" of an H100 is
        450 one way).
    domain : int
        Devices of a scale-up domain.
    fp32_tflops, tf32_tflops, fp16_tflops, fp8_tflops, fp4_tflops, int8_tops : float
        Other dense peaks; 0 where the chip has none.
    measured_matmul_tflops : float
        Best sustained bf16 matrix product; 0 where nobody measured it.
    tdp_w : float
        Power limit of the device in watts; 0 where it is not known.
    family : str
        Chips that share calibrated constants.
    price_low_usd_per_hour, price_high_usd_per_hour, price_date, price_source, source, date, verified, notes
        Where the numbers come from, and what the device cost when.

    Examples
    --------
    A chip of your own in three lines:

    >>> import isoflop as iso
    >>> mine = iso.Accelerator(name="mine", bf16_tflops=500, memory_gb=96, memory_gb_per_s=3000, link_gb_per_s=400,
    ...                        network_gb_per_s=50, domain=8)
    >>> iso.Cluster(mine, 64)
    <Cluster: 64 × mine, 50 GB/s a device between domains of 8>
    """

    name: str
    bf16_tflops: float
    memory_gb: float
    memory_gb_per_s: float
    link_gb_per_s: float = 0.0
    network_gb_per_s: float = 0.0
    domain: int = 8
    fp32_tflops: float = 0.0
    tf32_tflops: float = 0.0
    fp16_tflops: float = 0.0
    fp8_tflops: float = 0.0
    fp4_tflops: float = 0.0
    int8_tops: float = 0.0
    measured_matmul_tflops: float = 0.0
    tdp_w: float = 0.0
    family: str = "other"
    price_low_usd_per_hour: float = 0.0
    price_high_usd_per_hour: float = 0.0
    price_date: str = ""
    price_source: str = ""
    source: str = ""
    date: str = ""
    verified: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        for item in fields(self):
            if item.type == "float":
                object.__setattr__(self, item.name, rate(item.name, getattr(self, item.name)))
        whole("domain", self.domain)
        for name in ("memory_gb", "memory_gb_per_s"):
            if not getattr(self, name):
                raise DataError(f"{name} is 0, expected a positive number")
        if not max(self.bf16_tflops, self.fp16_tflops, self.fp32_tflops):
            raise DataError(f"{self.name} has no peak: bf16_tflops, fp16_tflops and fp32_tflops are 0")

    def peak(self, precision: str) -> float:
        """Return the dense peak in FLOP/s.

        Raises
        ------
        DataError
            The precision is not known, or the chip lacks it.

        Examples
        --------
        >>> import isoflop as iso
        >>> iso.accelerator("A100").peak("bf16")
        312000000000000.0
        """
        if precision not in PEAKS:
            raise DataError(f"unknown precision {precision!r}, expected one of {listed(PEAKS)}")
        found = getattr(self, PEAKS[precision][0])
        if not found:
            has = [name for name, (column, _) in PEAKS.items() if getattr(self, column)]
            raise DataError(compose(f"{self.name} has no {precision}", f"it has {listed(has)}"))
        return float(found * 1e12)

    @property
    def peak_16(self) -> float:
        """Dense peak in 16 bit (bf16, else fp16, else fp32), FLOP/s."""
        return 1e12 * (self.bf16_tflops or self.fp16_tflops or self.fp32_tflops)


def rate(name: str, value: Any) -> float:
    """Return a number that is not negative, or say what is wrong."""
    try:
        out = float(value)
    except (TypeError, ValueError):
        out = -1.0
    if isinstance(value, bool) or not 0 <= out < float("inf"):
        raise DataError(f"{name} is {value!r}, expected a number of at least 0")
    return out


@cache
def _table() -> dict[str, Accelerator]:
    with PATH.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kinds = {item.name: item.type for item in fields(Accelerator)}
    table = {}
    for row in rows:
        content: dict[str, Any] = {"name": row["id"]}
        for column, text in row.items():
            if column in kinds and text:
                kind = kinds[column]
                content[column] = float(text) if kind == "float" else int(text) if kind == "int" else text
        content.setdefault("bf16_tflops", 0.0)
        table[row["id"]] = Accelerator(**content)
        table |= {alias: table[row["id"]] for alias in row["aliases"].split(";") if alias}
    return table


def accelerators() -> tuple[str, ...]:
    """Return the names of the table, without aliases.

    Examples
    --------
    >>> "H100-SXM-80GB" in accelerators()
    True
    """
    return tuple(name for name, one in _table().items() if name == one.name)


def accelerator(name: str) -> Accelerator:
    """Return a device of the table by name or alias; upper and lower case are the same.

    Raises
    ------
    DataError
        There is none of that name; the nearest ones are offered.

    Examples
    --------
    >>> accelerator("h100-sxm").memory_gb
    80.0
    """
    folded = {known.casefold(): one for known, one in _table().items()}
    found = folded.get(str(name).casefold().replace("_", "-").replace(" ", "-"))
    if found is None:
        close = nearest(str(name), _table(), n=4)
        hint = f"nearest are {listed(close)}" if close else "iso.accelerators() lists them"
        raise DataError(compose(f"unknown accelerator {name!r}", f"{hint}; iso.Accelerator makes your own"))
    return found


@dataclass(frozen=True, init=False)
class Cluster:
    """Devices, links, prices.

    Parameters
    ----------
    accelerator : str or Accelerator
        A name or alias of the table, or a device of your own.
    count : int
        Devices.
    devices_per_node : int, optional
        Devices of a scale-up domain; the table's where left out.
    network_gb_per_s, link_gb_per_s : float, optional
        Bandwidth between and inside domains, GB/s one way per device; the table's where left out.
    price_usd_per_hour : float, optional
        Price of one device for an hour; the middle of the table's range (dated) where left out.
    power_share : float
        Mean power as a share of the device's limit (0.6 to 0.9 in training).
    host_w : float
        Power of the host and network for each device, watts.
    pue : float
        Power usage effectiveness of the building, at least 1.
    grid_kg_per_kwh : float, optional
        Carbon intensity of the grid, kg CO2e per kWh.

    Examples
    --------
    >>> import isoflop as iso
    >>> iso.Cluster("H100-SXM", 1024, price_usd_per_hour=2.5)
    <Cluster: 1,024 × H100-SXM-80GB, 50 GB/s a device between domains of 8>
    """

    device: Accelerator
    count: int
    domain: int
    link_gb_per_s: float
    network_gb_per_s: float
    price_usd_per_hour: float
    power_share: float
    host_w: float
    pue: float
    grid_kg_per_kwh: float

    def __init__(
        self,
        accelerator: str | Accelerator,
        count: int,
        *,
        devices_per_node: int | None = None,
        network_gb_per_s: float | None = None,
        link_gb_per_s: float | None = None,
        price_usd_per_hour: float | None = None,
        power_share: float = 0.8,
        host_w: float = 100.0,
        pue: float = 1.2,
        grid_kg_per_kwh: float = 0.0,
    ) -> None:
        device = accelerator if isinstance(accelerator, Accelerator) else _named(accelerator)
        middle = (device.price_low_usd_per_hour + device.price_high_usd_per_hour) / 2
        price = middle if price_usd_per_hour is None else price_usd_per_hour
        domain = device.domain if devices_per_node is None else whole("devices_per_node", devices_per_node)
        values = {
            "device": device,
            "count": whole("count", count),
            "domain": domain,
            "link_gb_per_s": device.link_gb_per_s if link_gb_per_s is None else rate("link_gb_per_s", link_gb_per_s),
            "network_gb_per_s": rate(
                "network_gb_per_s", device.network_gb_per_s if network_gb_per_s is None else network_gb_per_s
            ),
            "price_usd_per_hour": rate("price_usd_per_hour", price),
            "power_share": rate("power_share", power_share),
            "host_w": rate("host_w", host_w),
            "pue": rate("pue", pue),
            "grid_kg_per_kwh": rate("grid_kg_per_kwh", grid_kg_per_kwh),
        }  # fmt: skip
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if self.pue < 1:
            raise DataError(f"pue is {pue}, expected at least 1")
        if self.count > self.domain and not self.network_gb_per_s:
            text = f"network_gb_per_s of {device.name} is not known"
            raise DataError(compose(text, f"{self.count} devices are more than a domain of {self.domain}; pass it"))

    def __repr__(self) -> str:
        links = f"{self.network_gb_per_s:g} GB/s a device between domains of {self.domain}"
        return f"<Cluster: {self.count:,} × {self.device.name}, {links}>"


_named = accelerator
