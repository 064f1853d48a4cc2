"""The line between parent and child."""

from __future__ import annotations

import os
import threading

import pytest

from verifier.tether import ChildEnd, ParentEnd


def test_a_child_says_that_it_runs() -> None:
    """The parent sees it, also after the child has ended, and not before."""
    with ParentEnd.made() as parent:
        child = ChildEnd(os.dup(parent.descriptor))
        assert not parent.has_started()
        child.say_started()
    child._socket.close()
    assert parent.has_started()
    assert parent.has_started()
    parent.close()


def test_a_child_that_never_ran_did_not_start() -> None:
    """Its end of the line is no start."""
    with ParentEnd.made() as parent:
        pass
    assert not parent.has_started()
    parent.close()


def test_a_child_sees_its_parent_go() -> None:
    """It is told once, and its word to the parent is lost without harm."""
    gone = threading.Event()
    with ParentEnd.made() as parent:
        child = ChildEnd(os.dup(parent.descriptor))
    child.watch(gone.set)
    assert not gone.wait(0.05)
    parent.close()
    assert gone.wait(10)
    child.say_started()


def test_a_child_that_cannot_be_started_leaves_nothing() -> None:
    """Both ends are closed."""
    with pytest.raises(OSError, match="no memory"), ParentEnd.made() as parent:  # noqa: PT012 - the block is the point
        descriptor = parent.descriptor
        raise OSError("no memory")
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(descriptor)
