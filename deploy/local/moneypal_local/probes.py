"""Whether a part can serve: each probe answers "" or, in a few words, why not."""

import socket
from http.client import HTTPConnection, HTTPException

PROBE_S_MAX = 2


def tcp(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), PROBE_S_MAX).close()
    except OSError as error:
        return _words(error)
    return ""


def amqp(port, host="127.0.0.1"):
    """The broker answers the protocol's first bytes with a method frame: Connection.Start."""
    try:
        with socket.create_connection((host, port), PROBE_S_MAX) as connection:
            connection.settimeout(PROBE_S_MAX)
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            first = connection.recv(1)
    except OSError as error:
        return _words(error)
    return "" if first == b"\x01" else "it does not speak AMQP"


def http(port, path, host="127.0.0.1"):
    connection = HTTPConnection(host, port, timeout=PROBE_S_MAX)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return _words(error)
    finally:
        connection.close()
    return "" if status == 200 else f"{path} answers {status}"


def _words(error):
    if isinstance(error, ConnectionRefusedError):
        return "it does not listen"
    if isinstance(error, TimeoutError):
        return f"it does not answer within {PROBE_S_MAX} s"
    return str(error) or type(error).__name__

