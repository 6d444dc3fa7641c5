"""The published figures of CALGB 40502 (SABCS 2017 abstract P2-01-01; Magbanua et al., JNCI 2021;113:443)."""

import pandas as pd

# reading, level: hazard ratio and 95 % interval against the reading's reference level, by endpoint. The abstract prints
# 0.9 (0.7-1.1) for tCTC lo and TTF, which its own p value of 0.0033 contradicts: it is left out.
HAZARD_RATIOS = {
    ("bctc", "pos"): {"os": (2.5, 1.8, 3.3), "pfs": (1.6, 1.3, 2.0), "ttf": (1.3, 1.1, 1.6)},
    ("b2ctc", "neg-pos"): {"os": (1.6, 0.5, 5.4), "pfs": (1.6, 0.6, 4.5), "ttf": (1.6, 0.6, 4.3)},
    ("b2ctc", "pos-pos"): {"os": (2.7, 1.9, 3.8), "pfs": (1.8, 1.4, 2.5), "ttf": (1.8, 1.3, 2.4)},
    ("b2ctc", "neg-neg"): {"os": (0.5, 0.4, 0.8), "pfs": (0.8, 0.6, 0.9), "ttf": (0.9, 0.7, 1.1)},
    ("tctc", "tCTClo"): {"os": (2.6, 1.9, 3.7), "pfs": (1.9, 1.4, 2.4)},
    ("tctc", "tCTCmid"): {"os": (5.3, 3.6, 8.0), "pfs": (2.5, 1.8, 3.4), "ttf": (1.8, 1.4, 2.5)},
    ("tctc", "tCTChi"): {"os": (10.8, 6.1, 19.0), "pfs": (3.0, 1.8, 5.0), "ttf": (2.3, 1.4, 3.7)},
}
# of Cox models, by endpoint and reading
AIC = {
    "os": {"bctc": 2432, "b2ctc": 2405, "tctc": 2379},
    "pfs": {"bctc": 4051, "b2ctc": 4038, "tctc": 4026},
    "ttf": {"bctc": 4199, "b2ctc": 4186, "tctc": 4188},
}


def published_aic() -> pd.DataFrame:
    """The study's AICs of Cox models, endpoints by readings."""
    return pd.DataFrame(AIC).T.rename_axis(index="endpoint", columns="reading")


def published_table() -> pd.DataFrame:
    """The study's table: endpoint, reading, level, estimate, lower, upper (95 %)."""
    rows = [
        (endpoint, reading, level, *figures)
        for (reading, level), by_endpoint in HAZARD_RATIOS.items()
        for endpoint, figures in by_endpoint.items()
    ]
    return pd.DataFrame(rows, columns=["endpoint", "reading", "level", "estimate", "lower", "upper"])
