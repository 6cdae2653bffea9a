"""Sign in with the token that a partner's system has, and out again.

The session keeps the number of the token's row and not the token: a token that is revoked, and a partner that has
left, are signed out with their next request.
"""

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from partners.authentication import ApiTokenAuthentication, InvalidToken

from .forms import SignInForm
from .page import SIGNED_IN, page
from .refusals import acts, takes


@never_cache
@takes("GET", "HEAD", "POST")
def sign_in(request: HttpRequest) -> HttpResponse:
    """A field for the token. It goes into no address, no log, and back into no page."""
    form = SignInForm(request.POST if request.method == "POST" else None, initial={"next": request.GET.get("next")})
    if form.is_valid():
        try:
            _, token = ApiTokenAuthentication().of(form.cleaned_data["token"].encode())
        except InvalidToken as error:
            form.add_error("token", str(error.detail))
        else:
            request.session.flush()  # no session that somebody else may have planted
            request.session[SIGNED_IN] = token.pk
            rotate_token(request)  # nor a CSRF token
            return redirect(_inside(form.cleaned_data["next"]))
    return page(request, "sign_in", form=form, status=422 if form.is_bound else 200)


@never_cache
@acts
def sign_out(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return redirect("scan")


def _inside(path: str) -> str:
    """Where whoever signed in wanted to go, on this site alone."""
    return path if url_has_allowed_host_and_scheme(path, allowed_hosts=None) else "/desk"
