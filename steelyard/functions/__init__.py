"""What a requester can ask for, composed of protocols: one file per function family, and `registry.FUNCTIONS`."""
