"""The finger service, for twistd::

    twistd -n -y finger.tac

FINGER_PORT and PB_PORT in the environment are descriptions of Twisted endpoints, where others than the usual are wanted.
"""

import os
import sys

from twisted.application import service, strports

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from fingering import FingerFactory, FingerRoot, People

from spreadlite import pb

# Two ports, one set of facts: what is changed through the one is seen through the other.
people = People(ada="computing Bernoulli numbers", grace="looking for a moth")

application = service.Application("finger")
for variable, usual, factory in (
    ("FINGER_PORT", "tcp:1079:interface=127.0.0.1", FingerFactory(people)),
    ("PB_PORT", f"tcp:{pb.portno}:interface=127.0.0.1", pb.PBServerFactory(FingerRoot(people))),
):
    strports.service(os.environ.get(variable, usual), factory).setServiceParent(application)
