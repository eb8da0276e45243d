"""One lock for all that looks through a net's forward pass by replacing what PyTorch itself calls."""

from __future__ import annotations

import threading

TRACE_LOCK = threading.Lock()
"""torch.fx and the ONNX exporter replace methods of `nn.Module` for the whole process while they trace.

One that begins while the other is at work would record the other's calls, or put back what was not PyTorch's own.
"""
