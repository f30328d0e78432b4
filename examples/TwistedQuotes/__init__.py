"""The quote of the day service of Twisted's tutorials, by their module names, on top of spreadlite."""
