use serde_json::json;

use super::*;

/// What `script`, which is the body of a function of `value`, returns.
fn returned(script: &str, value: &serde_json::Value) -> Result<Returned, ScriptError> {
    let vm = Vm::new().unwrap();
    let script = vm.compile(&format!("function f(value) {script}\nend"))?;
    vm.run::<1>(&script, "f", &[Argument::Json(value)]).map(|[returned]| returned)
}

fn check(script: &str, result: serde_json::Value) {
    let returned = returned(&format!("return {{ {script} }}"), &json!(null));
    assert_eq!(returned, Ok(Returned::Table(result)), "{script}");
}

fn refused(script: &str, part: &str) {
    let error = returned(script, &json!({"a": {"b": 1}})).unwrap_err().to_string();
    assert!(error.contains(part), "{script}: {error}");
}

#[test]
fn objects_come_back_as_they_went() {
    let object =
        json!({"a": [1, -2.5, "x", {"b": true}], "c": {"d": "\u{e9}\"\n"}, "n": 9_007_199_254_740_991_i64});
    assert_eq!(returned("return value", &object), Ok(Returned::Table(object.clone())));
    let gaps = json!({"a": [null, 1, null], "b": null, "c": {}});
    assert_eq!(returned("return value", &gaps), Ok(Returned::Table(json!({"a": [1], "c": []}))));
}

#[test]
fn the_libraries_are_karmadas() {
    check(
        "type(string.gsub), type(coroutine), type(io), type(debug), type(utf8)",
        json!(["function", "nil", "nil", "nil", "nil"]),
    );
    check(
        "tostring(1e15), tostring(0.1 + 0.2), tostring(nil), tostring({})",
        json!(["1000000000000000", "0.30000000000000004", "nil", "table: 0x0"]),
    );
    check("tonumber('0x10'), tonumber(' 7 '), tonumber('1.5'), tonumber('10', 2)", json!([16, 7, 1.5, 2]));
    check("string.format('%d of %s', 3.0, 'x'), ('abc'):upper(), #'abc'", json!(["3 of x", "ABC", 3]));
    check(
        "string.match('ab12', '%d+'), string.find('abc', 'b'), string.sub('abc', -2)",
        json!(["12", 2, "bc"]),
    );
    check(
        "math.floor(2.7), math.max(1, 3), math.pow(2, 3), math.mod(7, 3), math.atan2(0, 1)",
        json!([2, 3, 8, 1, 0]),
    );
    check(
        "table.concat({'a', 'b'}, ','), table.getn({1, 2}), table.maxn({1, 2}), unpack({4, 5})",
        json!(["a,b", 2, 2, 4, 5]),
    );
    check(
        "select('#', 1, 2), pcall(error, 'x'), next({a = 1}), _G.type(1), type(_G)",
        json!([2, false, "a", "number", "table"]),
    );
    check(
        "os.time({year = 2020, month = 1, day = 1}), os.date('!%Y-%m-%dT%H:%M:%SZ', 0)",
        json!([1_577_880_000, "1970-01-01T00:00:00Z"]),
    );
    check(
        "require('kube').resourceAdd('1', '500m', nil), require('kube').getResourceQuantity('1Ki')",
        json!(["1500m", 1024]),
    );
    refused("local t = setmetatable({}, {})", "line 1: call function setmetatable is not supported");
    refused("local t = ('x'):rep(3)", "line 1: The Lua function string.rep is not supported");
    refused("require('os.path')", "line 1: module os.path not found");
    refused("\n\nrequire('kube').resourceAdd('many')", "line 3: \"many\" is not a quantity");
    refused("require('kube').resourceAdd(7)", "bad argument #1 to resourceAdd (string expected, got number)");
    refused("require('kube').accuratePodRequirements()", "takes 1 arguments, not 0");
}

#[test]
fn an_index_is_a_number_like_any_other() {
    let script = "local t = {} for i in ipairs({1, 2}) do t[i] = tostring(i) .. string.format('%d', i + tonumber(i)) end return t";
    assert_eq!(returned(script, &json!(null)), Ok(Returned::Table(json!(["12", "24"]))));
}

#[test]
fn each_run_has_globals_of_its_own() {
    let vm = Vm::new().unwrap();
    let script = vm
        .compile("n = (n or 0) + 1; function string.count() n = n + 1; return n end; string.x = (string.x or 0) + 1; function f() return n + string.x + math.random(1000000) end")
        .unwrap();
    let first = vm.run::<1>(&script, "f", &[]).unwrap();
    assert_eq!(vm.run::<1>(&script, "f", &[]).unwrap(), first);
}

#[test]
fn time_is_the_latest_that_is_told_of() {
    let value = json!({"a": "2025-11-23T00:24:50Z", "b": ["2025-11-24T10:00:00Z", "no time"]});
    let answer = returned("return {os.date('!%Y-%m-%dT%H:%M:%SZ')}", &value);
    assert_eq!(answer, Ok(Returned::Table(json!(["2025-11-24T10:00:00Z"]))));
}

#[test]
fn what_a_script_does_wrong_has_its_line() {
    refused("\nlocal x = value.nothing.field\nreturn x", "line 2: ");
    refused("\n\nerror('no good')", "line 3: no good");
    refused("error({code = 1})", "");
    refused("return undefined()", "undefined");
    refused("return {1, nil, 3}", "index 3 but not all");
    refused("return {a = 1, 2}", "neither all names nor all indices");
    refused("return {a = {b = print}}", "a.b is a function");
    refused("return {a = 0/0}", "JSON has not");
    refused("return {[true] = 1}", "neither all names nor all indices");
    let vm = Vm::new().unwrap();
    assert_eq!(vm.compile("x = = 1").unwrap_err().to_string().split(':').next(), Some("line 1"));
    let script = vm.compile("f = 3").unwrap();
    assert_eq!(vm.run::<1>(&script, "f", &[]), Err(ScriptError::NoFunction("f", "number")));
    assert_eq!(vm.run::<1>(&script, "g", &[]), Err(ScriptError::Undefined("g")));
}

#[test]
fn nothing_runs_away() {
    refused("while true do end", "instructions");
    refused("while true do pcall(function() while true do end end) end", "instructions");
    refused("local function f() return 1 + f() end return f()", "stack overflow");
    refused("local s = 'x' while true do s = s .. s end", "memory");
    refused("local t = {} while true do t[#t + 1] = {} end", "");
    refused("local t = {} t.t = t return t", "nested more than");
    refused("local t = {1} for i = 1, 60 do t = {t, t} end return t", "too many values");
    refused(
        "local s, p = '', '' for i = 1, 40 do s, p = s .. 'a', p .. 'a*' end return s:find(p .. 'b')",
        "instructions",
    );
    let deep = format!("return {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    refused(&deep, "");
    let deep = format!("return {}{}", "{".repeat(5_000), "}".repeat(5_000));
    refused(&deep, "");
    let vm = Vm::new().unwrap();
    let endless = vm.compile("function f() while true do end end").unwrap();
    let fine = vm.compile("function f() return 1 end").unwrap();
    assert_eq!(vm.run::<1>(&endless, "f", &[]), Err(ScriptError::Instructions));
    assert_eq!(vm.run::<1>(&fine, "f", &[]), Ok([Returned::Number(1.0)]));
}
