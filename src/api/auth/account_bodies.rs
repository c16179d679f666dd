//! Request bodies of the endpoints for a user's own account.

use poem_openapi::Object;
use poem_openapi::types::{Example, MaybeUndefined};
use serde::Deserialize;

use crate::accounts::name::Name;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;

/// What to change about one's profile (JSON Merge Patch, RFC 7396): absent fields stay as they are.
#[derive(Debug, Clone, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example, skip_serializing_if_is_none)]
pub(crate) struct ProfilePatch {
    /// The new name: 1 to 200 characters after trimming. Cannot be taken away.
    #[serde(default)]
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(crate) name: MaybeUndefined<String>,
}

impl ProfilePatch {
    /// The new name, if there is to be one.
    pub(crate) fn name(&self) -> Result<Option<Name>, Problem> {
        match &self.name {
            MaybeUndefined::Undefined => Ok(None),
            MaybeUndefined::Null => {
                Err(Problem::field("name", Flaw::Missing, "cannot be taken away"))
            }
            MaybeUndefined::Value(text) => {
                Name::parse(text).map(Some).map_err(|error| Problem::invalid("name", error))
            }
        }
    }
}

/// Who changes their password.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[oai(rename_all = "camelCase", example)]
pub(crate) struct ChangePasswordRequest {
    /// The password that opens the account now.
    #[oai(validator(max_length = 128))]
    pub(crate) current_password: String,
    /// The one that opens it from now on, which must be another one: 8 to 128 characters, taken exactly as sent.
    #[oai(validator(min_length = 8, max_length = 128))]
    pub(crate) new_password: String,
}

impl Example for ProfilePatch {
    fn example() -> Self {
        Self { name: MaybeUndefined::Value("Ada King".to_owned()) }
    }
}

impl Example for ChangePasswordRequest {
    fn example() -> Self {
        Self {
            current_password: "correct horse battery staple".to_owned(),
            new_password: "a longer and better password".to_owned(),
        }
    }
}
