"""The version of SDK v1 whose interface this is: what code prints and compares."""

VERSION = "1.61.0"
