"""A minimal check with nagiosplugin and argparse."""

import argparse

import nagiosplugin


class Nothing(nagiosplugin.Resource):
    """Returns a constant."""

    def probe(self):
        yield nagiosplugin.Metric("ports", 1, context="ports")


@nagiosplugin.guarded
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-w", "--warning", default="80")
    parser.add_argument("-c", "--critical", default="90")
    parser.add_argument("-v", "--verbose", action="count", default=0)
    options = parser.parse_args()
    context = nagiosplugin.ScalarContext("ports", options.warning, options.critical)
    nagiosplugin.Check(Nothing(), context).main(options.verbose)


main()
