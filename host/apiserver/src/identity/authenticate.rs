//! Authentication: the client's certificate, else a bearer token, else nobody; and impersonation.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::User;
use crate::status::ApiError;

/// Who sends a request over a connection on which `certified` was proven by a certificate.
///
/// # Errors
/// 401 for a token that is nobody's.
pub(crate) fn user(
    tokens: impl Fn(&str) -> Option<User>,
    certified: Option<&User>,
    headers: &HeaderMap,
) -> Result<User, ApiError> {
    if let Some(user) = certified {
        return Ok(user.clone());
    }
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(User::anonymous()) };
    let token = header.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            tokens(token.trim()).ok_or_else(ApiError::unauthorized)
        }
        _ => Err(ApiError::unauthorized()),
    }
}

/// Whom the request wants to be taken for: `Impersonate-User` and `Impersonate-Group`.
///
/// # Errors
/// 400 for groups without a user, or headers that are not text.
pub(crate) fn impersonated(headers: &HeaderMap) -> Result<Option<User>, ApiError> {
    let text = |value: &http::HeaderValue| {
        value
            .to_str()
            .map(ToOwned::to_owned)
            .map_err(|_| ApiError::bad_request("an impersonation header is not text"))
    };
    let groups = headers.get_all("impersonate-group").iter().map(text).collect::<Result<Vec<_>, _>>()?;
    match headers.get("impersonate-user") {
        Some(name) => Ok(Some(User::new(text(name)?, groups))),
        None if groups.is_empty() => Ok(None),
        None => Err(ApiError::new(
            500,
            "InternalError",
            "Internal error occurred: requested impersonating groups without impersonating a user",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_certificate_goes_before_the_token_and_a_wrong_token_is_refused() {
        let tokens = |token: &str| (token == "secret").then(|| User::new("bot", []));
        let mut headers = HeaderMap::new();
        assert!(user(tokens, None, &headers).unwrap().is_anonymous());
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
        assert_eq!(user(tokens, None, &headers).unwrap().name, "bot");
        assert_eq!(user(tokens, Some(&User::new("cert", [])), &headers).unwrap().name, "cert");
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer secretx"));
        assert_eq!(user(tokens, None, &headers).unwrap_err().code, 401);
    }
}
