"""What is wrong with a named result, and the evidence that shows it on chain (specification, section 7).

``record`` looks at what was committed and revealed, ``updates`` at sealed bytes, ``numbers`` at the claimed model and columns, and
``search`` finds the wrong leaf of a tree that its authors withhold. ``evidence`` holds what they find.
"""
