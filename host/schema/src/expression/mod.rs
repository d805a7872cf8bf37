//! Expressions in the Common Expression Language (CEL): compiled once, bound to JSON, evaluated within a budget. What
//! they decide (a definition's rule, a webhook's match condition, a policy's validation) is their owners' business.
//!
//! The evaluator, `cel`, has no bound of its own on what an expression may cost. So every loop is made to ask for
//! permission when it is compiled, and all evaluations of one [`Evaluation`] share its steps and its time.

mod bind;
mod prepare;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kube_cel::KubeCelExt;
use kube_cel::cel::parser::{Expression as Tree, Parser};
use kube_cel::cel::{Context, ExecutionError, Value as CelValue};
use serde_json::Value;

pub use bind::{dynamic, structured};

/// Longer expressions are refused: each operator nests the parsed expression once more.
const BYTES_MAX: usize = 4096;
/// Operators and steps that one expression may chain.
const CHAIN_MAX: usize = 400;
/// Passes through loops that one expression may make.
const STEPS_MAX: u64 = 1_000_000;
/// How long all expressions that are evaluated about one object may take together.
const TIME_MAX: Duration = Duration::from_secs(1);
/// What every loop calls; no identifier can be written so.
const STEP: &str = "@step";

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error(
        "must be at most {BYTES_MAX} bytes long and chain at most {CHAIN_MAX} operators: split the expression"
    )]
    Excessive,
    #[error("compilation failed: {0}")]
    Syntax(String),
    #[error("compilation failed: undeclared reference to '{0}' (in container '')")]
    Undeclared(String),
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    #[error("validation failed due to running out of cost budget, no further validation rules will be run")]
    Exhausted,
    #[error("{0}")]
    Failed(String),
    /// It has a value, of another type than its place asks for.
    #[error("expression did not evaluate to {0}")]
    Type(&'static str),
}

/// One compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: String,
    tree: Tree,
    variables: BTreeSet<String>,
}

impl Expression {
    /// Compiles an expression that may refer to these variables.
    ///
    /// # Errors
    /// It is too long, does not parse, or refers to something else.
    pub fn compile(source: &str, declared: &[&str]) -> Result<Expression, CompileError> {
        let expression = Expression::compile_open(source)?;
        let strange = expression.variables.iter().find(|name| !declared.contains(&name.as_str()));
        match strange {
            Some(name) => Err(CompileError::Undeclared(name.clone())),
            None => Ok(expression),
        }
    }

    /// Compiles an expression that may refer to anything.
    ///
    /// # Errors
    /// It is too long or does not parse.
    fn compile_open(source: &str) -> Result<Expression, CompileError> {
        let chained = source.chars().filter(|c| ".+-*/%<>=!&|?:,([{".contains(*c)).count();
        if source.len() > BYTES_MAX || chained > CHAIN_MAX {
            return Err(CompileError::Excessive);
        }
        let parser = Parser::new().enable_optional_syntax(true);
        let mut tree = parser.parse(source).map_err(|error| CompileError::Syntax(error.to_string()))?;
        let variables = prepare::prepare(&mut tree).map_err(CompileError::Syntax)?;
        Ok(Expression { source: source.to_owned(), tree, variables })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the value depends on a variable.
    pub fn uses(&self, variable: &str) -> bool {
        self.variables.contains(variable)
    }
}

/// What expressions about one object are evaluated with: the bound variables, and what is left of the budget.
pub struct Evaluation {
    context: Context<'static>,
    budget: Arc<Budget>,
}

impl std::fmt::Debug for Evaluation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evaluation").field("budget", &self.budget).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Budget {
    steps: AtomicU64,
    until: Instant,
}

impl Budget {
    /// Takes one step, if there is one left.
    fn step(&self) -> bool {
        let left = self.steps.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.is_ok() && Instant::now() < self.until
    }

    fn is_exhausted(&self) -> bool {
        self.steps.load(Ordering::Relaxed) == 0 || Instant::now() >= self.until
    }
}

impl Default for Evaluation {
    fn default() -> Self {
        Evaluation::new()
    }
}

impl Evaluation {
    /// With Kubernetes' functions, no variables, and a full budget.
    pub fn new() -> Evaluation {
        Evaluation::within(TIME_MAX)
    }

    fn within(time: Duration) -> Evaluation {
        let budget = Arc::new(Budget { steps: AtomicU64::new(STEPS_MAX), until: Instant::now() + time });
        let mut context = Context::default();
        context.register_all();
        bind::bound_functions(&mut context);
        let counted = Arc::clone(&budget);
        context.add_function(STEP, move || -> Result<CelValue, ExecutionError> {
            if counted.step() {
                Ok(CelValue::Bool(true))
            } else {
                Err(ExecutionError::function_error(STEP, "the budget is spent"))
            }
        });
        Evaluation { context, budget }
    }

    /// Binds a variable, or binds it anew.
    pub fn bind(&mut self, name: &str, value: CelValue) {
        self.context.add_variable_from_value(name, value);
    }

    /// Binds a variable to JSON of which no schema is known.
    pub fn bind_json(&mut self, name: &str, value: &Value) {
        self.bind(name, dynamic(value));
    }

