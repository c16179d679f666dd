//! What people send, as whole requests for the load generator.

use serde_json::json;

use crate::load;
use crate::people::{PASSWORD, Person, TASK};

impl Person {
    /// A request for the first page of their tasks.
    pub fn list_request(&self) -> String {
        load::get(&self.tasks(), &[("Authorization", &self.bearer())])
    }

    /// A request that adds a task.
    pub fn create_request(&self) -> String {
        load::post(&self.tasks(), &[("Authorization", &self.bearer())], TASK)
    }

    /// A request that gives a task a title it never had.
    pub fn change_request(&self, task: &str) -> String {
        let path = format!("{}/{task}", self.tasks());
        let body = r#"{"title":"Buy milk on the way ########"}"#;
        load::with_body("PATCH", &path, &[("Authorization", &self.bearer())], body)
    }

    /// A request that signs them in again.
    pub fn sign_in_request(&self) -> String {
        let body = json!({"email": self.email, "password": PASSWORD}).to_string();
        load::post("/api/auth/signin", &[], &body)
    }
}
