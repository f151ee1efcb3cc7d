"""Trade-credit set-off in clear text: obligations, networks, the rules of a round, references and notices."""
