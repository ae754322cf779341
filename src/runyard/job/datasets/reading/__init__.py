"""Reading rows: pandas does it, and pyarrow where it can be imported and is faster.

Both give the same: `delimited` says what a value is. Nothing here is imported before rows are read.
"""
