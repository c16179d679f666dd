//! A body, and what tells it from another one: a hash of what it says.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::body::receive;
use super::idempotency_key;
use super::json::{Json, MergePatch};

/// The digest of a request that has no body.
pub const NO_BODY: [u8; 32] = [0; 32];

/// A body with its digest.
#[derive(Debug, Clone)]
pub struct Digested<B> {
    /// The body.
    pub body: B,
    /// The hash of what it says: the order of members and white space make no difference.
    pub digest: [u8; 32],
}

/// The hash of some bytes.
pub fn digest_of(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// The hash of what a body says; of one that is no JSON, which is refused anyway, that of its bytes.
fn digest_of_json(bytes: &Bytes) -> [u8; 32] {
    let sorted = serde_json::from_slice::<Value>(bytes).ok();
    let sorted = sorted.and_then(|value| serde_json::to_vec(&value).ok());
    digest_of(sorted.as_deref().unwrap_or(bytes))
}

/// Makes a body with its digest an extractor. Not for every extractor at once: what an endpoint awaits must not depend on a
/// lifetime in a bound (rust-lang/rust#100013).
macro_rules! digests {
    ($body:ident) => {
        impl<'a, T: Type + DeserializeOwned, const MAX: usize> ApiExtractor<'a>
            for Digested<$body<T, MAX>>
        {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                <$body<T, MAX> as ApiExtractor<'_>>::register(registry);
            }

            fn request_meta() -> Option<MetaRequest> {
                <$body<T, MAX> as ApiExtractor<'_>>::request_meta()
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                let digest = digest_of_body(request, body, MAX).await?;
                let body = $body::<T, MAX>::from_request(request, body, options).await?;
                Ok(Self { body, digest })
            }
        }
    };
}

digests!(Json);
digests!(MergePatch);

/// The digest of a body, if the request has a key; the body can still be read.
async fn digest_of_body(
    request: &Request,
    body: &mut RequestBody,
    max: usize,
) -> poem::Result<[u8; 32]> {
    if !idempotency_key::is_sent(request) {
        return Ok(NO_BODY);
    }
    // Boxed: few requests come this way, and all of them would carry it.
    let bytes = Box::pin(receive(body.take()?, max)).await?;
    let digest = digest_of_json(&bytes);
    *body = RequestBody::new(Body::from_bytes(bytes));
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_has_the_same_digest() {
        let digest = |text: &'static str| digest_of_json(&Bytes::from_static(text.as_bytes()));
        let same = digest("{\"title\": \"milk\", \"completed\": true}");
        assert_eq!(digest("{\"completed\":true,\"title\":\"mil\\u006b\"}"), same);
        assert_ne!(digest("{\"completed\":true,\"title\":\"Milk\"}"), same);
        assert_ne!(digest("{\"title\":"), digest("{\"title\": "));
    }
}
