"""The two halves of a scoreboard: the original, which ``match_server.py`` owns, and what watchers have of it."""

from twisted.internet import defer

from spreadlite import pb


class Scoreboard(pb.Cacheable):
    """The original.  Whoever is sent it gets a copy, and is told of every change from then on."""

    def __init__(self, *teams):
        self.goals = {team: 0 for team in teams}
        self.observers = []

    def getStateToCacheAndObserveFor(self, perspective, observer):
        """Called when a peer is sent this object that has it not yet: note the observer, give the state."""
        self.observers.append(observer)
        print("watchers:", len(self.observers), flush=True)
        return {"goals": self.goals}

    def stoppedObserving(self, perspective, observer):
        """Called when that peer has let go of its copy, or is gone; *observer* is equal to the one of before."""
        self.observers.remove(observer)
        print("watchers:", len(self.observers), flush=True)

    def tell(self, name, *args):
        """Call an ``observe_`` method of every copy; one that is gone in the meantime does not matter."""
        calls = [observer.callRemote(name, *args) for observer in self.observers]
        return defer.DeferredList(calls, consumeErrors=True)

    def goal(self, team):
        """A change: made here, then told."""
        self.goals[team] += 1
        return self.tell("goal", team)

    def whistle(self):
        """The end of the match."""
        return self.tell("whistle")


class WatchedScoreboard(pb.RemoteCache):
    """A watcher's copy: its attributes are those that the original gave as its state."""

    def watch(self, on_change):
        """Have *on_change* called after every change, with whether the match is over."""
        self.on_change = on_change

    def observe_goal(self, team):
        """Called by the original."""
        self.goals[team] += 1
        self.on_change(False)

    def observe_whistle(self):
        """Called by the original."""
        self.on_change(True)

    def __str__(self):
        return ", ".join(f"{team} {goals}" for team, goals in self.goals.items())


pb.setUnjellyableForClass(Scoreboard, WatchedScoreboard)
