"""How much CPU spreadlite takes, beside twisted.spread in the same run.  See README.rst."""
