"""The models that R's lcmm fitted to the reference cohort (`tests/data/lcmm_300.json`), by name."""

from bayesctc.model.spec import ModelSpec

MODELS = [f"{kind}_K{K}" for kind, most in (("growth", 4), ("joint", 4), ("covariates", 3)) for K in range(1, most + 1)]


def specification(name: str, K: int) -> ModelSpec:
    """A model of `MODELS`; K is the number of classes that lcmm used."""
    common = {"n_classes": K, "family": "gaussian", "random_effects": "slope", "growth": "quadratic"}
    if name.startswith("growth"):
        return ModelSpec(endpoint=None, **common)
    if name.startswith("joint"):
        return ModelSpec(common_shape=False, **common)
    return ModelSpec(membership="~ bone" if K > 1 else "~ 1", survival="~ arm", common_shape=True, **common)
