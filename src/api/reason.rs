//! Why something was not done, in the words of telemetry.

use crate::http::response::problem::Problem;
use crate::telemetry::reason::Reason;

impl Problem {
    /// Why, as telemetry tells it.
    pub fn reason(&self) -> Reason {
        match self.code() {
            "INVALID_INPUT" => self.reason_of_input(),
            "INVALID_EMAIL_OR_PASSWORD" => Reason::WrongPassword,
            "EMAIL_TAKEN" => Reason::EmailTaken,
            "OVERLOADED" | "CONTENDED" | "TOO_MANY_STREAMS" => Reason::Overloaded,
            "UNAVAILABLE" => Reason::Unavailable,
            "OUTCOME_UNKNOWN" => Reason::OutcomeUnknown,
            "MALFORMED_TOKEN" => Reason::Malformed,
            "UNKNOWN_KEY" => Reason::UnknownKey,
            "KEY_RETIRED" => Reason::RetiredKey,
            "KEY_REVOKED" => Reason::RevokedKey,
            "WRONG_SIGNATURE" => Reason::WrongSignature,
            "TOKEN_EXPIRED" => Reason::Expired,
            "WRONG_ISSUER" => Reason::WrongIssuer,
            "WRONG_AUDIENCE" => Reason::WrongAudience,
            "SESSION_ENDED" => Reason::SessionEnded,
            "USER_DELETED" => Reason::UserDeleted,
            "SESSION_REQUIRED" => Reason::SessionRequired,
            _ => Reason::Internal,
        }
    }

    fn reason_of_input(&self) -> Reason {
        let has = |code| self.details().iter().any(|detail| detail.code == code);
        if has("CURRENT_PASSWORD_INVALID") {
            Reason::WrongPassword
        } else if has("NEW_PASSWORD_INVALID") {
            Reason::SamePassword
        } else {
            Reason::InvalidInput
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::email::Email;
    use crate::accounts::password::{SamePassword, WrongPassword};
    use crate::capacity::worker_pool::WorkError;
    use crate::http::response::field_problem::FieldProblem;
    use crate::keys::tokens::access_token::TokenError;

    #[test]
    fn what_a_problem_is_called_by_clients_and_by_telemetry_is_the_same_thing() {
        let no_email = Email::parse("nobody").unwrap_err();
        let same = Problem::fields(vec![FieldProblem::of("newPassword", SamePassword)]);
        let named = [
            (Problem::wrong_credentials(), Reason::WrongPassword),
            (Problem::invalid("email", no_email), Reason::InvalidInput),
            (Problem::invalid("currentPassword", WrongPassword), Reason::WrongPassword),
            (same, Reason::SamePassword),
            (TokenError::UnknownKey.into(), Reason::UnknownKey),
            (WorkError::Overloaded.into(), Reason::Overloaded),
            (Problem::unexpected(), Reason::Internal),
        ];
        for (problem, reason) in named {
            assert_eq!(problem.reason(), reason, "{problem:?}");
        }
    }
}
