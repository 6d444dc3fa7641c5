"""Write the shipped CSV files anew: `python -m bayesctc.data.trial`."""

from pathlib import Path

from bayesctc.data.csv_cells import csv_bytes
from bayesctc.data.trial.generator import DEFAULT_SEED, generate_trial

if __name__ == "__main__":
    for name, table in zip(("samples", "patients"), generate_trial(DEFAULT_SEED), strict=True):
        path = Path(__file__).parent / f"{name}.csv"
        path.write_bytes(csv_bytes(table, index=False))
        print(f"{path}: {len(table)} rows")
