"""Time of the double: what happens later waits here, in real or in virtual time.

Resources live by now(): real time plus what was skipped, or, frozen, only what was advanced.
Signatures, the Date header and credentials live by wire_now(): real time plus an offset that a test
sets, since clients have no virtual clock."""
import heapq
import itertools
import time


class Timer:
    __slots__ = ("function", "due")

    def __init__(self, function, due):
        self.function = function
        self.due = due

    def cancel(self):
        self.function = None


class Clock:
    def __init__(self, loop, is_virtual=False):
        self.loop = loop
        self.is_virtual = is_virtual
        self.skipped = 0.0
        self.wire_offset = 0.0
        self.frozen_at = time.time()
        self.heap = []
        self.order = itertools.count()
        self.wake_up = None

    def now(self):
        return (self.frozen_at if self.is_virtual else time.time()) + self.skipped

    def wire_now(self):
        return time.time() + self.wire_offset

    def after(self, seconds, function):
        """Calls function() in so many seconds of now(); returns a Timer to cancel."""
        timer = Timer(function, self.now() + seconds)
        heapq.heappush(self.heap, (timer.due, next(self.order), timer))
        if self.heap[0][2] is timer:
            self.arm()
        return timer

    def arm(self):
        if self.wake_up:
            self.wake_up.cancel()
            self.wake_up = None
        if self.heap and not self.is_virtual:
            self.wake_up = self.loop.call_later(
                max(0.0, self.heap[0][0] - self.now()), self.run_due
            )

    def run_due(self):
        # A few at a time, so that a thousand timers at once do not hold up the answers.
        for _ in range(200):
            if not self.heap or self.heap[0][0] > self.now():
                break
            self.fire(heapq.heappop(self.heap)[2])
        self.arm()

    @staticmethod
    def fire(timer):
        function, timer.function = timer.function, None
        if function:
            function()

    def advance(self, seconds):
        """Skips time, running what falls due on the way in its order and at its time."""
        end = self.now() + seconds
        while self.heap and self.heap[0][0] <= end:
            due, _, timer = heapq.heappop(self.heap)
            self.skipped += max(0.0, due - self.now())
            self.fire(timer)
        self.skipped += max(0.0, end - self.now())
        self.arm()

    def clear(self):
        self.heap.clear()
        self.arm()
