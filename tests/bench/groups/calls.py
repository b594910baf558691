"""One client, one request at a time: what an empty invocation costs."""

from rounds import Group

GROUP = Group("calls", "one client, one request at a time", list)
