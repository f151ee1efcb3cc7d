"""One party: holds its own data, its shares, its keys and its owner's policy; decides for itself."""
