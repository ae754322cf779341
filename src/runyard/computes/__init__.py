"""Where runs run: the protocol of a compute target, and this machine as one."""
