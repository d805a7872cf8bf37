//! Plugins as text for people.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use windlass_api::plugin::{DeclaredAnswer, ServingPlugin};
use windlass_plugins::PluginStatus;

/// One line a plugin; what was asked of them only where anything was.
pub(super) fn table(status: &[PluginStatus]) -> String {
    let asked = status.iter().filter_map(|status| status.plugin.as_ref()).any(|serving| serving.calls > 0);
    let mut head = vec!["NAME", "VERSION", "STATE", "DIGEST", "ORIGIN", "ANSWERS FOR", "OPERATIONS"];
    if asked {
        head.extend(["CALLS", "FAILED"]);
    }
    let mut rows: Vec<Vec<String>> = vec![head.into_iter().map(str::to_owned).collect()];
    for status in status {
        let serving = status.plugin.as_ref();
        let text = |of: fn(&ServingPlugin) -> String| serving.map_or_else(|| "-".to_owned(), of);
        let mut row = vec![
            text(|serving| serving.name.clone()),
            text(|serving| serving.version.clone()),
            status.state.to_string(),
            text(|serving| serving.digest.chars().take("sha256:".len() + 12).collect()),
            status.origin.clone(),
            text(answers_for),
            text(operations),
        ];
        if asked {
            row.extend([text(|serving| serving.calls.to_string()), text(failures)]);
        }
        rows.push(row);
    }
    let mut shown = columns(&rows);
    for status in status.iter().filter(|status| !status.message.is_empty()) {
        shown.push_str(&format!("\n{} ({}): {}\n", status.origin, status.state, status.message));
    }
    shown
}

/// A few kinds by name, more by number.
fn answers_for(serving: &ServingPlugin) -> String {
    let mut names: Vec<&str> = serving.kinds.iter().map(|kind| kind.kind.as_str()).collect();
    names.extend(serving.rules.iter().map(|rule| rule.resource.as_str()));
    match names.as_slice() {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        few => few.join(", "),
    }
}

fn operations(serving: &ServingPlugin) -> String {
    let mut names = BTreeSet::new();
    names.extend(serving.kinds.iter().flat_map(|kind| &kind.operations).map(String::as_str));
    names.extend(serving.rules.iter().flat_map(|rule| &rule.verbs).map(String::as_str));
    if names.len() > 3 {
        format!("{} operations", names.len())
    } else {
        names.into_iter().collect::<Vec<_>>().join(", ")
    }
}

/// `2 Trap, 1 Deadline`.
fn failures(serving: &ServingPlugin) -> String {
    if serving.failures.is_empty() {
        return "0".to_owned();
    }
    let counted: Vec<_> = serving.failures.iter().map(|(blame, count)| format!("{count} {blame}")).collect();
    counted.join(", ")
}

/// A time with three digits: `9.12 µs`, `12 µs`, `1.50 ms`.
pub(super) fn duration(duration: Duration) -> String {
    let microseconds = duration.as_nanos() as f64 / 1e3;
    match microseconds {
        few if few < 10.0 => format!("{few:.2} µs"),
        some if some < 1e3 => format!("{some:.0} µs"),
        many if many < 1e6 => format!("{:.2} ms", many / 1e3),
        _ => format!("{:.2} s", duration.as_secs_f64()),
    }
}

/// A number of bytes.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

const SHORT_CHARS_MAX: usize = 120;

/// A value on one line, cut where it is long.
pub(super) fn short(value: &Value) -> String {
    if value.is_null() {
        return "nothing".to_owned();
    }
    let text = value.to_string();
    match text.char_indices().nth(SHORT_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Left-aligned columns, three spaces apart, as kubectl prints them.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}   "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// All there is to know of one plugin.
pub(super) fn description(status: &PluginStatus) -> String {
    let mut lines =
        vec![format!("Origin:       {}", status.origin), format!("State:        {}", status.state)];
    if !status.message.is_empty() {
        lines.push(format!("Message:      {}", status.message));
    }
    if let Some(serving) = &status.plugin {
        describe(serving, &mut lines);
    }
    lines.push(String::new());
    lines.join("\n")
}

fn describe(serving: &ServingPlugin, lines: &mut Vec<String>) {
    let ServingPlugin {
        name,
        version,
        description,
        world,
        digest,
        priority,
        kinds,
        rules,
        limits,
        calls,
        mean_call_microseconds,
        failures: _,
        last_error,
    } = serving;
    lines.extend([
        format!("Name:         {name}"),
        format!("Version:      {version}"),
        format!("Description:  {description}"),
        format!("Contract:     {world}"),
        format!("Digest:       {digest}"),
        format!("Priority:     {priority}"),
        "Limits:".to_owned(),
        format!("  Deadline:            {}", limits.deadline),
        format!("  Memory:              {}", limits.memory),
        format!("  Answer:              {}", limits.answer),
        format!("  Concurrent calls:    {}", limits.concurrency),
        format!("  Calls per instance:  {}", limits.calls_per_instance),
        format!("  Isolation:           {}", limits.isolation),
    ]);
    if *calls > 0 {
        lines.extend([
            "Calls:".to_owned(),
            format!("  Made:                {calls}"),
            format!("  Mean time:           {mean_call_microseconds} µs"),
            format!("  Failed:              {}", failures(serving)),
        ]);
    }
    if let Some(error) = last_error {
        lines.push(format!("  Last failure:        {error}"));
    }
    if !kinds.is_empty() {
        lines.push("Kinds:".to_owned());
    }
    for kind in kinds {
        let group_version = group_version(&kind.group, &kind.version);
        lines.push(format!("  {group_version} {}: {}", kind.kind, kind.operations.join(", ")));
        let declared = |declared: &DeclaredAnswer| {
            format!("    {} is declared: {}", declared.operation, declared.answer)
        };
        lines.extend(kind.declared.iter().map(declared));
    }
    if !rules.is_empty() {
        lines.push("Admits:".to_owned());
    }
    for rule in rules {
        let group_version = group_version(&rule.group, &rule.version);
        lines.push(format!("  {group_version} {}: {}", rule.resource, rule.verbs.join(", ")));
    }
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}
