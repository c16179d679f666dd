//! Callers as extractors of the API: each names the security schemes of the OpenAPI document that prove it.

use poem_openapi::registry::{MetaSecurityScheme, Registry};

use super::cookie;

/// A JWT from sign up, sign in or `GET /api/auth/token`.
pub(super) const ACCESS_TOKEN: &str = "accessToken";
/// The opaque token of a session.
pub(super) const SESSION_TOKEN: &str = "sessionToken";
/// The session token in its cookie.
pub(super) const SESSION_COOKIE: &str = "sessionCookie";

pub(super) fn register(registry: &mut Registry, scheme: &'static str) {
    let bearer = |format, description| MetaSecurityScheme {
        ty: "http",
        description: Some(description),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: Some(format),
        flows: None,
        openid_connect_url: None,
    };
    let meta = match scheme {
        ACCESS_TOKEN => {
            bearer("JWT", "The access token from sign up, sign in or `GET /api/auth/token`: a JWT.")
        }
        SESSION_TOKEN => {
            bearer("opaque", "The session token from sign up or sign in (`session.token`).")
        }
        _ => MetaSecurityScheme {
            ty: "apiKey",
            name: Some(cookie::NAME),
            key_in: Some("cookie"),
            scheme: None,
            bearer_format: None,
            ..bearer(
                "",
                "The session token in the cookie that sign up and sign in set. Its name begins with \
                          `__Secure-` where the server's public URL is https.",
            )
        },
    };
    registry.create_security_scheme(scheme, meta);
}

/// Implements the extractor of a caller type, with the security schemes that prove it.
macro_rules! proves {
    ($type:ident, optional: $optional:literal, $($scheme:expr),+) => {
        impl<'a> ApiExtractor<'a> for $type {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                $(register(registry, $scheme);)+
            }

            fn security_schemes() -> Vec<&'static str> {
                vec![$($scheme),+]
            }

            fn has_security_fallback() -> bool {
                $optional
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok(Self::of(request).await?)
            }
        }
    };
}

pub(super) use proves;
