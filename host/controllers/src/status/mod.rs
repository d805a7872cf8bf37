//! Status on its way back: from members to Works, from Works to bindings, from bindings to templates. Each has one
//! writer; what comes in quick succession is one write, and what changes nothing is none.

mod binding;
mod notes;
mod reflect;
mod template;
mod work;

pub(crate) use binding::BindingStatuses;
pub(crate) use notes::{Decision, NewCondition, Note, Notes, apply_conditions};
pub(crate) use reflect::{Reflection, work_id, work_of};
pub(crate) use template::TemplateStatuses;
pub(crate) use work::{Observations, WorkStatuses};
