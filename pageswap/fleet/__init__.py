"""The machines that are measured: what readies them, over the ways to reach them."""

from __future__ import annotations

from pageswap.fleet.provision.bundle import Bundle, make_bundle
from pageswap.fleet.target import Target
from pageswap.fleet.transport.transport import Stream

__all__ = ["Bundle", "Stream", "Target", "make_bundle"]
