"""Greets whoever is signed in.

The identity-aware proxy in front of it tells who that is in the header x-goog-iap-jwt-assertion. Nothing is believed
that the proxy has not signed: the signature, who it is for and when it was made are checked for every request, with the
public keys that are published for that. So nobody gets a greeting who found a way around the proxy.
"""

import os
import platform
import threading
import time

import flask
import jwt
import requests

KEYS = os.environ.get("IAP_KEYS", "https://www.gstatic.com/iap/verify/public_key")
AUDIENCE = os.environ["IAP_AUDIENCE"]
ISSUER = "https://cloud.google.com/iap"
# Seconds that clocks may differ, and that an unknown key is not asked for again.
LEEWAY = 30
PATIENCE = 10

app = flask.Flask(__name__)


class Keys:
    """Published keys by id. They are fetched when one is asked for that is not known, and not more often than that."""

    def __init__(self, address):
        self.address = address
        self.known = {}
        self.fetched = None
        self.lock = threading.Lock()

    def get(self, key_id):
        with self.lock:
            if key_id not in self.known and (self.fetched is None or time.monotonic() - self.fetched > PATIENCE):
                answer = requests.get(self.address, timeout=5)
                answer.raise_for_status()
                self.known = answer.json()
                self.fetched = time.monotonic()
            return self.known.get(key_id)


keys = Keys(KEYS)


class Refused(Exception):
    """Why somebody is not believed."""


def identity(assertion):
    """The claims of an assertion that the proxy made for this very service, a moment ago."""
    try:
        key = keys.get(jwt.get_unverified_header(assertion).get("kid"))
        if key is None:
            raise Refused("it is signed with a key that is not published")
        return jwt.decode(
            assertion,
            key,
            algorithms=["ES256"],
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "aud", "iss", "sub", "email"]},
        )
    except jwt.InvalidTokenError as error:
        raise Refused(str(error)) from error


@app.route("/healthz")
def health():
    """For the load balancer's health check, which is nobody."""
    return "ok\n"


@app.route("/")
def greeting():
    assertion = flask.request.headers.get("x-goog-iap-jwt-assertion")
    if assertion is None:
        return text("Nobody is signed in.\n", 401)
    try:
        who = identity(assertion)
    except Refused as error:
        return text(f"The identity is not believed: {error}.\n", 401)
    except requests.RequestException as error:
        return text(f"The proxy's keys cannot be fetched: {error}.\n", 503)
    return text(f"Hello {who['email']}. I am {platform.node()}.\n", 200)


def text(body, status):
    return flask.Response(body, status, mimetype="text/plain")
