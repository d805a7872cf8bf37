//! What one member's estimator has said, and what it is still to be asked. Pure; time is a parameter.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use windlass_scheduler::{ANSWER_HOLDS, Answer, Answers, Question};

const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// More are not remembered: whoever asks so many different things has to ask again.
const QUESTIONS_MAX: usize = 8192;

/// A call that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) question: Question,
    /// Of which state of the member it was asked.
    generation: u64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered(Answer),
    /// Nothing came of it, and nothing will of others.
    Failed,
}

#[derive(Debug)]
struct Failing {
    attempts: u32,
    retry_at: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    known: HashMap<Question, Answer>,
    /// In the order in which they were answered, which is that in which they expire.
    expiry: VecDeque<(Duration, Question)>,
    wanted: VecDeque<Question>,
    /// Wanted, or asked and not answered.
    open: HashSet<Question>,
    /// How often the member has changed.
    generation: u64,
    failing: Option<Failing>,
    shared: Option<Arc<Answers>>,
}

impl Memory {
    /// All that is known; shared until it changes.
    pub(super) fn answers(&mut self) -> Arc<Answers> {
        let answers = self.shared.get_or_insert_with(|| {
            Arc::new(match self.failing {
                Some(_) => Answers::silent(),
                None => self.known.iter().map(|(question, answer)| (question.clone(), *answer)).collect(),
            })
        });
        Arc::clone(answers)
    }

    /// Wants a question answered, unless it is or is being asked. Whether there is something new to do.
    pub(super) fn want(&mut self, question: Question) -> bool {
        if self.failing.is_some()
            || self.known.contains_key(&question)
            || self.open.len() >= QUESTIONS_MAX
            || !self.open.insert(question.clone())
        {
            return false;
        }
        self.wanted.push_back(question);
        true
    }

    /// The next call to make; `busy`: whether others are under way.
    pub(super) fn next(&mut self, now: Duration, busy: bool) -> Option<Call> {
        // One that fails is tried with a single question.
        if self.failing.as_ref().is_some_and(|failing| busy || now < failing.retry_at) {
            return None;
        }
        let question = self.wanted.pop_front()?;
        Some(Call { question, generation: self.generation })
    }

