"""How to sign in to Huawei Cloud: access keys, IAM by password, and the sources of Huawei's SDK."""
