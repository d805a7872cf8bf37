//! Tokens of the label selector syntax. `in` and `notin` are operators only where an operator may stand.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    In,
    NotIn,
    Equals,
    NotEquals,
    Greater,
    Less,
    Not,
    Comma,
    Open,
    Close,
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Token::Word(word) => word,
            Token::In => "in",
            Token::NotIn => "notin",
            Token::Equals => "=",
            Token::NotEquals => "!=",
            Token::Greater => ">",
            Token::Less => "<",
            Token::Not => "!",
            Token::Comma => ",",
            Token::Open => "(",
            Token::Close => ")",
            Token::End => "",
        })
    }
}

pub(super) struct Lexer<'a> {
    rest: &'a str,
}

const SPECIAL: [char; 7] = ['=', '!', '(', ')', ',', '>', '<'];

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { rest: text }
    }

    /// The next token where a key or value is expected: `in` is a word there.
    pub(super) fn next_value(&mut self) -> Token {
        match self.advance() {
            Token::In => Token::Word("in".to_owned()),
            Token::NotIn => Token::Word("notin".to_owned()),
            other => other,
        }
    }

    pub(super) fn peek_value(&self) -> Token {
        Lexer { rest: self.rest }.next_value()
    }

    pub(super) fn next_operator(&mut self) -> Token {
        self.advance()
    }

    fn advance(&mut self) -> Token {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let Some(first) = self.rest.chars().next() else { return Token::End };
        if SPECIAL.contains(&first) {
            for (text, token) in [
                ("==", Token::Equals),
                ("!=", Token::NotEquals),
                ("=", Token::Equals),
                ("!", Token::Not),
                (">", Token::Greater),
                ("<", Token::Less),
                (",", Token::Comma),
                ("(", Token::Open),
                (")", Token::Close),
            ] {
                if let Some(rest) = self.rest.strip_prefix(text) {
                    self.rest = rest;
                    return token;
                }
            }
        }
        let end = self
            .rest
            .find(|c: char| SPECIAL.contains(&c) || matches!(c, ' ' | '\t' | '\r' | '\n'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "in" => Token::In,
            "notin" => Token::NotIn,
            word => Token::Word(word.to_owned()),
        }
    }
}
