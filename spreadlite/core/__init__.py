"""The pure part of spreadlite: bytes, expressions, objects, tables.

Nothing here knows a reactor, a transport, a Deferred or a login; every module can be read, tested and fuzzed alone.
"""
