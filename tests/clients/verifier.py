"""A service that verifies access tokens by itself, and refuses those whose session has ended.

Usage: python verifier.py <origin> <token>. Prints `accepted`, and when the token's session has ended, why it is refused.
"""

import sys

# documented: begin
import json
import threading
import time
import urllib.request

import jwt  # pip install pyjwt[crypto]


class Verifier:
    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.keys = jwt.PyJWKClient(f"{origin}/.well-known/jwks.json", lifespan=600)
        self.ended: dict[str, float] = {}
        self.since = "0"
        self.catch_up()
        threading.Thread(target=self.follow, daemon=True).start()

    def verify(self, token: str) -> dict:
        """The claims of a valid access token of a live session."""
        claims = self.decode(token, "at+jwt")
        if time.monotonic() - self.heard > 40:
            raise jwt.InvalidTokenError("nobody can say for the moment whether the session lives")
        if claims["sid"] in self.ended:
            raise jwt.InvalidTokenError("the session has ended")
        return claims

    def decode(self, token: str, kind: str) -> dict:
        key = self.keys.get_signing_key_from_jwt(token)
        decoded = jwt.decode_complete(
            token, key, algorithms=["RS256", "EdDSA"], issuer=self.origin, audience=self.origin, leeway=30
        )
        if decoded["header"]["typ"] != kind:
            raise jwt.InvalidTokenError(f"not of type {kind}")
        return decoded["payload"]

    def end(self, event: str) -> None:
        self.ended[self.decode(event, "secevent+jwt")["sub_id"]["session"]["id"]] = time.monotonic()

    def catch_up(self) -> None:
        more = True
        while more:
            with urllib.request.urlopen(f"{self.origin}/api/auth/revocations?since={self.since}", timeout=10) as answer:
                page = json.load(answer)
            for event in page["sets"].values():
                self.end(event)
            more, self.since = page["moreAvailable"], page["next"]
        self.heard = time.monotonic()
        # No access token is valid for more than an hour.
        self.ended = {session: at for session, at in self.ended.items() if self.heard - at < 3700}

    def follow(self) -> None:
        while True:
            try:
                self.catch_up()
                url = f"{self.origin}/api/auth/revocations/stream?since={self.since}"
                with urllib.request.urlopen(url, timeout=30) as lines:
                    for line in lines:  # an event, or a heartbeat every 15 seconds
                        self.heard = time.monotonic()
                        if line.startswith(b"data: "):
                            self.end(json.loads(line[6:])["set"])
            except Exception as error:  # whatever it was: go on, from where it stopped
                print("verifier:", error)
            time.sleep(1)
# documented: end


def main(origin: str, token: str) -> None:
    verifier = Verifier(origin)
    verifier.verify(token)
    print("accepted", flush=True)
    while True:
        try:
            verifier.verify(token)
        except jwt.InvalidTokenError as error:
            print(error, flush=True)
            return
        time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
