"""What type checkers say of programs that use the package: these are checked, and never run."""
