//! Plugins for tests, written as WebAssembly text: each does one thing, most of them badly.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// What an interpreter of these tests does when it is asked to revise the replicas, by the number asked for.
pub mod revise {
    /// Sets `/spec/replicas` to 7.
    pub const WELL: i32 = 0;
    pub const TRAP: i32 = 1;
    pub const LOOP_FOR_EVER: i32 = 2;
    pub const EAT_MEMORY: i32 = 3;
    pub const EXHAUST_STACK: i32 = 4;
    pub const NO_JSON: i32 = 5;
    pub const OUTSIDE_FENCE: i32 = 6;
    pub const INVALID_UTF8: i32 = 7;
    pub const POINTER_OUT_OF_BOUNDS: i32 = 8;
    pub const REJECT: i32 = 9;
    /// Grows its memory to 32 MiB, then answers well.
    pub const GROW: i32 = 10;
    /// An answer of some 32 MiB.
    pub const HUGE_ANSWER: i32 = 11;
    /// Sets `/spec/replicas` to how often this instance was asked to count, this time included.
    pub const COUNT: i32 = 12;
    /// Sets `/spec/replicas` to the first byte of the settings, or to 0 where none were given.
    pub const SETTING: i32 = 13;
}

/// An interpreter for `example.io/v1, Kind=Thing`. Settings that are a string are refused.
#[derive(Clone)]
pub struct Interpreter {
    pub name: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    /// Instructions run before `describe` answers.
    pub in_describe: &'static str,
    /// Instructions run when an instance starts.
    pub in_start: &'static str,
    /// Pages of memory to begin with.
    pub pages: u32,
    /// What it declares for its kind: the flags of the contract, of which all but [`RETAINS`] work.
    pub operations: u32,
    /// Whether it declares that a status is reflected as it is.
    pub reflects_status: bool,
    /// The path of what it declares to be kept of the member's object, unless it is empty there.
    pub keeps: Option<&'static str>,
    /// How many replicas any object has.
    pub replicas: u32,
    /// Instructions run before `inspect` answers.
    pub in_inspect: &'static str,
}

/// interpret-replica
pub const REPLICAS: u32 = 1;
/// revise-replica
pub const REVISES: u32 = 4;
/// retain; it always traps
pub const RETAINS: u32 = 8;
/// interpret-health; every object is healthy
pub const HEALTH: u32 = 128;

pub const GOOD: Interpreter = Interpreter {
    name: "good",
    version: "1.0.0",
    kind: "Thing",
    in_describe: "",
    in_start: "",
    pages: 17,
    operations: REVISES | HEALTH,
    reflects_status: false,
    keeps: None,
    replicas: 1,
    in_inspect: "",
};

