"""Runs the scenarios in two processes and gives their transcripts; each pairing is run once and then remembered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

#: The top of the repository: the processes run there.
TOP = Path(__file__).parents[2]

#: Seconds that all scenarios of a pairing may take.
PATIENCE = 480


class Pairing(NamedTuple):
    """Two processes: whose server, whose client, how they are joined, and which Python runs either."""

    server: str
    client: str
    transport: str = "tcp"
    reactor: str = "default"
    only: tuple[str, ...] = ()
    server_python: str = sys.executable
    client_python: str = sys.executable


class PairingFailed(Exception):
    """A process of a pairing failed; the message is what it said."""


# A copy: the environment is not to be looked at by threads of the pool while a test changes it.  (What a vfork has begun
# shares it with us, and may fail with "Bad address" then.)
_ENVIRONMENT = dict(os.environ)
_pool = ThreadPoolExecutor(max_workers=max(2, min(6, os.cpu_count() or 1)), thread_name_prefix="pairing")
_runs: dict[Pairing, Future[Any]] = {}
_lock = threading.Lock()


def begin(pairing: Pairing) -> Future[Any]:
    """Start the processes of *pairing* soon, unless they were started before."""
    with _lock:
        if pairing not in _runs:
            _runs[pairing] = _pool.submit(_run, pairing)
        return _runs[pairing]


def transcripts(pairing: Pairing) -> dict[str, Any]:
    """The transcripts of *pairing*, by the names of the scenarios."""
    found: dict[str, Any] = begin(pairing).result()
    return found


def _command(pairing: Pairing, role: str, folder: str) -> list[str]:
    module = pairing.server if role == "server" else pairing.client
    # Twisted's TLS warns of its own use of pyOpenSSL; everywhere else a warning is an error.
    strict = [] if pairing.transport == "tls" else ["-W", "error"]
    python = pairing.server_python if role == "server" else pairing.client_python
    command = [python, *strict, "-m", "tests.compat.peer", "--role", role, "--module", module]
    return [*command, "--transport", pairing.transport, "--reactor", pairing.reactor, "--folder", folder]


def _run(pairing: Pairing) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="spreadlite") as folder:
        if pairing.transport == "tls":
            (Path(folder) / "peer.pem").write_bytes(_certificate())
        with open(Path(folder) / "server.err", "w+", encoding="utf-8") as complaints:
            with subprocess.Popen(
                _command(pairing, "server", folder),
                cwd=TOP,
                env=_ENVIRONMENT,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
            ) as server:
                try:
                    assert server.stdout is not None
                    port = server.stdout.readline().strip()
                    if not port:
                        server.wait(10)
                        complaints.seek(0)
                        raise PairingFailed(f"{pairing}: the server did not start\n{complaints.read()}")
                    only = [part for name in pairing.only for part in ("--only", name)]
                    client = subprocess.run(
                        [*_command(pairing, "client", folder), "--control", port, *only],
                        cwd=TOP,
                        env=_ENVIRONMENT,
                        capture_output=True,
                        text=True,
                        timeout=PATIENCE,
                    )
                    if client.returncode:
                        complaints.seek(0)
                        raise PairingFailed(f"{pairing}: client\n{client.stderr}\nserver\n{complaints.read()}")
                finally:
                    if server.poll() is None:
                        try:
                            server.wait(2)
                        except subprocess.TimeoutExpired:
                            server.kill()
                            server.wait()
        found: dict[str, Any] = json.loads(client.stdout)
        return found


def _certificate() -> bytes:
    """A key and a certificate of its own for ``localhost``, good for an hour."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret + certificate.public_bytes(serialization.Encoding.PEM)
