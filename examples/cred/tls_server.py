"""Serves the library over TLS, so that nobody on the way reads the login, or what follows it.

Usage: python tls_server.py PORT CERTIFICATE, where the file has the key and the certificate, as PEM
"""

import sys

from library import open_library
from twisted.internet import defer, endpoints, ssl, task

from spreadlite import pb


async def main(reactor, port, certificate):
    """Only the endpoint differs from ``library_server.py``."""
    with open(certificate, "rb") as file:
        options = ssl.PrivateCertificate.loadPEM(file.read()).options()
    endpoint = endpoints.SSL4ServerEndpoint(reactor, int(port), options, interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(open_library()))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