impl Interpreter {
    pub fn component(&self) -> Vec<u8> {
        let mut data = Data::default();
        let [name, version, about] = [self.name, self.version, "for tests"].map(|text| data.text(text));
        let [group, kind_version, kind] = ["example.io", "v1", self.kind].map(|text| data.text(text));
        // The path, then how: filled, and everywhere.
        let kept = self.keeps.map(|path| {
            let path = data.text(path);
            data.words(&[path.as_slice(), &[1, 0, 0], &[0, 0, 0, 0, 0]].concat())
        });
        let status = [u32::from(self.reflects_status), 0, 0, 0];
        let retain = [kept.unwrap_or_default(), u32::from(kept.is_some())];
        let operations = [self.operations];
        let kinds =
            data.words(&[group.as_slice(), &kind_version, &kind, &operations, &status, &retain].concat());
        let manifest = data.words(&[name.as_slice(), &version, &about, &[kinds, 1]].concat());

        let path = data.text("/spec/replicas");
        let fenced = data.text("/status/replicas");
        let value = data.text("7");
        let no_json = data.text("nonsense");
        let invalid = data.bytes(&[0xff, 0xfe, 0xfd]);
        let one = |data: &mut Data, path: &[u32; 2], value: &[u32; 2]| {
            let change = data.words(&[path.as_slice(), &[1], value].concat());
            data.words(&[0, change, 1, 0, 0])
        };
        let well = one(&mut data, &path, &value);
        let outside = one(&mut data, &fenced, &value);
        let nonsense = one(&mut data, &path, &no_json);
        let not_utf8 = one(&mut data, &path, &[invalid, 3]);
        let out_of_bounds = one(&mut data, &path, &[0x7fff_0000, 64]);
        let huge = one(&mut data, &path, &[0, 32 << 20]);
        let count = data.text("0");
        let counted = one(&mut data, &path, &count);
        let count = count[0];
        let setting = data.text("0");
        let as_configured = one(&mut data, &path, &setting);
        let configured = setting[0];
        let accepted = data.words(&[0, 0, 0, 0, 0]);
        let [nowhere, not_a_text] = ["", "must not be a string"].map(|text| data.text(text));
        let refused = data.words(&[[1].as_slice(), &nowhere, &not_a_text].concat());
        let field = data.text("spec.replicas");
        let message = data.text("must not be nine");
        let rejected = data.words(&[[1].as_slice(), &field, &message].concat());
        // Five options of 24 bytes, each of a result. Whether they are there is written by `inspect`: what was asked for
        // is. `replicas` is the first of them: ok, so many, no requirements; `health` the last: ok, true.
        let mut inspection = vec![0; 30];
        inspection[2] = self.replicas;
        inspection[26] = 1;
        let inspection = data.words(&inspection);
        let health = inspection + 96;

        let Interpreter { in_describe, in_start, in_inspect, pages, .. } = self;
        let segment = data.escaped();
        let export = "windlass:interpreter/interpreter@0.1.0";
        let text = format!(
            r#"(module
                (memory (export "memory") {pages})
                (global $top (mut i32) (i32.const 65536))
                (data (i32.const 1024) "{segment}")
                (func $start {in_start})
                (start $start)
                (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
                    (global.set $top (i32.add (local.get $at) (local.get $size)))
                    (if (i32.gt_u (global.get $top) (i32.mul (memory.size) (i32.const 65536)))
                        (then (drop (memory.grow (i32.shr_u (i32.add (local.get $size) (i32.const 131071)) (i32.const 16))))))
                    (local.get $at))
                (func $forget (global.set $top (i32.const 65536)))
                (func $deeper (param i32) (result i32) (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
                (func (export "{export}#configure") (param $at i32) (param $length i32) (result i32)
                    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const {QUOTE})) (then (return (i32.const {refused}))))
                    (i32.store8 (i32.const {configured}) (i32.load8_u (local.get $at)))
                    (i32.const {accepted}))
                (func (export "cabi_post_{export}#configure") (param i32) (call $forget))
                (func (export "{export}#describe") (result i32) {in_describe} (i32.const {manifest}))
                (func (export "cabi_post_{export}#describe") (param i32) (call $forget))
                (func (export "{export}#inspect") (param i32 i32 i32) (result i32) {in_inspect}
                    (i32.store8 (i32.const {inspection}) (i32.and (local.get 2) (i32.const 1)))
                    (i32.store8 (i32.const {health}) (i32.and (i32.shr_u (local.get 2) (i32.const 4)) (i32.const 1)))
                    (i32.const {inspection}))
                (func (export "cabi_post_{export}#inspect") (param i32) (call $forget))
                (func (export "{export}#revise-replica") (param i32 i32) (param $how i32) (result i32)
                    (if (i32.eq (local.get $how) (i32.const {TRAP})) (then unreachable))
                    (if (i32.eq (local.get $how) (i32.const {LOOP_FOR_EVER})) (then (loop $again (br $again))))
                    (if (i32.eq (local.get $how) (i32.const {EAT_MEMORY}))
                        (then (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable))
                    (if (i32.eq (local.get $how) (i32.const {EXHAUST_STACK})) (then (return (call $deeper (i32.const 0)))))
                    (if (i32.eq (local.get $how) (i32.const {NO_JSON})) (then (return (i32.const {nonsense}))))
                    (if (i32.eq (local.get $how) (i32.const {OUTSIDE_FENCE})) (then (return (i32.const {outside}))))
                    (if (i32.eq (local.get $how) (i32.const {INVALID_UTF8})) (then (return (i32.const {not_utf8}))))
                    (if (i32.eq (local.get $how) (i32.const {POINTER_OUT_OF_BOUNDS})) (then (return (i32.const {out_of_bounds}))))
                    (if (i32.eq (local.get $how) (i32.const {REJECT})) (then (return (i32.const {rejected}))))
                    (if (i32.eq (local.get $how) (i32.const {COUNT})) (then
                        (i32.store8 (i32.const {count}) (i32.add (i32.load8_u (i32.const {count})) (i32.const 1)))
                        (return (i32.const {counted}))))
                    (if (i32.eq (local.get $how) (i32.const {SETTING})) (then (return (i32.const {as_configured}))))
                    (if (i32.eq (local.get $how) (i32.const {GROW})) (then (drop (memory.grow (i32.const 512)))))
                    (if (i32.eq (local.get $how) (i32.const {HUGE_ANSWER}))
                        (then (drop (memory.grow (i32.const 512))) (return (i32.const {huge}))))
                    (i32.const {well}))
                (func (export "cabi_post_{export}#revise-replica") (param i32) (call $forget))
                (func (export "{export}#retain") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "{export}#aggregate-status") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "{export}#preserve-state") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "{export}#restore-state") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "{export}#simulate-status") (param i32 i32 i32 i32 i32) (result i32) unreachable)
            )"#,
            TRAP = revise::TRAP,
            LOOP_FOR_EVER = revise::LOOP_FOR_EVER,
            EAT_MEMORY = revise::EAT_MEMORY,
            EXHAUST_STACK = revise::EXHAUST_STACK,
            NO_JSON = revise::NO_JSON,
            OUTSIDE_FENCE = revise::OUTSIDE_FENCE,
            INVALID_UTF8 = revise::INVALID_UTF8,
            POINTER_OUT_OF_BOUNDS = revise::POINTER_OUT_OF_BOUNDS,
            REJECT = revise::REJECT,
            GROW = revise::GROW,
            HUGE_ANSWER = revise::HUGE_ANSWER,
            COUNT = revise::COUNT,
            SETTING = revise::SETTING,
            QUOTE = b'"',
        );
        component(&text, "interpreter@0.1.0")
    }
}

