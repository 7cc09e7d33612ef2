from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import Malformed, SsoRejected
from headrace.models import Secret
from headrace.protocol.sso import sign_resource, sign_user, verify_sso

UUID = "0f3a7c52-6d1e-4b8a-9c55-2b7d1e60aa41"
USER = "7b1f0c9e-3a44-4c0b-8d5e-19c2f7a6b350"
EMAIL = "dev@example.test"
SALT = Secret("s4lt-for-tests")
STAMP = "1767225600"
SIGNED_AT = datetime(2026, 1, 1, tzinfo=UTC)
SHA1 = "0c839690acc38845ca0b717ae8f9750c1286ada6"
SHA256 = "72bffe5170aefdb5d0d258757b2c982fb212d49d0932ad4a2802c6a0990fce4e"

FORM = {
    "resource_id": UUID,
    "resource_token": SHA1,
    "user_scoped_resource_token": SHA256,
    "timestamp": STAMP,
    "email": EMAIL,
    "user_id": USER,
    "app": "shop",
    "nav-data": "e30=",
}


def without(form: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in form.items() if name not in names}


def verdict(form: Mapping[str, str], *, now: datetime = SIGNED_AT) -> str:
    try:
        verify_sso(form, salt=SALT, now=now)
    except SsoRejected as error:
        return error.reason
    except Malformed as error:
        return f"malformed {error.field}"
    return "accepted"


def test_herokus_own_legacy_vector_holds() -> None:
    """SHA-1 over id:salt:timestamp, the vector that Heroku published."""
    salt = Secret("2f97bfa52ca102f8874716e2eb1d3b4920ad0be4")

    assert "bb466eb1d6bc345d11072c3cd25c311f21be130d" == sign_resource("123", salt=salt, timestamp="1267597772")


def test_the_resource_token_is_sha1() -> None:
    """SHA-1 over resource_id:salt:timestamp."""
    assert SHA1 == sign_resource(UUID, salt=SALT, timestamp=STAMP)


def test_the_user_scoped_token_is_sha256() -> None:
    """SHA-256 over resource_id:salt:timestamp:user_id:email."""
    assert SHA256 == sign_user(UUID, salt=SALT, timestamp=STAMP, user_id=USER, email=EMAIL)


def test_a_login_names_the_person_and_the_resource() -> None:
    """A verified form says who comes, from which app, for which one resource."""
    login = verify_sso(FORM, salt=SALT, now=SIGNED_AT)

    assert (UUID, USER, EMAIL, "shop") == (login.resource_id, login.user_id, login.email, login.app)
    assert ("e30=", SIGNED_AT, True) == (login.nav_data, login.signed_at, login.is_user_proven)


def test_the_app_from_which_the_customer_came_is_preferred() -> None:
    """context_app is the app that the customer clicked in; the add-on may be attached to several."""
    assert "shop-staging" == verify_sso({**FORM, "context_app": "shop-staging"}, salt=SALT, now=SIGNED_AT).app


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), "accepted"),
        (timedelta(minutes=4, seconds=59), "accepted"),
        (timedelta(minutes=5), "accepted"),
        (timedelta(minutes=5, seconds=1), "stale"),
        (timedelta(minutes=6), "stale"),
        (timedelta(days=3650), "stale"),
        (timedelta(seconds=-60), "accepted"),
        (timedelta(seconds=-61), "from_future"),
        (timedelta(days=-3650), "from_future"),
    ],
)
def test_a_login_is_good_for_five_minutes(age: timedelta, expected: str) -> None:
    """Five minutes after Heroku signs it, and a minute before for clocks that differ."""
    assert expected == verdict(FORM, now=SIGNED_AT + age)


@pytest.mark.parametrize("kept", ["resource_token", "user_scoped_resource_token"])
def test_one_right_token_is_enough(kept: str) -> None:
    """Any of the tokens may log the customer in."""
    dropped = {"resource_token", "user_scoped_resource_token"} - {kept}

    assert "accepted" == verdict(without(FORM, *dropped))


@pytest.mark.parametrize("name", ["resource_token", "user_scoped_resource_token"])
@pytest.mark.parametrize(
    "token", ["0" * 40, "0" * 64, SHA1[:-1], SHA1.upper(), SHA256[:-1], SHA256.upper(), "é", "x", " "]
)
def test_each_token_that_is_present_must_be_right(name: str, token: str) -> None:
    """A right token does not excuse a wrong one beside it."""
    assert "bad_token" == verdict({**FORM, name: token})


@pytest.mark.parametrize(
    "form",
    [
        without(FORM, "resource_token", "user_scoped_resource_token"),
        {**FORM, "resource_token": "", "user_scoped_resource_token": ""},
    ],
)
def test_a_form_without_a_token_is_rejected(form: dict[str, str]) -> None:
    """At least one token has to be there."""
    assert "bad_token" == verdict(form)


