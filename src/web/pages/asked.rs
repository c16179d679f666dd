//! Which tasks are asked for in the address of the page. What cannot be read is as if it was not there: the page shows what
//! it has understood in its own form.

use poem::Request;
use url::form_urlencoded;

use crate::tasks::listing::{Cursor, Filter, Order, Query, Sort};
use crate::tasks::values::{Priority, TAG_CHARACTERS, Tags};
use crate::web::form;

/// Most characters of a search, as in the API.
const LONGEST: usize = 200;

/// What is asked for, as it stands in the form.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) q: String,
    pub(super) completed: String,
    pub(super) priority: String,
    pub(super) tag: String,
    pub(super) sort: String,
    after: Option<Cursor>,
}

impl Asked {
    /// What a request asks for.
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

    /// The tasks that are meant.
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

    /// Whether some tasks are left out.
    pub(super) fn is_filtered(&self) -> bool {
        let Query { completed, filter, after, .. } = self.query();
        completed.is_some() || filter != Filter::default() || after.is_some()
    }

    /// From the first page on.
    pub(super) fn begin_anew(&mut self) {
        self.after = None;
    }

    /// The query of the page that begins after a task.
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

    fn asked(uri: &'static str) -> Asked {
        Asked::of(&Request::builder().uri(uri.parse().unwrap()).finish())
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
