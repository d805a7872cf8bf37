//! The template's status, of what its members report.

use super::conditions;
use super::fields::{Field, Fields, Merge, Status, StatusMetadata};
use crate::answer::{Answer, Changes, Rejection};
use crate::json::{Json, Numeric, parse_at};
use crate::members::{Members, Reported};

impl Fields {
    /// AggregateStatus, of the template's metadata, its status as it is, and what its members report. Fields of the
    /// template's status that are not in the table stay as they are.
    ///
    /// # Errors
    /// A member's field that can't be added up or merged.
    pub fn aggregate(
        &self,
        metadata: &StatusMetadata<'_>,
        status: Option<&Status<'_>>,
        members: Members<'_>,
    ) -> Answer<Changes> {
        let reported = members.reported::<Status<'_>>()?;
        let mut changes = Changes::none();
        for Field { name, merge } in self.0 {
            let path = ["/status/", name].concat();
            let last = |counts: fn(&Json<'_>) -> bool| {
                let values = reported.iter().rev().filter_map(|member| member.status.get(name));
                values.copied().find(counts).unwrap_or_default()
            };
            let is_named = |value: &Json<'_>| !value.is_null() && !value.is("");
            changes = match merge {
                Merge::Sum => changes.set(path, Numeric::from(sum(&reported, name)?.unwrap_or_default())),
                Merge::SumIfReported => match sum(&reported, name)? {
                    None if !members.is_empty() => changes.remove(path),
                    sum => changes.set(path, Numeric::from(sum.unwrap_or_default())),
                },
                Merge::Last => changes.set_or_remove(path, last(|value| !value.is_null())),
                Merge::LastText => changes.set(path, or_empty(last(|value| !value.is_null()))),
                Merge::LastNamedWherePlaced if members.is_empty() => changes,
                Merge::LastNamedOrKept if !members.is_empty() => changes.set_if_given(path, last(is_named)),
                Merge::LastNamed | Merge::LastNamedWherePlaced | Merge::LastNamedOrKept => {
                    changes.set(path, or_empty(last(is_named)))
                }
                Merge::Conditions => {
                    let merged = conditions::merged(&reported)?;
                    if merged.is_empty() { changes.remove(path) } else { changes.set(path, merged) }
                }
                Merge::ConditionsByType => {
                    let merged = conditions::last_of_each_type(&reported)?;
                    if merged.is_empty() { changes } else { changes.set(path, merged) }
                }
                Merge::Generation => {
                    let before = status.and_then(|status| status.get(name)).copied().unwrap_or_default();
                    let observed = observed_generation(metadata.generation, before, members, &reported);
                    changes.set(path, observed)
                }
                Merge::Joined => {
                    let all = joined(&reported, name)?;
                    if all.is_empty() { changes.remove(path) } else { changes.set(path, all) }
                }
                Merge::Nothing => changes,
            };
        }
        Ok(changes)
    }
}

/// The sum of what the members report; `None` where none does.
fn sum(reported: &[Reported<'_, Status<'_>>], name: &str) -> Answer<Option<f64>> {
    let mut sum = None;
    for member in reported {
        let value = member.status.get(name).copied().unwrap_or_default();
        if value.is_null() {
            continue;
        }
        let Some(number) = value.numeric().get() else {
            return Err(Rejection::new(format!("{}.{name}", member.place()), "must be a number"));
        };
        sum = Some(sum.unwrap_or_default() + number);
    }
    Ok(sum)
}

/// The items of all members' lists.
fn joined<'a>(reported: &[Reported<'a, Status<'a>>], name: &str) -> Answer<Vec<Json<'a>>> {
    let mut all = Vec::new();
    for member in reported {
        let list = member.status.get(name).copied().unwrap_or_default();
        if !list.is_empty() {
            all.extend(parse_at::<Vec<Json<'a>>>(format_args!("{}.{name}", member.place()), list.text())?);
        }
    }
    Ok(all)
}

/// The template's generation if all members have caught up with it, else what was observed `before`.
fn observed_generation<'a>(
    generation: Json<'a>,
    before: Json<'a>,
    members: Members<'_>,
    reported: &[Reported<'_, Status<'_>>],
) -> Json<'a> {
    let generation = or_zero(generation);
    let has_caught_up = |status: &Status<'_>| {
        let number = |name| or_zero(status.get(name).copied().unwrap_or_default());
        number("resourceTemplateGeneration").same(&generation)
            && number("generation").same(&number("observedGeneration"))
    };
    let unreported = members.len() - reported.len();
    let all_have = (unreported == 0 || has_caught_up(&Status::default()))
        && reported.iter().all(|member| has_caught_up(&member.status));
    if all_have { generation } else { or_zero(before) }
}

