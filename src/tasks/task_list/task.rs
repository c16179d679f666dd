//! A task as its list keeps it, and parts of one.

use std::ops::Deref;
use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serialize};

use crate::base::clock::Timestamp;
use crate::eventlog::Point;
use crate::tasks::search;
use crate::tasks::values::{Description, Due, Position, Priority, Tags, TaskId, Title};

/// Names every field of a task that can change once, for the whole (`Content`), for a part (`Fields`) and for the
/// conversions between them.
macro_rules! content {
    ($($(#[$doc:meta])* $field:ident: $type:ty $(, $($attribute:meta),+)?;)+) => {
        /// Everything of a task that can change.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct Content {
            $($(#[$doc])* $($(#[$attribute])+)? pub $field: $type,)+
        }

        /// Some fields of a task's content. Absent fields are left alone.
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
            /// True if no field is present.
            pub fn is_empty(&self) -> bool {
                $(self.$field.is_none())&&+
            }

            /// Fields with all the values of a content, none of them absent.
            pub fn all(content: Content) -> Self {
                Self { $($field: Some(content.$field),)+ }
            }

            /// Only the fields whose values differ from those in `content`.
            #[must_use]
            pub fn unlike(self, content: &Content) -> Self {
                Self { $($field: self.$field.filter(|wanted| *wanted != content.$field),)+ }
            }

            /// These fields with their values in `content`.
            #[must_use]
            pub fn as_in(&self, content: &Content) -> Self {
                Self { $($field: self.$field.as_ref().map(|_| content.$field.clone()),)+ }
            }

            /// Sets these fields in `content`.
            pub fn put_on(&self, content: &mut Content) {
                $(if let Some(wanted) = &self.$field {
                    content.$field.clone_from(wanted);
                })+
            }
        }
    };
}

content! {
    /// Title: a single line, never empty.
    title: Title;
    /// Description, if there is one.
    description: Option<Description>, serde(default, skip_serializing_if = "Option::is_none");
    /// Time of completion; `None` for an open task.
    completed_at: Option<Timestamp>, serde(default, skip_serializing_if = "Option::is_none");
    /// Urgency, from none to high.
    priority: Priority, serde(default, skip_serializing_if = "Priority::is_none");
    /// Day or moment at which the task is due, if there is one.
    due: Option<Due>, serde(default, skip_serializing_if = "Option::is_none");
    /// Tags in the order given.
    tags: Tags, serde(default, skip_serializing_if = "Tags::is_empty");
    /// Position in the manual order, unique in its list.
    position: Position;
}

impl Content {
    /// True if the task is completed.
    pub fn is_completed(&self) -> bool {
        self.completed_at.is_some()
    }

    /// The texts that a search looks into.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let description = self.description.as_ref().map(Description::as_str);
        [self.title.as_str()].into_iter().chain(description).chain(self.tags.iter())
    }

    /// Estimated bytes on the heap, beside the size of the content itself.
    pub fn bytes(&self) -> usize {
        let description = self.description.as_ref().map_or(0, |text| text.as_str().len());
        let due = self.due.as_ref().map_or(0, Due::bytes);
        self.title.as_str().len() + description + due + self.tags.bytes() + self.position.bytes()
    }
}

impl Fields {
    /// Estimated bytes on the heap, beside the size of the fields themselves.
    pub fn bytes(&self) -> usize {
        let title = self.title.as_ref().map_or(0, |title| title.as_str().len());
        let description = self.description.as_ref().and_then(Option::as_ref);
        let description = description.map_or(0, |text| text.as_str().len());
        let due = self.due.as_ref().and_then(Option::as_ref).map_or(0, Due::bytes);
        title + description + due + self.tags.as_ref().map_or(0, Tags::bytes)
    }
}

/// Bytes of a task beside its own size: its slot in the list, and rounding by the allocator.
const AROUND: usize = 64;

/// A task. Dereferences to its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Identifier, unique in its list.
    pub id: TaskId,
    /// Fields that can change.
    pub content: Content,
    /// Time of creation; for an imported task, from the file.
    pub created_at: Timestamp,
    /// Time of the last change; for an imported task, at first from the file.
    pub updated_at: Timestamp,
    /// Version of the list as of the task's last change. It identifies this state of the task, so clients use it as expected
    /// version.
    pub version: Point,
    #[serde(skip)]
    /// Search text, cached on first use. It follows from the content, so it is neither stored nor compared.
    folded: SearchTextCache,
}

impl Task {
    /// A task as of `version` of its list.
    pub fn new(
        id: TaskId,
        content: Content,
        (created_at, updated_at): (Timestamp, Timestamp),
        version: Point,
    ) -> Self {
        Self { id, content, created_at, updated_at, version, folded: SearchTextCache::default() }
    }

    /// A copy of the task with these fields changed, as of `version`.
    #[must_use]
    pub fn changed(&self, fields: &Fields, at: Timestamp, version: Point) -> Self {
        let mut content = self.content.clone();
        fields.put_on(&mut content);
        Self::new(self.id, content, (self.created_at, at), version)
    }

    /// Estimated bytes in memory, including the search text that the first search adds.
    pub fn weight(&self) -> usize {
        let folded: usize = self.content.texts().map(search::most_bytes).sum();
        size_of::<Self>() + AROUND + self.content.bytes() + folded
    }

    /// True if the search text is cached.
    pub fn is_folded(&self) -> bool {
        self.folded.0.get().is_some()
    }

    /// The search text, cached by the first call.
    pub fn folded(&self) -> &SearchText {
        self.folded.0.get_or_init(|| Box::new(SearchText::of(&self.content)))
    }
}

impl Deref for Task {
    type Target = Content;

    fn deref(&self) -> &Content {
        &self.content
    }
}

/// Search text of a task: without regard to case and accents.
#[derive(Debug)]
pub struct SearchText {
    /// Title and description, folded, with a line break in between so that no single line matches across both.
    text: Box<str>,
    /// Tags, folded: a search for tags compares whole tags.
    tags: Vec<Box<str>>,
}

impl SearchText {
    fn of(content: &Content) -> Self {
        let mut text = search::folded(content.title.as_str());
        if let Some(description) = &content.description {
            text.push('\n');
            text.push_str(&search::folded(description.as_str()));
        }
        let tags = content.tags.iter().map(|tag| search::folded(tag).into()).collect();
        Self { text: text.into(), tags }
    }

    /// True if title or description contains the folded text.
    pub fn has_text(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// True if a tag equals the folded tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|present| &**present == tag)
    }
}

/// Cache of a task's search text, filled by the first search.
#[derive(Debug, Default)]
struct SearchTextCache(OnceLock<Box<SearchText>>);

/// A clone starts with an empty cache, because it is usually made to be changed.
impl Clone for SearchTextCache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// All caches are equal: their content follows from the other fields of the task.
impl PartialEq for SearchTextCache {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for SearchTextCache {}

/// Distinguishes a field that is `null` from one that is absent: only an absent one is `None`.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
