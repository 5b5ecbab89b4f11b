"""In the place of Ceph's library: a file system without quotas."""


class Error(Exception):
    pass


class LibCephFS:
    def __init__(self, **_said):
        pass

    def mount(self, **_said):
        pass

    def getxattr(self, _path, _name):
        raise Error

    def setxattr(self, *_said):
        raise AssertionError("no quota was asked for")

    def shutdown(self):
        pass
