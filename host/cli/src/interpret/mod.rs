//! `windlass interpret`: any operation of any object, offline; and what customizations would answer.

mod check;
pub(crate) mod documents;
mod question;
mod requests;

use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use windlass_core::Operation;
use windlass_interpreter::Customizations;

use crate::args::{DocumentFormat, InterpretArgs};
use crate::runtime::Plugins;
use documents::{Given, document};
use question::Question;

pub(crate) fn command(args: InterpretArgs) -> anyhow::Result<ExitCode> {
    let InterpretArgs {
        operation,
        filename,
        check,
        desired,
        observed,
        replicas,
        status,
        rules,
        state,
        requests,
        output,
        plugins,
    } = args;
    let plugins = Plugins::load(&plugins)?;
    let Given { customizations, objects } = Given::read(&filename)?;
    if check {
        return check::check(&plugins.customizations, &customizations, output);
    }
    serve(&plugins.customizations, &customizations)?;
    let interpreter = plugins.interpreter.as_ref();
    if let Some(requests) = requests {
        requests::answer_lines(interpreter, &requests)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(operation) = operation else { bail!("one of --operation, --check and --requests is needed") };
    let desired = desired.as_deref().map(document).transpose()?;
    let observed = observed.as_deref().map(document).transpose()?;
    let (object, observed) = subject(operation, objects, desired, observed)?;
    let question = Question {
        operation,
        object,
        observed,
        replicas,
        items: status.as_deref().map(documents::documents).transpose()?.map(items),
        rules: rules.as_deref().map(document).transpose()?,
        state: state.as_deref().map(document).transpose()?,
    };
    let reply = question.ask(interpreter);
    match (reply.error, reply.result) {
        (Some(error), _) => bail!("{error}"),
        (None, Some(result)) => {
            documents::print(&result, output.unwrap_or(DocumentFormat::Yaml))?;
            Ok(ExitCode::SUCCESS)
        }
        (None, None) => bail!(
            "no plugin answers {operation} for this kind; `windlass plugin list` shows which kinds have one"
        ),
    }
}

/// Has the customizations answer, ahead of the built-in plugins.
fn serve(customizations: &Customizations, given: &[Value]) -> anyhow::Result<()> {
    for (index, document) in given.iter().enumerate() {
        let name = match document["metadata"]["name"].as_str() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => format!("unnamed-{index}"),
        };
        customizations.set(&name, document["spec"].clone()).map_err(anyhow::Error::new)?;
    }
    Ok(())
}

/// Which object is asked about, and which one is the member's. As with karmadactl, the object may be called the
/// desired or the observed one where there is only one.
fn subject(
    operation: Operation,
    mut objects: Vec<Value>,
    desired: Option<Value>,
    observed: Option<Value>,
) -> anyhow::Result<(Value, Option<Value>)> {
    objects.extend(desired);
    if objects.len() > 1 {
        bail!("{} objects are given, and {operation} is asked of one", objects.len());
    }
    match (objects.pop(), observed, operation) {
        (Some(object), observed, _) => Ok((object, observed)),
        (None, Some(observed), Operation::Retain) => Err(anyhow!("the desired object is missing"))
            .context(format!("{} is only observed", shown(&observed))),
        (None, Some(observed), _) => Ok((observed, None)),
        (None, None, _) => {
            bail!("no object is given: name its file with -f, --desired-file or --observed-file")
        }
    }
}

fn shown(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// A list of items, or one item a document.
fn items(mut documents: Vec<Value>) -> Value {
    match documents.as_slice() {
        [Value::Array(_)] => documents.remove(0),
        _ => Value::Array(documents),
    }
}
