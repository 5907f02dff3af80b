"""What tests that need a GPU share; `conftest.py` skips them where there is none."""

import torch

DEVICE = torch.device("cuda")
TOLERANCE = 1e-4
"""Of the largest value, between the CPU's numbers and the GPU's."""
