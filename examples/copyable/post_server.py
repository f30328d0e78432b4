"""A post office: takes copies of parcels, and gives copies of stamps.

Usage: python post_server.py [PORT]
"""

import sys

from parcels import ReceivedParcel, Stamp
from twisted.internet import defer, endpoints, task

from spreadlite import pb


class PostOffice(pb.Root):
    """What arrives here is a copy: nothing that is done to it reaches the sender's object."""

    def remote_post(self, parcel):
        """The sender's ``Parcel`` has become a ``ReceivedParcel`` before this method is called."""
        if not isinstance(parcel, ReceivedParcel):
            raise pb.Error("we take parcels only")
        print("received:", parcel.label(), flush=True)
        print("knows its price:", hasattr(parcel, "price"), flush=True)
        return Stamp(2 if parcel.weight < 1000 else 5)


async def main(reactor, port=pb.portno):
    """Listen on the loopback interface until the process is told to stop."""
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    listening = await endpoint.listen(pb.PBServerFactory(PostOffice()))
    print("listening on port", listening.getHost().port, flush=True)
    await defer.Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