@pytest.mark.parametrize(
    "name",
    ["resource_id", "timestamp", "user_id", "email"],
)
def test_the_user_scoped_token_covers_the_person(name: str) -> None:
    """With SHA-256 nothing that says who or what can be altered."""
    altered = {**without(FORM, "resource_token"), name: "1767225601" if name == "timestamp" else "someone-else"}

    assert "bad_token" == verdict(altered)


def test_sha1_alone_proves_no_person() -> None:
    """SHA-1 covers neither e-mail nor user_id, so anyone may have written them."""
    form = {**without(FORM, "user_scoped_resource_token"), "email": "victim@example.test", "user_id": "victim"}

    assert not verify_sso(form, salt=SALT, now=SIGNED_AT).is_user_proven


def test_an_empty_user_scoped_token_proves_no_person() -> None:
    """A customer who empties that field of the own form cannot become somebody else."""
    form = {**FORM, "user_scoped_resource_token": "", "email": "victim@example.test", "user_id": "victim"}

    assert not verify_sso(form, salt=SALT, now=SIGNED_AT).is_user_proven


def test_the_oldest_form_signs_our_own_id() -> None:
    """`token` is SHA-1 over the id that the partner returned."""
    token = sign_resource("123", salt=SALT, timestamp=STAMP)
    login = verify_sso({"id": "123", "token": token, "timestamp": STAMP}, salt=SALT, now=SIGNED_AT)

    assert ("123", False) == (login.resource_id, login.is_user_proven)


def test_the_oldest_token_opens_no_other_resource() -> None:
    """`token` covers `id` only; a resource_id beside it is not signed."""
    token = sign_resource("123", salt=SALT, timestamp=STAMP)

    assert "bad_token" == verdict({"id": "123", "token": token, "timestamp": STAMP, "resource_id": UUID})


def test_a_wrong_legacy_token_beside_a_right_one_is_rejected() -> None:
    """Every token that is present has to be right."""
    assert "bad_token" == verdict({**FORM, "id": UUID, "token": "0" * 40})


def test_the_full_form_of_heroku_is_accepted() -> None:
    """Heroku still sends the legacy pair along."""
    assert "accepted" == verdict({**FORM, "id": UUID, "token": SHA1})


@pytest.mark.parametrize("name", ["resource_id", "timestamp"])
def test_a_form_without_its_subject_is_malformed(name: str) -> None:
    """A login names a resource and a moment."""
    assert f"malformed {name}" == verdict(without(FORM, name))


@pytest.mark.parametrize(
    "stamp",
    ["now", "-1", "+1767225600", " 1767225600", "1767225600.0", "1e9", "١٧٦٧٢٢٥٦٠٠", "²", "9" * 12, "9" * 5000],
)
def test_a_signed_timestamp_must_be_seconds(stamp: str) -> None:
    """Unix seconds in ASCII digits; a huge one never overflows."""
    token = sign_resource(UUID, salt=SALT, timestamp=stamp)

    assert "malformed timestamp" == verdict({"resource_id": UUID, "resource_token": token, "timestamp": stamp})


@pytest.mark.parametrize(("stamp", "expected"), [("0", "stale"), ("99999999999", "from_future")])
def test_a_timestamp_far_away_is_judged_like_any_other(stamp: str, expected: str) -> None:
    """The ends of time are stale or from the future."""
    token = sign_resource(UUID, salt=SALT, timestamp=stamp)

    assert expected == verdict({"resource_id": UUID, "resource_token": token, "timestamp": stamp})


def test_a_wrong_salt_opens_nothing() -> None:
    """The salt is what Heroku and the partner share."""
    with pytest.raises(SsoRejected) as caught:
        verify_sso(FORM, salt=Secret("another"), now=SIGNED_AT)

    assert (403, "bad_token") == (caught.value.status, caught.value.reason)


# What no database stores is refused, whoever signed it.
STORABLE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=100)


@settings(max_examples=100)
@given(resource_id=STORABLE.filter(bool), user_id=STORABLE.filter(bool), email=STORABLE, salt=st.text())
def test_what_is_signed_is_accepted(resource_id: str, user_id: str, email: str, salt: str) -> None:
    """verify(sign(x)) holds for every person and resource."""
    form = {"resource_id": resource_id, "timestamp": STAMP, "user_id": user_id, "email": email}
    form["user_scoped_resource_token"] = sign_user(
        resource_id, salt=Secret(salt), timestamp=STAMP, user_id=user_id, email=email
    )
    login = verify_sso(form, salt=Secret(salt), now=SIGNED_AT)

    assert (resource_id, user_id, email, True) == (login.resource_id, login.user_id, login.email, login.is_user_proven)


@settings(max_examples=150)
@given(form=st.dictionaries(st.sampled_from([*FORM, "id", "token"]) | st.text(), st.text()))
def test_no_form_breaks_the_check(form: dict[str, str]) -> None:
    """Whatever the form holds, it is rejected or malformed."""
    assert "accepted" != verdict(form)
