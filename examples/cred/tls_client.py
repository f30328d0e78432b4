"""Logs in at ``tls_server.py``, after it has shown that it is the server whose certificate we have.

Usage: python tls_client.py PORT CERTIFICATE
"""

import sys

from twisted.cred.credentials import UsernamePassword
from twisted.internet import endpoints, ssl, task

from spreadlite import pb


async def main(reactor, port, certificate):
    """Only the endpoint differs from a client without TLS."""
    with open(certificate, "rb") as file:
        authority = ssl.Certificate.loadPEM(file.read())
    plain = endpoints.HostnameEndpoint(reactor, b"localhost", int(port))
    # A public server's certificate is signed by an authority that the system knows; then trustRoot is left out.
    endpoint = endpoints.wrapClientTLS(ssl.optionsForClientTLS("localhost", trustRoot=authority), plain)
    factory = pb.PBClientFactory()
    await endpoint.connect(factory)
    reader = await factory.login(UsernamePassword(b"mary", b"little lamb"))
    print("books:", ", ".join(await reader.callRemote("titles")))
    factory.disconnect()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
