"""Models that several parties train together: the clear-text mathematics, numpy alone.

Whatever is trained, parties only ever ask for sums (`steelyard.learning.asking`): how a sum is formed so that nobody
sees a part of it is the business of `steelyard.protocols.secure_sum`.
"""