/// An admission plugin for the creation of `example.io/v1 things`. It admits with one change; settings other than
/// `null` and `{}` are refused, or whatever the instructions do.
pub struct Admission {
    pub name: &'static str,
    /// The path it sets to `true`.
    pub path: &'static str,
    /// Instructions run before it answers `admit`.
    pub in_admit: &'static str,
    /// Whether it denies instead.
    pub denies: bool,
}

pub const HOLDING: Admission = Admission { name: "holding", path: "/spec/held", in_admit: "", denies: false };

impl Admission {
    pub fn component(&self) -> Vec<u8> {
        let mut data = Data::default();
        let [name, version, about] = [self.name, "0.1.0", "for tests"].map(|text| data.text(text));
        let [group, rule_version, resource] = ["example.io", "*", "things"].map(|text| data.text(text));
        let create = data.bytes(&[0]);
        let rules = data.words(&[group.as_slice(), &rule_version, &resource, &[create, 1]].concat());
        let manifest = data.words(&[name.as_slice(), &version, &about, &[rules, 1]].concat());
        let path = data.text(self.path);
        let value = data.text("true");
        let change = data.words(&[path.as_slice(), &[1], &value].concat());
        let warning = data.text("held");
        let warnings = data.words(&warning);
        let field = data.text("spec.size");
        let message = data.text("too large");
        let answer = if self.denies {
            data.words(&[[1].as_slice(), &field, &message].concat())
        } else {
            data.words(&[0, change, 1, warnings, 1])
        };
        let setting = data.text("settings");
        let unknown = data.text("unknown");
        let accepted = data.words(&[0, 0, 0, 0, 0]);
        let refused = data.words(&[[1].as_slice(), &setting, &unknown].concat());
        let in_admit = self.in_admit;
        let segment = data.escaped();
        let export = "windlass:admission/hook@0.1.0";
        let text = format!(
            r#"(module
                (memory (export "memory") 17)
                (global $top (mut i32) (i32.const 65536))
                (data (i32.const 1024) "{segment}")
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
                    (global.set $top (i32.add (local.get $at) (local.get 3)))
                    (local.get $at))
                (func $forget (global.set $top (i32.const 65536)))
                (func (export "{export}#describe") (result i32) (i32.const {manifest}))
                (func (export "{export}#check-settings") (param i32 i32) (result i32)
                    (select (i32.const {accepted}) (i32.const {refused})
                        (i32.or (i32.eq (local.get 1) (i32.const 4)) (i32.eq (local.get 1) (i32.const 2)))))
                (func (export "{export}#admit") (param i32) (result i32) {in_admit} (i32.const {answer}))
                (func (export "cabi_post_{export}#admit") (param i32) (call $forget))
            )"#
        );
        component(&text, "admission@0.1.0")
    }
}

/// A component that exports something else, or another version.
pub fn stranger(wit: &str, export: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("stranger.wit", wit).expect("WIT");
    let text = format!(r#"(module (memory (export "memory") 1) (func (export "{export}")))"#);
    encode(&text, &resolve, package)
}

fn component(text: &str, wit: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/wit").join(wit);
    let (package, _) = resolve.push_dir(folder).expect("the contract is WIT");
    encode(text, &resolve, package)
}

fn encode(text: &str, resolve: &Resolve, package: wit_parser::PackageId) -> Vec<u8> {
    let mut module = wat::parse_str(text).expect("WebAssembly text");
    let world = resolve.select_world(&[package], None).expect("one world");
    wit_component::embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)
        .expect("metadata");
    let encoder = ComponentEncoder::default().module(&module).expect("a module with metadata");
    encoder.validate(true).encode().expect("a component")
}

/// The data segment of a module, from address 1024 on.
#[derive(Default)]
struct Data(Vec<u8>);

impl Data {
    fn bytes(&mut self, bytes: &[u8]) -> u32 {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        let at = 1_024 + self.0.len() as u32;
        self.0.extend_from_slice(bytes);
        at
    }

    /// Address and length of a text.
    fn text(&mut self, text: &str) -> [u32; 2] {
        [self.bytes(text.as_bytes()), text.len() as u32]
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        self.bytes(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
    }

    fn escaped(&self) -> String {
        self.0.iter().map(|byte| format!("\\{byte:02x}")).collect()
    }
}
