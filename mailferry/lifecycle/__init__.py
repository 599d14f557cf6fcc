"""The life of a mailbox between its chunks: passes begin, stumble, fail and finish; timers start and repair them."""
