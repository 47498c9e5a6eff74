"""The machines that are measured and the ways to reach them: one protocol, whether local or remote."""

from __future__ import annotations

from pageswap.fleet.provision.bundle import Bundle, make_bundle
from pageswap.fleet.transport.local import LocalTarget
from pageswap.fleet.transport.target import Stream, Target

# SshTarget is in fleet.transport.ssh: what it draws in takes a third of a second, which this machine has no use for.
__all__ = ["Bundle", "LocalTarget", "Stream", "Target", "make_bundle"]
