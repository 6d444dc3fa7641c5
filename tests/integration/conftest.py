"""What the notebooks' tests share."""

import pytest


@pytest.fixture(scope="session")
def kernel():
    """One kernel for all notebooks that a process tests: to load the libraries takes as long as to run some of them."""
    from jupyter_client import KernelManager

    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    yield manager
    manager.shutdown_kernel(now=True)
