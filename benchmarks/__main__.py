"""`python -m benchmarks`: every benchmark that needs no environment of its own, one after another."""

from benchmarks import recovery, speed, trial_figures

if __name__ == "__main__":
    for part in (speed, trial_figures, recovery):
        print(f"== {part.__name__}", flush=True)
        part.main()
