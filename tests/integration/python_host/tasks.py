"""Functions that the tests' workers import."""

import os

started = []


def square(n):
    return n * n


def add(a, b=0, *, c=0):
    return a + b + c


def pair(n):
    return (n, {"n": (n,)})


def die(code):
    os._exit(code)


def fail(message):
    raise ValueError(message)


def note_start(what):
    started.append(what)


def what_started():
    return list(started), os.getpid()


def stop_here(_):
    raise RuntimeError("this initializer fails")


def take_after(array):
    array *= 2
    return array
