//! What is done to a parsed expression before it is evaluated: what the evaluator can't do is refused, every loop is
//! made to count its passes, and the names that are not the expression's own are gathered.

use std::collections::BTreeSet;

use kube_cel::cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr};

use super::STEP;

/// Namespaces of functions: `math.greatest(...)`.
const LIBRARIES: [&str; 7] = ["optional", "math", "sets", "base64", "jsonpatch", "format", "strings"];
/// Names of types: `type(x) == int`.
const TYPES: [&str; 10] =
    ["bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "uint"];
const AND: &str = "_&&_";
const OPTIONAL_FIELD: &str = "_?._";
const OPTIONAL_INDEX: &str = "_[?_]";

/// Gives the names that the expression takes from outside.
///
/// # Errors
/// It constructs a message, which nothing here has the types for.
pub(super) fn prepare(tree: &mut IdedExpr) -> Result<BTreeSet<String>, String> {
    let mut walk = Walk { own: Vec::new(), free: BTreeSet::new() };
    walk.expression(tree)?;
    Ok(walk.free)
}

struct Walk {
    /// The names of the loops that the walk is in.
    own: Vec<String>,
    free: BTreeSet<String>,
}

impl Walk {
    fn expression(&mut self, tree: &mut IdedExpr) -> Result<(), String> {
        match &mut tree.expr {
            Expr::Literal(_) => {}
            Expr::Ident(name) => {
                let known = self.own.contains(name) || TYPES.contains(&name.as_str());
                if !known {
                    self.free.insert(name.clone());
                }
            }
            Expr::Select(select) => self.expression(&mut select.operand)?,
            Expr::Call(call) => {
                if let Some(target) = &mut call.target {
                    let library = matches!(&target.expr, Expr::Ident(name) if LIBRARIES.contains(&name.as_str()) && !self.own.contains(name));
                    if !library {
                        self.expression(target)?;
                    }
                }
                for argument in &mut call.args {
                    self.expression(argument)?;
                }
                // The evaluator errs on a field that is missing; an index of the same name is what it should be.
                if call.func_name == OPTIONAL_FIELD {
                    call.func_name = OPTIONAL_INDEX.to_owned();
                }
            }
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.expression(element)?;
                }
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    match &mut entry.expr {
                        EntryExpr::MapEntry(entry) => {
                            self.expression(&mut entry.key)?;
                            self.expression(&mut entry.value)?;
                        }
                        EntryExpr::StructField(field) => self.expression(&mut field.value)?,
                    }
                }
            }
            Expr::Comprehension(comprehension) => {
                self.expression(&mut comprehension.iter_range)?;
                self.expression(&mut comprehension.accu_init)?;
                let before = self.own.len();
                self.own.push(comprehension.accu_var.clone());
                self.expression(&mut comprehension.result)?;
                self.own.push(comprehension.iter_var.clone());
                self.own.extend(comprehension.iter_var2.clone());
                self.expression(&mut comprehension.loop_cond)?;
                self.expression(&mut comprehension.loop_step)?;
                self.own.truncate(before);
                let condition = std::mem::take(&mut comprehension.loop_cond);
                comprehension.loop_cond = call(AND, vec![call(STEP, Vec::new()), condition]);
            }
            Expr::Struct(message) => {
                return Err(format!(
                    "undeclared type {:?}: messages can't be constructed here",
                    message.type_name
                ));
            }
            Expr::Unspecified => return Err("a part of the expression is empty".to_owned()),
        }
        Ok(())
    }
}

fn call(name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args }) }
}
