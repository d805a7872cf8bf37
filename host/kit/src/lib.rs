//! What a plugin's author works with.
//!
//! A plugin's way is: [`scaffold`] makes the crate, with the [`sdk`] that this binary carries beside it; [`cargo`]
//! builds the component; a [`Subject`] is that component, loaded as the control plane would load it. What is asked of
//! it is an `input.yaml` as [`case`] folders have it; [`question`] puts it, [`difference`] says where an answer is not
//! the expected one, [`trace`] which fields it hangs on, [`bench`] what it costs.
//!
//! Nothing here prints: `windlass plugin` shows what these say.

pub mod bench;
pub mod cargo;
pub mod case;
pub mod difference;
mod hook;
pub mod outcome;
pub mod question;
pub mod scaffold;
pub mod sdk;
pub mod subject;
pub mod trace;

pub use case::{Case, CaseError};
pub use difference::Difference;
pub use outcome::Outcome;
pub use question::{InputError, Question};
pub use subject::{Subject, SubjectError};
