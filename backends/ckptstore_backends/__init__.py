"""The backends that ship with ckptstore."""
