"""A Sparkplug B face (opt-in): the same news as the JSON contract, as an edge node and its devices.

After the Sparkplug 3.0 specification: `wire` is its payload, `metrics` what of the contract becomes which metric,
`node` its rules of birth, data and death, `host` the primary host's STATE, `face` the connection.
"""
