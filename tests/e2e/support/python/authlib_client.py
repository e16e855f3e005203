"""A third party's application by authlib: `ask ISSUER CLIENT SECRET REDIRECT`, or `use … VERIFIER STATE BACK ACCOUNTS`."""

import json
import os
import sys

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback
step, issuer, client_id, secret, redirect_uri, *rest = sys.argv[1:]
session = OAuth2Session(client_id, secret, scope="accounts", redirect_uri=redirect_uri, code_challenge_method="S256")

if step == "ask":
    verifier = generate_token(48)
    address, state = session.create_authorization_url(f"{issuer}/authorize", code_verifier=verifier)
    print(json.dumps({"address": address, "verifier": verifier, "state": state}))
else:
    verifier, state, back, accounts = rest
    first = session.fetch_token(f"{issuer}/token", authorization_response=back, code_verifier=verifier, state=state)
    before = session.get(accounts)
    second = session.refresh_token(f"{issuer}/token", refresh_token=first["refresh_token"])
    after = session.get(accounts)
    own = OAuth2Session(client_id, secret, scope="payments").fetch_token(f"{issuer}/token", grant_type="client_credentials")
    print(json.dumps({
        "statuses": [before.status_code, after.status_code],
        "rotated": first["refresh_token"] != second["refresh_token"],
        "own": sorted(own),
    }))
