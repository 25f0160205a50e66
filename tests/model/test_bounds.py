"""Numbers of ports with bounds."""

import pytest

from check_ephemeral_port.model.bounds import Bounds, Usage


def test_a_number_is_exact_if_its_bounds_are_equal():
    assert Bounds(3, 3, 3).exact and not Bounds(3, 3, 4).exact


def test_what_is_not_used_is_free():
    assert Usage(40, Bounds(1, 2, 4)).free == Bounds(36, 38, 39)


@pytest.mark.parametrize("used, percent", [(0, 0), (64510, 99.99), (64511, 100)])
def test_100_percent_means_that_no_port_is_free(used, percent):
    assert Usage(64511, Bounds(0, used, 64511)).used_percent == percent


def test_a_pool_without_ports_is_used_up():
    assert Usage(0, Bounds(0, 0, 0)).used_percent == 100
