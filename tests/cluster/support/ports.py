"""TCP ports of this host that stay ours while nobody listens on them."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


def reserve(port: int = 0) -> socket.socket:
    """Return a socket that is bound to a free port (or the given one) and never listens.

    Who listens on the port must set SO_REUSEADDR, as servers do. While nobody does, connections to it are refused,
    and the kernel gives it to no one else, so that a server finds its port again after a restart.

    :raises OSError: if the port is taken
    """
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, port))
    except OSError:
        holder.close()
        raise
    return holder
