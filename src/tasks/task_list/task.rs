//! A task, as its list keeps it, and parts of one.

use std::ops::Deref;
use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serialize};

use crate::base::clock::Timestamp;
use crate::eventlog::Point;
use crate::tasks::search;
use crate::tasks::values::{Description, Due, Position, Priority, Tags, TaskId, Title};

/// Names everything that can change of a task once: for the whole, for a part of it, and for going from one to the other.
macro_rules! content {
    ($($(#[$doc:meta])* $field:ident: $type:ty $(, $($attribute:meta),+)?;)+) => {
        /// Everything of a task that can change.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct Content {
            $($(#[$doc])* $($(#[$attribute])+)? pub $field: $type,)+
        }

        /// Some of it. What is absent is not meant.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct Fields {
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
                pub $field: Option<$type>,
            )+
        }

        impl Fields {
            /// Whether nothing is meant.
            pub fn is_empty(&self) -> bool {
                $(self.$field.is_none())&&+
            }

            /// Everything there is.
            pub fn all(content: Content) -> Self {
                Self { $($field: Some(content.$field),)+ }
            }

            /// Only what is different in `content`.
            #[must_use]
            pub fn unlike(self, content: &Content) -> Self {
                Self { $($field: self.$field.filter(|wanted| *wanted != content.$field),)+ }
            }

            /// The same fields as they are in `content`.
            #[must_use]
            pub fn as_in(&self, content: &Content) -> Self {
                Self { $($field: self.$field.as_ref().map(|_| content.$field.clone()),)+ }
            }

            /// Makes `content` so.
            pub fn put_on(&self, content: &mut Content) {
                $(if let Some(wanted) = &self.$field {
                    content.$field.clone_from(wanted);
                })+
            }
        }
    };
}

content! {
    /// The title.
    title: Title;
    /// The description.
    description: Option<Description>, serde(default, skip_serializing_if = "Option::is_none");
    /// When it was done; not yet, if absent.
    completed_at: Option<Timestamp>, serde(default, skip_serializing_if = "Option::is_none");
    /// How urgent it is.
    priority: Priority, serde(default, skip_serializing_if = "Priority::is_none");
    /// When it is due.
    due: Option<Due>, serde(default, skip_serializing_if = "Option::is_none");
    /// Its tags.
    tags: Tags, serde(default, skip_serializing_if = "Tags::is_empty");
    /// Where it stands in the manual order.
    position: Position;
}

impl Content {
    /// Whether it is done.
    pub fn is_completed(&self) -> bool {
        self.completed_at.is_some()
    }

    /// The texts that are searched.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let description = self.description.as_ref().map(Description::as_str);
        [self.title.as_str()].into_iter().chain(description).chain(self.tags.iter())
    }

    /// About how many bytes it takes beside its own size.
    pub fn bytes(&self) -> usize {
        let description = self.description.as_ref().map_or(0, |text| text.as_str().len());
        let due = self.due.as_ref().map_or(0, Due::bytes);
        self.title.as_str().len() + description + due + self.tags.bytes() + self.position.bytes()
    }
}

impl Fields {
    /// About how many bytes they take beside their own size.
    pub fn bytes(&self) -> usize {
        let title = self.title.as_ref().map_or(0, |title| title.as_str().len());
        let description = self.description.as_ref().and_then(Option::as_ref);
        let description = description.map_or(0, |text| text.as_str().len());
        let due = self.due.as_ref().and_then(Option::as_ref).map_or(0, Due::bytes);
        title + description + due + self.tags.as_ref().map_or(0, Tags::bytes)
    }
}

/// Bytes of a task beside its own size: a place in the list, and what the allocator rounds up.
const AROUND: usize = 64;

/// A task. Gives its content like a part of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its identifier.
    pub id: TaskId,
    /// What can change.
    pub content: Content,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The list's version in which it became what it is: no other state of it has the same.
    pub version: Point,
    #[serde(skip)]
    folded: Searched,
}

impl Task {
    /// A task as it is in `version` of its list.
    pub fn new(
        id: TaskId,
        content: Content,
        (created_at, updated_at): (Timestamp, Timestamp),
        version: Point,
    ) -> Self {
        Self { id, content, created_at, updated_at, version, folded: Searched::default() }
    }

    /// The same task with these fields, from `version` on.
    #[must_use]
    pub fn changed(&self, fields: &Fields, at: Timestamp, version: Point) -> Self {
        let mut content = self.content.clone();
        fields.put_on(&mut content);
        Self::new(self.id, content, (self.created_at, at), version)
    }

    /// About how many bytes it takes, with what is searched of it once somebody searches.
    pub fn weight(&self) -> usize {
        let folded: usize = self.content.texts().map(search::most_bytes).sum();
        size_of::<Self>() + AROUND + self.content.bytes() + folded
    }

    /// Whether it was searched already.
    pub fn is_folded(&self) -> bool {
        self.folded.0.get().is_some()
    }

    /// What is searched of it.
    pub fn folded(&self) -> &Folded {
        self.folded.0.get_or_init(|| Box::new(Folded::of(&self.content)))
    }
}

impl Deref for Task {
    type Target = Content;

    fn deref(&self) -> &Content {
        &self.content
    }
}

/// What is searched of a task: without regard to case and accents.
#[derive(Debug)]
pub struct Folded {
    text: Box<str>,
    tags: Vec<Box<str>>,
}

impl Folded {
    fn of(content: &Content) -> Self {
        let mut text = search::folded(content.title.as_str());
        if let Some(description) = &content.description {
            text.push('\n');
            text.push_str(&search::folded(description.as_str()));
        }
        let tags = content.tags.iter().map(|tag| search::folded(tag).into()).collect();
        Self { text: text.into(), tags }
    }

    /// Whether a text, as it is searched, is in title or description.
    pub fn has_text(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// Whether a tag, as it is searched, is among the tags.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|present| &**present == tag)
    }
}

/// What is searched of a task, from the first search on.
#[derive(Debug, Default)]
struct Searched(OnceLock<Box<Folded>>);

/// A copy is often made to be changed: it is searched anew.
impl Clone for Searched {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// It follows from the rest, so it makes no difference.
impl PartialEq for Searched {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Searched {}

/// Tells a field that is `null` from one that is absent: only an absent one is `None`.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
