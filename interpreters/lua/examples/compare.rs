//! Compares this Lua with Karmada's: every case, and every case with strange things in it.
//!
//! ```text
//! cd tests/peers/karmada && go build -o karmada-peer .
//! cargo run -p windlass-interpreter-lua --example compare -- tests/peers/karmada/karmada-peer
//! ```
//!
//! A folder of other cases (each with its customization beside it) may follow.
//!
//! Both fail or both give the same answer, but for empty and null fields. Where Karmada fails and this answers, it is
//! counted, not told.

#![allow(clippy::unwrap_used, reason = "a panic is how a comparison fails")]

#[allow(dead_code, unreachable_pub, reason = "shared with the tests")]
#[path = "../tests/cases/mod.rs"]
mod cases;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use serde_json::{Value, json};

/// Cases whose answers follow from the time in Karmada, and here from the objects.
const TIMED: [&str; 1] = ["aggregate-at-the-latest-time"];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(peer) = arguments.next() else {
        eprintln!(
            "usage: compare PEER [CASES]: the program that is built in tests/peers/karmada, and a folder"
        );
        return ExitCode::FAILURE;
    };
    let folder = arguments.next().unwrap_or_else(|| cases::FOLDER.to_owned());
    let mut asked = Vec::new();
    for case in cases::all(Path::new(&folder)) {
        if TIMED.contains(&case.name.as_str()) {
            continue;
        }
        asked.push((case.name.clone(), case.customization.clone(), case.input.clone()));
        for mutated in cases::mutations(&case) {
            asked.push((case.name.clone(), case.customization.clone(), mutated));
        }
    }
    let answers = karmadas(&peer, &asked);
    let (mut more, mut differences) = (0, 0);
    for ((name, customization, input), answer) in asked.iter().zip(answers) {
        let ours = cases::answer(customization, input);
        let karmadas = match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["result"].clone()),
        };
        let plain = |value: &Value| bare(&effective(&input["operation"], value));
        match (&ours, &karmadas) {
            (Ok(ours), Ok(karmadas)) if plain(ours) == plain(karmadas) => {}
            (Ok(ours), Ok(karmadas)) if nothing(ours) && nothing(karmadas) => {}
            (Err(_), Err(_)) => {}
            (Ok(_), Err(_)) => more += 1,
            _ => {
                differences += 1;
                println!("{name}: {input}\n  Karmada: {karmadas:?}\n  here:    {ours:?}");
            }
        }
    }
    println!(
        "{} questions, {differences} answers differ, {more} that Karmada fails at are answered",
        asked.len()
    );
    if differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn karmadas(peer: &str, asked: &[(String, Value, Value)]) -> Vec<Value> {
    let mut child = Command::new(peer).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let requests: Vec<String> = asked
        .iter()
        .map(|(_, customization, question)| {
            let mut request = question.clone();
            request["op"] = request["operation"].take();
            request["customizations"] = json!([customization]);
            request.to_string()
        })
        .collect();
    let writer =
        thread::spawn(move || requests.iter().for_each(|request| writeln!(input, "{request}").unwrap()));
    let answers = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    writer.join().unwrap();
    child.wait().unwrap();
    answers
}

/// What has an effect of an answer: the status of what AggregateStatus returns; of what Retain returns, all but which
/// object it is.
fn effective(operation: &Value, answer: &Value) -> Value {
    let mut answer = answer.clone();
    match operation.as_str() {
        Some("AggregateStatus") => answer["status"].take(),
        Some("Retain") => {
            for field in ["uid", "resourceVersion"] {
                if let Some(metadata) = answer["metadata"].as_object_mut() {
                    metadata.remove(field);
                }
            }
            answer
        }
        _ => answer,
    }
}

/// Without what is null or empty; numbers as Lua has them.
fn bare(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| (name.clone(), bare(field)))
                .filter(|(_, field)| !nothing(field))
                .collect(),
        ),
        Value::Array(items) => items.iter().map(bare).filter(|item| !nothing(item)).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

fn nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