    /// When to look for the next call or expiry.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        let retry = self.failing.as_ref().filter(|_| !self.wanted.is_empty()).map(|failing| failing.retry_at);
        let expiry = self.expiry.front().map(|(until, _)| *until);
        retry.into_iter().chain(expiry).min()
    }

    /// A call has ended. Whether something else is known now.
    pub(super) fn ended(&mut self, call: Call, outcome: Outcome, now: Duration) -> bool {
        let Call { question, generation } = call;
        match outcome {
            Outcome::Answered(_) if generation != self.generation => {
                // It may be about the member as it was. The estimator works, though.
                self.wanted.push_front(question);
                self.recovered()
            }
            Outcome::Answered(answer) => {
                self.recovered();
                self.open.remove(&question);
                if self.known.len() >= QUESTIONS_MAX {
                    self.forget();
                }
                self.known.insert(question.clone(), answer);
                self.expiry.push_back((now + ANSWER_HOLDS, question));
                self.shared = None;
                true
            }
            Outcome::Failed => {
                let attempts = self.failing.as_ref().map_or(0, |failing| failing.attempts);
                let pause = RETRY_MIN.saturating_mul(1 << attempts.min(16)).min(RETRY_MAX);
                // Calls that were under way together are one attempt.
                let together = self.failing.as_ref().is_some_and(|failing| now < failing.retry_at);
                if !together {
                    self.failing = Some(Failing { attempts: attempts + 1, retry_at: now + pause });
                }
                self.forget();
                // The question is kept to try again with.
                self.wanted.clear();
                self.open.clear();
                self.open.insert(question.clone());
                self.wanted.push_back(question);
                attempts == 0
            }
        }
    }

    /// The member has changed: what was said of it holds no more. Whether something else is known now.
    pub(super) fn changed(&mut self) -> bool {
        self.generation += 1;
        let knew = !self.known.is_empty();
        self.forget();
        knew
    }

    /// Forgets what is too old.
    pub(super) fn expire(&mut self, now: Duration) -> bool {
        let before = self.known.len();
        while let Some((_, question)) = self.expiry.pop_front_if(|(until, _)| *until <= now) {
            self.known.remove(&question);
            self.shared = None;
        }
        before != self.known.len()
    }

    fn recovered(&mut self) -> bool {
        let failed = self.failing.take().is_some();
        if failed {
            self.shared = None;
        }
        failed
    }

    fn forget(&mut self) {
        self.known.clear();
        self.expiry.clear();
        self.shared = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_scheduler::Counted;

    fn question(namespace: &str) -> Question {
        Question::new(Counted::Sets, namespace, &[])
    }

    const START: Duration = Duration::ZERO;
    const SEVEN: Outcome = Outcome::Answered(Answer::Fits(7));

    #[test]
    fn a_question_is_asked_once_until_its_answer_is_too_old() {
        let mut memory = Memory::default();
        assert!(memory.want(question("a")));
        assert!(!memory.want(question("a")), "it is wanted");
        let call = memory.next(START, false).unwrap();
        assert!(!memory.want(question("a")), "it is being asked");
        assert!(memory.next(START, true).is_none());
        assert!(memory.ended(call, SEVEN, START));
        assert!(!memory.want(question("a")), "it is known");
        assert_eq!(memory.answers().get(&question("a")), Some(Answer::Fits(7)));
        assert_eq!(memory.wake_at(), Some(ANSWER_HOLDS));
        assert!(!memory.expire(ANSWER_HOLDS / 2) && memory.expire(ANSWER_HOLDS));
        assert_eq!(memory.answers().get(&question("a")), None);
        assert!(memory.want(question("a")));
    }

    #[test]
    fn a_change_of_the_member_outdates_answers_and_calls_under_way() {
        let mut memory = Memory::default();
        memory.want(question("a"));
        let call = memory.next(START, false).unwrap();
        memory.ended(call, SEVEN, START);
        memory.want(question("b"));
        let call = memory.next(START, false).unwrap();
        assert!(memory.changed());
        assert_eq!(memory.answers().get(&question("a")), None);
        assert!(!memory.ended(call, SEVEN, START));
        assert_eq!(memory.answers().get(&question("b")), None);
        let again = memory.next(START, false).unwrap();
        assert_eq!(again.question, question("b"));
        assert!(memory.ended(again, SEVEN, START));
    }

    #[test]
    fn one_that_fails_is_silent_and_tried_again_with_one_question_and_longer_pauses() {
        let mut memory = Memory::default();
        for name in ["a", "b", "c"] {
            memory.want(question(name));
        }
        let calls = [memory.next(START, false).unwrap(), memory.next(START, true).unwrap()];
        let [first, second] = calls;
        assert!(memory.ended(first, Outcome::Failed, START));
        assert!(!memory.ended(second, Outcome::Failed, START), "it is known already");
        assert_eq!(memory.answers().get(&question("z")), Some(Answer::NoOpinion));
        assert!(!memory.want(question("z")), "nobody waits for it");
        let mut now = START;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let at = memory.wake_at().unwrap();
            assert!(memory.next(at - Duration::from_millis(1), false).is_none());
            pauses.push(at - now);
            now = at;
            let call = memory.next(now, false).unwrap();
            assert!(memory.next(now, true).is_none(), "one at a time");
            assert!(!memory.ended(call, Outcome::Failed, now));
        }
        assert_eq!(pauses[..3], [RETRY_MIN, RETRY_MIN * 2, RETRY_MIN * 4]);
        assert_eq!(pauses[8], RETRY_MAX);
        now = memory.wake_at().unwrap();
        let call = memory.next(now, false).unwrap();
        let probe = call.question.clone();
        assert!(memory.ended(call, SEVEN, now));
        assert_eq!(memory.answers().get(&probe), Some(Answer::Fits(7)));
        assert!(memory.want(question("z")));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut memory = Memory::default();
        for index in 0..QUESTIONS_MAX + 10 {
            memory.want(question(&index.to_string()));
        }
        assert_eq!(memory.wanted.len(), QUESTIONS_MAX);
        for index in 0..QUESTIONS_MAX + 10 {
            memory.want(question(&index.to_string()));
            let Some(call) = memory.next(START, false) else { continue };
            memory.ended(call, SEVEN, START);
        }
        assert!(memory.known.len() <= QUESTIONS_MAX && memory.expiry.len() <= QUESTIONS_MAX);
    }
}
