"""What users might pick instead of Perspective Broker, on the same work: a module each, with a server and a client.

Each does what its users would do.  Where one has no way of its own to carry a value, `TITLES` says what is done instead.
"""

from __future__ import annotations

#: Module to the name of the contender, what it needs, and the workloads that it knows.
PEERS = {
    "amp": ("AMP", "twisted", ("small", "outstanding", "fields", "connections")),
    "msgpacked": (
        "msgpack + Twisted",
        "msgpack",
        ("small", "outstanding", "fields", "records", "bytes64", "bytes600", "connections"),
    ),
    "foolscap": (
        "foolscap",
        "foolscap",
        ("small", "outstanding", "fields", "records", "bytes64", "bytes600", "references", "copies"),
    ),
    "pyro": ("Pyro5", "Pyro5", ("small", "fields", "records", "bytes64", "bytes600")),
    "rpyc": ("RPyC", "rpyc", ("small", "outstanding", "fields", "records", "bytes64", "bytes600")),
    "grpc": ("grpc.aio", "grpc", ("small", "outstanding", "fields", "records", "bytes64", "bytes600")),
}

#: What has to be known to read their figures.
NOTES = (
    "AMP: the dictionary goes as one JSON string; it has no nested values.",
    "foolscap: always over TLS.",
    "Pyro5: with msgpack where that is installed, else with its own serializer; its calls block.",
    "RPyC: dictionaries by value, pickled both ways.",
    "grpc.aio: without protocol buffers, as nobody wrote a schema: values pickled.",
)
