"""Which libraries are here, as JSON."""

import json
from importlib import metadata

import authlib.integrations.httpx_client
import schemathesis

libraries = [authlib, schemathesis]
print(json.dumps({library.__name__: metadata.version(library.__name__) for library in libraries}))
