"""What a training script sees of its run. Standard library only, Python 3.6 and later."""
