"""A local MetaStudio: its three calls, the gateway's check of signatures and tokens, faults, and IAM."""
