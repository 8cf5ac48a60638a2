"""A router without trailing slashes, as Segment and Stripe have it."""

from rest_framework.routers import SimpleRouter


def make_router() -> SimpleRouter:
    return SimpleRouter(trailing_slash=False)
