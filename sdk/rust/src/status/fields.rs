//! Tables of the fields that a status has.

use crate::json::{Entries, Json, Text};

/// The fields of a kind's status.
#[derive(Clone, Copy, Debug)]
pub struct Fields(pub &'static [Field]);

/// One field of a status.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub(super) name: &'static str,
    pub(super) merge: Merge,
}

/// What becomes of a field that several members report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merge {
    Sum,
    SumIfReported,
    Last,
    LastText,
    LastNamed,
    LastNamedWherePlaced,
    LastNamedOrKept,
    Conditions,
    ConditionsByType,
    Generation,
    Joined,
    Nothing,
}

impl Field {
    /// `observedGeneration`: the template's generation once every member has observed it. With this field a status
    /// carries the generations that tell: the member's own, and the one of the template that it was made from.
    pub const OBSERVED_GENERATION: Field = Field { name: "observedGeneration", merge: Merge::Generation };

    /// A count: the sum, 0 where nobody reports it.
    pub const fn sum(name: &'static str) -> Field {
        Field { name, merge: Merge::Sum }
    }

    /// A count: the sum; absent where no member of any reports it.
    pub const fn sum_if_reported(name: &'static str) -> Field {
        Field { name, merge: Merge::SumIfReported }
    }

    /// What the last member that reports it reports; absent where nobody does.
    pub const fn last(name: &'static str) -> Field {
        Field { name, merge: Merge::Last }
    }

    /// A string: the last that is reported, empty where none is.
    pub const fn last_text(name: &'static str) -> Field {
        Field { name, merge: Merge::LastText }
    }

    /// A string: the last that is not empty.
    pub const fn last_named(name: &'static str) -> Field {
        Field { name, merge: Merge::LastNamed }
    }

    /// A string: the last that is not empty. The template keeps what it has while it is in no member at all.
    pub const fn last_named_where_placed(name: &'static str) -> Field {
        Field { name, merge: Merge::LastNamedWherePlaced }
    }

    /// A string: the last that is not empty. Where all are, the template keeps what it has, unless it is in no member
    /// at all.
    pub const fn last_named_or_kept(name: &'static str) -> Field {
        Field { name, merge: Merge::LastNamedOrKept }
    }

    /// A list: all members' together.
    pub const fn joined(name: &'static str) -> Field {
        Field { name, merge: Merge::Joined }
    }

    /// `conditions`: those that agree in type, status and reason together, with what each member has to say.
    pub const fn conditions() -> Field {
        Field { name: "conditions", merge: Merge::Conditions }
    }

    /// `conditions`: the last of each type; the template keeps its own where nobody reports any.
    pub const fn conditions_by_type() -> Field {
        Field { name: "conditions", merge: Merge::ConditionsByType }
    }

    /// A field that says nothing about members together.
    pub const fn of_members_only(name: &'static str) -> Field {
        Field { name, merge: Merge::Nothing }
    }
}

impl Fields {
    /// Whether statuses carry the generations that they belong to.
    pub(super) fn has_generations(&self) -> bool {
        self.0.iter().any(|field| field.merge == Merge::Generation)
    }
}

/// A status, field by field.
pub type Status<'a> = Entries<'a, Json<'a>>;

crate::shape! {
    /// What a status refers to of its object's metadata.
    pub struct StatusMetadata<'a> {
        /// The object's.
        pub name: Text<'a>,
        /// The object's own.
        pub generation: Json<'a>,
        /// With the generation of the template that the object was made from.
        pub annotations: Entries<'a, Json<'a>>,
    }
}
