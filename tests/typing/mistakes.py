"""Mistakes that a type checker finds; each line that is marked has to be found, and no other."""

from __future__ import annotations

import spreadlite
from spreadlite import banana, pb
from spreadlite.options import Limits

Limits(depth="deep")  # error: arg-type
Limits(dept=3)  # error: call-arg
pb.PBServerFactory()  # error: call-arg
pb.PBServerFactory(pb.Root(), limits=3)  # error: arg-type
pb.PBClientFactory(keepAlive="often")  # error: arg-type
pb.PBClientFactory().getRoot()  # error: attr-defined
print(pb.Refrenceable)  # error: attr-defined
banana.decode("text")  # error: arg-type
banana.setPrefixLimit("64")  # error: arg-type
spreadlite.install(forced=True)  # error: call-arg
reference = pb.RemoteReference(None, None, 1, 0)
reference.callRemote(3)  # error: arg-type
reference.callRemote()  # error: call-arg
reference.notifyOnDisconnect(5)  # error: arg-type
pb.Broker().notifyOnConnect("ready")  # error: arg-type
pb.PBClientFactory().getRootObject().callRemote("echo")  # error: attr-defined