    /// Binds a variable to a map of values that other expressions have.
    pub fn bind_map(&mut self, name: &str, values: &[(String, CelValue)]) {
        self.bind(name, bind::map(values.to_vec()));
    }

    /// # Errors
    /// The expression fails, or the budget is spent.
    pub fn evaluate(&self, expression: &Expression) -> Result<CelValue, EvaluationError> {
        if self.budget.is_exhausted() {
            return Err(EvaluationError::Exhausted);
        }
        let outcome = CelValue::resolve(&expression.tree, &self.context);
        // Asked again: an error that a loop ended with may have been swallowed by an `||` around it.
        if self.budget.is_exhausted() {
            return Err(EvaluationError::Exhausted);
        }
        outcome.map_err(|error| EvaluationError::Failed(explain(&error)))
    }

    /// # Errors
    /// As of [`evaluate`](Self::evaluate), or the value is no boolean.
    pub fn truth(&self, expression: &Expression) -> Result<bool, EvaluationError> {
        match self.evaluate(expression)? {
            CelValue::Bool(truth) => Ok(truth),
            _ => Err(EvaluationError::Type("bool")),
        }
    }

    /// # Errors
    /// As of [`evaluate`](Self::evaluate), or the value is no string.
    pub fn text(&self, expression: &Expression) -> Result<String, EvaluationError> {
        match self.evaluate(expression)? {
            CelValue::String(text) => Ok((*text).clone()),
            _ => Err(EvaluationError::Type("string")),
        }
    }
}

/// The evaluator's error in the words of Kubernetes', where those are known to be looked for.
fn explain(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::UndeclaredReference(name) => format!("undeclared reference to '{name}'"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(source: &str, object: &Value, expected: Result<bool, EvaluationError>) {
        let expression = Expression::compile(source, &["object", "oldObject"]).unwrap();
        let mut evaluation = Evaluation::new();
        evaluation.bind_json("object", object);
        assert_eq!(evaluation.truth(&expression), expected, "{source}");
    }

    #[test]
    fn an_expression_sees_json_as_it_is() {
        let object =
            json!({"metadata": {"labels": {"a-b/c": "1", "in": "2"}}, "spec": {"n": 3, "list": [1, 2]}});
        check(
            "object.metadata.labels['a-b/c'] == '1' && object.metadata.labels['in'] == '2'",
            &object,
            Ok(true),
        );
        check("object.spec.list.all(x, x < object.spec.n)", &object, Ok(true));
        check("has(object.spec.none)", &object, Ok(false));
        check("object.spec.?none.orValue(7) == 7 && object.spec.?n.orValue(7) == 3", &object, Ok(true));
        check("object.?a.?b.hasValue()", &object, Ok(false));
        let missing = EvaluationError::Failed("no such key: none".to_owned());
        check("object.spec.none == 1", &object, Err(missing));
        check("object.spec.n", &object, Err(EvaluationError::Type("bool")));
    }

    #[test]
    fn what_is_no_expression_is_refused_with_a_reason() {
        let refused = |source: &str| Expression::compile(source, &["object"]).unwrap_err().to_string();
        assert!(refused("object.").starts_with("compilation failed"));
        assert!(
            refused("authorizer.path('/x').check('get').allowed()")
                .contains("undeclared reference to 'authorizer'")
        );
        assert!(
            refused("Object{a: 1} == object").contains("construct"),
            "{}",
            refused("Object{a: 1} == object")
        );
        assert!(refused(&("1+".repeat(3000) + "1 > 0")).contains("split the expression"));
        Expression::compile("[1].all(x, x > 0) && math.greatest(1, 2) == 2 && type(1) == int", &[]).unwrap();
    }

    #[test]
    fn a_loop_in_a_loop_in_a_loop_ends_with_the_budget() {
        let object = json!({"items": (0..2000).collect::<Vec<_>>()});
        for source in [
            "object.items.all(a, object.items.all(b, object.items.all(c, a + b + c >= 0)))",
            "object.items.map(a, object.items.map(b, object.items.map(c, a))).size() > 0",
            "object.items.exists(a, object.items.all(b, object.items.exists(c, c < 0) || a < 0)) || true",
        ] {
            let before = Instant::now();
            check(source, &object, Err(EvaluationError::Exhausted));
            assert!(before.elapsed() < Duration::from_secs(20), "{source}: {:?}", before.elapsed());
        }
    }

    #[test]
    fn a_function_that_multiplies_text_is_bounded() {
        let object = json!({"text": "a".repeat(100_000), "list": vec![""; 100_000]});
        for source in
            ["object.text.replace('a', object.text).size() > 0", "object.list.join(object.text).size() > 0"]
        {
            let expression = Expression::compile(source, &["object"]).unwrap();
            let mut evaluation = Evaluation::new();
            evaluation.bind_json("object", &object);
            let error = evaluation.truth(&expression).unwrap_err().to_string();
            assert!(error.contains("too large"), "{source}: {error}");
        }
        check(
            "'a.b.c'.replace('.', '-') == 'a-b-c' && 'aaa'.replace('a', 'b', 2) == 'bba'",
            &object,
            Ok(true),
        );
        check("['a', 'b'].join('-') == 'a-b' && ['a', 'b'].join() == 'ab'", &object, Ok(true));
    }
}
