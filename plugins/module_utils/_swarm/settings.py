# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How libtorrent is set for a fleet that shares one release; ``./dev bench fanout`` measures it."""

from __future__ import annotations

from typing import Any

KIB = 1024
# Small pieces travel on sooner, many pieces cost more announcements.
SHORTEST, LONGEST, PIECES = 16 * KIB, 4096 * KIB, 2048


def piece_length(size: int) -> int:
    """Return how many bytes a piece has in a torrent of ``size`` bytes: a power of two."""
    length = SHORTEST
    while length < LONGEST and length * PIECES < size:
        length *= 2
    return length


def interface(address: str, port: int) -> str:
    """Return an address and a port as libtorrent wants them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def session_settings(address: str, port: int) -> dict[str, Any]:
    """Return the settings of a session that listens on ``address`` and sends from it."""
    return {
        "user_agent": "airgap.conda",
        "listen_interfaces": interface(address, port),
        "outgoing_interfaces": address,
        # Nothing looks for peers: the plan names all of them.
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "listen_system_port_fallback": False,
        "max_retry_port_bind": 0,
        # TCP alone: what goes out is limited by the plan, not by guesses at what others want of the network.
        "enable_incoming_utp": False,
        "enable_outgoing_utp": False,
        "in_enc_policy": 2,
        "out_enc_policy": 2,
        # All start at the same time; whoever is late or away is tried again soon.
        "smooth_connects": False,
        "connection_speed": 200,
        "torrent_connect_boost": 255,
        "min_reconnect_time": 0,
        "max_failcount": 1000,
        "peer_connect_timeout": 5,
        "handshake_timeout": 10,
        "peer_turnover": 0,
        "connections_limit": 500,
        "listen_queue_size": 100,
        # Whoever asks gets: all want the same, and take part until they have it.
        "choking_algorithm": 0,
        "unchoke_slots_limit": -1,
        "send_redundant_have": False,
        "tick_interval": 100,
        # A host that dies says nothing: others get its blocks soon.
        "peer_timeout": 20,
        "request_timeout": 10,
        "piece_timeout": 5,
        # Memory on a host: few threads, short queues, files written as they are (a write that fails is then an error
        # of this torrent; through a mapped file it would be a signal).
        "aio_threads": 2,
        "hashing_threads": 1,
        "file_pool_size": 8,
        "max_queued_disk_bytes": 8 * 1024 * KIB,
        "mmap_file_size_cutoff": 2**31 - 1,
        "disk_write_mode": 0,
        "send_buffer_watermark": 512 * KIB,
        "rate_limit_ip_overhead": True,
    }
