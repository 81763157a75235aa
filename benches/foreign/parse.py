"""Parses a chat export with PyPI's whatstk; prints what it took as JSON. `parse.py FILE`."""

import json
import resource
import sys
import time

from whatstk import WhatsAppChat

cpu, wall = time.process_time(), time.perf_counter()
chat = WhatsAppChat.from_source(sys.argv[1], max_size=None)
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"messages": len(chat.df), "cpu": cpu, "wall": wall, "peak": peak}))
