"""What schemathesis cannot know from the description: addresses that may be delivered to, and why a request that keeps its schema may be refused."""

import os

import schemathesis
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

BASE = os.environ["POSTHORN_URL"]

schemathesis.openapi.format("uri", st.sampled_from([f"{BASE}/webhook", f"{BASE}/nothing", "https://example.com/webhooks"]))

# Fields with rules that no schema can say; docs/reference/conformance.md has the reasons. A trailing dot stands for everything inside.
BEYOND_SCHEMA = (
    "application_id",
    "page_token",
    "since",
    "filter.",
    "subscription.filter.",
    "subscription.retry_policy",
    "subscription.source.",
    "document.",
    "idempotency-key",
    "key.expires_at",
    "deliver_at",
    "payload",
)


def body_of(response):
    return response.json() if response.headers.get("content-type", [""])[0].startswith("application/json") else None


def is_beyond_schema(field):
    return any(field == known or (known.endswith(".") and field.startswith(known)) for known in BEYOND_SCHEMA)


def is_masked(case):
    """Whether the fields to change are named beside the body, which then need not have them and is judged by what is missing as well."""
    return case.method == "PATCH" and "updateMask" in (case.query or {})


@schemathesis.check
def valid_data_accepted(ctx, response, case):
    """A request that keeps its schema is refused only for the state that it meets, or by a rule that no schema can say."""
    if response.status_code == 400:
        refusal = body_of(response)
        if refusal["code"] == "failed_precondition":
            return None
        if is_masked(case):
            return None
        if refusal["details"] and all(is_beyond_schema(detail["field"]) for detail in refusal["details"]):
            return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.check
def invalid_data_rejected(ctx, response, case):
    """A request that breaks its schema is refused; of several things in one request, those that do."""
    if response.status_code in (200, 202):
        body = body_of(response)
        if isinstance(body, dict) and any("refused" in result for result in body.get("results", [])):
            return None
    if is_masked(case):
        return None
    return negative_data_rejection(ctx, response, case)
