"""Laws of Kaplan et al. 2020, "Scaling Laws for Neural Language Models"."""

from __future__ import annotations

from .._law import Law, Published

kaplan_nd = Law(
    "((Nc / N)**(alphaN / alphaD) + Dc / D)**alphaD",
    name="kaplan_nd",
    title="loss in parameters and early-stopped tokens, without a floor",
    box={"alphaN": (0.02, 1.0), "alphaD": (0.02, 1.0), "Nc": (1e8, 1e18), "Dc": (1e8, 1e18)},
    units={"N": "parameters without embeddings", "D": "tokens in the data set"},
    citation="Kaplan et al. 2020, arXiv 2001.08361, eq. 1.5",
    validity="N from 768 to 1.5e9, D from 2.2e7 to 2.3e10 tokens of WebText2, early stopped, dropout 10 %",
    traps=(
        "the constants of table 2 (this fit) are not those of table 5 (one resource at a time)",
        "N leaves out embeddings: with them the small models bend and alphaN changes",
        "there is no floor: far beyond the data it predicts less loss than text has entropy",
    ),
    published={
        "kaplan2020": Published(
            {"Nc": 6.4e13, "alphaN": 0.076, "alphaD": 0.103, "Dc": 1.8e13},
            "Kaplan et al. 2020, arXiv 2001.08361, table 2",
            convention="N without embeddings; WebText2 tokens, nats per token; no errors published",
        ),
    },
)