fn or_empty(text: Json<'_>) -> Json<'_> {
    if text.is_null() { Json::from_text("\"\"") } else { text }
}

fn or_zero(generation: Json<'_>) -> Json<'_> {
    if generation.is_null() { Json::from_text("0") } else { generation }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpreter::bindings::exports::windlass::interpreter::interpreter::MemberStatus;
    use crate::json::{parse, write};

    static FIELDS: Fields = Fields(&[
        Field::OBSERVED_GENERATION,
        Field::sum("ready"),
        Field::sum_if_reported("failures"),
        Field::last("artifact"),
        Field::last_named("url"),
        Field::last_named_or_kept("revision"),
        Field::last_text("phase"),
        Field::joined("active"),
        Field::conditions(),
        Field::of_members_only("ignore"),
    ]);

    crate::shape! {
        struct Object<'a> {
            metadata: StatusMetadata<'a>,
            status: Option<Status<'a>>,
        }
    }

    fn aggregated(object: &str, statuses: &[&str]) -> Answer<Vec<(String, Option<String>)>> {
        let items: Vec<MemberStatus> = statuses
            .iter()
            .enumerate()
            .map(|(index, status)| MemberStatus {
                cluster: format!("m{}", index + 1),
                applied: true,
                applied_message: String::new(),
                health: String::new(),
                status: (*status != "null").then(|| (*status).to_owned()),
            })
            .collect();
        let Object { metadata, status } = parse(object)?;
        let Changes(changes) = FIELDS.aggregate(&metadata, status.as_ref(), Members::new(&items))?;
        let changes = changes.into_iter().map(|change| (change.path.replace("/status/", ""), change.value));
        Ok(changes.collect())
    }

    fn check(object: &str, statuses: &[&str], field: &str, expected: Option<&str>) {
        let changes = aggregated(object, statuses).unwrap();
        let found = changes.iter().find(|(name, _)| name == field).unwrap_or_else(|| panic!("{changes:?}"));
        assert_eq!(found.1.as_deref(), expected, "{field} of {statuses:?}");
    }

    #[test]
    fn counts_are_added_up() {
        let statuses = [r#"{"ready":1,"failures":2}"#, "null", r#"{"ready":"2","failures":null}"#];
        check("{}", &statuses, "ready", Some("3"));
        check("{}", &statuses, "failures", Some("2"));
        check("{}", &["{}"], "ready", Some("0"));
        check("{}", &["{}"], "failures", None);
        check("{}", &[], "failures", Some("0"));
        let error = aggregated("{}", &["{}", r#"{"ready":[]}"#]).unwrap_err();
        assert_eq!(error.field, "items[1].status.ready");
    }

    #[test]
    fn the_last_report_counts() {
        let statuses = [
            r#"{"artifact":{"a":1},"url":"u","revision":"r"}"#,
            r#"{"artifact":{},"url":"","revision":null}"#,
        ];
        check("{}", &statuses, "artifact", Some("{}"));
        check("{}", &statuses, "url", Some("\"u\""));
        check("{}", &statuses, "revision", Some("\"r\""));
        check("{}", &["{}"], "artifact", None);
        check("{}", &["{}"], "url", Some("\"\""));
        check("{}", &["null", r#"{"phase":""}"#], "phase", Some("\"\""));
        check(r#"{"status":{"revision":"old"}}"#, &[], "revision", Some("\"\""));
        let untouched = aggregated(r#"{"status":{"revision":"old"}}"#, &["{}"]).unwrap();
        assert!(untouched.iter().all(|(name, _)| name != "revision" && name != "ignore"), "{untouched:?}");
    }

    #[test]
    fn lists_are_joined_and_conditions_that_agree_are_one() {
        let status =
            r#"{"active":[1],"conditions":[{"type":"Ready","status":"True","reason":"Done","message":"a"}]}"#;
        let other = r#"{"active":{},"conditions":[{"type":"Ready","status":"True","reason":"Done","message":null},
            {"type":"Ready","status":"False","n":1}]}"#;
        check("{}", &[status, other, status], "active", Some("[1,1]"));
        let merged = r#"[{"type":"Ready","status":"True","reason":"Done","message":"m1=a, m2="},{"type":"Ready","status":"False","n":1,"message":"m2="}]"#;
        check("{}", &[status, other], "conditions", Some(merged));
        let error = aggregated("{}", &["{}", r#"{"conditions":[{"message":[]}]}"#]).unwrap_err();
        assert_eq!(error.field, "items[1].status.conditions[0].message");
    }

    #[test]
    fn a_generation_is_observed_when_every_member_has_caught_up() {
        let object = r#"{"metadata":{"generation":3},"status":{"observedGeneration":2}}"#;
        let caught_up = r#"{"generation":9,"observedGeneration":9.0,"resourceTemplateGeneration":3}"#;
        let lags = r#"{"generation":9,"observedGeneration":8,"resourceTemplateGeneration":3}"#;
        let is_outdated = r#"{"generation":9,"observedGeneration":9,"resourceTemplateGeneration":2}"#;
        check(object, &[caught_up, caught_up], "observedGeneration", Some("3"));
        check(object, &[], "observedGeneration", Some("3"));
        for other in [lags, is_outdated, "{}", "null"] {
            check(object, &[caught_up, other], "observedGeneration", Some("2"));
        }
        check("{}", &["null"], "observedGeneration", Some("0"));
    }

    #[test]
    fn a_reflected_status_carries_its_generations() {
        let object = r#"{"metadata":{"generation":4,"annotations":{"resourcetemplate.karmada.io/generation":"2"}},
            "status":{"ready":1,"ignore":"x","url":null,"other":7,"observedGeneration":4}}"#;
        let Object { metadata, status } = parse(object).unwrap();
        let reflected = FIELDS.reflect(&metadata, status.as_ref()).unwrap();
        let expected = r#"{"observedGeneration":4,"ready":1,"ignore":"x","generation":4,"resourceTemplateGeneration":2}"#;
        assert_eq!(write(&reflected), expected);
        assert!(FIELDS.reflect(&metadata, None).is_none());
        static PLAIN: Fields = Fields(&[Field::sum("ready")]);
        assert_eq!(write(&PLAIN.reflect(&metadata, status.as_ref()).unwrap()), r#"{"ready":1}"#);
    }
}
