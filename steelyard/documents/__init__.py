"""What parties sign: requests, approvals, hellos, headers, input sets, results, manifests.

A document is a frozen struct; what is signed and sent is its exact bytes, so nobody ever re-encodes what somebody else
signed.  Unknown fields are refused.  docs/documents.md describes each; may import digest, errors and ids only.
"""
