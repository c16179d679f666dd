//! A body with the hash of its bytes, by which a repeated request is told from another one.

use aws_lc_rs::digest::{SHA256, digest};
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;

use super::idempotency_key;
use super::intake::receive;
use super::json::{Json, MergePatch};

/// Digest of a request that has no body, or no idempotency key for which one is needed.
pub const NO_BODY: [u8; 32] = [0; 32];

/// A body with its digest.
#[derive(Debug, Clone)]
pub struct HashedBody<B> {
    /// Body, read as usual.
    pub body: B,
    /// SHA-256 hash of its bytes, which is the same in a repeated request.
    pub digest: [u8; 32],
}

/// SHA-256 hash of these bytes.
pub fn digest_of(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// Implements the extractor of a body with its digest. Not for every extractor at once: a future that an endpoint awaits must
/// not depend on a lifetime in a bound (rust-lang/rust#100013).
macro_rules! digests {
    ($body:ident) => {
        impl<'a, T: Type + DeserializeOwned + 'static, const MAX: usize> ApiExtractor<'a>
            for HashedBody<$body<T, MAX>>
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

/// Computes the digest of a body, if the request has an idempotency key; the body can still be read.
async fn digest_of_body(
    request: &Request,
    body: &mut RequestBody,
    max: usize,
) -> poem::Result<[u8; 32]> {
    if !idempotency_key::is_sent(request) {
        return Ok(NO_BODY);
    }
    // Boxed: few requests need it, and all of them would carry it.
    let bytes = Box::pin(receive(request, body.take()?, max)).await?;
    let digest = digest_of(&bytes);
    *body = RequestBody::new(Body::from_bytes(bytes));
    Ok(digest)
}
