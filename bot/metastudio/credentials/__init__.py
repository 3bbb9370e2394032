"""Credentials for Huawei Cloud: access keys, tokens of IAM by password, and the sources of Huawei's SDK."""
