"""What may be given to factories, and to `jelly` and `banana`, that twisted.spread has no word for.

`Limits` bounds what a peer can make this side hold.  `StrictSecurityOptions` makes an error of what is otherwise an
`UnregisteredTypeWarning`: the sending of an object of a type that nobody registered, which arrives without its contents.
"""

from __future__ import annotations

from .core.errors import UnregisteredTypeWarning
from .core.limits import Limits
from .core.policy import StrictSecurityOptions

__all__ = ["Limits", "StrictSecurityOptions", "UnregisteredTypeWarning"]
