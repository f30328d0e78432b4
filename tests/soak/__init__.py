"""Whether anything grows: calls, references, caches, errors and connections without end."""
