# -*- coding: utf-8 -*-
# Copyright (c) 2026, the airgap.conda contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Serves a depot over TLS: ``serve.py DEPOT ADDRESS CERTIFICATE``, for a quarter of an hour at most.

The first connection over which somebody asks for a part is cut in the middle of it. Prints its URL, and then a line for
each request: who asked, for what, and from which byte on.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from ansible_collections.airgap.conda.tests.unit.tiny_web import Handler, served

LIMIT = 900


def main() -> None:
    """Serve."""
    cut = set[str]()

    def answers(handler: Handler) -> bool:
        print(handler.client_address[0], handler.path, handler.headers.get("Range", "bytes=0-"), flush=True)
        if cut or not handler.path.endswith(".001"):
            return False
        cut.add(handler.path)
        path = Path(handler.translate_path(handler.path))
        data = path.read_bytes()
        head = f"HTTP/1.1 200 OK\r\nETag: {handler.tag(path)}\r\nContent-Length: {len(data)}\r\n\r\n"
        handler.raw(head.encode(), data[: len(data) // 2])
        return True

    depot, address, certificate = sys.argv[1:]
    with served(Path(depot), certificate=Path(certificate), address=address) as web:
        web.answers = answers
        print(web.url, flush=True)
        time.sleep(LIMIT)


if __name__ == "__main__":
    main()
