"""The service: identity, agreements, budgets, vault, decision, log, projector and the server-side commands."""

import os

# gRPC's C core writes lines of its own to standard error: no JSON, and whatever a peer sent may stand in them. It reads
# this once, when it is imported, so that no later place would do.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
