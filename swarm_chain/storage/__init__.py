"""Where updates and models are kept: content-addressed files behind one small interface (``store.py``)."""
