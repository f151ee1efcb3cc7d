"""The command line: `steelyard`.

`front_page` lists the commands, each a module that is imported only when it is called, so that help is quick.
`invocation` finds profile and output form, `output` is the one door to stdout.  May import `sdk`, `local`, the library.
"""
