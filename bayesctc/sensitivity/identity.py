"""What a result is known by, and the seed it takes: both follow from its content, not from order or time."""

import hashlib
import json


def digest(content) -> str:
    """SHA-256 (hex) of what JSON can hold, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, allow_nan=False, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def seed_of(random_seed: int, content) -> int:
    """A seed of 31 bits for one variation of a run."""
    return int(digest([random_seed, content])[:8], 16) >> 1
