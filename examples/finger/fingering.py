"""Who is who on this machine: one set of facts, served by the finger protocol (RFC 1288) and by Perspective Broker.

``finger.tac`` makes a service of it.
"""

from twisted.internet import protocol
from twisted.protocols import basic

from spreadlite import pb


class NoSuchUser(pb.Error):
    """Nobody of that name is here."""


class People:
    """The facts.  Knows nothing of any protocol, so every protocol can be put before it."""

    def __init__(self, **plans):
        self.plans = plans
        self.watchers = []

    def names(self):
        """All of them."""
        return sorted(self.plans)

    def plan(self, name):
        """What somebody is up to."""
        if name not in self.plans:
            raise NoSuchUser(name)
        return self.plans[name]

    def change(self, name, plan):
        """Somebody is up to something else: note it, and tell the watchers."""
        self.plan(name)
        self.plans[name] = plan
        for watcher in list(self.watchers):
            watcher(name, plan)


class Finger(basic.LineReceiver):
    """The finger protocol: a line with a name (or none), an answer for human eyes, and the end."""

    # Lines end with CR and LF, and those of people who try it by hand with LF.
    delimiter = b"\n"

    def lineReceived(self, line):
        """Answer, and hang up."""
        people = self.factory.people
        name = line.decode("utf-8", "replace").strip()
        try:
            answer = people.plan(name) if name else ", ".join(people.names())
        except NoSuchUser:
            answer = "no such user"
        self.transport.write(answer.encode("utf-8") + b"\r\n")
        self.transport.loseConnection()


class FingerFactory(protocol.ServerFactory):
    """Serves `People` by the finger protocol."""

    protocol = Finger

    def __init__(self, people):
        self.people = people


class FingerRoot(pb.Root):
    """Serves `People` by Perspective Broker: answers for programs, and news for those who want them."""

    def __init__(self, people):
        self.people = people

    def remote_names(self):
        """All of them."""
        return self.people.names()

    def remote_plan(self, name):
        """What somebody is up to."""
        return self.people.plan(name)

    def remote_change(self, name, plan):
        """Who may change a plan is a question for a login; see the examples of cred."""
        self.people.change(name, plan)

    def remote_watch(self, listener):
        """Tell *listener* of every change, until its connection goes."""

        def tell(name, plan):
            listener.callRemote("changed", name, plan).addErrback(lambda gone: None)

        self.people.watchers.append(tell)
        listener.notifyOnDisconnect(lambda reference: self.people.watchers.remove(tell))
