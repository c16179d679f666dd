//! Filter and order of the tasks, from the query of the page's address. An unreadable parameter is ignored: the page shows
//! in its own form how it has understood the query.

use poem::Request;
use url::form_urlencoded;

use crate::tasks::listing::{Cursor, Filter, Order, Query, Sort};
use crate::tasks::values::{Priority, TAG_CHARACTERS, Tags};
use crate::web::form;

/// Most characters of a search text, as in the API.
const LONGEST: usize = 200;

/// Filter and order, as they stand in the form.
#[derive(Debug, Default)]
pub(super) struct TaskListQuery {
    /// Search text; empty for no search.
    pub(super) q: String,
    /// `true`, `false`, or empty for both.
    pub(super) completed: String,
    /// Priority, or empty for all.
    pub(super) priority: String,
    /// Tag, or empty for all.
    pub(super) tag: String,
    /// Order, or empty for the user's own.
    pub(super) sort: String,
    /// Position after which the page begins; `None` for the first page.
    after: Option<Cursor>,
}

impl TaskListQuery {
    /// Reads the query of a request.
    pub(super) fn of(request: &Request) -> Self {
        let mut asked = Self::default();
        let cut = |text: &str| form::cut(text, LONGEST);
        let query = request.uri().query().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "q" => asked.q = cut(&value),
                "completed" => asked.completed = cut(&value),
                "priority" => asked.priority = cut(&value),
                "tag" => asked.tag = form::cut(&value, TAG_CHARACTERS),
                "sort" => asked.sort = cut(&value),
                "after" => asked.after = value.parse().ok(),
                _ => {}
            }
        }
        let sort = asked.sorting().0;
        asked.after = asked.after.filter(|after| after.place.fits(sort));
        asked
    }

    fn sorting(&self) -> (Sort, Order) {
        match &*self.sort {
            "due" => (Sort::Due, Order::Asc),
            "priority.desc" => (Sort::Priority, Order::Desc),
            "created.desc" => (Sort::Created, Order::Desc),
            "updated.desc" => (Sort::Updated, Order::Desc),
            _ => (Sort::Position, Order::Asc),
        }
    }

    /// Query for the listing.
    pub(super) fn query(&self) -> Query {
        let (sort, order) = self.sorting();
        let priorities: Vec<Priority> = self.priority.parse().into_iter().collect();
        let tags = Tags::parse(&[self.tag.as_str()]).unwrap_or_default();
        let filter = Filter { priorities, ..Filter::default() }.tagged(&tags);
        Query {
            completed: self.completed.parse().ok(),
            filter: filter.containing(Some(self.q.trim())),
            sort,
            order,
            after: self.after.clone(),
            ..Query::default()
        }
    }

    /// True if some tasks are left out.
    pub(super) fn is_filtered(&self) -> bool {
        let Query { completed, filter, after, .. } = self.query();
        completed.is_some() || filter != Filter::default() || after.is_some()
    }

    /// Goes back to the first page.
    pub(super) fn begin_anew(&mut self) {
        self.after = None;
    }

    /// Query string of the page that begins after a task.
    pub(super) fn after(&self, after: &Cursor) -> String {
        let Self { q, completed, priority, tag, sort, .. } = self;
        let said = [
            ("q", q),
            ("completed", completed),
            ("priority", priority),
            ("tag", tag),
            ("sort", sort),
        ];
        let said = said.into_iter().filter(|(_, value)| !value.is_empty());
        let mut query = form_urlencoded::Serializer::new(String::from("?"));
        query.extend_pairs(said).append_pair("after", &after.to_string());
        query.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &'static str) -> TaskListQuery {
        TaskListQuery::of(&Request::builder().uri(uri.parse().unwrap()).finish())
    }

    #[test]
    fn an_address_says_which_tasks_are_meant() {
        let query = asked(
            "/tasks/1?q=%20Milk&completed=false&priority=high&tag=Caf%C3%A9&sort=priority.desc",
        )
        .query();
        let filter = Filter {
            priorities: vec![Priority::High],
            tags: vec!["cafe".to_owned()],
            ..Filter::default()
        };
        let expected = Query {
            completed: Some(false),
            filter: filter.containing(Some("milk")),
            sort: Sort::Priority,
            order: Order::Desc,
            ..Query::default()
        };
        assert_eq!(query, expected);
    }

    #[test]
    fn what_cannot_be_read_is_as_if_it_was_not_there() {
        let asked = asked(
            "/tasks/1?completed=maybe&priority=urgent&sort=colour&tag=%20;&after=x&what=else",
        );
        let plain = Query { sort: Sort::Position, ..Query::default() };
        assert_eq!((asked.query(), asked.is_filtered()), (plain, false));
    }
}
