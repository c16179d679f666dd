//! Requests of users, as complete HTTP text for the load generator.

use serde_json::json;

use crate::load;
use crate::people::{PASSWORD, Person, TASK};

impl Person {
    /// A request for the first page of the user's tasks.
    pub fn list_request(&self) -> String {
        load::get(&self.tasks(), &[("Authorization", &self.bearer())])
    }

    /// A request that creates a task.
    pub fn create_request(&self) -> String {
        load::post(&self.tasks(), &[("Authorization", &self.bearer())], TASK)
    }

    /// A request that gives a task a new title: the load generator replaces the `#` characters each time.
    pub fn change_request(&self, task: &str) -> String {
        let path = format!("{}/{task}", self.tasks());
        let body = r#"{"title":"Buy milk on the way ########"}"#;
        load::with_body("PATCH", &path, &[("Authorization", &self.bearer())], body)
    }

    /// A request that signs the user in again.
    pub fn sign_in_request(&self) -> String {
        let body = json!({"email": self.email, "password": PASSWORD}).to_string();
        load::post("/api/auth/signin", &[], &body)
    }
}
