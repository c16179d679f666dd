"""Verifies an access token with PyJWT, as a service would that knows nothing of Keyfold but its origin.

Usage: python verify_pyjwt.py <origin> <token>. Prints the claims as JSON. Ends with status 1 when the token is refused
or a forged one accepted.
"""

import base64
import json
import sys

import jwt

# Everything that RFC 9068 requires, section 2.2, and the session.
REQUIRED = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti", "sid"]


def verified(token: str, keys: jwt.PyJWKClient, origin: str) -> dict:
    """The claims of a token that this server signed for itself and whose time is not over."""
    key = keys.get_signing_key_from_jwt(token)
    decoded = jwt.decode_complete(
        token, key, algorithms=["RS256"], issuer=origin, audience=origin, options={"require": REQUIRED}
    )
    if decoded["header"].get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    return decoded["payload"]


def with_claims(token: str, claims: dict) -> str:
    """The token with other claims under the old signature."""
    header, _, signature = token.split(".")
    encoded = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return ".".join([header, encoded, signature])


def main(origin: str, token: str) -> None:
    keys = jwt.PyJWKClient(f"{origin}/.well-known/jwks.json")
    claims = verified(token, keys, origin)
    try:
        verified(with_claims(token, {**claims, "sub": "somebody else"}), keys, origin)
    except jwt.InvalidSignatureError:
        print(json.dumps(claims))
    else:
        sys.exit("a forged token was accepted")


if __name__ == "__main__":
    main(*sys.argv[1:])
