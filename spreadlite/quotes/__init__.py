"""
Quotes over the network, twice: as plain text (QOTD, RFC 865) and as a Perspective Broker object.

The rooms, from the ground up:

* `interfaces`: what a quoter is.
* `fortunes`: the text of a quotes file, and the file itself, read again only when it changed.
* `quoters`: quoters that serve one fixed text, or the quotes of some files.
* `protocol`: the QOTD protocol and its factory.
* `reader`: the Perspective Broker root object.
* `ports`: what may be written after `--port` and `--pb`.
* `service`: the options and the service of `twistd qotd`.
* `client`: the program that asks a server for one quote.

Importing this package imports none of them: the `twistd` plugin must stay cheap.
"""
