"""The command line. It needs the extra: `pip install "ckptstore[cli]"`."""
