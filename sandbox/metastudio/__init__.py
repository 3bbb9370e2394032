"""A local MetaStudio: the three calls with their rules, the gate of signatures and tokens, faults, and IAM."""
